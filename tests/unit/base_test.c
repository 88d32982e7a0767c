/* buffer, clock, error, value: the small things everything else stands on. */
#include "common/buffer.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/value.h"
#include "tests/support/unit.h"

#include <string.h>

static void test_a_buffer_grows_and_keeps_its_bytes(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++)
        buffer_format(&buffer, "%03d,", i);
    assert_int_equal(buffer.size, 4000);
    assert_memory_equal(buffer.data + 3996, "999,", 4);
    buffer_consume(&buffer, 3996);
    assert_int_equal(buffer.size, 4);
    buffer_append(&buffer, "a\0b", 3);
    buffer_append(&buffer, NULL, 0);
    buffer_append_text(&buffer, "!");
    assert_int_equal(buffer_bytes(&buffer).size, 8);
    assert_memory_equal(buffer.data, "999,a\0b!", 8);
    buffer_fini(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
}

static void test_the_remaining_time_is_rounded_up_and_never_negative(void **state)
{
    (void)state;
    assert_int_equal(clock_remaining_ms(10, 10), 0);
    assert_int_equal(clock_remaining_ms(20, 10), 0);
    assert_int_equal(clock_remaining_ms(0, 1), 1);
    assert_int_equal(clock_remaining_ms(0, MILLISECOND), 1);
    assert_int_equal(clock_remaining_ms(0, MILLISECOND + 1), 2);
    assert_int_equal(clock_remaining_ms(0, INT64_MAX), UINT32_MAX);
}

static void test_a_clock_is_read_once_until_it_is_old(void **state)
{
    (void)state;
    struct clock clock = {.now = {.mono = 7}, .state = CLOCK_CURRENT};
    assert_int_equal(clock_read(&clock).mono, 7);
    clock_mark_old(&clock);
    struct moment first = clock_read(&clock);
    assert_true(first.mono > 7 && clock.state == CLOCK_CURRENT);
    assert_int_equal(clock_read(&clock).mono, first.mono);
}

/* What has passed in suspension shows on the boot clock only: the reading must not be kept. */
static void test_a_clock_catches_up_with_what_has_passed(void **state)
{
    (void)state;
    const struct moment now = clock_now();
    struct clock woken = {.now = now, .state = CLOCK_CURRENT};
    woken.now.boot -= SECOND;
    clock_catch_up(&woken);
    assert_int_equal(woken.state, CLOCK_OLD);
    struct clock held = {.now = woken.now, .state = CLOCK_HELD};
    clock_catch_up(&held);
    assert_int_equal(held.state, CLOCK_HELD);
    assert_true(held.now.boot == woken.now.boot);
}

static void test_an_error_is_cut_and_never_runs_over(void **state)
{
    (void)state;
    struct error error;
    char text[2 * sizeof error.text];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_false(error_set(&error, "%s", text));
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

static void test_a_value_lives_until_its_last_reference(void **state)
{
    (void)state;
    struct value *value = value_create(10);
    memcpy(value_writable(value), "0123456789", 10);
    struct value *second = value_share(value);
    value_release(&value);
    assert_null(value);
    assert_memory_equal(second->bytes.data, "0123456789", 10);
    value_release(&second);
    value_release(&second); /* NULL is allowed */
}

static void test_an_account_counts_until_the_last_reference_and_outlives_its_owner(void **state)
{
    (void)state;
    struct value_account *account = value_account_create(SIZE_MAX);
    struct value *value = value_charge(value_create(1000), account);
    struct value *reader = value_share(value);
    size_t charged = atomic_load(&account->bytes);
    assert_true(charged >= 1000);
    value_release(&value);
    assert_int_equal(atomic_load(&account->bytes), charged);
    value_release(&reader);
    assert_int_equal(atomic_load(&account->bytes), 0);

    struct value *last = value_charge(value_create(5), account);
    value_account_abandon(&account);
    assert_null(account);
    value_release(&last);
}

/* What a maker pays for ends with the last reference, or when one who keeps the value pays. */
static void test_a_charge_moves_from_the_maker_to_the_keeper(void **state)
{
    (void)state;
    struct value_account *maker = value_account_create(1500);
    struct value_account *keeper = value_account_create(SIZE_MAX);
    assert_null(value_create_for(SIZE_MAX, maker));
    assert_null(value_create_for(1500, maker));
    struct value *value = value_create_for(1000, maker);
    assert_true(atomic_load(&maker->bytes) >= 1000);
    assert_null(value_create_for(1000, maker));

    struct value *kept = value_charge(value_share(value), keeper);
    value_relieve(value);
    value_relieve(value); /* it pays no longer, and cannot be relieved twice */
    value_relieve(kept);  /* whoever keeps it goes on paying */
    assert_int_equal(atomic_load(&maker->bytes), 0);
    assert_true(atomic_load(&keeper->bytes) >= 1000);
    value_release(&value);
    value_release(&kept);
    assert_int_equal(atomic_load(&keeper->bytes), 0);

    value = value_create_for(1000, maker);
    value_release(&value);
    assert_int_equal(atomic_load(&maker->bytes), 0);
    value = value_create_for(1000, maker);
    value_account_abandon(&maker); /* the value outlives its maker */
    value_release(&value);
    value_account_abandon(&keeper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_buffer_grows_and_keeps_its_bytes),
        cmocka_unit_test(test_the_remaining_time_is_rounded_up_and_never_negative),
        cmocka_unit_test(test_a_clock_is_read_once_until_it_is_old),
        cmocka_unit_test(test_a_clock_catches_up_with_what_has_passed),
        cmocka_unit_test(test_an_error_is_cut_and_never_runs_over),
        cmocka_unit_test(test_a_value_lives_until_its_last_reference),
        cmocka_unit_test(test_an_account_counts_until_the_last_reference_and_outlives_its_owner),
        cmocka_unit_test(test_a_charge_moves_from_the_maker_to_the_keeper),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
