/* The table beside a model that is too simple to be wrong: an array of all keys, with what each
 * holds, when it ends and when it was last read. A few hundred thousand random operations, from
 * seeds, must agree on every answer, on the order of evictions and on every count. A failure names
 * its seed. */
#include "stages/cache/table.h"

#include "common/clock.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS  5000 /* at most */
#define STEPS 50000
#define START (77 * SECOND + 123456)

struct model_entry {
    bool lives;
    uint32_t version; /* which value it holds */
    int64_t expires;  /* ms since START */
    uint64_t read;    /* the later, the larger */
};

struct run {
    uint64_t seed, random;
    struct table_limits limits;
    size_t keys;          /* that are used */
    size_t largest_value; /* bytes */
    struct table *table;
    int64_t now; /* boot ns */
    struct model_entry model[KEYS];
    size_t living, expired; /* expired: not yet removed by the table */
    uint64_t reads;
};

static uint64_t next_random(struct run *run)
{
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return run->random;
}

static uint64_t below(struct run *run, uint64_t bound)
{
    return next_random(run) % bound;
}

static int64_t ms_since_start(int64_t boot)
{
    return (boot - START) / MILLISECOND;
}

/* ---- keys and values that follow from a number ---- */

static struct bytes make_key(char *place, size_t number)
{
    int size = snprintf(place, 1024, "%zu:", number);
    size_t padded = (size_t)size + (number % 10 == 0 ? 600 : number % 30);

    memset(place + size, 'k', padded - (size_t)size);
    return (struct bytes){place, padded};
}

/* Every fourth key shares its hash with many others. */
static uint32_t make_hash(size_t number)
{
    return number % 4 == 0 ? (uint32_t)(number % 16) : (uint32_t)number * 2654435761u;
}

static struct bytes make_value(struct run *run, char *place, size_t number, uint32_t version)
{
    uint32_t mixed = ((uint32_t)number * 31 + version) * 2654435761u;
    size_t size = mixed % 5 == 0 ? (mixed >> 8) % run->largest_value : (mixed >> 8) % 200;

    memset(place, (int)(mixed & 255), size);
    return (struct bytes){place, size};
}

/* ---- the model ---- */

static void pass_time(struct run *run, int64_t ns)
{
    run->now += ns;
    for (size_t i = 0; i < run->keys; i++)
        if (run->model[i].lives && run->model[i].expires <= ms_since_start(run->now)) {
            run->model[i].lives = false;
            run->living--;
            run->expired++;
        }
}

static void evict_from_model(struct run *run)
{
    size_t oldest = run->keys;

    for (size_t i = 0; i < run->keys; i++)
        if (run->model[i].lives &&
            (oldest == run->keys || run->model[i].read < run->model[oldest].read))
            oldest = i;
    assert_true(oldest < run->keys);
    run->model[oldest].lives = false;
    run->living--;
}

/* Follows what the table says it removed: the expired first, then in the order of reads. */
static void follow_removals(struct run *run, struct table_counters before)
{
    const struct table_counters *after = table_counters(run->table);
    uint64_t evicted = after->evictions - before.evictions;
    uint64_t expired = after->expirations - before.expirations;

    assert_true(expired <= run->expired);
    run->expired -= expired;
    if (evicted > 0)
        assert_int_equal(run->expired, 0);
    while (evicted-- > 0)
        evict_from_model(run);
}

static void check_counts(struct run *run)
{
    assert_int_equal(table_entries(run->table), run->living + run->expired);
    assert_true(table_entries(run->table) <= run->limits.capacity);
    assert_true(table_bytes(run->table) <= run->limits.max_bytes);
}

/* ---- the operations ---- */

static void check_find(struct run *run, size_t number)
{
    static char key_place[1024], value_place[1 << 17];
    struct bytes key = make_key(key_place, number);
    struct model_entry *entry = &run->model[number];
    struct answer answer;
    bool found = table_find(run->table, make_hash(number), key, run->now, &answer);

    assert_int_equal(found, entry->lives);
    if (!found)
        return;
    struct bytes value = make_value(run, value_place, number, entry->version);
    assert_true(bytes_are_equal(answer_bytes(&answer), value));
    assert_int_equal(answer.life_ms, entry->expires - ms_since_start(run->now));
    entry->read = ++run->reads;
}

