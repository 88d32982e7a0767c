/* The cache stage: misses under way, who waits for them and for how long. */
#include "tests/support/cache_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>

static const struct cache_stage_options one_fetch = {.max_fetches = 1, .max_waiting = 3};

static void test_a_key_under_way_is_not_fetched_again(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    for (uint64_t id = 1; id <= 5; id++)
        cache_stage_ask(stage, id, "key");
    assert_int_equal(cache_stage_fetches(stage), 1);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_coalesced_total"), 4);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_misses_total"), 5);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_waiting"), 4);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_fetches"), 1);
    cache_stage_reply_text(stage, 0, "value");
    for (uint64_t id = 1; id <= 5; id++)
        assert_true(cache_stage_got(stage, id, "value"));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_waiting"), 0);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_fetches"), 0);
    cache_stage_destroy(&stage);
}

static void test_a_failure_goes_to_all_who_joined(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    for (uint64_t id = 1; id <= 3; id++)
        cache_stage_ask(stage, id, "key");
    cache_stage_reply_status(stage, 0, STATUS_ORIGIN_ERROR);
    for (uint64_t id = 1; id <= 3; id++)
        assert_true(cache_stage_got_status(stage, id, STATUS_ORIGIN_ERROR));
    cache_stage_ask(stage, 1, "key");
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_destroy(&stage);
}

static void test_a_reply_reaches_those_who_asked_for_its_key(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    char text[16];
    for (uint64_t id = 0; id < 500; id++) {
        snprintf(text, sizeof text, "%d", (int)id);
        cache_stage_ask(stage, id, text);
    }
    for (size_t i = 0; i < 500; i++) {
        size_t fetch = i * 137 % 500;
        snprintf(text, sizeof text, "%d", (int)fetch);
        cache_stage_reply_text(stage, fetch, text);
    }
    for (uint64_t id = 0; id < 500; id++) {
        snprintf(text, sizeof text, "%d", (int)id);
        assert_true(cache_stage_got(stage, id, text));
    }
    cache_stage_destroy(&stage);
}

static void test_a_late_answer_finds_nothing_and_is_counted(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    cache_stage_ask(stage, 1, "old");
    cache_stage_reply_status(stage, 0, STATUS_AWAY);
    cache_stage_ask(stage, 2, "new");
    cache_stage_reply_text(stage, 0, "old value");
    assert_null(cache_stage_answer(stage, 2));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_late_answers_total"), 1);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
    cache_stage_reply_text(stage, 1, "new value");
    assert_true(cache_stage_got(stage, 2, "new value"));
    cache_stage_destroy(&stage);
}

/* ---- bounds ---- */

static void test_fetches_are_bounded_and_the_rest_wait_in_order(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&one_fetch);
    static const char *const keys[] = {"a", "b", "c", "d"};
    for (uint64_t id = 0; id < 4; id++)
        cache_stage_ask(stage, id, keys[id]);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(cache_stage_fetches(stage), i + 1);
        assert_int_equal(cache_stage_metric(stage, "weir_cache_waiting"), 3 - i);
        assert_true(bytes_are_equal(cache_stage_fetch_key(stage, i), bytes_of_text(keys[i])));
        cache_stage_reply_text(stage, i, keys[i]);
        assert_true(cache_stage_got(stage, i, keys[i]));
    }
    cache_stage_destroy(&stage);
}

static void test_beyond_max_waiting_a_miss_is_refused_at_once(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&one_fetch);
    static const char *const keys[] = {"a", "b", "c", "d", "e"};
    for (uint64_t id = 0; id < 5; id++)
        cache_stage_ask(stage, id, keys[id]);
    assert_true(cache_stage_got_status(stage, 4, STATUS_BUSY));
    cache_stage_ask(stage, 5, "a"); /* joining is waiting, too */
    assert_true(cache_stage_got_status(stage, 5, STATUS_BUSY));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_refused_total"), 2);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_misses_total"), 6);
    cache_stage_reply_text(stage, 0, "1");
    cache_stage_ask(stage, 6, "e");
    assert_null(cache_stage_answer(stage, 6));
    cache_stage_destroy(&stage);
}

