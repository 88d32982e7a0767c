/* The table through what days bring: ten million operations, while the sizes of values change again
 * and again. What the system counts as memory of this process stays within 1.25 times max_bytes,
 * and the table itself is still of use: it neither fragments nor wastes its room on sizes that are
 * gone. */
#include "stages/cache/table.h"

#include "common/clock.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

/* Under a sanitizer they take ten times as long, and its own memory is counted, too. */
#ifdef IS_SANITIZED
#define OPERATIONS   200000
#define HAS_RESIDENT false
#else
#define OPERATIONS 10000000
#ifdef __linux__
#define HAS_RESIDENT true
#else
#define HAS_RESIDENT false
#endif
#endif

#define START     (1000 * SECOND)
#define LOOK      (OPERATIONS / 1000) /* operations between two looks at the memory */
#define SIZES     10                  /* how often the sizes change */
#define KEYS      1000000
#define POPULAR   1000               /* of these, every other operation is about */
#define MAX_BYTES ((size_t)64 << 20) /* the least where all that is copied lies in the pages */

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static uint32_t hash_of(const void *secret, struct bytes key)
{
    uint32_t number;

    (void)secret;
    memcpy(&number, key.data, sizeof number);
    return number * 2654435761u;
}

/* Of this process, in bytes, by the system's count. */
static size_t resident(void)
{
    unsigned long size, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file) {
        assert_int_equal(fscanf(file, "%lu %lu", &size, &pages), 2);
        fclose(file);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Narrow bands that leave each other's pages behind, and wide ones with all sizes at once; most are
 * small, as each operation would else be spent on copying. */
static size_t value_size(uint64_t random, int band)
{
    static const struct {
        uint32_t least, spread;
    } bands[SIZES] = {{0, 100},  {64, 1}, {0, 8191}, {100, 30}, {0, 60},
                      {400, 50}, {0, 9},  {2000, 9}, {20, 90},  {0, 8191}};
    size_t size = bands[band].least + random % bands[band].spread;

    return bands[band].spread == 8191 ? size >> (random >> 32) % 16 : size;
}

static void operate(struct table *table, uint64_t random, int band, int64_t now)
{
    static const char data[8192];
    uint32_t number = (uint32_t)(random >> 40) % (random >> 37 & 1 ? KEYS : POPULAR);
    struct bytes key = {(const char *)&number, sizeof number};
    struct answer answer = {.status = STATUS_VALUE,
                            .bytes = {data, value_size(random & UINT64_C(0xffffffffff), band)}};
    int64_t life = (int64_t)(1 + random % 60) * SECOND;
    struct found found;

    if (random >> 32 & 1)
        assert_true(table_store(table, hash_of(NULL, key), key, &answer, now, now + life, now));
    else if (table_find(table, hash_of(NULL, key), key, now, &found) && number % 8 == 0)
        table_remove(table, hash_of(NULL, key), key, now);
}

static void test_memory_stays_within_its_bound_while_sizes_churn(void **state)
{
    (void)state;
    const struct table_limits limits = {10000000, MAX_BYTES, 0};
    uint64_t random = 88172645463325252u;
    size_t before = resident(), most = before, needed;
    int64_t now = START;
    struct table *table = table_create(&limits, (struct key_hash){hash_of, NULL}, START, &needed);
    assert_non_null(table);
    for (int i = 0; i < OPERATIONS; i++) {
        operate(table, next_random(&random), (int)((int64_t)i * SIZES / OPERATIONS), now);
        if (i % LOOK != LOOK - 1)
            continue;
        now += 20 * MILLISECOND; /* the lives of what one look is about end in three times all */
        table_expire(table, now, LOOK / 10);
        assert_true(table_bytes(table) <= MAX_BYTES);
        size_t held = resident();
        most = held > most ? held : most;
    }
    print_message("  %zu entries, %.3f of max_bytes resident at most\n", table_entries(table),
                  (double)(most - before) / MAX_BYTES);
    assert_true(!HAS_RESIDENT || most - before > MAX_BYTES / 2);
    assert_true(!HAS_RESIDENT || most - before < MAX_BYTES / 4 * 5);
    table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_stays_within_its_bound_while_sizes_churn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
