/* The table: what weir remembers. Keys and their values, by hash, by when they were last read, and
 * by when they expire.
 *
 *     pages     the entries themselves, dense: 34 bytes of head, key, value
 *     buckets   hash -> chain of entries
 *     reads     one list, the most recently read first
 *     expiry    the pages, by when the first of their entries expires
 *
 * Finding, storing and evicting are O(1), expiring is one look through a page; none moves more than
 * a chain and an entry at a time. There are never more than `capacity` entries nor more than
 * `max_bytes` bytes, all of the above counted; values held by reference are counted until the last
 * reference to them goes, wherever that is. Where room is needed, entries that have expired go
 * before any that lives, and then the least recently read.
 *
 * An entry that has expired can still be found for the table's `grace`, for who makes do with it;
 * being found so does not count as being read. One that was stored before table_suspect_all is
 * suspect; one from before table_drop_all is gone: at once, though its room comes back by and by.
 *
 * Times are ns of the boot clock and must not go backwards. A key comes with its hash. */
#ifndef WEIR_CACHE_TABLE_H
#define WEIR_CACHE_TABLE_H

#include "common/bytes.h"
#include "common/message.h"
#include "stages/cache/key_hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table;

struct table_limits {
    size_t capacity;  /* entries, at least 1 */
    size_t max_bytes; /* for everything */
    int64_t grace;    /* ns: how long beyond its life an entry can be found */
};

struct table_counters {
    uint64_t evictions;   /* lived, but room was needed */
    uint64_t expirations; /* had expired when they were removed */
};

struct found {
    struct answer answer; /* complete but for its trail; a life of 0: it has expired */
    uint64_t past_ms;     /* since it expired; 0 while it lives */
    bool is_suspect;
};

/* `hash` is how keys are hashed for it. NULL where `max_bytes` does not hold an empty table and one
 * page of entries; then `*needed` says how many bytes would. */
struct table *table_create(const struct table_limits *limits, struct key_hash hash, int64_t now,
                           size_t *needed);
void table_destroy(struct table **table);

/* Other limits from now on, as table_create would accept them. What is held stays as far as it
 * fits; what does not goes in table_expire, the least recently read first, and meanwhile nothing is
 * stored that there is no room for. Where max_bytes becomes so small that the table, as it is,
 * would leave little of it for entries, all are dropped at once. Lives that were given stay as they
 * are. */
void table_configure(struct table *table, const struct table_limits *limits, int64_t now);

/* What is held for `key`; where it lives, it becomes the most recently read. Valid until the next
 * call that takes the table to change it. False when there is none. */
bool table_find(struct table *table, uint32_t hash, struct bytes key, int64_t now,
                struct found *found);

/* Stores the value of `answer` and its tag, in place of any there is for `key`, as the most
 * recently read. It was read from Redis at `read` and lives until `expires`, cut to a millisecond.
 * A value of VALUE_BY_REFERENCE or more is shared, and `answer->value` becomes the table's
 * own reference to it, lent as by table_find. False, and there is no entry for the key, when it has
 * expired or there can be no room for it. */
bool table_store(struct table *table, uint32_t hash, struct bytes key, struct answer *answer,
                 int64_t read, int64_t expires, int64_t now);

/* There is no entry for the key any more. */
void table_remove(struct table *table, uint32_t hash, struct bytes key, int64_t now);

/* All entries so far are suspect. O(1), but for once in about 2000 calls between which something
 * was stored: then entries that are gone may have to be removed. So does table_drop_all. */
void table_suspect_all(struct table *table);

/* All entries so far are gone. */
void table_drop_all(struct table *table);

/* Removes entries that are past their grace, or gone, or beyond the limits: at most `most` for each
 * of these reasons. True while there are more. */
bool table_expire(struct table *table, int64_t now, size_t most);

/* Held, whether they live or not. */
size_t table_entries(const struct table *table);
size_t table_bytes(const struct table *table);
const struct table_counters *table_counters(const struct table *table);

#endif
