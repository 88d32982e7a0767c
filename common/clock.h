/* Time. Stages never ask the system for it: they are handed the moment, or a clock of their
 * reactor's. */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define MICROSECOND INT64_C(1000) /* all in nanoseconds */
#define MILLISECOND INT64_C(1000000)
#define SECOND      INT64_C(1000000000)
#define NEVER       INT64_MAX /* as a time to be woken: not before something happens */

/* One reading of the clocks. `mono` and `boot` have no known zero; compare like with like. */
struct moment {
    int64_t mono; /* ns; stands still while the system is suspended: deadlines */
    int64_t
        boot; /* ns; counts suspension where the system can (Linux, macOS): expiry, age, proofs */
    int64_t wall; /* ns since 1970 (UTC): dates for people, never for durations */
};

struct moment clock_now(void);
int64_t clock_now_mono(void); /* that reading alone: a third of the cost */

/* A reading shared by all that happens in one turn of a loop: taken when first wanted, then kept
 * until the reactor marks it as old, and brought up to now by a port that has received something.
 * A test that holds the time sets `now` and CLOCK_HELD. */
struct clock {
    struct moment now;
    enum clock_state { CLOCK_OLD, CLOCK_CURRENT, CLOCK_HELD } state;
};

static inline struct moment clock_read(struct clock *clock)
{
    if (clock->state == CLOCK_OLD) {
        clock->now = clock_now();
        clock->state = CLOCK_CURRENT;
    }
    return clock->now;
}

/* Something has arrived, which may be younger than the reading: brings that up to now, for a third
 * of the cost of a new one. */
void clock_catch_up(struct clock *clock);

static inline void clock_mark_old(struct clock *clock)
{
    if (clock->state == CLOCK_CURRENT)
        clock->state = CLOCK_OLD;
}

/* Milliseconds until `deadline` (both of one clock), rounded up, 0 when passed, capped to 32 bits.
 */
uint32_t clock_remaining_ms(int64_t now, int64_t deadline);

static inline int64_t clock_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
