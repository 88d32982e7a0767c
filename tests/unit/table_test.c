/* The table by itself: hashes are chosen by the test, and time stands where the test puts it. */
#include "stages/cache/table.h"

#include "common/clock.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START (1000 * SECOND)
#define ROOMY ((size_t)64 << 20)

static struct table *new_table(size_t capacity, size_t max_bytes, int64_t longest_life)
{
    struct table_limits limits = {capacity, max_bytes, longest_life};
    size_t needed;
    struct table *table = table_create(&limits, START, &needed);

    assert_non_null(table);
    return table;
}

/* FNV-1a: the table does not care how well a hash was made. */
static uint32_t hash_of(struct bytes key)
{
    uint32_t hash = 2166136261;

    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * 16777619;
    return hash;
}

static bool store_bytes(struct table *table, struct bytes key, struct bytes value, int64_t expires,
                        int64_t now)
{
    struct answer answer = {.status = STATUS_VALUE, .bytes = value};

    return table_store(table, hash_of(key), key, &answer, expires, now);
}

static bool store(struct table *table, const char *key, const char *value, int64_t expires,
                  int64_t now)
{
    return store_bytes(table, bytes_of_text(key), bytes_of_text(value), expires, now);
}

static bool find(struct table *table, const char *text, int64_t now, struct answer *answer)
{
    struct bytes key = bytes_of_text(text);

    return table_find(table, hash_of(key), key, now, answer);
}

static bool holds(struct table *table, const char *key, const char *value, int64_t now)
{
    struct answer answer;

    return find(table, key, now, &answer) && answer.status == STATUS_VALUE &&
           bytes_are_equal(answer_bytes(&answer), bytes_of_text(value));
}

static bool lacks(struct table *table, const char *key, int64_t now)
{
    struct answer answer;

    return !find(table, key, now, &answer);
}

static char *number_key(char text[16], int number)
{
    snprintf(text, 16, "key-%d", number);
    return text;
}

/* ---- what is stored is found ---- */

static void test_a_value_is_found_byte_for_byte(void **state)
{
    (void)state;
    static const char bytes[] = "first line\nsecond\0 line\r\n\xff";
    struct table *table = new_table(10, ROOMY, 60 * SECOND);
    struct bytes key = {"a/b\0c", 5}, value = {bytes, sizeof bytes};
    struct answer answer;
    assert_true(store_bytes(table, key, value, START + SECOND, START));
    assert_true(table_find(table, hash_of(key), key, START, &answer));
    assert_int_equal(answer.status, STATUS_VALUE);
    assert_true(bytes_are_equal(answer_bytes(&answer), value));
    assert_true(lacks(table, "a/b", START));
    table_destroy(&table);
    assert_null(table);
}

static void test_keys_and_values_of_all_sizes(void **state)
{
    (void)state;
    static const size_t key_sizes[] = {0, 1, 10, 511, 512, 513, 65536};
    static const size_t value_sizes[] = {0, 1, 64, 1023, 1024, 1025, 4096, 8191, 8192, 100000};
    static char data[100000];
    struct table *table = new_table(1000, ROOMY, 60 * SECOND);
    memset(data, 'x', sizeof data);
    for (size_t k = 0; k < sizeof key_sizes / sizeof *key_sizes; k++)
        for (size_t v = 0; v < sizeof value_sizes / sizeof *value_sizes; v++) {
            struct bytes key = {data, key_sizes[k]}, value = {data, value_sizes[v]};
            struct answer answer;
            assert_true(store_bytes(table, key, value, START + SECOND, START));
            assert_true(table_find(table, hash_of(key), key, START, &answer));
            assert_true(bytes_are_equal(answer_bytes(&answer), value));
            assert_int_equal(answer.value != NULL, value.size >= VALUE_BY_REFERENCE);
            assert_int_equal(table_entries(table), k + 1);
        }
    table_destroy(&table);
}

static void test_keys_of_equal_hash_are_told_apart(void **state)
{
    (void)state;
    struct table *table = new_table(1000, ROOMY, 60 * SECOND);
    char text[16];
    for (int i = 0; i < 300; i++) {
        struct bytes key = bytes_of_text(number_key(text, i));
        struct answer answer = {.status = STATUS_VALUE, .bytes = key};
        assert_true(table_store(table, 42, key, &answer, START + SECOND, START));
    }
    for (int i = 0; i < 300; i++) {
        struct bytes key = bytes_of_text(number_key(text, i));
        struct answer answer;
        assert_true(table_find(table, 42, key, START, &answer));
        assert_true(bytes_are_equal(answer.bytes, key));
    }
    table_destroy(&table);
}

