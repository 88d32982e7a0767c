/* The table beside a model that is too simple to be wrong: an array of all keys, with what each
 * holds, when it ends, when it was last read and whether it is suspect. A few hundred thousand
 * random operations, from seeds, must agree on every answer, on the order of evictions and on every
 * count. A failure names its seed. */
#include "stages/cache/table.h"

#include "common/clock.h"
#include "stages/cache/epochs.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS  5000 /* at most */
#define STEPS 50000
#define START (77 * SECOND + 123456)

enum model_state { ABSENT, LIVES, STALE };

struct model_entry {
    enum model_state state;
    bool is_suspect;
    uint32_t version; /* which value it holds */
    int64_t expires;  /* ms since START */
    uint64_t read;    /* the later, the larger */
};

struct options {
    uint64_t seed;
    struct table_limits limits;
    int64_t longest_life;           /* ns */
    size_t keys;                    /* that are used */
    size_t largest_value;           /* bytes */
    uint64_t suspect_one, drop_one; /* step in so many makes all suspect, drops all; 0: none */
};

struct run {
    struct options given;
    uint64_t random;
    struct table *table;
    int64_t now, longest_pass; /* boot ns; ms */
    struct model_entry model[KEYS];
    size_t count[3];  /* of entries in each state */
    size_t lingering; /* held by the table, but not to be found any more */
    uint64_t reads;
    unsigned epochs; /* since the last drop */
    bool is_epoch_used;
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

static uint32_t hash_of(const void *secret, struct bytes key)
{
    (void)secret;
    return make_hash(strtoul(key.data, NULL, 10)); /* which ends at the ':' */
}

static struct bytes make_value(struct run *run, char *place, size_t number, uint32_t version)
{
    uint32_t mixed = ((uint32_t)number * 31 + version) * 2654435761u;
    size_t size = mixed % 5 == 0 ? (mixed >> 8) % run->given.largest_value : (mixed >> 8) % 200;

