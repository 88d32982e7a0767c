/* The table by itself: what is stored, and for how long. Room is in table_room_test.c. */
#include "tests/unit/table_fixture.h"

/* ---- what is stored is found ---- */

static void test_a_value_is_found_byte_for_byte(void **state)
{
    (void)state;
    static const char bytes[] = "first line\nsecond\0 line\r\n\xff";
    struct table *table = new_table(10, ROOMY);
    struct bytes key = {"a/b\0c", 5}, value = {bytes, sizeof bytes};
    struct found found;
    assert_true(store_bytes(table, key, value, START + SECOND, START));
    assert_true(table_find(table, hash_of(key), key, START, &found));
    assert_int_equal(found.answer.status, STATUS_VALUE);
    assert_true(bytes_are_equal(answer_bytes(&found.answer), value));
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
    struct table *table = new_table(1000, ROOMY);
    memset(data, 'x', sizeof data);
    for (size_t k = 0; k < sizeof key_sizes / sizeof *key_sizes; k++)
        for (size_t v = 0; v < sizeof value_sizes / sizeof *value_sizes; v++) {
            struct bytes key = {data, key_sizes[k]}, value = {data, value_sizes[v]};
            struct found found;
            assert_true(store_bytes(table, key, value, START + SECOND, START));
            assert_true(table_find(table, hash_of(key), key, START, &found));
            assert_true(bytes_are_equal(answer_bytes(&found.answer), value));
            assert_int_equal(found.answer.value != NULL, value.size >= VALUE_BY_REFERENCE);
            assert_int_equal(table_entries(table), k + 1);
        }
    table_destroy(&table);
}

static uint32_t always_42(const void *secret, struct bytes key)
{
    (void)secret;
    (void)key;
    return 42;
}

static void test_keys_of_equal_hash_are_told_apart(void **state)
{
    (void)state;
    const struct table_limits limits = {1000, ROOMY, 0};
    size_t needed;
    struct table *table = table_create(&limits, (struct key_hash){always_42, NULL}, START, &needed);
    char text[16];
    for (int i = 0; i < 300; i++) {
        struct bytes key = bytes_of_text(number_key(text, i));
        struct answer answer = {.status = STATUS_VALUE, .bytes = key};
        assert_true(table_store(table, 42, key, &answer, START, START + SECOND, START));
    }
    for (int i = 0; i < 300; i++) {
        struct bytes key = bytes_of_text(number_key(text, i));
        struct found found;
        assert_true(table_find(table, 42, key, START, &found));
        assert_true(bytes_are_equal(found.answer.bytes, key));
    }
    table_destroy(&table);
}

static void test_storing_again_replaces_the_value(void **state)
{
    (void)state;
    struct table *table = new_table(2, ROOMY);
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
    struct table *table = new_table(10, ROOMY);
    struct value *large = value_create(VALUE_BY_REFERENCE), *small = value_create(10);
    struct answer answer = {.status = STATUS_VALUE, .value = large};
    const char *large_bytes = large->bytes.data;
    memset(value_writable(large), 'l', large->bytes.size);
    memset(value_writable(small), 's', small->bytes.size);
    assert_true(table_store(table, hash_of(bytes_of_text("large")), bytes_of_text("large"), &answer,
                            START, START + SECOND, START));
    assert_ptr_equal(answer.value->bytes.data, large_bytes);
    answer = (struct answer){.status = STATUS_VALUE, .value = small};
    assert_true(table_store(table, hash_of(bytes_of_text("small")), bytes_of_text("small"), &answer,
                            START, START + SECOND, START));
    value_release(&large);
    value_release(&small);
    struct found found;
    assert_true(find(table, "large", START, &found));
    assert_ptr_equal(found.answer.value->bytes.data, large_bytes);
    assert_true(holds(table, "small", "ssssssssss", START));
    table_destroy(&table);
}

/* ---- time ---- */

static void test_an_entry_lives_until_its_expiry_and_no_longer(void **state)
{
    (void)state;
    struct table *table = new_table(10, ROOMY);
    store(table, "a", "1", START + 60 * SECOND, START);
    assert_true(holds(table, "a", "1", START + 60 * SECOND - MILLISECOND));
    assert_true(lacks(table, "a", START + 60 * SECOND));
    table_destroy(&table);
}

static void test_reading_never_extends_a_life(void **state)
{
    (void)state;
    struct table *table = new_table(10, ROOMY);
    store(table, "a", "1", START + 10 * SECOND, START);
    for (int64_t now = START; now < START + 10 * SECOND; now += 100 * MILLISECOND)
        assert_true(holds(table, "a", "1", now));
    assert_true(lacks(table, "a", START + 10 * SECOND));
    table_destroy(&table);
}

static void test_lives_may_differ(void **state)
{
    (void)state;
    struct table *table = new_table(5000, ROOMY);
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

static void test_a_long_life_is_exact(void **state)
{
    (void)state;
    for (int64_t life = SECOND; life < 87600 * 3600 * SECOND; life = life * 3 + 7) {
        struct table *table = new_table(10, ROOMY);
        store(table, "a", "1", START + life, START + 1);
        assert_true(holds(table, "a", "1", START + life / MILLISECOND * MILLISECOND - 1));
        assert_true(lacks(table, "a", START + life));
        table_destroy(&table);
    }
}

static void test_what_has_expired_is_not_stored(void **state)
{
    (void)state;
    struct table *table = new_table(10, ROOMY);
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
    struct table *table = new_table(10, ROOMY);
    struct bytes key = bytes_of_text("a");
    struct answer answer = {.status = STATUS_VALUE, .bytes = key};
    struct found found;
    table_store(table, hash_of(key), key, &answer, START - 4 * SECOND, START + 20 * SECOND,
                START + SECOND);
    assert_true(find(table, "a", START + 3 * SECOND, &found));
    assert_int_equal(found.answer.age_ms, 7000);
    assert_int_equal(found.answer.life_ms, 17000);
    assert_int_equal(found.past_ms, 0);
    table_store(table, hash_of(key), key, &answer, START - UINT32_MAX * MILLISECOND,
                START + 20 * SECOND, START + 3 * SECOND);
    assert_true(find(table, "a", START + 4 * SECOND, &found));
    assert_int_equal(found.answer.age_ms, UINT32_MAX - 1);
    table_destroy(&table);
}

static void test_expired_entries_go_a_bounded_number_at_a_time(void **state)
{
    (void)state;
    struct table *table = new_table(1000, ROOMY);
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
        cmocka_unit_test(test_a_long_life_is_exact),
        cmocka_unit_test(test_what_has_expired_is_not_stored),
        cmocka_unit_test(test_age_and_remaining_life_are_told),
        cmocka_unit_test(test_expired_entries_go_a_bounded_number_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
