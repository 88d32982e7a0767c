#include "common/host_system.h"

#include <limits.h>
#include <pthread.h>
#include <sys/resource.h>

void host_system_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
#if defined(__APPLE__) && defined(OPEN_MAX)
    if (limit.rlim_cur > OPEN_MAX)
        limit.rlim_cur = OPEN_MAX; /* macOS refuses more, whatever the hard limit says */
#endif
    setrlimit(RLIMIT_NOFILE, &limit);
}

void host_system_block_signals(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_BLOCK, &all, before);
}
