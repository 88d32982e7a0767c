/* The redis-fetcher stage when Redis is late, silent, broken, away, or comes back. */
#include "tests/support/deadline.h"
#include "tests/support/redis_server.h"
#include "tests/support/redis_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PING "*1\r\n$4\r\nPING\r\n"

static struct redis_stage *create(int64_t connections)
{
    return redis_stage_create(&(struct redis_stage_options){.connections = connections});
}

/* ---- silence ---- */

/* The oldest is answered; those behind it are asked once more, on the other connection. */
static void test_a_silent_connection_is_left(void **state)
{
    struct redis_stage *stage = create(2);
    int first = redis_stage_greet(stage), second = redis_stage_greet(stage);
    (void)state;

    for (uint64_t id = 0; id < 4; id++)
        redis_stage_ask(stage, id, id % 2 ? "odd" : "even");
    redis_stage_expect_next(stage, first, "*2\r\n$3\r\nGET\r\n$4\r\neven\r\n");
    redis_stage_expect_get(stage, first, "even");
    redis_stage_expect_next(stage, second, "*2\r\n$3\r\nGET\r\n$3\r\nodd\r\n");
    redis_stage_expect_get(stage, second, "odd");
    redis_stage_pass(stage, REDIS_STAGE_TIMEOUT - 1);
    redis_stage_say(stage, second, "$-1\r\n$-1\r\n");
    redis_stage_await(stage, 3);
    assert_false(redis_stage_has_answered(stage, 0));
    redis_stage_pass(stage, 1);
    assert_int_equal(redis_stage_await_status(stage, 0), STATUS_TIMEOUT);
    redis_stage_expect_end(stage, first);
    redis_stage_expect_get(stage, second, "even");
    redis_stage_say(stage, second, "$1\r\nx\r\n");
    assert_int_equal(redis_stage_await_status(stage, 2), STATUS_VALUE);
    assert_int_equal(redis_stage_metric(stage, "weir_redis_timeouts_total"), 1);
    assert_int_equal(redis_stage_metric(stage, "weir_redis_retried_total"), 1);
    redis_stage_destroy(&stage);
}

static void test_when_all_are_silent_all_time_out(void **state)
{
    struct redis_stage *stage = create(2);
    int first = redis_stage_greet(stage), second = redis_stage_greet(stage);
    (void)state;

    for (uint64_t id = 0; id < 6; id++)
        redis_stage_ask(stage, id, "key");
    redis_stage_turn(stage);
    redis_stage_pass(stage, REDIS_STAGE_TIMEOUT);
    redis_stage_expect_end(stage, first);
    redis_stage_expect_end(stage, second);
    for (uint64_t id = 0; id < 6; id++)
        assert_int_equal(redis_stage_await_status(stage, id), STATUS_TIMEOUT);
    redis_stage_ask(stage, 6, "key");
    assert_int_equal(redis_stage_await_status(stage, 6), STATUS_AWAY);
    redis_stage_destroy(&stage);
}

static void test_a_slow_reply_is_no_silence(void **state)
{
    static const char *const reply = "$5\r\nhello\r\n";
    struct redis_stage *stage = create(1);
    int redis = redis_stage_greet(stage);
    (void)state;

    redis_stage_ask(stage, 0, "key");
    redis_stage_expect_get(stage, redis, "key");
    for (const char *at = reply; *at; at++) {
        redis_stage_pass(stage, REDIS_STAGE_TIMEOUT - MILLISECOND);
        redis_stage_say_bytes(stage, redis, at, 1);
        redis_stage_turn(stage);
    }
    assert_int_equal(redis_stage_await_status(stage, 0), STATUS_VALUE);
    redis_stage_destroy(&stage);
}

/* The loss of an idle Redis that only stands still shows within two seconds. */
static void test_a_silent_idle_connection_is_found(void **state)
{
    struct redis_stage *stage = create(1);
    int redis = redis_stage_greet(stage);
    int64_t waited = 0;
    (void)state;

    redis_stage_pass(stage, SECOND);
    redis_stage_expect(stage, redis, PING);
    redis_stage_say(stage, redis, "+PONG\r\n");
    redis_stage_turn(stage);
    while (!redis_stage_unready(stage)) {
        int64_t step = redis_stage_wake(stage);
        assert_true(step > 0 && step != NEVER);
        redis_stage_pass(stage, step);
        waited += step;
    }
    assert_true(waited < 2 * SECOND);
    redis_stage_destroy(&stage);
}

