/* A timing wheel: many deadlines, most of them cancelled before they pass. Start, cancel and expire
 * are O(1), whatever the number (Varghese & Lauck, "Hashed and Hierarchical Timing Wheels", 1987).
 *
 * Timers are embedded in what they time. Deadlines are in ns of one clock, the caller's choice; a
 * timer expires in the first wheel_expire at or after its deadline, never before, and timers of
 * one wheel expire in no particular order within one tick. Four levels of 256 slots, of one
 * millisecond a tick: 49 days; a deadline beyond that waits in the last slot and is looked at
 * again. */
#ifndef WEIR_WHEEL_H
#define WEIR_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_LEVELS 4
#define WHEEL_SLOTS  256
#define WHEEL_TICK   INT64_C(1000000) /* ns */

struct wheel_timer {
    struct wheel_timer *next, **link; /* in its slot; link is NULL when not started */
    int64_t deadline;                 /* ns */
};

struct wheel {
    int64_t now;  /* ticks: all before this have expired */
    int64_t next; /* ticks: nothing expires, and nothing is dealt out, before this */
    uint64_t occupied[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit for each slot that holds a timer */
    struct wheel_timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, int64_t now);

/* Starts, or moves, the timer. A deadline that has passed expires at the next wheel_expire. */
void wheel_start(struct wheel *wheel, struct wheel_timer *timer, int64_t deadline);

/* Stops the timer; one not started is left alone. */
void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer);

static inline bool wheel_is_started(const struct wheel_timer *timer)
{
    return timer->link != NULL;
}

/* Moves time on and takes out one timer that has expired, or returns NULL when there is none left
 * up to `now`. Called in a loop; the caller may start and cancel any timer in between. */
struct wheel_timer *wheel_expire(struct wheel *wheel, int64_t now);

/* When wheel_expire should next be called (ns), never later than the earliest deadline rounded up
 * to a tick; may be earlier. NEVER for an empty wheel. */
int64_t wheel_next(struct wheel *wheel);

#endif
