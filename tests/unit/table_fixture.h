/* A table in a test's hands: keys and values are texts, hashes follow from the keys, and time
 * stands where the test puts it. */
#ifndef WEIR_TESTS_TABLE_FIXTURE_H
#define WEIR_TESTS_TABLE_FIXTURE_H

#include "common/clock.h"
#include "stages/cache/table.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define START (1000 * SECOND)
#define ROOMY ((size_t)64 << 20) /* bytes: more than a test needs */

/* FNV-1a: the table does not care how well a hash was made. */
static inline uint32_t hash_of(struct bytes key)
{
    uint32_t hash = 2166136261;

    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * 16777619;
    return hash;
}

static inline uint32_t hash_without_secret(const void *secret, struct bytes key)
{
    (void)secret;
    return hash_of(key);
}

static const struct key_hash fnv = {hash_without_secret, NULL};

static inline struct table *new_table(size_t capacity, size_t max_bytes)
{
    struct table_limits limits = {capacity, max_bytes, 0};
    size_t needed;
    struct table *table = table_create(&limits, fnv, START, &needed);

    assert_non_null(table);
    return table;
}

static inline bool store_bytes(struct table *table, struct bytes key, struct bytes value,
                               int64_t expires, int64_t now)
{
    struct answer answer = {.status = STATUS_VALUE, .bytes = value};

    return table_store(table, hash_of(key), key, &answer, now, expires, now);
}

static inline bool store(struct table *table, const char *key, const char *value, int64_t expires,
                         int64_t now)
{
    return store_bytes(table, bytes_of_text(key), bytes_of_text(value), expires, now);
}

static inline bool find(struct table *table, const char *text, int64_t now, struct found *found)
{
    struct bytes key = bytes_of_text(text);

    return table_find(table, hash_of(key), key, now, found);
}

static inline void remove_key(struct table *table, const char *text, int64_t now)
{
    struct bytes key = bytes_of_text(text);

    table_remove(table, hash_of(key), key, now);
}

/* Is the value found, and lives? */
static inline bool holds(struct table *table, const char *key, const char *value, int64_t now)
{
    struct found found;

    return find(table, key, now, &found) && found.answer.status == STATUS_VALUE &&
           found.answer.life_ms > 0 &&
           bytes_are_equal(answer_bytes(&found.answer), bytes_of_text(value));
}

static inline bool lacks(struct table *table, const char *key, int64_t now)
{
    struct found found;

    return !find(table, key, now, &found);
}

static inline char *number_key(char text[16], int number)
{
    snprintf(text, 16, "key-%d", number);
    return text;
}

#endif
