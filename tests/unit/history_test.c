/* The judge of the freshness tests finds what it is there for, and nothing else. */
#include "tests/support/history.h"
#include "tests/support/unit.h"

#define BOUND 10

static struct history *begin(void)
{
    struct history *history = history_create(2);

    for (uint32_t version = 1; version <= 3; version++) { /* acknowledged at 110, 210, 310 */
        assert_int_equal(history_write(history, 0, version * 100), version);
        history_acknowledge(history, 0, version, version * 100 + 10);
    }
    return history;
}

static void read_at(struct history *history, int64_t began, uint32_t version, uint32_t connection)
{
    history_read(history, &(struct history_read){.began = began,
                                                 .ended = began + 1,
                                                 .version = version,
                                                 .connection = connection,
                                                 .is_verified = true});
}

static struct history_verdict end(struct history *history)
{
    struct history_verdict verdict = history_judge(history, BOUND);

    history_destroy(&history);
    return verdict;
}

static void test_a_read_within_the_bound_fits(void **state)
{
    struct history *history = begin();
    (void)state;

    read_at(history, 220, 1, 0);
    read_at(history, 221, 2, 0);
    struct history_verdict verdict = end(history);
    assert_int_equal(verdict.reads, 2);
    assert_int_equal(verdict.verified, 2);
    assert_int_equal(verdict.outdated + verdict.backward + verdict.unknown, 0);
    assert_int_equal(verdict.most, 10);
    assert_string_equal(verdict.first, "");
}

static void test_a_read_beyond_the_bound_does_not(void **state)
{
    struct history *history = begin();
    (void)state;

    read_at(history, 221, 1, 0);
    struct history_verdict verdict = end(history);
    assert_int_equal(verdict.outdated, 1);
    assert_string_not_equal(verdict.first, "");
}

static void test_the_first_newer_version_counts(void **state)
{
    struct history *history = begin();
    (void)state;

    read_at(history, 320, 1, 0);
    assert_int_equal(end(history).most, 110);
}

static void test_what_is_not_verified_is_not_held_to_it(void **state)
{
    struct history *history = begin();
    (void)state;

    history_read(history, &(struct history_read){.began = 900, .ended = 901, .version = 1});
    struct history_verdict verdict = end(history);
    assert_int_equal(verdict.verified + verdict.outdated, 0);
}

static void test_a_connection_that_goes_back_is_found(void **state)
{
    struct history *history = begin();
    (void)state;

    read_at(history, 212, 2, 0);
    read_at(history, 213, 1, 1); /* another connection */
    assert_int_equal(end(history).backward, 0);
    history = begin();
    read_at(history, 212, 2, 0);
    read_at(history, 214, 1, 0);
    assert_int_equal(end(history).backward, 1);
}

static void test_a_version_that_nobody_wrote_is_found(void **state)
{
    struct history *history = begin();
    (void)state;

    read_at(history, 900, 4, 0);
    assert_int_equal(end(history).unknown, 1);
}

static void test_what_was_not_acknowledged_outdates_nothing(void **state)
{
    struct history *history = begin();
    (void)state;

    history_write(history, 0, 400);
    read_at(history, 900, 3, 0);
    read_at(history, 901, 4, 0); /* it may have been executed */
    struct history_verdict verdict = end(history);
    assert_int_equal(verdict.outdated + verdict.backward + verdict.unknown, 0);
}

static void test_absence_is_outdated_by_the_first_version(void **state)
{
    struct history *history = begin();
    (void)state;

    read_at(history, 120, 0, 0);
    assert_int_equal(end(history).outdated, 0);
    history = begin();
    read_at(history, 121, 0, 0);
    assert_int_equal(end(history).outdated, 1);
}

static void test_a_wipe_outdates_and_makes_absent(void **state)
{
    struct history *history = begin();
    (void)state;

    history_wipe(history, 400, 410);
    read_at(history, 405, 0, 0);
    read_at(history, 420, 3, 0);
    assert_int_equal(end(history).outdated, 0);
    history = begin();
    history_wipe(history, 400, 410);
    read_at(history, 421, 3, 0);
    assert_int_equal(end(history).outdated, 1);
}

/* Redis may have executed it before the wipe, whenever it acknowledged it. */
static void test_a_write_on_its_way_during_a_wipe_ends_no_absence(void **state)
{
    struct history *history = begin();
    (void)state;

    history_acknowledge(history, 0, history_write(history, 0, 405), 420);
    history_wipe(history, 400, 410);
    read_at(history, 900, 0, 0);
    assert_int_equal(end(history).outdated, 0);
    history = begin();
    history_wipe(history, 400, 410);
    history_acknowledge(history, 0, history_write(history, 0, 411), 420);
    read_at(history, 431, 0, 0);
    assert_int_equal(end(history).outdated, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_read_within_the_bound_fits),
        cmocka_unit_test(test_a_read_beyond_the_bound_does_not),
        cmocka_unit_test(test_the_first_newer_version_counts),
        cmocka_unit_test(test_what_is_not_verified_is_not_held_to_it),
        cmocka_unit_test(test_a_connection_that_goes_back_is_found),
        cmocka_unit_test(test_a_version_that_nobody_wrote_is_found),
        cmocka_unit_test(test_what_was_not_acknowledged_outdates_nothing),
        cmocka_unit_test(test_absence_is_outdated_by_the_first_version),
        cmocka_unit_test(test_a_wipe_outdates_and_makes_absent),
        cmocka_unit_test(test_a_write_on_its_way_during_a_wipe_ends_no_absence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
