/* The bookkeeping of misses by itself. */
#include "stages/cache/flights.h"

#include "common/clock.h"
#include "tests/support/unit.h"

#include <stdio.h>

#define START (500 * SECOND)

static const struct moment now = {START, 2 * START, 0};

static struct return_address asker(uint64_t id)
{
    return (struct return_address){.id = id};
}

static struct flight *begin(struct flights *flights, const char *key)
{
    return flights_begin(flights, (uint32_t)key[0], bytes_of_text(key));
}

static void join(struct flights *flights, struct flight *flight, uint64_t id, int64_t deadline)
{
    struct return_address from = asker(id);

    flights_join(flights, flight, &from, deadline);
}

/* The id of the asker that has waited for longest and leaves now; 0 for nobody. */
static uint64_t leave(struct flights *flights, struct flight *flight)
{
    struct return_address from;

    return flights_leave(flights, flight, &from) ? from.id : 0;
}

static void test_a_flight_is_found_by_its_key(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *ab = begin(flights, "ab"), *ac = begin(flights, "ac");
    struct flight *empty = flights_begin(flights, 0, (struct bytes){NULL, 0});
    assert_ptr_equal(flights_find(flights, 'a', bytes_of_text("ab")), ab);
    assert_ptr_equal(flights_find(flights, 'a', bytes_of_text("ac")), ac);
    assert_ptr_equal(flights_find(flights, 0, (struct bytes){NULL, 0}), empty);
    assert_null(flights_find(flights, 'a', bytes_of_text("abc")));
    assert_null(flights_find(flights, 'b', bytes_of_text("ab")));
    flights_end(flights, &ab);
    assert_null(ab);
    assert_null(flights_find(flights, 'a', bytes_of_text("ab")));
    assert_ptr_equal(flights_find(flights, 'a', bytes_of_text("ac")), ac);
    flights_destroy(&flights);
    assert_null(flights);
}

static void test_the_queue_keeps_its_order(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *a = begin(flights, "a"), *b = begin(flights, "b"), *c = begin(flights, "c");
    assert_ptr_equal(flights_next(flights), a);
    flights_end(flights, &b);
    flights_depart(flights, a, now);
    assert_ptr_equal(flights_next(flights), c);
    flights_depart(flights, c, now);
    assert_null(flights_next(flights));
    struct flight *d = begin(flights, "d");
    assert_ptr_equal(flights_next(flights), d);
    flights_destroy(&flights);
}

static void test_those_who_wait_leave_in_the_order_they_came(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *flight = begin(flights, "a");
    for (uint64_t id = 1; id <= 4; id++)
        join(flights, flight, id, START + SECOND);
    for (uint64_t id = 1; id <= 4; id++)
        assert_int_equal(leave(flights, flight), id);
    assert_int_equal(leave(flights, flight), 0);
    join(flights, flight, 5, START + SECOND);
    assert_int_equal(leave(flights, flight), 5);
    flights_destroy(&flights);
}

static void test_a_token_names_one_flight_and_no_later_one(void **state)
{
    (void)state;
    struct flights *flights = flights_create(100, 100, START);
    struct flight *a = begin(flights, "a");
    uint64_t token = flights_depart(flights, a, now);
    assert_ptr_equal(flights_of_token(flights, token), a);
    assert_int_equal(flight_departed(a), now.boot);
    flights_end(flights, &a);
    assert_null(flights_of_token(flights, token));
    struct flight *b = begin(flights, "b");
    uint64_t other = flights_depart(flights, b, now);
    assert_true(token != other);
    assert_null(flights_of_token(flights, token));
    assert_null(flights_of_token(flights, UINT64_MAX));
    assert_ptr_equal(flights_of_token(flights, other), b);
    flights_destroy(&flights);
}

static void test_many_flights_have_tokens_of_their_own(void **state)
{
    (void)state;
    struct flights *flights = flights_create(1000, 1, START);
    static uint64_t tokens[1000];
    static struct flight *all[1000];
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_true(flights_may_fetch(flights));
        all[i] = flights_begin(flights, (uint32_t)i, bytes_of_text(key));
        tokens[i] = flights_depart(flights, all[i], now);
    }
    assert_false(flights_may_fetch(flights));
    for (int i = 0; i < 1000; i++)
        assert_ptr_equal(flights_of_token(flights, tokens[i]), all[i]);
    flights_destroy(&flights);
}