static void check_store(struct run *run, size_t number)
{
    static char key_place[1024], value_place[1 << 17];
    struct bytes key = make_key(key_place, number);
    struct model_entry *entry = &run->model[number];
    uint32_t version = (uint32_t)next_random(run);
    struct answer answer = {.status = STATUS_VALUE,
                            .bytes = make_value(run, value_place, number, version)};
    int64_t life = (int64_t)below(run, (uint64_t)run->limits.longest_life + 1);
    struct table_counters before = *table_counters(run->table);
    bool lived = entry->lives, had_room = run->living + run->expired < run->limits.capacity;

    entry->lives = false;
    run->living -= lived;
    bool stored =
        table_store(run->table, make_hash(number), key, &answer, run->now + life, run->now);
    follow_removals(run, before);
    if (stored) {
        *entry = (struct model_entry){true, version, ms_since_start(run->now + life), ++run->reads};
        run->living++;
    }
    if (run->limits.max_bytes > 16 << 20) { /* where bytes are plenty, only the capacity evicts */
        assert_int_equal(stored, ms_since_start(run->now + life) > ms_since_start(run->now));
        if (had_room || lived)
            assert_int_equal(table_counters(run->table)->evictions, before.evictions);
    }
}

static void check_expire(struct run *run)
{
    struct table_counters before = *table_counters(run->table);
    bool more = table_expire(run->table, run->now, 20);

    follow_removals(run, before);
    assert_int_equal(table_counters(run->table)->evictions, before.evictions);
    assert_int_equal(more, run->expired > 0);
}

static void run_operations(uint64_t seed, struct table_limits limits, size_t keys,
                           size_t largest_value)
{
    struct run *run = calloc(1, sizeof *run);
    size_t needed;

    print_message("  seed %llu, capacity %zu, max_bytes %zu\n", (unsigned long long)seed,
                  limits.capacity, limits.max_bytes);
    *run = (struct run){.seed = seed,
                        .random = seed * 2654435761u + 88172645463325252u,
                        .limits = limits,
                        .keys = keys,
                        .largest_value = largest_value,
                        .now = START};
    run->table = table_create(&limits, START, &needed);
    assert_non_null(run->table);
    for (int step = 0; step < STEPS; step++) {
        uint64_t dice = below(run, 100);
        if (dice < 60)
            check_find(run, below(run, run->keys));
        else if (dice < 95)
            check_store(run, below(run, run->keys));
        else if (dice < 97)
            check_expire(run);
        else
            pass_time(run, (int64_t)below(run, (uint64_t)limits.longest_life * 10 / (keys + 200)));
        check_counts(run);
    }
    table_destroy(&run->table);
    free(run);
}

static void test_a_small_capacity_agrees_with_the_model(void **state)
{
    (void)state;
    run_operations(1, (struct table_limits){1, 64 << 20, SECOND}, 3, 100);
    run_operations(2, (struct table_limits){50, 64 << 20, 60 * SECOND}, 100, 20000);
    run_operations(3, (struct table_limits){400, 64 << 20, 60 * SECOND}, 700, 3000);
}

static void test_many_keys_agree_with_the_model(void **state)
{
    (void)state;
    run_operations(4, (struct table_limits){4000, 256 << 20, 60 * SECOND}, 5000, 300);
}

static void test_ample_room_agrees_with_the_model(void **state)
{
    (void)state;
    run_operations(5, (struct table_limits){100000, 256 << 20, 60 * SECOND}, 700, 100000);
}

/* Small tables have coarser wheels: lives of at most a second are exact in them. */
static void test_scarce_bytes_agree_with_the_model(void **state)
{
    (void)state;
    run_operations(6, (struct table_limits){100000, 150 << 10, SECOND}, 700, 1000);
    run_operations(7, (struct table_limits){100000, 500 << 10, SECOND}, 700, 100000);
    run_operations(8, (struct table_limits){200, 300 << 10, SECOND}, 700, 9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_small_capacity_agrees_with_the_model),
        cmocka_unit_test(test_many_keys_agree_with_the_model),
        cmocka_unit_test(test_ample_room_agrees_with_the_model),
        cmocka_unit_test(test_scarce_bytes_agree_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
