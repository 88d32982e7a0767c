/* Deadlines of the tests: milliseconds on the monotonic clock. */
#ifndef TESTS_SUPPORT_DEADLINE_H
#define TESTS_SUPPORT_DEADLINE_H

#include <stdint.h>
#include <time.h>

/* How long, in milliseconds, a test waits for what must happen. Long, for the machine may be busy
 * and the binary instrumented: only a failing test ever waits this long. */
#define PATIENCE 30000

/* Milliseconds on the monotonic clock. */
int64_t deadline_now(void);

/* The moment that is `milliseconds` from now. */
int64_t deadline_in(int64_t milliseconds);

/* Milliseconds until `deadline`, never below zero: a timeout for poll(2). */
int deadline_left(int64_t deadline);

/* `deadline` as the absolute wall-clock time that pthread_cond_timedwait(3) takes everywhere. */
struct timespec deadline_wall(int64_t deadline);

#endif
