/* The table: what weir remembers. Keys and their values, by hash, by when they were last read, and
 * by when they expire.
 *
 *     pages     the entries themselves, dense: 38 bytes of head, key, value
 *     buckets   hash -> chain of entries
 *     reads     one list, the most recently read first
 *     expiry    a wheel; those whose time has come gather in one list
 *
 * Finding, storing, evicting and expiring are O(1), and none moves more than a chain and an entry
 * at a time. There are never more than `capacity` entries nor more than `max_bytes` bytes, all of
 * the above counted; values held by reference are counted until the last reference to them goes,
 * wherever that is. Where room is needed, entries that have expired go before any that lives, and
 * then the least recently read.
 *
 * Times are ns of the boot clock and must not go backwards. A key comes with 32 bits of its hash,
 * which the caller has made with a key of its own. */
#ifndef WEIR_CACHE_TABLE_H
#define WEIR_CACHE_TABLE_H

#include "common/bytes.h"
#include "common/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table;

struct table_limits {
    size_t capacity;      /* entries, at least 1 */
    size_t max_bytes;     /* for everything */
    int64_t longest_life; /* ns: no entry lives longer */
};

struct table_counters {
    uint64_t evictions;   /* lived, but room was needed */
    uint64_t expirations; /* had expired when they were removed */
};

/* NULL where `max_bytes` does not hold an empty table and one page of entries; then `*needed`
 * says how many bytes would. */
struct table *table_create(const struct table_limits *limits, int64_t now, size_t *needed);
void table_destroy(struct table **table);

/* The value of `key`, which becomes the most recently read. The answer is complete, and valid until
 * the next call that takes the table to change it. False, with `*answer` as it was, when there is
 * none that lives. */
bool table_find(struct table *table, uint32_t hash, struct bytes key, int64_t now,
                struct answer *answer);

/* Stores the value of `answer`, in place of any there is for `key`, as the most recently read. It
 * was read `answer->age_ms` before now and lives until `expires`, rounded as expiry.h says. A value
 * of VALUE_BY_REFERENCE or more is shared, and `answer->value` becomes the table's own reference to
 * it, lent as by table_find. False, and there is no entry for the key, when it has expired or there
 * can be no room for it. */
bool table_store(struct table *table, uint32_t hash, struct bytes key, struct answer *answer,
                 int64_t expires, int64_t now);

/* Removes at most `most` entries that have expired; true while there are more of them. */
bool table_expire(struct table *table, int64_t now, size_t most);

size_t table_entries(const struct table *table);
size_t table_bytes(const struct table *table);
const struct table_counters *table_counters(const struct table *table);

#endif
