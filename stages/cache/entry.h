/* An entry as it lies in its slot: 46 bytes, then the key, then the value.
 *
 * Everything that names another entry is a handle (stages/cache/pages.h) of 32 bits. A key above
 * ENTRY_KEY_INLINE or a value above ENTRY_VALUE_INLINE does not lie in the entry but outside, as a
 * struct value of its own; its place holds the pointer. */
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

#define ENTRY_KEY_INLINE    512 /* bytes, at most */
#define ENTRY_VALUE_INLINE  1024
#define ENTRY_KEY_OUTSIDE   1023 /* as a size: the place holds a struct value's address */
#define ENTRY_VALUE_OUTSIDE 2047

/* The two lists every entry is in. */
enum entry_list {
    BY_READ,   /* the most recently read first */
    BY_EXPIRY, /* all that expire in the same tick */
    ENTRY_LISTS
};

struct entry_links {
    uint32_t next, previous; /* the lists are circular */
};

/* Times are milliseconds of the table's own count, which begins with the table: 40 bits of expiry
 * reach 34 years, 36 bits of age two years. */
struct entry {
    struct entry_links links[ENTRY_LISTS];
    uint32_t hash;        /* of the key */
    uint32_t chain;       /* the next one in the same bucket; 0: none */
    uint32_t expires_low; /* ms */
    uint32_t read_low;    /* ms: when the value was read from Redis, which may be before 0 */
    uint32_t tag_low;     /* the entity tag, in halves so that nothing is aligned to 8 */
    uint32_t tag_high;
    uint32_t key_size : 10; /* bytes, or ENTRY_KEY_OUTSIDE */
    uint32_t value_size : 11;
    uint32_t epoch : EPOCH_BITS; /* in which it was stored: epochs.h */
    uint8_t expires_high;
    uint8_t read_high_and_level; /* level: of the expiry wheel */
    char bytes[];
};

#define ENTRY_HEAD offsetof(struct entry, bytes)

static inline struct entry *entry_at(const struct pages *pages, uint32_t handle)
{
    return pages_at(pages, handle);
}

static inline uint64_t entry_expires(const struct entry *entry)
{
    return (uint64_t)entry->expires_high << 32 | entry->expires_low;
}

static inline unsigned entry_level(const struct entry *entry)
{
    return entry->read_high_and_level & 15;
}

/* How long before `now` (ms) its value was read. */
static inline uint64_t entry_age(const struct entry *entry, uint64_t now)
{
    uint64_t read = (uint64_t)(entry->read_high_and_level >> 4) << 32 | entry->read_low;

    return (now - read) & ((UINT64_C(1) << 36) - 1);
}

static inline void entry_set_times(struct entry *entry, uint64_t read, uint64_t expires,
                                   unsigned level)
{
    entry->expires_low = (uint32_t)expires;
    entry->expires_high = (uint8_t)(expires >> 32);
    entry->read_low = (uint32_t)read;
    entry->read_high_and_level = (uint8_t)((read >> 32 & 15) << 4 | level);
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
