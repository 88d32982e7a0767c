/* Flights: the misses under way, and those who wait for them.
 *
 * A flight is one key on its way from the origin, with all who asked for it meanwhile. It begins in
 * a queue, departs when its fetch is asked for, and ends with its answer, which goes to everyone
 * who still waits. Each of them waits no longer than its own deadline; a flight that has departed
 * goes on without them, one in the queue is dropped with the last of them.
 *
 *     begin --> queued --depart--> fetching --> end
 *                 \--- nobody waits any more ---^
 *
 * At most `max_fetches` flights are fetching. At most `max_waiting` askers wait beyond those: one
 * who is behind a fetch of its own is not counted, all others are, on whatever key. So the askers
 * of one key are bounded, and so are all flights. Pure bookkeeping: it asks and answers nobody. */
#ifndef WEIR_CACHE_FLIGHTS_H
#define WEIR_CACHE_FLIGHTS_H

#include "common/bytes.h"
#include "common/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flights;
struct flight;

/* `now` and all deadlines in ns of the monotonic clock. */
struct flights *flights_create(size_t max_fetches, size_t max_waiting, int64_t now);
void flights_destroy(struct flights **flights); /* answers nobody */

/* The flight of this key; NULL when there is none. `hash` is as for the table. */
struct flight *flights_find(const struct flights *flights, uint32_t hash, struct bytes key);

bool flights_may_fetch(const struct flights *flights); /* one more */
bool flights_may_wait(const struct flights *flights);  /* one more */

/* A new flight, last in the queue; the key is copied. CHECK: flights_find knows none. */
struct flight *flights_begin(struct flights *flights, uint32_t hash, struct bytes key);

/* One more asker waits for it. */
void flights_join(struct flights *flights, struct flight *flight, const struct return_address *from,
                  int64_t deadline);

/* The flight that has been in the queue for longest; NULL when that is empty. */
struct flight *flights_next(const struct flights *flights);

/* Takes the flight out of the queue: its fetch is being asked for. Returns the token that names it
 * in the answer. CHECK: flights_may_fetch. */
uint64_t flights_depart(struct flights *flights, struct flight *flight, struct moment now);

/* The flight that departed with this token; NULL when it has ended. */
struct flight *flights_of_token(const struct flights *flights, uint64_t token);

/* What a flight knows of itself. The key lives as long as it. */
struct bytes flight_key(const struct flight *flight);
uint32_t flight_hash(const struct flight *flight);
int64_t flight_deadline(const struct flight *flight); /* the latest of those who joined (mono ns) */
int64_t flight_departed(const struct flight *flight); /* boot ns */

/* Takes out the asker that has waited for longest; false when nobody waits. */
bool flights_leave(struct flights *flights, struct flight *flight, struct return_address *from);

/* CHECK: nobody waits. */
void flights_end(struct flights *flights, struct flight **flight);

enum overdue { OVERDUE_NONE, OVERDUE_QUEUED, OVERDUE_FETCHING };

/* Takes out an asker whose deadline has passed, and says where its flight was; called in a loop. */
enum overdue flights_overdue(struct flights *flights, int64_t now, struct return_address *from);

/* When to call flights_overdue next (mono ns), or NEVER. */
int64_t flights_wake(struct flights *flights);

size_t flights_fetching(const struct flights *flights);
size_t flights_waiting(const struct flights *flights);   /* as counted against max_waiting */
bool flights_are_awaited(const struct flights *flights); /* by anybody at all */

#endif
