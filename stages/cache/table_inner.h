/* What the two files of the table share: what it is made of, and how entries leave it.
 *
 *     table.c        finding, storing, removing
 *     table_room.c   its bounds: making room, and other bounds while it is in use */
#ifndef WEIR_CACHE_TABLE_INNER_H
#define WEIR_CACHE_TABLE_INNER_H

#include "stages/cache/buckets.h"
#include "stages/cache/entry.h"
#include "stages/cache/expiry.h"
#include "stages/cache/pages.h"
#include "stages/cache/table.h"

struct table {
    struct table_limits limits;
    struct pages pages;
    struct buckets buckets;
    struct expiry expiry;
    struct epochs epochs;
    uint32_t reads; /* list of all entries; those that are gone are its end */
    size_t entries;
    struct value_account *outside; /* bytes that do not lie in the pages, until nobody has them */
    size_t held;                   /* bytes of these that are charged for entries */
    size_t inline_most;            /* bytes of a value that lies in its entry */
    uint64_t grace;                /* ms */
    struct table_counters counters;
    struct table *before; /* what it was when it began anew: nothing of it is found any more, and
                             its room comes back by and by; or NULL */
};

static inline bool table_is_gone(const struct table *table, uint32_t handle)
{
    return epochs_is_gone(&table->epochs, entry_epoch(entry_at(&table->pages, handle)));
}

/* ---- table.c ---- */

void table_remove_entry(struct table *table, uint32_t handle);

/* What of the entry lies outside is its own no longer. */
void table_release_outside(struct table *table, struct entry *entry);

/* Removes an entry for whose end there is a reason beside the room it takes. */
void table_end_entry(struct table *table, uint32_t handle);

/* ---- table_room.c ---- */

void table_init(struct table *table, const struct table_limits *limits, struct key_hash hash,
                int64_t now);
void table_fini(struct table *table);

/* Bytes, those of what it was before excluded. */
size_t table_own_bytes(const struct table *table);

/* Whether an entry of `size` bytes with `more` outside would fit if it were the only one. Bytes
 * that others still hold of values do not go with the entries; that they hold those of one shows
 * when its entry is gone. */
bool table_can_fit(const struct table *table, size_t size, size_t more);

/* Makes room for an entry of `size` bytes beside what lies outside. */
bool table_make_room(struct table *table, size_t size);

/* Removes at most `most` of the entries that are beyond its bounds, or were there before it began
 * anew; true while there are more. */
bool table_shrink(struct table *table, size_t most);

#endif
