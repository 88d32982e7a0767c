/* Hash -> the chain of entries that may have the key: a hash table that grows by one bucket at a
 * time (Litwin, "Linear hashing", 1980), so that no insertion ever waits for all others to be
 * moved. It owns an entry's `chain`. The buckets lie in segments of 4 KiB.
 *
 * An entry does not hold its hash. The last of a chain names the bucket instead of a next one, so
 * an entry can be removed without; and where a chain is split, the hashes of its keys are made
 * again, one or two for each entry that the table grows by. That saves 4 bytes of each entry. */
#ifndef WEIR_CACHE_BUCKETS_H
#define WEIR_CACHE_BUCKETS_H

#include "stages/cache/entry.h"
#include "stages/cache/key_hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What names the bucket, where a handle could stand: it has a bit more than any handle. */
#define BUCKETS_END (UINT32_C(1) << 31)

struct buckets {
    const struct pages *pages;
    struct key_hash hash;
    uint32_t **segments;  /* those in use come first */
    size_t segment_limit; /* room for so many */
    uint32_t count;       /* buckets */
    uint32_t mask;        /* the power of two at or below count, less one */
};

/* For at most `entries` at a time. */
void buckets_init(struct buckets *buckets, const struct pages *pages, struct key_hash hash,
                  size_t entries);
void buckets_fini(struct buckets *buckets);

/* For so many, if not for more already: it never becomes less. */
void buckets_allow(struct buckets *buckets, size_t entries);

/* Where the chain of this hash begins. */
uint32_t buckets_first(const struct buckets *buckets, uint32_t hash);

/* Whether that, or an entry's chain, leads to a further entry. */
static inline bool buckets_is_entry(uint32_t link)
{
    return link != 0 && link < BUCKETS_END;
}

/* Adds a bucket and splits one chain, when there are less buckets than `entries`. */
void buckets_grow(struct buckets *buckets, size_t entries);

void buckets_add(struct buckets *buckets, uint32_t hash, uint32_t handle);
void buckets_remove(struct buckets *buckets, uint32_t handle);

/* The entry at `from` lies at `to` now. */
void buckets_follow(struct buckets *buckets, uint32_t from, uint32_t to);

size_t buckets_bytes(const struct buckets *buckets);

#endif
