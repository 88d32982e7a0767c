/* A steady load: clients that each send one GET after another, over connections that stay open, and
 * hold every answer against what it must be. A key is "<prefix><n>" and its value
 * load_value(prefix, n), so that another key's value never passes for it.
 *
 * An answer is right when it is the value (200), or an outage (503, 504), and when it came within
 * the timeout of the front end and 100 ms more. Time in which the machine did not let this program
 * run is measured, and is not held against an answer.
 *
 * A load runs in a thread of its own; every function is for the one who started it. */
#ifndef TESTS_SUPPORT_LOAD_H
#define TESTS_SUPPORT_LOAD_H

#include "redis_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_SLACK 100 /* ms behind a deadline in which an answer is still in time */

struct load_plan {
    const char *prefix; /* of the keys; outlives the load */
    const int *numbers; /* which of them, in random order; NULL: 0 to keys - 1 */
    int keys;           /* how many */
    int clients;        /* connections */
    int pause;          /* ms between an answer and the client's next request; 0: none */
    int timeout;        /* ms: of the front end */
};

struct load_tally {
    size_t values, unavailable, late; /* answers with 200, 503, 504 */
    size_t broken;                    /* connections refused or lost, by requests that met that */
    int64_t last_failure;             /* deadline_now() of the last that was no value; 0: none */
    int64_t median, percentile;       /* of the time that answers took, in us: 50th and 99th */
};

struct load;

/* Begins at once, at 127.0.0.1:`port`. */
struct load *load_start(int port, const struct load_plan *plan);

/* From now on the front end is at this port. */
void load_move(struct load *load, int port);

/* What came since the start or the last load_forget(). */
struct load_tally load_tally(struct load *load);
void load_forget(struct load *load);

/* Waits until `values` and `outages` (503, 504) have come since then, that many or more. */
bool load_wait(struct load *load, size_t values, size_t outages, int64_t deadline);

/* Waits until nothing but values comes, for a while. Returns how many milliseconds from now the
 * last outage came, or -1 when there is no end of them before the deadline. */
int load_wait_normal(struct load *load, int64_t deadline);

/* A copy, for the caller to free, of the first wrong thing since the start: NULL while all is
 * right. A request that nobody answers is one, once it is late beyond all patience. */
char *load_copy_wrong(struct load *load);

/* Stops and forgets it. */
void load_destroy(struct load **load);

/* The value of key `n`: a text of its own length, for the caller to free. */
char *load_value(const char *prefix, int n);

/* Stores keys 0 to `keys - 1` with their values. */
void load_store(struct redis_server *redis, const char *prefix, int keys);

#endif