static void test_storing_again_replaces_the_value(void **state)
{
    (void)state;
    struct table *table = new_table(2, ROOMY, 60 * SECOND);
    store(table, "a", "old", START + SECOND, START);
    store(table, "b", "b", START + SECOND, START);
    assert_true(store(table, "a", "a much longer one", START + 5 * SECOND, START));
    assert_int_equal(table_entries(table), 2);
    assert_int_equal(table_counters(table)->evictions, 0);
    assert_true(holds(table, "b", "b", START));
    assert_true(holds(table, "a", "a much longer one", START + 4 * SECOND));
    table_destroy(&table);
}

static void test_a_large_value_is_shared_and_a_small_one_copied(void **state)
{
    (void)state;
    struct table *table = new_table(10, ROOMY, 60 * SECOND);
    struct value *large = value_create(VALUE_BY_REFERENCE), *small = value_create(10);
    struct answer answer = {.status = STATUS_VALUE, .value = large};
    const char *large_bytes = large->bytes.data;
    memset(value_writable(large), 'l', large->bytes.size);
    memset(value_writable(small), 's', small->bytes.size);
    assert_true(table_store(table, hash_of(bytes_of_text("large")), bytes_of_text("large"), &answer,
                            START + SECOND, START));
    assert_ptr_equal(answer.value->bytes.data, large_bytes);
    answer = (struct answer){.status = STATUS_VALUE, .value = small};
    assert_true(table_store(table, hash_of(bytes_of_text("small")), bytes_of_text("small"), &answer,
                            START + SECOND, START));
    value_release(&large);
    value_release(&small);
    assert_true(find(table, "large", START, &answer));
    assert_ptr_equal(answer.value->bytes.data, large_bytes);
    assert_true(holds(table, "small", "ssssssssss", START));
    table_destroy(&table);
}

/* ---- time ---- */

static void test_an_entry_lives_until_its_expiry_and_no_longer(void **state)
{
    (void)state;
    struct table *table = new_table(10, ROOMY, 60 * SECOND);
    store(table, "a", "1", START + 60 * SECOND, START);
    assert_true(holds(table, "a", "1", START + 60 * SECOND - MILLISECOND));
    assert_true(lacks(table, "a", START + 60 * SECOND));
    table_destroy(&table);
}

static void test_reading_never_extends_a_life(void **state)
{
    (void)state;
    struct table *table = new_table(10, ROOMY, 60 * SECOND);
    store(table, "a", "1", START + 10 * SECOND, START);
    for (int64_t now = START; now < START + 10 * SECOND; now += 100 * MILLISECOND)
        assert_true(holds(table, "a", "1", now));
    assert_true(lacks(table, "a", START + 10 * SECOND));
    table_destroy(&table);
}

static void test_lives_may_differ(void **state)
{
    (void)state;
    struct table *table = new_table(5000, ROOMY, 3600 * SECOND);
    char text[16];
    for (int i = 1; i < 5000; i++)
        assert_true(store(table, number_key(text, i), "v", START + i * 13 * MILLISECOND, START));
    for (int i = 1; i < 5000; i++) {
        assert_true(holds(table, number_key(text, i), "v", START + (i * 13 - 1) * MILLISECOND));
        assert_true(lacks(table, number_key(text, i), START + i * 13 * MILLISECOND));
    }
    table_expire(table, START + 3600 * SECOND, 5000);
    assert_int_equal(table_counters(table)->expirations, 4999);
    table_destroy(&table);
}

/* The wheel cuts long lives to a tick of 1/4096 of them, and never stretches one. */
static void test_a_long_life_is_never_stretched_and_hardly_cut(void **state)
{
    (void)state;
    for (int64_t life = SECOND; life < 87600 * 3600 * SECOND; life = life * 3 + 7) {
        struct table *table = new_table(10, ROOMY, 87600 * 3600 * SECOND);
        store(table, "a", "1", START + life, START + 1);
        assert_true(holds(table, "a", "1", START + life - life / 4096 - 2 * MILLISECOND));
        assert_true(lacks(table, "a", START + life));
        table_destroy(&table);
    }
}

static void test_what_has_expired_is_not_stored(void **state)
{
    (void)state;
    struct table *table = new_table(10, ROOMY, 60 * SECOND);
    store(table, "a", "1", START + SECOND, START);
    assert_false(store(table, "a", "2", START, START));
    assert_false(store(table, "b", "2", START - SECOND, START));
    assert_true(lacks(table, "a", START));
    assert_int_equal(table_entries(table), 0);
    table_destroy(&table);
}