/* ---- deadlines ---- */

/* The late reply is dropped, and the next one is not taken for it. */
static void test_a_late_reply_answers_nobody_else(void **state)
{
    struct redis_stage *stage = create(1);
    int redis = redis_stage_greet(stage);
    (void)state;

    redis_stage_ask_bytes(stage, 0, bytes_of_text("late"), 100 * MILLISECOND);
    redis_stage_ask(stage, 1, "next");
    redis_stage_turn(stage);
    redis_stage_pass(stage, 102 * MILLISECOND);
    assert_int_equal(redis_stage_await_status(stage, 0), STATUS_TIMEOUT);
    redis_stage_say(stage, redis, "$4\r\nlate\r\n$4\r\nnext\r\n");
    assert_memory_equal(redis_stage_await(stage, 1)->bytes.data, "next", 4);
    assert_int_equal(redis_stage_metric(stage, "weir_redis_late_replies_total"), 1);
    assert_int_equal(redis_stage_metric(stage, "weir_redis_timeouts_total"), 1);
    assert_true(redis_stage_is_drained(stage));
    redis_stage_destroy(&stage);
}

static void test_what_redis_was_never_asked_waited_too_long(void **state)
{
    static char key[MESSAGE_MAX_KEY];
    struct redis_stage *stage = create(1);
    uint64_t count = 200; /* keys: far more than a socket takes that nobody reads from */
    redis_stage_greet(stage);
    (void)state;

    redis_stage_ask_bytes(stage, count, bytes_of_text("key"), 0);
    assert_int_equal(redis_stage_await_status(stage, count), STATUS_WAITED_TOO_LONG);
    memset(key, 'k', sizeof(key));
    for (uint64_t id = 0; id < count; id++)
        redis_stage_ask_bytes(stage, id, (struct bytes){key, sizeof(key)}, 100 * MILLISECOND);
    redis_stage_turn(stage);
    redis_stage_pass(stage, 102 * MILLISECOND);
    assert_int_equal(redis_stage_await_status(stage, 0), STATUS_TIMEOUT);
    assert_int_equal(redis_stage_await_status(stage, count - 1), STATUS_WAITED_TOO_LONG);
    redis_stage_destroy(&stage);
}

static void test_what_is_in_flight_is_bounded(void **state)
{
    static char key[MESSAGE_MAX_KEY];
    struct redis_stage *stage = create(1);
    uint64_t id = 0;
    redis_stage_greet(stage);
    (void)state;

    for (; id < 16384; id++)
        redis_stage_ask(stage, id, "key");
    assert_false(redis_stage_has_answered(stage, id - 1));
    redis_stage_ask(stage, id, "key");
    assert_int_equal(redis_stage_await_status(stage, id), STATUS_BUSY);
    redis_stage_destroy(&stage);

    stage = create(1);
    redis_stage_greet(stage);
    for (id = 0; id < 255; id++)
        redis_stage_ask_bytes(stage, id, (struct bytes){key, sizeof(key)}, SECOND);
    assert_false(redis_stage_has_answered(stage, id - 1));
    redis_stage_ask_bytes(stage, id, (struct bytes){key, sizeof(key)}, SECOND);
    assert_int_equal(redis_stage_await_status(stage, id), STATUS_BUSY);
    redis_stage_destroy(&stage);
}

/* ---- broken and lost ---- */

