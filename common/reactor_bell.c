#include "common/reactor_bell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/eventfd.h>

static bool open_ends(int ends[2])
{
    ends[0] = ends[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return ends[0] >= 0;
}
#else
static bool open_ends(int ends[2])
{
    if (pipe(ends) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    return true;
}
#endif

bool reactor_bell_open(struct reactor_bell *bell, struct error *error)
{
    atomic_init(&bell->is_awaited, false);
    return open_ends(bell->ends) ||
           error_set(error, "cannot make a descriptor to wake a thread by: %s", strerror(errno));
}

void reactor_bell_close(struct reactor_bell *bell)
{
    close(bell->ends[0]);
    if (bell->ends[1] != bell->ends[0])
        close(bell->ends[1]);
}

void reactor_bell_ring(struct reactor_bell *bell)
{
    static const uint64_t once = 1; /* as an eventfd wants it */
    if (!atomic_load(&bell->is_awaited) || !atomic_exchange(&bell->is_awaited, false))
        return;
    while (write(bell->ends[1], &once, sizeof once) < 0 && errno == EINTR)
        ; /* one that cannot take more is readable already */
}

void reactor_bell_clear(struct reactor_bell *bell)
{
    uint64_t rung;
    while (read(bell->ends[0], &rung, sizeof rung) < 0 && errno == EINTR)
        ;
}