static void test_those_who_wait_for_one_key_are_bounded(void **state)
{
    (void)state;
    struct cache_stage *stage =
        cache_stage_create(&(struct cache_stage_options){.max_fetches = 2, .max_waiting = 3});
    for (uint64_t id = 1; id <= 4; id++)
        cache_stage_ask(stage, id, "hot");
    cache_stage_ask(stage, 5, "hot");
    assert_true(cache_stage_got_status(stage, 5, STATUS_BUSY));
    cache_stage_ask(stage, 6, "other"); /* a fetch of its own is still free */
    assert_int_equal(cache_stage_fetches(stage), 2);
    assert_null(cache_stage_answer(stage, 6));
    cache_stage_destroy(&stage);
}

static void test_hits_are_served_while_misses_are_stuck(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&one_fetch);
    char text[32];
    cache_stage_ask(stage, 1, "hit");
    cache_stage_reply_text(stage, 0, "value");
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "miss-%d", i);
        cache_stage_ask(stage, 10 + (uint64_t)i, text);
    }
    cache_stage_ask(stage, 2, "hit");
    assert_true(cache_stage_got(stage, 2, "value"));
    cache_stage_destroy(&stage);
}

static void test_what_the_port_does_not_take_fails_at_once(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&one_fetch);
    cache_stage_refuse(stage, STATUS_AWAY);
    for (uint64_t id = 1; id <= 3; id++) {
        cache_stage_ask(stage, id, "key");
        assert_true(cache_stage_got_status(stage, id, STATUS_AWAY));
    }
    cache_stage_refuse(stage, STATUS_BUSY);
    cache_stage_ask(stage, 1, "key");
    assert_true(cache_stage_got_status(stage, 1, STATUS_BUSY));
    cache_stage_refuse(stage, STATUS_VALUE);
    cache_stage_ask(stage, 1, "key");
    assert_int_equal(cache_stage_fetches(stage), 1);
    cache_stage_destroy(&stage);
}

static void test_those_in_the_queue_fail_when_the_session_is_gone(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&one_fetch);
    cache_stage_ask(stage, 1, "a");
    cache_stage_ask(stage, 2, "b");
    cache_stage_ask(stage, 3, "b");
    cache_stage_ask(stage, 4, "c");
    cache_stage_refuse(stage, STATUS_AWAY);
    cache_stage_reply_status(stage, 0, STATUS_AWAY);
    for (uint64_t id = 1; id <= 4; id++)
        assert_true(cache_stage_got_status(stage, id, STATUS_AWAY));
    assert_true(cache_stage_is_drained(stage));
    cache_stage_destroy(&stage);
}

/* ---- deadlines ---- */

static void test_an_asker_waits_until_its_own_deadline(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    struct bytes key = bytes_of_text("key");
    cache_stage_ask_bytes(stage, 1, key, 100 * MILLISECOND);
    cache_stage_ask_bytes(stage, 2, key, 300 * MILLISECOND);
    int64_t wake = cache_stage_pass(stage, 99 * MILLISECOND);
    assert_null(cache_stage_answer(stage, 1));
    assert_in_range(wake - CACHE_STAGE_START, 1, 101 * MILLISECOND);
    cache_stage_pass(stage, MILLISECOND);
    assert_true(cache_stage_got_status(stage, 1, STATUS_TIMEOUT));
    assert_null(cache_stage_answer(stage, 2));
    cache_stage_reply_text(stage, 0, "value");
    assert_true(cache_stage_got(stage, 2, "value"));
    cache_stage_destroy(&stage);
}

static void test_a_fetch_goes_on_without_its_askers_and_is_stored(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    cache_stage_ask(stage, 1, "key");
    cache_stage_pass(stage, CACHE_STAGE_PATIENCE);
    assert_true(cache_stage_got_status(stage, 1, STATUS_TIMEOUT));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_fetches"), 1);
    cache_stage_ask(stage, 2, "key"); /* joins it */
    assert_int_equal(cache_stage_fetches(stage), 1);
    cache_stage_pass(stage, CACHE_STAGE_PATIENCE);
    assert_true(cache_stage_is_drained(stage));
    cache_stage_reply_text(stage, 0, "value");
    cache_stage_ask(stage, 3, "key");
    assert_true(cache_stage_got(stage, 3, "value"));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_late_answers_total"), 0);
    cache_stage_destroy(&stage);
}

