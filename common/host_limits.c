#include "common/host_limits.h"

#include <limits.h>
#include <sys/resource.h>

/* Descriptors for ZeroMQ's sockets, loops, listeners and connections to Redis, with room. */
#define OWN_NEEDS 256

void host_limits_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
#if defined(__APPLE__) && defined(OPEN_MAX)
    if (limit.rlim_cur > OPEN_MAX)
        limit.rlim_cur = OPEN_MAX; /* macOS refuses more, whatever the hard limit says */
#endif
    setrlimit(RLIMIT_NOFILE, &limit); /* a failure leaves the limit that there was */
}

int64_t host_limits_clamp_clients(int64_t clients)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= INT64_MAX)
        return clients;
    const int64_t room = (int64_t)limit.rlim_cur - OWN_NEEDS;
    if (room < 1)
        return 1;
    return clients < room ? clients : room;
}