static void test_age_and_remaining_life_are_told(void **state)
{
    (void)state;
    struct table *table = new_table(10, ROOMY, 60 * SECOND);
    struct bytes key = bytes_of_text("a");
    struct answer answer = {.status = STATUS_VALUE, .age_ms = 5000, .bytes = key};
    table_store(table, hash_of(key), key, &answer, START + 20 * SECOND, START + SECOND);
    assert_true(find(table, "a", START + 3 * SECOND, &answer));
    assert_int_equal(answer.age_ms, 7000);
    assert_int_equal(answer.life_ms, 17000);
    answer = (struct answer){.status = STATUS_VALUE, .age_ms = UINT32_MAX, .bytes = key};
    table_store(table, hash_of(key), key, &answer, START + 20 * SECOND, START + 3 * SECOND);
    assert_true(find(table, "a", START + 4 * SECOND, &answer));
    assert_int_equal(answer.age_ms, UINT32_MAX - 1);
    table_destroy(&table);
}

static void test_expired_entries_go_a_bounded_number_at_a_time(void **state)
{
    (void)state;
    struct table *table = new_table(1000, ROOMY, 60 * SECOND);
    char text[16];
    for (int i = 0; i < 1000; i++)
        store(table, number_key(text, i), "v", START + SECOND, START);
    assert_false(table_expire(table, START + SECOND - MILLISECOND, 1000));
    assert_true(table_expire(table, START + SECOND, 300));
    assert_int_equal(table_entries(table), 700);
    assert_true(lacks(table, number_key(text, 999), START + SECOND));
    assert_true(table_expire(table, START + SECOND, 300));
    assert_true(table_expire(table, START + SECOND, 300));
    assert_false(table_expire(table, START + SECOND, 300));
    assert_int_equal(table_entries(table), 0);
    table_destroy(&table);
}

/* ---- room ---- */

static void test_the_least_recently_read_is_evicted(void **state)
{
    (void)state;
    struct table *table = new_table(3, ROOMY, 60 * SECOND);
    store(table, "a", "1", START + SECOND, START);
    store(table, "b", "2", START + SECOND, START);
    store(table, "c", "3", START + SECOND, START);
    assert_true(holds(table, "a", "1", START));
    store(table, "d", "4", START + SECOND, START);
    assert_true(lacks(table, "b", START));
    assert_true(holds(table, "a", "1", START));
    assert_true(holds(table, "c", "3", START));
    assert_true(holds(table, "d", "4", START));
    assert_int_equal(table_counters(table)->evictions, 1);
    table_destroy(&table);
}

static void test_the_capacity_is_never_exceeded(void **state)
{
    (void)state;
    struct table *table = new_table(1, ROOMY, 60 * SECOND);
    char text[16];
    for (int i = 0; i < 1000; i++) {
        assert_true(store(table, number_key(text, i), "v", START + SECOND, START));
        assert_int_equal(table_entries(table), 1);
        assert_true(holds(table, text, "v", START));
    }
    table_destroy(&table);
}

static void test_expired_entries_go_before_any_that_lives(void **state)
{
    (void)state;
    struct table *table = new_table(3, ROOMY, 60 * SECOND);
    store(table, "old", "1", START + 50 * SECOND, START);
    store(table, "short", "2", START + SECOND, START);
    store(table, "middle", "3", START + 30 * SECOND, START);
    assert_true(holds(table, "short", "2", START + SECOND - MILLISECOND));
    store(table, "new", "4", START + 50 * SECOND, START + SECOND);
    assert_true(holds(table, "old", "1", START + SECOND));
    assert_true(holds(table, "middle", "3", START + SECOND));
    assert_int_equal(table_counters(table)->evictions, 0);
    assert_int_equal(table_counters(table)->expirations, 1);
    table_destroy(&table);
}

static void test_max_bytes_bounds_everything(void **state)
{
    (void)state;
    size_t max_bytes = 1 << 20;
    struct table *table = new_table(1000000, max_bytes, 60 * SECOND);
    static char data[2000];
    char text[16];
    for (int i = 0; i < 50000; i++) {
        struct bytes value = {data, (size_t)i * 7919 % sizeof data};
        assert_true(
            store_bytes(table, bytes_of_text(number_key(text, i)), value, START + SECOND, START));
        assert_true(table_bytes(table) <= max_bytes);
    }
    assert_true(table_entries(table) > 500);
    assert_false(lacks(table, text, START));
    table_destroy(&table);
}

static void test_a_value_beyond_max_bytes_evicts_nothing(void **state)
{
    (void)state;
    struct table *table = new_table(10, 1 << 20, 60 * SECOND);
    char *data = calloc(1, 1 << 20);
    store(table, "a", "1", START + SECOND, START);
    assert_false(store_bytes(table, bytes_of_text("huge"), (struct bytes){data, 1 << 20},
                             START + SECOND, START));
    assert_true(holds(table, "a", "1", START));
    free(data);
    table_destroy(&table);
}

