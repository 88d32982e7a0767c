/* Hash -> the chain of entries that may have the key: a hash table that grows by one bucket at a
 * time (Litwin, "Linear hashing", 1980), so that no insertion ever waits for all others to be
 * moved. It owns an entry's `chain`. The buckets lie in segments of 4 KiB. */
#ifndef WEIR_CACHE_BUCKETS_H
#define WEIR_CACHE_BUCKETS_H

#include "stages/cache/entry.h"

#include <stddef.h>
#include <stdint.h>

struct buckets {
    const struct pages *pages;
    uint32_t **segments;  /* those in use come first */
    size_t segment_limit; /* room for so many */
    uint32_t count;       /* buckets */
    uint32_t mask;        /* the power of two at or below count, less one */
};

/* For at most `entries` at a time. */
void buckets_init(struct buckets *buckets, const struct pages *pages, size_t entries);
void buckets_fini(struct buckets *buckets);

/* For so many, if not for more already: it never becomes less. */
void buckets_allow(struct buckets *buckets, size_t entries);

/* Where the chain of this hash begins: a handle, 0 when it is empty. Until buckets_grow. */
uint32_t *buckets_find(const struct buckets *buckets, uint32_t hash);

/* Adds a bucket and splits one chain, when there are less buckets than `entries`. */
void buckets_grow(struct buckets *buckets, size_t entries);

void buckets_add(struct buckets *buckets, uint32_t handle);
void buckets_remove(struct buckets *buckets, uint32_t handle);

/* The entry at `from` lies at `to` now. */
void buckets_follow(struct buckets *buckets, uint32_t from, uint32_t to);

size_t buckets_bytes(const struct buckets *buckets);

#endif