static void test_what_is_no_reply_to_get_breaks(void **state)
{
    static const char *const cases[] = {
        "garbage\r\n",  "+OK\r\n", ":1\r\n", "*1\r\n$1\r\na\r\n", "$1152921504606846976\r\n",
        "$1\r\nab\r\n", "$x\r\n"};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_stage *stage = create(2);
        int first = redis_stage_greet(stage), second = redis_stage_greet(stage);
        redis_stage_ask(stage, 0, "key");
        redis_stage_ask(stage, 1, "key");
        redis_stage_ask(stage, 2, "behind");
        redis_stage_expect_get(stage, second, "key");
        redis_stage_say(stage, first, cases[i]);
        assert_int_equal(redis_stage_await_status(stage, 0), STATUS_ORIGIN_BROKEN);
        redis_stage_expect_get(stage, second, "behind");
        redis_stage_say(stage, second, "$-1\r\n$-1\r\n");
        assert_int_equal(redis_stage_await_status(stage, 2), STATUS_NONE);
        assert_int_equal(redis_stage_warnings(stage), 1);
        redis_stage_destroy(&stage);
    }
}

static void test_bytes_that_were_not_asked_for_break(void **state)
{
    struct redis_stage *stage = create(1);
    int redis = redis_stage_greet(stage);
    (void)state;

    redis_stage_say(stage, redis, "$1\r\na\r\n");
    redis_stage_expect_end(stage, redis);
    redis_stage_ask(stage, 0, "key");
    assert_int_equal(redis_stage_await_status(stage, 0), STATUS_AWAY);
    redis_stage_destroy(&stage);
}

/* Asked once more elsewhere, and not a third time. */
static void test_the_gets_of_a_lost_connection_move_once(void **state)
{
    struct redis_stage *stage = create(3);
    int first = redis_stage_greet(stage), second = redis_stage_greet(stage);
    int third = redis_stage_greet(stage);
    (void)state;

    redis_stage_ask(stage, 0, "key");
    redis_stage_expect_get(stage, first, "key");
    redis_stage_end(first);
    redis_stage_await_up(stage, 2);
    redis_stage_expect_get(stage, second, "key");
    redis_stage_end(second);
    assert_int_equal(redis_stage_await_status(stage, 0), STATUS_AWAY);
    redis_stage_ask(stage, 1, "key");
    redis_stage_expect_get(stage, third, "key");
    redis_stage_say(stage, third, "$-1\r\n");
    assert_int_equal(redis_stage_await_status(stage, 1), STATUS_NONE);
    redis_stage_destroy(&stage);
}

/* In the middle of a reply; the half of it is forgotten. */
static void test_a_reply_cut_off_is_asked_again(void **state)
{
    struct redis_stage *stage = create(2);
    int first = redis_stage_greet(stage), second = redis_stage_greet(stage);
    (void)state;

    redis_stage_ask(stage, 0, "key");
    redis_stage_expect_get(stage, first, "key");
    redis_stage_say(stage, first, "$10000\r\nhalf of it");
    redis_stage_end(first);
    redis_stage_expect_get(stage, second, "key");
    redis_stage_say(stage, second, "$3\r\nall\r\n");
    assert_memory_equal(redis_stage_await(stage, 0)->bytes.data, "all", 3);
    redis_stage_destroy(&stage);
}

/* ---- coming back ---- */

static void test_it_starts_while_redis_is_away_and_says_so_once(void **state)
{
    struct redis_stage *stage = redis_stage_create(&(struct redis_stage_options){.is_away = true});
    int64_t pauses[8];
    size_t count = 0;
    (void)state;

    assert_false(redis_stage_is_settled(stage));
    while (count < 8) { /* each attempt fails at once: its pause is what the stage waits for */
        int64_t failures = (int64_t)count + 1;
        while (redis_stage_metric(stage, "weir_redis_reconnects_total") != failures)
            redis_stage_turn(stage);
        redis_stage_turn(stage);
        pauses[count++] = redis_stage_wake(stage);
        redis_stage_pass(stage, redis_stage_wake(stage));
    }
    assert_true(redis_stage_is_settled(stage));
    for (size_t i = 0; i < count; i++) {
        int64_t pause = i < 5 ? (50 * MILLISECOND) << i : SECOND;
        assert_in_range(pauses[i], pause / 4 * 3, pause / 4 * 5);
    }
    assert_int_equal(redis_stage_warnings(stage), 1);
    assert_non_null(strstr(redis_stage_log(stage), "no such file"));
    redis_stage_listen(stage);
    redis_stage_greet(stage);
    assert_null(redis_stage_unready(stage));
    assert_non_null(strstr(redis_stage_log(stage), "connected"));
    redis_stage_destroy(&stage);
}

