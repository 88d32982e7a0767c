#include "common/wheel.h"

#include "common/clock.h"
#include "tests/support/unit.h"

#include <stdlib.h>

#define TIMERS 2000

static void test_a_timer_expires_at_its_deadline_and_not_before(void **state)
{
    (void)state;
    struct wheel wheel;
    struct wheel_timer timer = {0};
    wheel_init(&wheel, 5 * SECOND);
    wheel_start(&wheel, &timer, 5 * SECOND + 10 * MILLISECOND + 1);
    assert_true(wheel_is_started(&timer));
    assert_null(wheel_expire(&wheel, 5 * SECOND + 10 * MILLISECOND));
    assert_null(wheel_expire(&wheel, 5 * SECOND + 11 * MILLISECOND - 1));
    assert_ptr_equal(wheel_expire(&wheel, 5 * SECOND + 11 * MILLISECOND), &timer);
    assert_false(wheel_is_started(&timer));
    assert_null(wheel_expire(&wheel, 6 * SECOND));
}

static void test_a_deadline_that_has_passed_expires_at_once(void **state)
{
    (void)state;
    struct wheel wheel;
    struct wheel_timer timer = {0};
    wheel_init(&wheel, 100 * SECOND);
    wheel_start(&wheel, &timer, 1);
    assert_ptr_equal(wheel_expire(&wheel, 100 * SECOND), &timer);
}

static void test_a_cancelled_timer_never_expires(void **state)
{
    (void)state;
    struct wheel wheel;
    struct wheel_timer a = {0}, b = {0};
    wheel_init(&wheel, 0);
    wheel_start(&wheel, &a, SECOND);
    wheel_start(&wheel, &b, SECOND);
    wheel_cancel(&wheel, &a);
    wheel_cancel(&wheel, &a);
    assert_ptr_equal(wheel_expire(&wheel, 2 * SECOND), &b);
    assert_null(wheel_expire(&wheel, 100 * SECOND));
    assert_int_equal(wheel_next(&wheel), NEVER);
}

static void test_starting_again_moves_the_deadline(void **state)
{
    (void)state;
    struct wheel wheel;
    struct wheel_timer timer = {0};
    wheel_init(&wheel, 0);
    wheel_start(&wheel, &timer, SECOND);
    wheel_start(&wheel, &timer, 10 * SECOND);
    assert_null(wheel_expire(&wheel, 9 * SECOND));
    assert_ptr_equal(wheel_expire(&wheel, 10 * SECOND), &timer);
}

static void test_a_deadline_beyond_the_wheel_is_kept(void **state)
{
    (void)state;
    struct wheel wheel;
    struct wheel_timer timer = {0};
    const int64_t far = INT64_C(100) * 24 * 3600 * SECOND;
    wheel_init(&wheel, 0);
    wheel_start(&wheel, &timer, far);
    assert_null(wheel_expire(&wheel, far - SECOND));
    assert_true(wheel_is_started(&timer));
    assert_ptr_equal(wheel_expire(&wheel, far), &timer);
}

/* The next look is never too late for a timer started since, and lies ahead once all has expired:
 * else its owner would look again and again. */
static void test_the_next_look_follows_timers_and_time(void **state)
{
    (void)state;
    struct wheel wheel;
    struct wheel_timer near = {0}, far = {0};
    int64_t now = 7 * SECOND;
    wheel_init(&wheel, now);
    wheel_start(&wheel, &far, now + 3600 * SECOND);
    assert_true(wheel_next(&wheel) > now);
    wheel_start(&wheel, &near, now + 20 * MILLISECOND);
    assert_int_equal(wheel_next(&wheel), now + 20 * MILLISECOND);
    wheel_cancel(&wheel, &near);
    for (int looks = 0; wheel_is_started(&far); looks++) {
        assert_true(looks < 10); /* one for the cancelled, one for each level */
        now = wheel_next(&wheel);
        while (wheel_expire(&wheel, now) != NULL)
            continue;
        assert_true(wheel_next(&wheel) > now);
    }
    assert_int_equal(now, 7 * SECOND + 3600 * SECOND);
}

/* Deadlines of all sizes, time in steps of all sizes: against what a list would do. */
static void test_many_timers_against_a_plain_list(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        srand(seed);
        struct wheel wheel;
        static struct wheel_timer timers[TIMERS];
        int64_t now = (int64_t)rand() * 1000;
        wheel_init(&wheel, now);
        for (size_t i = 0; i < TIMERS; i++) {
            timers[i] = (struct wheel_timer){0};
            int64_t ahead = (int64_t)(rand() % 1000) << (rand() % 32);
            wheel_start(&wheel, &timers[i], now + ahead * 1000);
        }
        for (size_t i = 0; i < TIMERS; i += 3)
            wheel_cancel(&wheel, &timers[i]);

        size_t left = 0;
        for (size_t i = 0; i < TIMERS; i++)
            left += wheel_is_started(&timers[i]);
        while (left > 0) {
            int64_t next = wheel_next(&wheel);
            assert_int_not_equal(next, NEVER);
            int64_t earliest = INT64_MAX;
            for (size_t i = 0; i < TIMERS; i++)
                if (wheel_is_started(&timers[i]) && timers[i].deadline < earliest)
                    earliest = timers[i].deadline;
            assert_true(next < earliest + WHEEL_TICK);
            now = next > now ? next : now;
            now += rand() % 4 == 0 ? (int64_t)rand() * 10 : 0;
            for (struct wheel_timer *timer; (timer = wheel_expire(&wheel, now)) != NULL; left--)
                assert_true(timer->deadline <= now);
            for (size_t i = 0; i < TIMERS; i++)
                assert_false(wheel_is_started(&timers[i]) &&
                             timers[i].deadline + WHEEL_TICK <= now);
        }
        assert_int_equal(wheel_next(&wheel), NEVER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_timer_expires_at_its_deadline_and_not_before),
        cmocka_unit_test(test_a_deadline_that_has_passed_expires_at_once),
        cmocka_unit_test(test_a_cancelled_timer_never_expires),
        cmocka_unit_test(test_starting_again_moves_the_deadline),
        cmocka_unit_test(test_a_deadline_beyond_the_wheel_is_kept),
        cmocka_unit_test(test_the_next_look_follows_timers_and_time),
        cmocka_unit_test(test_many_timers_against_a_plain_list),
    };
    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