static void test_who_waits_is_counted_beyond_one_for_each_fetch(void **state)
{
    (void)state;
    struct flights *flights = flights_create(1, 2, START);
    struct flight *a = begin(flights, "a");
    join(flights, a, 1, START + SECOND);
    assert_int_equal(flights_waiting(flights), 1);
    flights_depart(flights, a, now);
    assert_int_equal(flights_waiting(flights), 0);
    assert_int_equal(flights_fetching(flights), 1);
    assert_false(flights_may_fetch(flights));
    join(flights, a, 2, START + SECOND);
    assert_true(flights_may_wait(flights));
    struct flight *b = begin(flights, "b");
    join(flights, b, 3, START + SECOND);
    assert_int_equal(flights_waiting(flights), 2);
    assert_false(flights_may_wait(flights));
    leave(flights, a);
    assert_true(flights_may_wait(flights));
    leave(flights, a);
    assert_int_equal(flights_waiting(flights), 1);
    flights_end(flights, &a);
    flights_depart(flights, b, now);
    assert_int_equal(flights_waiting(flights), 0);
    assert_true(flights_are_awaited(flights));
    leave(flights, b);
    assert_false(flights_are_awaited(flights));
    flights_destroy(&flights);
}

static void test_each_asker_waits_until_its_own_deadline(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct return_address from;
    struct flight *flight = begin(flights, "a");
    join(flights, flight, 1, START + 3 * SECOND);
    join(flights, flight, 2, START + 1 * SECOND);
    join(flights, flight, 3, START + 2 * SECOND);
    assert_int_equal(flight_deadline(flight), START + 3 * SECOND);
    flights_depart(flights, flight, now);
    assert_int_equal(flights_overdue(flights, START + SECOND - 1, &from), OVERDUE_NONE);
    assert_true(flights_wake(flights) <= START + SECOND);
    assert_int_equal(flights_overdue(flights, START + SECOND, &from), OVERDUE_FETCHING);
    assert_int_equal(from.id, 2);
    assert_int_equal(flights_overdue(flights, START + SECOND, &from), OVERDUE_NONE);
    assert_int_equal(flights_overdue(flights, START + 2 * SECOND, &from), OVERDUE_FETCHING);
    assert_int_equal(from.id, 3);
    assert_int_equal(leave(flights, flight), 1);
    assert_int_equal(flights_overdue(flights, START + 4 * SECOND, &from), OVERDUE_NONE);
    assert_int_equal(flights_wake(flights), NEVER);
    flights_end(flights, &flight);
    flights_destroy(&flights);
}

static void test_a_flight_goes_on_without_its_askers_once_departed(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct return_address from;
    struct flight *a = begin(flights, "a");
    join(flights, a, 1, START + SECOND);
    uint64_t token = flights_depart(flights, a, now);
    assert_int_equal(flights_overdue(flights, START + SECOND, &from), OVERDUE_FETCHING);
    assert_ptr_equal(flights_of_token(flights, token), a);
    assert_ptr_equal(flights_find(flights, 'a', bytes_of_text("a")), a);
    assert_int_equal(flights_fetching(flights), 1);
    flights_destroy(&flights);
}

static void test_a_queued_flight_is_dropped_with_the_last_who_waits(void **state)
{
    (void)state;
    struct flights *flights = flights_create(1, 10, START);
    struct return_address from;
    struct flight *a = begin(flights, "a");
    join(flights, a, 1, START + SECOND);
    join(flights, a, 2, START + 2 * SECOND);
    assert_int_equal(flights_overdue(flights, START + SECOND, &from), OVERDUE_QUEUED);
    assert_non_null(flights_next(flights));
    assert_int_equal(flights_overdue(flights, START + 2 * SECOND, &from), OVERDUE_QUEUED);
    assert_null(flights_next(flights));
    assert_null(flights_find(flights, 'a', bytes_of_text("a")));
    assert_int_equal(flights_waiting(flights), 0);
    flights_destroy(&flights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flight_is_found_by_its_key),
        cmocka_unit_test(test_the_queue_keeps_its_order),
        cmocka_unit_test(test_those_who_wait_leave_in_the_order_they_came),
        cmocka_unit_test(test_a_token_names_one_flight_and_no_later_one),
        cmocka_unit_test(test_many_flights_have_tokens_of_their_own),
        cmocka_unit_test(test_who_waits_is_counted_beyond_one_for_each_fetch),
        cmocka_unit_test(test_each_asker_waits_until_its_own_deadline),
        cmocka_unit_test(test_a_flight_goes_on_without_its_askers_once_departed),
        cmocka_unit_test(test_a_queued_flight_is_dropped_with_the_last_who_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
