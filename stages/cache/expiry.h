/* Which entries have expired, to the millisecond, without a byte of its own in any entry.
 *
 * It knows of each page (stages/cache/pages.h), and of each group of 32 slots in it, a time before
 * which no entry there expires, and keeps the pages in a heap by that time. Where the time of the
 * first page has come, its first group is looked through: so its entry that expires first is found,
 * or the group gets its true time, and the page goes down the heap. An entry that expires costs one
 * or two such looks; one that is removed before costs none.
 *
 * (A timing wheel of lists took 8 bytes of each entry and a MiB of slots, cut lives of more than a
 * minute, and touched two other entries for each one that came or went.) */
#ifndef WEIR_CACHE_EXPIRY_H
#define WEIR_CACHE_EXPIRY_H

#include "stages/cache/entry.h"

#include <stdbool.h>
#include <stdint.h>

struct expiry_page {
    uint64_t earliest; /* ms: none of its entries expires before */
    uint32_t place;    /* in the heap, from 1 on; 0: it has no entries */
};

struct expiry {
    const struct pages *pages;
    int64_t origin;                /* boot ns: where the count of ms begins */
    uint64_t now;                  /* ms */
    uint32_t numbers;              /* of pages, room for as many: all are below */
    struct expiry_page *directory; /* by number of the page */
    uint32_t *heap;                /* numbers of pages, from 1 on: earliest first */
    uint32_t count;                /* of them */
};

/* `now` in ns of the boot clock, as below. */
void expiry_init(struct expiry *expiry, const struct pages *pages, int64_t now);
void expiry_fini(struct expiry *expiry);

/* For as many pages as there may be now: to be called after pages_allow. */
void expiry_allow(struct expiry *expiry);

/* Time passes. */
void expiry_advance(struct expiry *expiry, int64_t now);

/* In the count of ms; below 0 before its begin. A life is cut to it, never stretched. */
int64_t expiry_ms(const struct expiry *expiry, int64_t boot);

/* The entry lies where it does from now on, and its times are set. O(log pages), at most. */
void expiry_note(struct expiry *expiry, uint32_t handle);

/* The page may have no entries any more. */
void expiry_forget(struct expiry *expiry, uint32_t number);

/* The entry that expires first, if that is no later than `until` (ms); 0: there is none. */
uint32_t expiry_first(struct expiry *expiry, uint64_t until);

/* Has it expired? */
static inline bool expiry_is_due(const struct expiry *expiry, const struct entry *entry)
{
    return entry_expires(entry) <= expiry->now;
}

size_t expiry_bytes(const struct expiry *expiry);

#endif