static void test_who_never_reached_the_origin_waited_too_long(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&one_fetch);
    cache_stage_ask_bytes(stage, 1, bytes_of_text("a"), 10 * SECOND);
    cache_stage_ask(stage, 2, "b");
    cache_stage_ask(stage, 3, "b");
    cache_stage_pass(stage, CACHE_STAGE_PATIENCE);
    assert_true(cache_stage_got_status(stage, 2, STATUS_WAITED_TOO_LONG));
    assert_true(cache_stage_got_status(stage, 3, STATUS_WAITED_TOO_LONG));
    cache_stage_reply_text(stage, 0, "value");
    assert_int_equal(cache_stage_fetches(stage), 1); /* nobody wants "b" any more */
    assert_int_equal(cache_stage_metric(stage, "weir_cache_waiting"), 0);
    cache_stage_destroy(&stage);
}

static void test_a_deadline_that_has_passed_is_not_fetched_for(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    cache_stage_ask_bytes(stage, 1, bytes_of_text("key"), 0);
    assert_true(cache_stage_got_status(stage, 1, STATUS_WAITED_TOO_LONG));
    assert_int_equal(cache_stage_fetches(stage), 0);
    cache_stage_destroy(&stage);
}

static void test_a_queued_fetch_has_the_time_of_the_most_patient(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&one_fetch);
    cache_stage_ask(stage, 1, "a");
    cache_stage_ask_bytes(stage, 2, bytes_of_text("b"), 2 * SECOND);
    cache_stage_ask_bytes(stage, 3, bytes_of_text("b"), 5 * SECOND);
    cache_stage_reply_text(stage, 0, "value");
    assert_int_equal(cache_stage_fetch_deadline(stage, 1), CACHE_STAGE_START + 5 * SECOND);
    cache_stage_destroy(&stage);
}

static void test_readiness_and_drain_follow_the_work(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    assert_null(cache_stage_unready(stage, true));
    assert_string_equal(cache_stage_unready(stage, false), "no session to the stage it asks");
    assert_true(cache_stage_is_drained(stage));
    cache_stage_ask(stage, 1, "key");
    assert_false(cache_stage_is_drained(stage));
    cache_stage_reply_text(stage, 0, "value");
    assert_true(cache_stage_is_drained(stage));
    cache_stage_destroy(&stage);
}

static void test_what_is_under_way_ends_with_the_stage(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&one_fetch);
    cache_stage_ask(stage, 1, "a");
    cache_stage_ask(stage, 2, "a");
    cache_stage_ask(stage, 3, "b");
    cache_stage_destroy(&stage);
    assert_null(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_under_way_is_not_fetched_again),
        cmocka_unit_test(test_a_failure_goes_to_all_who_joined),
        cmocka_unit_test(test_a_reply_reaches_those_who_asked_for_its_key),
        cmocka_unit_test(test_a_late_answer_finds_nothing_and_is_counted),
        cmocka_unit_test(test_fetches_are_bounded_and_the_rest_wait_in_order),
        cmocka_unit_test(test_beyond_max_waiting_a_miss_is_refused_at_once),
        cmocka_unit_test(test_those_who_wait_for_one_key_are_bounded),
        cmocka_unit_test(test_hits_are_served_while_misses_are_stuck),
        cmocka_unit_test(test_what_the_port_does_not_take_fails_at_once),
        cmocka_unit_test(test_those_in_the_queue_fail_when_the_session_is_gone),
        cmocka_unit_test(test_an_asker_waits_until_its_own_deadline),
        cmocka_unit_test(test_a_fetch_goes_on_without_its_askers_and_is_stored),
        cmocka_unit_test(test_who_never_reached_the_origin_waited_too_long),
        cmocka_unit_test(test_a_deadline_that_has_passed_is_not_fetched_for),
        cmocka_unit_test(test_a_queued_fetch_has_the_time_of_the_most_patient),
        cmocka_unit_test(test_readiness_and_drain_follow_the_work),
        cmocka_unit_test(test_what_is_under_way_ends_with_the_stage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