    memset(place, (int)(mixed & 255), size);
    return (struct bytes){place, size};
}

/* ---- the model ---- */

static void set_state(struct run *run, struct model_entry *entry, enum model_state state)
{
    run->count[entry->state]--;
    run->count[state]++;
    run->lingering += entry->state != ABSENT && state == ABSENT;
    entry->state = state;
}

static void pass_time(struct run *run, int64_t ns)
{
    int64_t grace = run->given.limits.grace / MILLISECOND, before = ms_since_start(run->now);

    run->now += ns;
    int64_t now = ms_since_start(run->now);
    if (now - before > run->longest_pass)
        run->longest_pass = now - before;
    for (size_t i = 0; i < run->given.keys; i++) {
        struct model_entry *entry = &run->model[i];
        if (entry->state == LIVES && entry->expires <= now)
            set_state(run, entry, STALE);
        if (entry->state == STALE && entry->expires + grace <= now)
            set_state(run, entry, ABSENT);
    }
}

static void evict_from_model(struct run *run)
{
    struct model_entry *oldest = NULL;

    for (size_t i = 0; i < run->given.keys; i++)
        if (run->model[i].state == LIVES && (!oldest || run->model[i].read < oldest->read))
            oldest = &run->model[i];
    assert_non_null(oldest);
    if (oldest) /* which the analysers do not conclude */
        set_state(run, oldest, ABSENT);
}

static bool table_has(struct run *run, size_t number, struct found *found)
{
    static char place[1024];

    return table_find(run->table, make_hash(number), make_key(place, number), run->now, found);
}

/* Follows what the table says it removed: what has expired first, about in the order of expiry,
 * then in the order of reads. Each of those that went leaves what lingers, where it was counted. */
static void follow_removals(struct run *run, struct table_counters before)
{
    const struct table_counters *after = table_counters(run->table);
    uint64_t evicted = after->evictions - before.evictions;
    int64_t latest_gone = INT64_MIN, earliest_held = INT64_MAX;
    struct found found;

    for (size_t i = 0; i < run->given.keys; i++) {
        struct model_entry *entry = &run->model[i];
        if (entry->state != STALE)
            continue;
        if (table_has(run, i, &found)) {
            earliest_held = clock_earlier(earliest_held, entry->expires);
        } else {
            latest_gone = entry->expires > latest_gone ? entry->expires : latest_gone;
            set_state(run, entry, ABSENT);
        }
    }
    if (latest_gone != INT64_MIN && earliest_held != INT64_MAX)
        assert_true(latest_gone <= earliest_held + run->longest_pass);
    if (evicted > 0)
        assert_int_equal(run->count[STALE], 0);
    while (evicted-- > 0)
        evict_from_model(run);
}

/* What lingers only becomes less by itself. */
static void check_counts(struct run *run)
{
    size_t entries = table_entries(run->table), known = run->count[LIVES] + run->count[STALE];

    assert_in_range(entries, known, known + run->lingering);
    run->lingering = entries - known;
    assert_true(entries <= run->given.limits.capacity);
    assert_true(table_bytes(run->table) <= run->given.limits.max_bytes);
}

/* ---- the operations ---- */

static void check_find(struct run *run, size_t number)
{
    static char value_place[1 << 17];
    struct model_entry *entry = &run->model[number];
    int64_t life = entry->expires - ms_since_start(run->now);
    struct found found;
    bool is_found = table_has(run, number, &found);

    assert_int_equal(is_found, entry->state != ABSENT);
    if (!is_found)
        return;
    struct bytes value = make_value(run, value_place, number, entry->version);
    assert_true(bytes_are_equal(answer_bytes(&found.answer), value));
    assert_int_equal(found.answer.tag, entry->version * UINT64_C(0x100000001));
    assert_int_equal(found.answer.life_ms, life > 0 ? life : 0);
    assert_int_equal(found.past_ms, life > 0 ? 0 : -life);
    assert_int_equal(found.is_suspect, entry->is_suspect);
    if (entry->state == LIVES)
        entry->read = ++run->reads;
}

static void check_store(struct run *run, size_t number)
{
    static char key_place[1024], value_place[1 << 17];
    struct bytes key = make_key(key_place, number);
    struct model_entry *entry = &run->model[number];
    uint32_t version = (uint32_t)next_random(run);
    struct answer answer = {.status = STATUS_VALUE,
                            .tag = version * UINT64_C(0x100000001),
                            .bytes = make_value(run, value_place, number, version)};
    const struct table_limits *limits = &run->given.limits;
    int64_t expires = run->now + (int64_t)below(run, (uint64_t)run->given.longest_life + 1);
    struct table_counters before = *table_counters(run->table);
    bool was_held = entry->state != ABSENT, had_room = table_entries(run->table) < limits->capacity;

    set_state(run, entry, ABSENT);
    bool stored =
        table_store(run->table, make_hash(number), key, &answer, run->now, expires, run->now);
    follow_removals(run, before);
    if (stored) {
        set_state(run, entry, LIVES);
        *entry = (struct model_entry){LIVES, false, version, ms_since_start(expires), ++run->reads};
        run->is_epoch_used = true;
    }
    if (table_counters(run->table)->evictions > before.evictions)
        assert_int_equal(table_entries(run->table), run->count[LIVES]);
    if (limits->max_bytes > 16 << 20) { /* where bytes are plenty, only the capacity evicts */
        assert_int_equal(stored, ms_since_start(expires) > ms_since_start(run->now));
        if (had_room || was_held)
            assert_int_equal(table_counters(run->table)->evictions, before.evictions);
    }
}

static void check_remove(struct run *run, size_t number)
{
    static char place[1024];
    struct found found;

    table_remove(run->table, make_hash(number), make_key(place, number), run->now);
    set_state(run, &run->model[number], ABSENT);
    assert_false(table_has(run, number, &found));
}

static void check_expire(struct run *run)
{
    struct table_counters before = *table_counters(run->table);
    size_t stale = run->count[STALE];
    bool more = table_expire(run->table, run->now, 20);

    follow_removals(run, before);
    check_counts(run);
    assert_int_equal(table_counters(run->table)->evictions, before.evictions);
    assert_int_equal(run->count[STALE], stale);
    if (run->given.limits.grace == 0)
        assert_int_equal(more, run->lingering > 0);
}

static void drop_from_model(struct run *run)
{
    for (size_t i = 0; i < run->given.keys; i++)
        set_state(run, &run->model[i], ABSENT);
    run->epochs = 0;
}

/* Half the epochs that an entry can tell apart drop it. */
static void check_suspect(struct run *run)
{
    table_suspect_all(run->table);
    for (size_t i = 0; i < run->given.keys; i++)
        run->model[i].is_suspect = true;
    run->epochs += run->is_epoch_used;
    run->is_epoch_used = false;
    if (run->epochs == EPOCHS / 2)
        drop_from_model(run);
}

static void check_drop(struct run *run)
{
    table_drop_all(run->table);
    drop_from_model(run);
    run->is_epoch_used = false;
}

static bool is_one_in(struct run *run, uint64_t count)
{
    return count > 0 && below(run, count) == 0;
}

static void step(struct run *run)
{
    uint64_t dice = below(run, 100);

    if (is_one_in(run, run->given.suspect_one))
        check_suspect(run);
    else if (is_one_in(run, run->given.drop_one))
        check_drop(run);
    else if (dice < 60)
        check_find(run, below(run, run->given.keys));
    else if (dice < 94)
        check_store(run, below(run, run->given.keys));
    else if (dice < 95)
        check_remove(run, below(run, run->given.keys));
    else if (dice < 97)
        check_expire(run);
    else
        pass_time(run, (int64_t)below(run, (uint64_t)run->given.longest_life * 10 /
                                               (run->given.keys + 200)));
    check_counts(run);
}

/* In the end everything goes. */
static void finish(struct run *run)
{
    pass_time(run, run->given.longest_life + run->given.limits.grace);
    while (table_expire(run->table, run->now, 20))
        ;
    assert_int_equal(table_entries(run->table), 0);
}

static void run_operations(struct options given)
{
    struct run *run = calloc(1, sizeof *run);
    size_t needed;

    print_message("  seed %llu, capacity %zu, max_bytes %zu\n", (unsigned long long)given.seed,
                  given.limits.capacity, given.limits.max_bytes);
    *run = (struct run){.given = given,
                        .random = given.seed * 2654435761u + 88172645463325252u,
                        .now = START,
                        .count = {given.keys}};
    run->table = table_create(&given.limits, (struct key_hash){hash_of, NULL}, START, &needed);
    assert_non_null(run->table);
    for (int i = 0; i < STEPS; i++)
        step(run);
    finish(run);
    table_destroy(&run->table);
    free(run);
}

static void test_a_small_capacity_agrees_with_the_model(void **state)
{
    (void)state;
    run_operations((struct options){1, {1, 64 << 20, 0}, SECOND, 3, 100, 0, 0});
    run_operations((struct options){2, {50, 64 << 20, 0}, 60 * SECOND, 100, 20000, 500, 2000});
    run_operations((struct options){3, {400, 64 << 20, 0}, 60 * SECOND, 700, 3000, 0, 0});
}

static void test_many_keys_agree_with_the_model(void **state)
{
    (void)state;
    run_operations((struct options){4, {4000, 256 << 20, 0}, 60 * SECOND, 5000, 300, 5000, 20000});
}

static void test_ample_room_agrees_with_the_model(void **state)
{
    (void)state;
    run_operations((struct options){5, {100000, 256 << 20, 0}, 60 * SECOND, 700, 100000, 0, 0});
}

/* Small tables have coarser wheels: lives of at most a second are exact in them. */
static void test_scarce_bytes_agree_with_the_model(void **state)
{
    (void)state;
    run_operations((struct options){6, {100000, 150 << 10, 0}, SECOND, 700, 1000, 0, 0});
    run_operations((struct options){7, {100000, 500 << 10, 0}, SECOND, 700, 100000, 3000, 5000});
    run_operations((struct options){8, {200, 300 << 10, 0}, SECOND, 700, 9000, 0, 0});
}

static void test_grace_agrees_with_the_model(void **state)
{
    (void)state;
    run_operations((struct options){9, {3, 64 << 20, SECOND}, SECOND, 5, 100, 0, 0});
    run_operations(
        (struct options){10, {400, 64 << 20, 30 * SECOND}, 60 * SECOND, 700, 3000, 500, 2000});
    run_operations(
        (struct options){11, {100000, 64 << 20, 300 * SECOND}, 60 * SECOND, 700, 3000, 0, 10000});
    run_operations(
        (struct options){12, {100000, 150 << 10, 500 * MILLISECOND}, SECOND, 700, 1000, 1000, 0});
}

/* Their numbers come round many times, while there are entries older than half of them. */
static void test_epochs_agree_with_the_model(void **state)
{
    (void)state;
    run_operations((struct options){13, {2000, 64 << 20, 0}, 60 * SECOND, 5000, 100, 4, 0});
    run_operations((struct options){14, {5000, 64 << 20, SECOND}, 60 * SECOND, 5000, 100, 3, 900});
    run_operations((struct options){15, {400, 64 << 20, SECOND}, 60 * SECOND, 700, 300, 5, 9});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_small_capacity_agrees_with_the_model),
        cmocka_unit_test(test_many_keys_agree_with_the_model),
        cmocka_unit_test(test_ample_room_agrees_with_the_model),
        cmocka_unit_test(test_scarce_bytes_agree_with_the_model),
        cmocka_unit_test(test_grace_agrees_with_the_model),
        cmocka_unit_test(test_epochs_agree_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
