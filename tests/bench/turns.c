/* How much CPU time the turns of an event loop take, of any program, from outside:
 *
 *     LD_PRELOAD=turns.so PROGRAM
 *
 * A turn is what a thread does between two waits by epoll. Its time is that of the thread
 * (CLOCK_THREAD_CPUTIME_ID), so what the machine does meanwhile does not count; it is read by a
 * call of the system, one or two microseconds here, which is why weir's own gauge is of the wall
 * clock and this is not within weir. Each turn longer than all before it, of any thread, is told on
 * standard error, in microseconds. What comes before the first wait is no turn. */
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Thread_local int64_t woken; /* ns of the thread's CPU time; 0: has not waited yet */
static _Atomic int64_t longest;     /* ns */

static int64_t thread_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void end_turn(void)
{
    int64_t took = woken ? thread_time() - woken : 0, before = longest;

    while (took > before)
        if (atomic_compare_exchange_weak(&longest, &before, took)) {
            dprintf(STDERR_FILENO, "longest turn so far: %lld us\n", (long long)(took / 1000));
            return;
        }
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *mask)
{
    end_turn();
    int found = (int)syscall(SYS_epoll_pwait, epoll, events, most, timeout, mask, _NSIG / 8);
    woken = thread_time();
    return found;
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    return epoll_pwait(epoll, events, most, timeout, NULL);
}
