#include "stages/cache/buckets.h"

#include "common/memory.h"

#include <stdlib.h>

#define SEGMENT_BITS    10
#define SEGMENT_BUCKETS (UINT32_C(1) << SEGMENT_BITS)
#define SEGMENTS_MOST                                                                              \
    (UINT32_C(1) << (31 - SEGMENT_BITS)) /* so that bucket numbers have 31 bits                    \
                                          */

static uint32_t *bucket_at(const struct buckets *buckets, uint32_t number)
{
    return &buckets->segments[number >> SEGMENT_BITS][number % SEGMENT_BUCKETS];
}

static size_t segments_in_use(const struct buckets *buckets)
{
    return (buckets->count + SEGMENT_BUCKETS - 1) / SEGMENT_BUCKETS;
}

static uint32_t *create_segment(void)
{
    return memory_alloc(SEGMENT_BUCKETS, sizeof(uint32_t));
}

static size_t segments_for(size_t entries)
{
    size_t segments = entries / SEGMENT_BUCKETS + 1;

    return segments < SEGMENTS_MOST ? segments : SEGMENTS_MOST;
}

void buckets_allow(struct buckets *buckets, size_t entries)
{
    size_t limit = segments_for(entries);

    if (limit <= buckets->segment_limit)
        return;
    buckets->segments = memory_resize(buckets->segments, limit, sizeof *buckets->segments);
    buckets->segment_limit = limit;
}

void buckets_init(struct buckets *buckets, const struct pages *pages, struct key_hash hash,
                  size_t entries)
{
    *buckets = (struct buckets){
        .pages = pages,
        .hash = hash,
        .segment_limit = segments_for(entries),
        .count = SEGMENT_BUCKETS,
        .mask = SEGMENT_BUCKETS - 1,
    };
    buckets->segments = memory_alloc(buckets->segment_limit, sizeof *buckets->segments);
    buckets->segments[0] = create_segment();
}

void buckets_fini(struct buckets *buckets)
{
    for (size_t i = 0; i < segments_in_use(buckets); i++)
        free(buckets->segments[i]);
    free(buckets->segments);
    *buckets = (struct buckets){0};
}

/* The buckets beyond `mask` are the split halves of the first ones. */
static uint32_t number_of(const struct buckets *buckets, uint32_t hash)
{
    uint32_t number = hash & (buckets->mask << 1 | 1);

    return number < buckets->count ? number : hash & buckets->mask;
}

uint32_t buckets_first(const struct buckets *buckets, uint32_t hash)
{
    return *bucket_at(buckets, number_of(buckets, hash));
}

void buckets_grow(struct buckets *buckets, size_t entries)
{
    uint32_t number = buckets->count;

    if (entries <= number || number / SEGMENT_BUCKETS == buckets->segment_limit)
        return;
    if (number % SEGMENT_BUCKETS == 0)
        buckets->segments[number / SEGMENT_BUCKETS] = create_segment();
    if (number > (buckets->mask << 1 | 1))
        buckets->mask = buckets->mask << 1 | 1;
    buckets->count++;
    uint32_t *stay = bucket_at(buckets, number & buckets->mask), *move = bucket_at(buckets, number);
    while (buckets_is_entry(*stay)) {
        struct entry *entry = entry_at(buckets->pages, *stay);
        uint32_t hash = key_hash(&buckets->hash, entry_key(entry));
        if ((hash & (buckets->mask << 1 | 1)) == number) {
            *move = *stay;
            *stay = entry->chain;
            move = &entry->chain;
        } else {
            stay = &entry->chain;
        }
    }
    *move = BUCKETS_END | number;
}

/* The link that holds the handle; `entry` is the one that it names. */
static uint32_t *link_to(const struct buckets *buckets, const struct entry *entry, uint32_t handle)
{
    uint32_t end = entry->chain;

    while (buckets_is_entry(end))
        end = entry_at(buckets->pages, end)->chain;
    uint32_t *link = bucket_at(buckets, end - BUCKETS_END);
    while (*link != handle)
        link = &entry_at(buckets->pages, *link)->chain;
    return link;
}

void buckets_add(struct buckets *buckets, uint32_t hash, uint32_t handle)
{
    uint32_t number = number_of(buckets, hash);
    uint32_t *first = bucket_at(buckets, number);

    entry_at(buckets->pages, handle)->chain = *first ? *first : BUCKETS_END | number;
    *first = handle;
}

void buckets_remove(struct buckets *buckets, uint32_t handle)
{
    const struct entry *entry = entry_at(buckets->pages, handle);

    *link_to(buckets, entry, handle) = entry->chain;
}

void buckets_follow(struct buckets *buckets, uint32_t from, uint32_t to)
{
    *link_to(buckets, entry_at(buckets->pages, to), from) = to;
}

size_t buckets_bytes(const struct buckets *buckets)
{
    return segments_in_use(buckets) * (SEGMENT_BUCKETS * sizeof(uint32_t) + MEMORY_OVERHEAD) +
           buckets->segment_limit * sizeof *buckets->segments;
}
