/* Purges on their way: an ask that a key, or every key, be forgotten is passed on towards the
 * origin, whose notice comes back by the way that all notices come, and before the answer. So when
 * the answer is given, this cache has forgotten already, and so has everybody on the way to who
 * asked.
 *
 * A few at a time; there is no deadline here, for each ask that a port has taken is answered. */
#ifndef WEIR_CACHE_PURGES_H
#define WEIR_CACHE_PURGES_H

#include "common/stage.h"

#define PURGES_MOST 32

struct purges {
    struct purge {
        struct return_address from;
        size_t missing;     /* answers; 0: free */
        enum status status; /* NONE, or what the first of them that failed said */
        uint32_t generation;
    } all[PURGES_MOST];
};

/* Asks every shard that is concerned, or answers at once (busy, away). */
void purges_start(struct purges *purges, struct ask_port *asks, struct serve_port *serves,
                  const struct return_address *from, const struct ask *ask);

/* Notices may have been lost, theirs among them: those under way will fail. */
void purges_lose(struct purges *purges);

/* Whether `token` is of a purge, whose answer it then takes; the last one is passed on. */
bool purges_take(struct purges *purges, struct serve_port *serves, uint64_t token,
                 enum status status);

#endif
