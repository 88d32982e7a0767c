/* The bookkeeping of misses by itself. */
#include "stages/cache/flights.h"

#include "common/clock.h"
#include "tests/support/unit.h"

#include <stdio.h>

#define START (500 * SECOND)

static const struct moment now = {START, 2 * START, 0};

static struct flight *begin(struct flights *flights, const char *key)
{
    return flights_begin(flights, (uint32_t)key[0], bytes_of_text(key), 0, START);
}

/* One that has departed. */
static struct flight *send(struct flights *flights, const char *key)
{
    struct flight *flight = begin(flights, key);

    flights_depart(flights, flight, now);
    return flight;
}

static struct flight *find_for(const struct flights *flights, const char *key, unsigned flags)
{
    return flights_find(flights, (uint32_t)key[0], bytes_of_text(key), flags, INT64_MIN);
}

static struct flight *find(const struct flights *flights, const char *key)
{
    return find_for(flights, key, 0);
}

static bool may_depart(const struct flights *flights, const char *key)
{
    return flights_may_depart(flights, (uint32_t)key[0], bytes_of_text(key));
}

static void join(struct flights *flights, struct flight *flight, uint64_t id, int64_t deadline)
{
    flights_join(flights, flight, &(struct asker){.from = {.id = id}, .deadline = deadline});
}

/* The id of the asker that has waited for longest and leaves now; 0 for nobody. */
static uint64_t leave(struct flights *flights, struct flight *flight)
{
    struct asker asker;

    return flights_leave(flights, flight, &asker) ? asker.from.id : 0;
}

/* The id of one whose time is over, 0 for nobody; its flight is dropped where it is idle. */
static uint64_t overdue(struct flights *flights, int64_t at)
{
    struct asker asker = {0};
    struct flight *flight = flights_overdue(flights, at, &asker);

    if (flight)
        flights_drop_idle(flights, &flight);
    return asker.from.id;
}

static void test_a_flight_is_found_by_its_key(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *ab = begin(flights, "ab"), *ac = begin(flights, "ac");
    struct flight *empty = flights_begin(flights, 0, (struct bytes){NULL, 0}, 0, START);
    assert_ptr_equal(find(flights, "ab"), ab);
    assert_ptr_equal(find(flights, "ac"), ac);
    assert_ptr_equal(flights_find(flights, 0, (struct bytes){NULL, 0}, 0, INT64_MIN), empty);
    assert_null(find(flights, "abc"));
    assert_null(flights_find(flights, 'b', bytes_of_text("ab"), 0, INT64_MIN));
    flights_end(flights, &ab);
    assert_null(ab);
    assert_null(find(flights, "ab"));
    assert_ptr_equal(find(flights, "ac"), ac);
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
        assert_true(may_depart(flights, key));
        all[i] = flights_begin(flights, (uint32_t)i, bytes_of_text(key), 0, START);
        tokens[i] = flights_depart(flights, all[i], now);
    }
    assert_false(may_depart(flights, "z"));
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
    assert_false(may_depart(flights, "b"));
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
    struct flight *flight = begin(flights, "a");
    join(flights, flight, 1, START + 3 * SECOND);
    join(flights, flight, 2, START + 1 * SECOND);
    join(flights, flight, 3, START + 2 * SECOND);
    assert_int_equal(flight_deadline(flight), START + 3 * SECOND);
    flights_depart(flights, flight, now);
    assert_int_equal(overdue(flights, START + SECOND - 1), 0);
    assert_true(flights_wake(flights) <= START + SECOND);
    assert_int_equal(overdue(flights, START + SECOND), 2);
    assert_int_equal(overdue(flights, START + SECOND), 0);
    assert_int_equal(overdue(flights, START + 2 * SECOND), 3);
    assert_int_equal(leave(flights, flight), 1);
    assert_int_equal(overdue(flights, START + 4 * SECOND), 0);
    assert_int_equal(flights_wake(flights), NEVER);
    flights_end(flights, &flight);
    flights_destroy(&flights);
}

static void test_a_flight_goes_on_without_its_askers_once_departed(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *a = begin(flights, "a");
    join(flights, a, 1, START + SECOND);
    uint64_t token = flights_depart(flights, a, now);
    assert_int_equal(overdue(flights, START + SECOND), 1);
    assert_ptr_equal(flights_of_token(flights, token), a);
    assert_ptr_equal(find(flights, "a"), a);
    assert_int_equal(flights_fetching(flights), 1);
    flights_destroy(&flights);
}

static void test_a_queued_flight_is_dropped_with_the_last_who_waits(void **state)
{
    (void)state;
    struct flights *flights = flights_create(1, 10, START);
    struct flight *a = begin(flights, "a");
    join(flights, a, 1, START + SECOND);
    join(flights, a, 2, START + 2 * SECOND);
    assert_int_equal(overdue(flights, START + SECOND), 1);
    assert_non_null(flights_next(flights));
    assert_int_equal(overdue(flights, START + 2 * SECOND), 2);
    assert_null(flights_next(flights));
    assert_null(find(flights, "a"));
    assert_int_equal(flights_waiting(flights), 0);
    flights_destroy(&flights);
}

/* ---- who may be joined, and kept ---- */

