/* The table by itself: what goes when there is no room, and what is counted. */
#include "tests/unit/table_fixture.h"

#include <stdlib.h>

static void test_the_least_recently_read_is_evicted(void **state)
{
    (void)state;
    struct table *table = new_table(3, ROOMY);
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
    struct table *table = new_table(1, ROOMY);
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
    struct table *table = new_table(3, ROOMY);
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
    struct table *table = new_table(1000000, max_bytes);
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
    struct table *table = new_table(10, 1 << 20);
    char *data = calloc(1, 1 << 20);
    store(table, "a", "1", START + SECOND, START);
    assert_false(store_bytes(table, bytes_of_text("huge"), (struct bytes){data, 1 << 20},
                             START + SECOND, START));
    assert_true(holds(table, "a", "1", START));
    free(data);
    table_destroy(&table);
}

/* Stores values of fewer and fewer bytes until one can be stored, and fails where one that cannot
 * has pushed others out. Returns its size. */
static size_t store_largest(struct table *table, const char *data, size_t max_bytes)
{
    size_t size = max_bytes;
    while (!store_bytes(table, bytes_of_text("huge"), (struct bytes){data, size}, START + SECOND,
                        START)) {
        assert_true(holds(table, "a", "1", START));
        size -= 8;
    }
    assert_true(lacks(table, "a", START));
    return size;
}

/* To the byte: what is refused pushes nobody out, and what is not fills the table. */
static void test_the_largest_value_that_fits(void **state)
{
    (void)state;
    size_t max_bytes = 1 << 20;
    struct table *table = new_table(1000, max_bytes);
    char *data = calloc(1, max_bytes), text[16];
    store(table, "a", "1", START + SECOND, START);
    size_t largest = store_largest(table, data, max_bytes);
    assert_in_range(table_bytes(table), max_bytes - 8, max_bytes);
    /* The overhead of the values that make room goes with them. */
    for (int i = 0; i < 500; i++)
        store_bytes(table, bytes_of_text(number_key(text, i)), (struct bytes){data, 1500},
                    START + SECOND, START);
    store(table, "a", "1", START + SECOND, START);
    assert_in_range(store_largest(table, data, max_bytes), largest - 4096, largest);
    assert_in_range(table_bytes(table), max_bytes - 8, max_bytes);
    free(data);
    table_destroy(&table);
}

