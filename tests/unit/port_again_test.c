/* The asks that may be asked again: kept, waiting, given up. */
#include "common/port_again.h"

#include "tests/support/unit.h"

#define NOW (100 * SECOND)

static uint32_t keep(struct again *again, uint64_t token, int64_t deadline)
{
    return again_keep(again, token,
                      &(struct ask){.key = bytes_of_text("key"), .deadline = deadline});
}

static void test_an_ask_waits_once_and_is_taken_in_order(void **state)
{
    struct again again;
    struct again_due due;

    (void)state;
    again_init(&again);
    uint32_t first = keep(&again, 7, NOW + SECOND), second = keep(&again, 8, NOW + SECOND);
    assert_false(again_take(&again, &due));
    assert_true(again_wait(&again, second, NOW));
    assert_true(again_wait(&again, first, NOW));
    assert_true(again_take(&again, &due));
    assert_int_equal(due.index, second);
    assert_true(bytes_are_equal(due.ask.key, bytes_of_text("key")));
    assert_int_equal(due.ask.deadline, NOW + SECOND);
    assert_true(again_take(&again, &due));
    assert_int_equal(due.index, first);
    assert_false(again_take(&again, &due));
    assert_false(again_wait(&again, first, NOW)); /* once is enough */
    assert_int_equal(again_forget(&again, first), 7);
    assert_int_equal(again_forget(&again, second), 8);
    assert_int_equal(again.bytes, 0);
    again_fini(&again);
}

static void test_who_has_no_time_left_does_not_wait(void **state)
{
    struct again again;

    (void)state;
    again_init(&again);
    assert_false(again_wait(&again, keep(&again, 1, NOW), NOW));
    again_fini(&again);
}

static void test_patience_ends_at_the_deadline_or_after_a_while(void **state)
{
    struct again again;
    uint32_t index;

    (void)state;
    again_init(&again);
    uint32_t hasty = keep(&again, 1, NOW + 10 * MILLISECOND);
    uint32_t patient = keep(&again, 2, NOW + 60 * SECOND);
    assert_int_equal(again.give_up_at, NEVER);
    assert_true(again_wait(&again, patient, NOW));
    assert_true(again_wait(&again, hasty, NOW));
    assert_int_equal(again.give_up_at, NOW + 10 * MILLISECOND);
    assert_false(again_take_overdue(&again, NOW + 9 * MILLISECOND, &index));
    assert_true(again_take_overdue(&again, NOW + 10 * MILLISECOND, &index));
    assert_int_equal(index, hasty);
    assert_false(again_take_overdue(&again, NOW + 10 * MILLISECOND, &index));
    assert_int_equal(again.give_up_at, NOW + AGAIN_PATIENCE);
    assert_true(again_take_overdue(&again, NOW + AGAIN_PATIENCE, &index));
    assert_int_equal(index, patient);
    assert_int_equal(again.give_up_at, NEVER);
    again_fini(&again);
}

static void test_the_keys_kept_are_bounded(void **state)
{
    struct again again;
    static const char long_key[65536];
    const struct bytes key = {long_key, sizeof long_key};
    uint32_t last = 0;

    (void)state;
    again_init(&again);
    for (size_t i = 0; i <= AGAIN_MAX_BYTES / sizeof long_key; i++)
        last = again_keep(&again, i, &(struct ask){.key = key, .deadline = NOW + SECOND});
    assert_true(again.bytes <= AGAIN_MAX_BYTES);
    assert_false(again_wait(&again, last, NOW));
    assert_true(again_wait(&again, 0, NOW));
    again_fini(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_ask_waits_once_and_is_taken_in_order),
        cmocka_unit_test(test_who_has_no_time_left_does_not_wait),
        cmocka_unit_test(test_patience_ends_at_the_deadline_or_after_a_while),
        cmocka_unit_test(test_the_keys_kept_are_bounded),
    };
    return cmocka_run_group_tests_name("port_again", tests, NULL, NULL);
}