static void test_a_redis_that_accepts_and_says_nothing_is_not_up(void **state)
{
    struct redis_stage *stage = create(1);
    int redis = redis_stage_accept(stage);
    (void)state;

    redis_stage_expect(stage, redis, PING);
    redis_stage_pass(stage, REDIS_STAGE_TIMEOUT);
    redis_stage_expect_end(stage, redis);
    assert_true(redis_stage_is_settled(stage));
    assert_non_null(redis_stage_unready(stage));
    redis_stage_greet(stage);
    redis_stage_destroy(&stage);
}

static void test_names_that_do_not_resolve(void **state)
{
    struct redis_stage *stage =
        redis_stage_create(&(struct redis_stage_options){.url = "redis://name.invalid:1"});
    int64_t deadline = deadline_in(PATIENCE);
    (void)state;

    while (!redis_stage_is_settled(stage)) {
        assert_true(deadline_left(deadline) > 0);
        redis_stage_pass(stage, MILLISECOND);
    }
    assert_string_equal(redis_stage_unready(stage), "no connection to Redis is up");
    assert_int_equal(redis_stage_warnings(stage), 1);
    redis_stage_destroy(&stage);
}

/* Lets time pass as it does outside, until so many connections are up. */
static void await_up_in_time(struct redis_stage *stage, int64_t count)
{
    int64_t deadline = deadline_in(PATIENCE);

    while (redis_stage_metric(stage, "weir_redis_connections_up") != count) {
        assert_true(deadline_left(deadline) > 0);
        redis_stage_pass(stage, MILLISECOND);
    }
}

static void test_a_redis_that_restarts_is_found_again(void **state)
{
    struct redis_server *server = redis_server_start();
    struct redis_stage *stage;
    char url[64];
    (void)state;

    snprintf(url, sizeof(url), "redis://localhost:%d", redis_server_port(server));
    stage = redis_stage_create(&(struct redis_stage_options){.url = url, .connections = 2});
    for (uint64_t round = 0; round < 3; round++) {
        await_up_in_time(stage, 2);
        redis_server_run(server, "SET text %s", "value");
        redis_server_run(server, "LPUSH list a");
        redis_stage_ask(stage, round * 4, "text");
        redis_stage_ask(stage, round * 4 + 1, "list");
        redis_stage_ask(stage, round * 4 + 2, "none");
        assert_int_equal(redis_stage_await_status(stage, round * 4), STATUS_VALUE);
        assert_int_equal(redis_stage_await_status(stage, round * 4 + 1), STATUS_WRONG_TYPE);
        assert_int_equal(redis_stage_await_status(stage, round * 4 + 2), STATUS_NONE);
        redis_server_kill(server);
        await_up_in_time(stage, 0);
        redis_stage_ask(stage, round * 4 + 3, "text");
        assert_int_equal(redis_stage_await_status(stage, round * 4 + 3), STATUS_AWAY);
        redis_server_restart(server, NULL);
    }
    redis_stage_destroy(&stage);
    redis_server_destroy(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_silent_connection_is_left),
        cmocka_unit_test(test_when_all_are_silent_all_time_out),
        cmocka_unit_test(test_a_slow_reply_is_no_silence),
        cmocka_unit_test(test_a_silent_idle_connection_is_found),
        cmocka_unit_test(test_a_late_reply_answers_nobody_else),
        cmocka_unit_test(test_what_redis_was_never_asked_waited_too_long),
        cmocka_unit_test(test_what_is_in_flight_is_bounded),
        cmocka_unit_test(test_what_is_no_reply_to_get_breaks),
        cmocka_unit_test(test_bytes_that_were_not_asked_for_break),
        cmocka_unit_test(test_the_gets_of_a_lost_connection_move_once),
        cmocka_unit_test(test_a_reply_cut_off_is_asked_again),
        cmocka_unit_test(test_it_starts_while_redis_is_away_and_says_so_once),
        cmocka_unit_test(test_a_redis_that_accepts_and_says_nothing_is_not_up),
        cmocka_unit_test(test_names_that_do_not_resolve),
        cmocka_unit_test(test_a_redis_that_restarts_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