static void test_a_value_counts_until_its_last_reference_goes(void **state)
{
    (void)state;
    struct table *table = new_table(1, ROOMY);
    struct found found;
    char *data = calloc(1, 1 << 20);
    size_t empty = table_bytes(table);
    store_bytes(table, bytes_of_text("large"), (struct bytes){data, 1 << 20}, START + SECOND,
                START);
    assert_true(find(table, "large", START, &found));
    struct value *sent = value_share(found.answer.value);
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
    struct table *table = new_table(1000, 4 << 20);
    struct value *held[3];
    struct found found;
    char *data = calloc(1, 1 << 20), text[16];
    for (int i = 0; i < 3; i++) {
        store_bytes(table, bytes_of_text("large"), (struct bytes){data, 1 << 20}, START + SECOND,
                    START);
        assert_true(find(table, "large", START, &found));
        held[i] = value_share(found.answer.value);
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

/* Their entries are still there, and go; but when it shows that this brings no room, no others go.
 */
static void test_entries_that_others_hold_empty_no_table(void **state)
{
    (void)state;
    struct table *table = new_table(1000, 4 << 20);
    struct value *held[3];
    struct found found;
    char *data = calloc(1, 1 << 20), text[16];
    for (int i = 0; i < 3; i++) {
        number_key(text, 1000 + i);
        assert_true(store_bytes(table, bytes_of_text(text), (struct bytes){data, 1 << 20},
                                START + SECOND, START));
        assert_true(find(table, text, START, &found));
        held[i] = value_share(found.answer.value);
    }
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

/* Who made the value pays until it is stored, and goes on where it is not. */
static void test_a_value_stored_is_charged_to_the_table_alone(void **state)
{
    (void)state;
    struct table *table = new_table(10, 1 << 20);
    struct value_account *maker = value_account_create(SIZE_MAX);
    size_t empty = table_bytes(table);
    static const size_t sizes[] = {100000, 1 << 20, VALUE_BY_REFERENCE - 1};
    for (int i = 0; i < 3; i++) {
        struct value *value = value_create_for(sizes[i], maker);
        struct answer answer = {.status = STATUS_VALUE, .value = value};
        memset(value_writable(value), 'v', sizes[i]);
        bool is_stored =
            table_store(table, 1, bytes_of_text("key"), &answer, START, START + SECOND, START);
        assert_int_equal(is_stored, sizes[i] < 1 << 20);
        assert_int_equal(atomic_load(&maker->bytes) > 0, sizes[i] != 100000);
        assert_int_equal(table_bytes(table) > empty + sizes[i], is_stored);
        value_release(&value);
        assert_int_equal(atomic_load(&maker->bytes), 0);
    }
    value_account_abandon(&maker);
    table_destroy(&table);
}

static void test_max_bytes_for_nothing_is_refused(void **state)
{
    (void)state;
    struct table_limits limits = {100000, 1000, 0};
    size_t needed = 0;
    assert_null(table_create(&limits, fnv, START, &needed));
    assert_true(needed > 1000 && needed < 65536);
    limits.max_bytes = 65536;
    struct table *table = table_create(&limits, fnv, START, &needed);
    assert_non_null(table);
    assert_true(store(table, "a", "1", START + SECOND, START));
    table_destroy(&table);
}

static void test_it_grows_and_gives_back(void **state)
{
    (void)state;
    struct table *table = new_table(200000, ROOMY);
    size_t empty = table_bytes(table);
    char text[16];
    for (int i = 0; i < 100000; i++)
        assert_true(
            store(table, number_key(text, i), "v", START + (i % 8 ? 1 : 2) * SECOND, START));
    for (int i = 0; i < 100000; i++)
        assert_true(holds(table, number_key(text, i), "v", START));
    assert_true(table_bytes(table) - empty < 100000 * (34 + 10 + 3 + 5));
    assert_false(table_expire(table, START + SECOND, 100000));
    for (int i = 0; i < 100000; i++)
        assert_int_equal(holds(table, number_key(text, i), "v", START + SECOND), i % 8 == 0);
    assert_false(table_expire(table, START + 2 * SECOND, 100000));
    assert_true(table_bytes(table) - empty < 100000 * 5);
    table_destroy(&table);
}

/* Fills the table with values of `size` bytes; the later half of them must be there. */
static void fill(struct table *table, size_t max_bytes, size_t size)
{
    static char data[1024];
    const size_t count = max_bytes / size;
    struct found found;
    char text[16];

    for (size_t i = 0; i < count; i++) {
        memcpy(data, &i, sizeof i);
        assert_true(store_bytes(table, bytes_of_text(number_key(text, (int)i)),
                                (struct bytes){data, size}, START + SECOND, START));
    }
    for (size_t i = count / 2; i < count; i++) {
        assert_true(find(table, number_key(text, (int)i), START, &found));
        assert_int_equal(answer_bytes(&found.answer).size, size);
        assert_memory_equal(answer_bytes(&found.answer).data, &i, sizeof i);
    }
}

static void test_higher_bounds_are_made_use_of(void **state)
{
    (void)state;
    static const size_t bounds[] = {72 << 10, 200 << 10, 201 << 10, 1 << 20, 2 << 20};
    struct table *table = new_table(100000, 64 << 10);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        table_configure(table, &(struct table_limits){100000, bounds[i], 0}, START);
        fill(table, bounds[i], 500);
        assert_true(table_bytes(table) <= bounds[i]);
        assert_true(table_bytes(table) > bounds[i] / 8 * 7);
    }
    assert_false(table_expire(table, START + SECOND, 100000));
    assert_int_equal(table_entries(table), 0);
    assert_true(table_bytes(table) < (2 << 20) / 16);
    table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_least_recently_read_is_evicted),
        cmocka_unit_test(test_the_capacity_is_never_exceeded),
        cmocka_unit_test(test_expired_entries_go_before_any_that_lives),
        cmocka_unit_test(test_max_bytes_bounds_everything),
        cmocka_unit_test(test_a_value_beyond_max_bytes_evicts_nothing),
        cmocka_unit_test(test_the_largest_value_that_fits),
        cmocka_unit_test(test_a_value_counts_until_its_last_reference_goes),
        cmocka_unit_test(test_bytes_that_others_hold_empty_no_table),
        cmocka_unit_test(test_entries_that_others_hold_empty_no_table),
        cmocka_unit_test(test_a_value_stored_is_charged_to_the_table_alone),
        cmocka_unit_test(test_max_bytes_for_nothing_is_refused),
        cmocka_unit_test(test_it_grows_and_gives_back),
        cmocka_unit_test(test_higher_bounds_are_made_use_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
