/* An entry as it lies in its slot: 34 bytes, then the key, then the value.
 *
 * Everything that names another entry is a handle (stages/cache/pages.h) of 32 bits. A key above
 * ENTRY_KEY_INLINE, or a value above what its table keeps inline, does not lie in the entry but
 * outside, as a struct value of its own; its place holds the pointer. */
#ifndef WEIR_CACHE_ENTRY_H
#define WEIR_CACHE_ENTRY_H

#include "common/bytes.h"
#include "common/value.h"
#include "stages/cache/epochs.h"
#include "stages/cache/pages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ENTRY_KEY_INLINE    512  /* bytes, at most */
#define ENTRY_KEY_OUTSIDE   1023 /* as a size: the place holds a struct value's address */
#define ENTRY_VALUE_OUTSIDE 16383

/* Times are milliseconds of the table's own count, which begins with the table: 40 bits of expiry
 * reach 34 years, 37 bits of age four. What the head has not: the hash, which follows from the key
 * and is made again where a chain is split (buckets.h), and anything of expiry but the time
 * (expiry.h). Both had 12 bytes. */
struct entry {
    uint32_t next, previous; /* in the list of reads, which is circular */
    uint32_t chain;          /* the next one in the same bucket, or which bucket that is */
    uint32_t expires_low;    /* ms */
    uint32_t read_low;       /* ms: when the value was read from Redis, which may be before 0 */
    uint32_t tag_low;        /* the entity tag, in halves so that nothing is aligned to 8 */
    uint32_t tag_high;
    uint32_t key_size : 10;   /* bytes, or ENTRY_KEY_OUTSIDE */
    uint32_t value_size : 14; /* bytes, or ENTRY_VALUE_OUTSIDE */
    uint32_t expires_high : 8;
    uint16_t epoch_and_read_high; /* in which it was stored: EPOCH_BITS of epochs.h */
    char bytes[];
};

#define ENTRY_HEAD         offsetof(struct entry, bytes)
#define ENTRY_EXPIRES_MOST ((INT64_C(1) << 40) - 1) /* ms */

static inline struct entry *entry_at(const struct pages *pages, uint32_t handle)
{
    return pages_at(pages, handle);
}

static inline uint64_t entry_expires(const struct entry *entry)
{
    return (uint64_t)entry->expires_high << 32 | entry->expires_low;
}

static inline uint32_t entry_epoch(const struct entry *entry)
{
    return entry->epoch_and_read_high % EPOCHS;
}

/* How long before `now` (ms) its value was read. */
static inline uint64_t entry_age(const struct entry *entry, uint64_t now)
{
    uint64_t read = (uint64_t)(entry->epoch_and_read_high >> EPOCH_BITS) << 32 | entry->read_low;

    return (now - read) & ((UINT64_C(1) << (48 - EPOCH_BITS)) - 1);
}

/* `epoch` counts modulo EPOCHS. */
static inline void entry_set_times(struct entry *entry, uint32_t epoch, uint64_t read,
                                   uint64_t expires)
{
    entry->expires_low = (uint32_t)expires;
    entry->expires_high = expires >> 32 & 255;
    entry->read_low = (uint32_t)read;
    entry->epoch_and_read_high = (uint16_t)((read >> 32) << EPOCH_BITS | epoch % EPOCHS);
}

static inline uint64_t entry_tag(const struct entry *entry)
{
    return (uint64_t)entry->tag_high << 32 | entry->tag_low;
}

static inline void entry_set_tag(struct entry *entry, uint64_t tag)
{
    entry->tag_low = (uint32_t)tag;
    entry->tag_high = (uint32_t)(tag >> 32);
}

static inline struct value *entry_outside(const char *place)
{
    struct value *value;

    memcpy(&value, place, sizeof value);
    return value;
}

static inline struct bytes entry_key(const struct entry *entry)
{
    if (entry->key_size == ENTRY_KEY_OUTSIDE)
        return entry_outside(entry->bytes)->bytes;
    return (struct bytes){entry->bytes, entry->key_size};
}

static inline char *entry_value_place(struct entry *entry)
{
    bool is_outside = entry->key_size == ENTRY_KEY_OUTSIDE;

    return entry->bytes + (is_outside ? sizeof(struct value *) : entry->key_size);
}

#endif