static void test_a_value_counts_until_its_last_reference_goes(void **state)
{
    (void)state;
    struct table *table = new_table(1, ROOMY, 60 * SECOND);
    struct answer answer;
    char *data = calloc(1, 1 << 20);
    size_t empty = table_bytes(table);
    store_bytes(table, bytes_of_text("large"), (struct bytes){data, 1 << 20}, START + SECOND,
                START);
    assert_true(find(table, "large", START, &answer));
    struct value *sent = value_share(answer.value);
    store(table, "small", "1", START + SECOND, START);
    assert_true(lacks(table, "large", START));
    assert_true(table_bytes(table) > empty + (1 << 20));
    value_release(&sent);
    assert_true(table_bytes(table) < empty + (1 << 15));
    free(data);
    table_destroy(&table);
}

/* Slow readers hold what the table has given up: it must not be emptied for a room it cannot get.
 */
static void test_bytes_that_others_hold_empty_no_table(void **state)
{
    (void)state;
    struct table *table = new_table(1000, 4 << 20, 60 * SECOND);
    struct value *held[3];
    struct answer answer;
    char *data = calloc(1, 1 << 20), text[16];
    for (int i = 0; i < 3; i++) {
        store_bytes(table, bytes_of_text("large"), (struct bytes){data, 1 << 20}, START + SECOND,
                    START);
        assert_true(find(table, "large", START, &answer));
        held[i] = value_share(answer.value);
    }
    store(table, "large", "no longer", START + SECOND, START);
    for (int i = 0; i < 100; i++)
        store(table, number_key(text, i), "v", START + SECOND, START);
    assert_false(store_bytes(table, bytes_of_text("other"), (struct bytes){data, 1 << 20},
                             START + SECOND, START));
    for (int i = 0; i < 100; i++)
        assert_true(holds(table, number_key(text, i), "v", START));
    for (int i = 0; i < 3; i++)
        value_release(&held[i]);
    free(data);
    table_destroy(&table);
}

static void test_max_bytes_for_nothing_is_refused(void **state)
{
    (void)state;
    struct table_limits limits = {100000, 1000, 60 * SECOND};
    size_t needed = 0;
    assert_null(table_create(&limits, START, &needed));
    assert_true(needed > 1000 && needed < 65536);
    limits.max_bytes = 65536;
    struct table *table = table_create(&limits, START, &needed);
    assert_non_null(table);
    assert_true(store(table, "a", "1", START + SECOND, START));
    table_destroy(&table);
}

static void test_it_grows_and_gives_back(void **state)
{
    (void)state;
    struct table *table = new_table(200000, ROOMY, 60 * SECOND);
    size_t empty = table_bytes(table);
    char text[16];
    for (int i = 0; i < 100000; i++)
        assert_true(store(table, number_key(text, i), "v", START + SECOND, START));
    for (int i = 0; i < 100000; i++)
        assert_true(holds(table, number_key(text, i), "v", START));
    size_t full = table_bytes(table);
    assert_true(full - empty < 100000 * (38 + 10 + 8 + 5));
    assert_false(table_expire(table, START + SECOND, 100000));
    assert_true(table_bytes(table) - empty < 100000 * 5);
    table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_is_found_byte_for_byte),
        cmocka_unit_test(test_keys_and_values_of_all_sizes),
        cmocka_unit_test(test_keys_of_equal_hash_are_told_apart),
        cmocka_unit_test(test_storing_again_replaces_the_value),
        cmocka_unit_test(test_a_large_value_is_shared_and_a_small_one_copied),
        cmocka_unit_test(test_an_entry_lives_until_its_expiry_and_no_longer),
        cmocka_unit_test(test_reading_never_extends_a_life),
        cmocka_unit_test(test_lives_may_differ),
        cmocka_unit_test(test_a_long_life_is_never_stretched_and_hardly_cut),
        cmocka_unit_test(test_what_has_expired_is_not_stored),
        cmocka_unit_test(test_age_and_remaining_life_are_told),
        cmocka_unit_test(test_expired_entries_go_a_bounded_number_at_a_time),
        cmocka_unit_test(test_the_least_recently_read_is_evicted),
        cmocka_unit_test(test_the_capacity_is_never_exceeded),
        cmocka_unit_test(test_expired_entries_go_before_any_that_lives),
        cmocka_unit_test(test_max_bytes_bounds_everything),
        cmocka_unit_test(test_a_value_beyond_max_bytes_evicts_nothing),
        cmocka_unit_test(test_a_value_counts_until_its_last_reference_goes),
        cmocka_unit_test(test_bytes_that_others_hold_empty_no_table),
        cmocka_unit_test(test_max_bytes_for_nothing_is_refused),
        cmocka_unit_test(test_it_grows_and_gives_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
