/* Which entries have expired: a timing wheel that never cascades, as the Linux kernel's timers do
 * not since 4.8. It owns an entry's links BY_EXPIRY and its times.
 *
 * Level 0 has a slot for each millisecond to come, level 1 a slot for each 16 ms, level 2 for each
 * 256 ms, and so on, the same number of slots in each. An entry goes into the lowest level that
 * reaches its expiry, and its life is cut (never stretched) to a whole tick of that level: with the
 * 65536 slots of a table of 16 MiB and more, lives up to 65 s are exact to the millisecond, longer
 * ones to 1/4096. In return no entry is ever touched between its insertion and its end: when time
 * passes a slot, its whole list joins the list of those that are due, in O(1), however many they
 * are. So at any moment all entries in that list have expired and all others live. */
#ifndef WEIR_CACHE_EXPIRY_H
#define WEIR_CACHE_EXPIRY_H

#include "stages/cache/entry.h"

#include <stdbool.h>
#include <stdint.h>

struct expiry {
    const struct pages *pages;
    int64_t origin;     /* boot ns: where the count of ms begins */
    uint64_t now;       /* ms: all that expire until now are due */
    unsigned levels;    /* as many as the longest life takes; at most 16 */
    unsigned slot_bits; /* log2 of the slots of a level */
    uint32_t *slots;    /* lists: levels times slots */
    uint32_t due;       /* list of those that have expired */
};

/* `now` and `longest_life` in ns of the boot clock; slot_bits 8 to 16. */
void expiry_init(struct expiry *expiry, const struct pages *pages, int64_t now,
                 int64_t longest_life, unsigned slot_bits);
void expiry_fini(struct expiry *expiry);

/* Lives may be as long as this, if not longer already: it never becomes less. */
void expiry_allow(struct expiry *expiry, int64_t longest_life);

/* Time passes. O(1) a millisecond, at most once round the wheel. */
void expiry_advance(struct expiry *expiry, int64_t now);

/* Whether `expires` (boot ns) lies at least a millisecond ahead, as the wheel counts them. */
bool expiry_is_ahead(const struct expiry *expiry, int64_t expires);

/* The entry's value was read at `read` and expires at `expires` (boot ns); CHECK: that is ahead,
 * and not further than the longest life. */
void expiry_add(struct expiry *expiry, uint32_t handle, int64_t read, int64_t expires);

void expiry_remove(struct expiry *expiry, uint32_t handle);

/* The entry at `from` lies at `to` now. */
void expiry_follow(struct expiry *expiry, uint32_t from, uint32_t to);

/* Has it expired? */
static inline bool expiry_is_due(const struct expiry *expiry, const struct entry *entry)
{
    return entry_expires(entry) <= expiry->now;
}

size_t expiry_bytes(const struct expiry *expiry);

#endif
