/* Flights: the misses under way, and those who wait for them.
 *
 * A flight is one key on its way from the origin, with all who asked for it meanwhile. It begins in
 * a queue, departs when its fetch is asked for, and ends with its answer, which goes to everyone
 * who still waits. Each of them waits no longer than its own deadline; a flight that has departed
 * goes on without them, one that has not is dropped with the last of them.
 *
 *     begin --> held --> queued --depart--> clean ----> end
 *          \------------^    \                \-> dirty -^
 *                             \-- nobody waits any more --^
 *
 * A flight that has departed and whose value may have been read too early, because its key has
 * changed or a later flight of the same key has begun, is dirty: its answer is for those who joined
 * until then, and not to be kept. Nobody joins it any more; who comes later joins one next flight.
 * At most FLIGHTS_OF_A_KEY of one key are under way; the next one is held until one of them ends.
 * So at most one flight of a key has not departed, and at most one is clean.
 *
 * At most `max_fetches` flights are fetching. At most `max_waiting` askers wait beyond those: one
 * who is behind a fetch of its own is not counted, all others are, on whatever key. So the askers
 * of one key are bounded, and so are all flights. Pure bookkeeping: it asks and answers nobody. */
#ifndef WEIR_CACHE_FLIGHTS_H
#define WEIR_CACHE_FLIGHTS_H

#include "common/bytes.h"
#include "common/link.h"
#include "common/trail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLIGHTS_OF_A_KEY 2 /* under way at once */

struct flights;
struct flight;

/* Who waits. */
struct asker {
    struct return_address from;
    int64_t deadline; /* mono ns */
    unsigned flags;   /* of its ask */
    struct hop hop;   /* what it is to be told, as it was when it asked */
};

/* `now` and all deadlines in ns of the monotonic clock. */
struct flights *flights_create(size_t max_fetches, size_t max_waiting, int64_t now);
void flights_destroy(struct flights **flights); /* answers nobody */

/* Other bounds from now on; what is under way or waits stays, even where that is more. */
void flights_limit(struct flights *flights, size_t max_fetches, size_t max_waiting);

/* The flight that may be joined by one who asks with these flags: one that has not departed, or is
 * clean, has departed with all of them, and not before `since` (boot ns). NULL when there is none.
 * `hash` is as for the table. */
struct flight *flights_find(const struct flights *flights, uint32_t hash, struct bytes key,
                            unsigned flags, int64_t since);

bool flights_may_wait(const struct flights *flights); /* one more */
/* Whether a new flight of this key could depart at once. */
bool flights_may_depart(const struct flights *flights, uint32_t hash, struct bytes key);

/* A new flight, last in the queue or held; the key is copied, and the one of it that has departed
 * becomes dirty. It has the flags of those under way too: answered from another cache's memory, it
 * could bring what is older than they do, and be kept. `deadline` is as if somebody had joined.
 * CHECK: each flight of the key has departed. */
struct flight *flights_begin(struct flights *flights, uint32_t hash, struct bytes key,
                             unsigned flags, int64_t deadline);

/* One more asker waits for it. A flight that has not departed takes on the flags. */
void flights_join(struct flights *flights, struct flight *flight, const struct asker *asker);

/* The flight that is to depart: the one that has been in the queue for longest. NULL when none may,
 * or wants to. */
struct flight *flights_next(const struct flights *flights);

/* Takes that flight out of the queue: its fetch is being asked for. Returns the token that names it
 * in the answer. */
uint64_t flights_depart(struct flights *flights, struct flight *flight, struct moment now);

/* The flight that departed with this token; NULL when it has ended. */
struct flight *flights_of_token(const struct flights *flights, uint64_t token);

/* All flights of this key that have departed become dirty; and those of every key. O(1). */
void flights_spoil(struct flights *flights, uint32_t hash, struct bytes key);
void flights_spoil_all(struct flights *flights);

/* What is known of a flight. The key lives as long as it. */
struct bytes flight_key(const struct flight *flight);
uint32_t flight_hash(const struct flight *flight);
unsigned flight_flags(const struct flight *flight);   /* that its ask has */
int64_t flight_deadline(const struct flight *flight); /* the latest of those who joined (mono ns) */
bool flight_has_departed(const struct flight *flight);
int64_t flight_departed(const struct flight *flight); /* boot ns */
bool flights_is_clean(const struct flights *flights, const struct flight *flight);

/* Takes out the asker that has waited for longest; false when nobody waits. */
bool flights_leave(struct flights *flights, struct flight *flight, struct asker *asker);

/* CHECK: nobody waits. */
void flights_end(struct flights *flights, struct flight **flight);

/* Takes out an asker whose deadline has passed, and returns its flight; NULL when there is none. To
 * be called in a loop, each time followed by flights_drop_idle. */
struct flight *flights_overdue(struct flights *flights, int64_t now, struct asker *asker);

/* Ends the flight if it has not departed and nobody waits for it. */
void flights_drop_idle(struct flights *flights, struct flight **flight);

/* When to call flights_overdue next (mono ns), or NEVER. */
int64_t flights_wake(struct flights *flights);

size_t flights_fetching(const struct flights *flights);
size_t flights_waiting(const struct flights *flights);   /* as counted against max_waiting */
bool flights_are_awaited(const struct flights *flights); /* by anybody at all */

#endif