static void test_a_flight_under_way_is_made_dirty_by_its_key_alone(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *a = send(flights, "a"), *b = send(flights, "b"), *queued = begin(flights, "c");
    assert_true(flights_is_clean(flights, a));
    flights_spoil(flights, 'a', bytes_of_text("a"));
    flights_spoil(flights, 'c', bytes_of_text("c"));
    assert_false(flights_is_clean(flights, a));
    assert_true(flights_is_clean(flights, b));
    assert_null(find(flights, "a"));
    assert_ptr_equal(find(flights, "b"), b);
    assert_ptr_equal(find(flights, "c"), queued);
    flights_depart(flights, queued, now);
    assert_true(flights_is_clean(flights, queued));
    flights_destroy(&flights);
}

static void test_all_that_are_under_way_are_made_dirty_at_once(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *a = send(flights, "a"), *b = send(flights, "b"), *queued = begin(flights, "c");
    flights_spoil_all(flights);
    assert_false(flights_is_clean(flights, a));
    assert_false(flights_is_clean(flights, b));
    assert_null(find(flights, "a"));
    assert_ptr_equal(find(flights, "c"), queued);
    flights_depart(flights, queued, now);
    assert_true(flights_is_clean(flights, queued));
    assert_ptr_equal(find(flights, "c"), queued);
    flights_destroy(&flights);
}

static void test_a_later_flight_of_the_key_makes_the_earlier_one_dirty(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *first = send(flights, "a"), *second = begin(flights, "a");
    assert_false(flights_is_clean(flights, first));
    assert_ptr_equal(find(flights, "a"), second);
    flights_depart(flights, second, now);
    assert_true(flights_is_clean(flights, second));
    flights_end(flights, &first);
    assert_ptr_equal(find(flights, "a"), second);
    flights_destroy(&flights);
}

/* Or it could be answered from another cache's memory, behind the earlier one and with less. */
static void test_a_later_flight_asks_for_no_less_than_the_earlier_one(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *first =
        flights_begin(flights, 'a', bytes_of_text("a"), ASK_REFRESH, START + SECOND);
    flights_depart(flights, first, now);
    struct flight *second =
        flights_begin(flights, 'a', bytes_of_text("a"), ASK_RENEW, START + SECOND);
    assert_int_equal(flight_flags(second), ASK_RENEW | ASK_REFRESH);
    assert_int_equal(flight_flags(begin(flights, "b")), 0);
    flights_destroy(&flights);
}

static void test_a_flight_is_joined_by_those_for_whom_it_will_do(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct asker renewing = {.deadline = START + SECOND, .flags = ASK_RENEW};
    struct flight *flight = begin(flights, "a");
    assert_ptr_equal(find_for(flights, "a", ASK_RENEW), flight);
    flights_join(flights, flight, &renewing); /* takes on what is asked before it departs */
    flights_depart(flights, flight, now);
    assert_int_equal(flight_flags(flight), ASK_RENEW);
    assert_ptr_equal(find_for(flights, "a", 0), flight);
    assert_ptr_equal(find_for(flights, "a", ASK_RENEW), flight);
    assert_null(find_for(flights, "a", ASK_REFRESH));
    assert_null(flights_find(flights, 'a', bytes_of_text("a"), 0, now.boot + 1));
    assert_ptr_equal(flights_find(flights, 'a', bytes_of_text("a"), 0, now.boot), flight);
    flights_destroy(&flights);
}

static void test_a_third_flight_of_a_key_is_held(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *first = send(flights, "a"), *second = send(flights, "a");
    assert_false(may_depart(flights, "a"));
    assert_true(may_depart(flights, "b"));
    struct flight *third = begin(flights, "a"), *other = begin(flights, "b");
    join(flights, third, 1, START + SECOND);
    assert_ptr_equal(find(flights, "a"), third);
    assert_ptr_equal(flights_next(flights), other);
    assert_int_equal(flights_waiting(flights), 1);
    flights_spoil(flights, 'a', bytes_of_text("a"));
    assert_ptr_equal(find(flights, "a"), third);
    flights_end(flights, &second);
    flights_depart(flights, other, now);
    assert_ptr_equal(flights_next(flights), third);
    flights_depart(flights, third, now);
    assert_true(flights_is_clean(flights, third));
    assert_int_equal(flights_waiting(flights), 0);
    flights_end(flights, &first);
    flights_destroy(&flights);
}

static void test_a_held_flight_is_dropped_with_the_last_who_waits(void **state)
{
    (void)state;
    struct flights *flights = flights_create(10, 10, START);
    struct flight *first = send(flights, "a");
    send(flights, "a");
    join(flights, begin(flights, "a"), 1, START + SECOND);
    assert_int_equal(overdue(flights, START + SECOND), 1);
    assert_null(find(flights, "a"));
    flights_end(flights, &first);
    assert_null(flights_next(flights));
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
        cmocka_unit_test(test_a_flight_under_way_is_made_dirty_by_its_key_alone),
        cmocka_unit_test(test_all_that_are_under_way_are_made_dirty_at_once),
        cmocka_unit_test(test_a_later_flight_of_the_key_makes_the_earlier_one_dirty),
        cmocka_unit_test(test_a_later_flight_asks_for_no_less_than_the_earlier_one),
        cmocka_unit_test(test_a_flight_is_joined_by_those_for_whom_it_will_do),
        cmocka_unit_test(test_a_third_flight_of_a_key_is_held),
        cmocka_unit_test(test_a_held_flight_is_dropped_with_the_last_who_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
