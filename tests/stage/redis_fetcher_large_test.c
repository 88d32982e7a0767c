/* The redis-fetcher stage and large values: they are received once, where they will live, and delay
 * nothing but each other. */
#include "tests/support/redis_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE  ((size_t)8 * 1024 * 1024)
#define HEADER "$8388608\r\n"

static struct redis_stage *create(int64_t connections)
{
    return redis_stage_create(&(struct redis_stage_options){.connections = connections});
}

/* Says the rest of the large value, of which `said` bytes are said. */
static void say_rest(struct redis_stage *stage, int redis, size_t said)
{
    char *rest = malloc(LARGE - said);

    assert_non_null(rest);
    memset(rest, 'v', LARGE - said);
    redis_stage_say_bytes(stage, redis, rest, LARGE - said);
    redis_stage_say(stage, redis, "\r\n");
    free(rest);
}

static void assert_large(const struct answer *answer)
{
    assert_int_equal(answer->status, STATUS_VALUE);
    assert_non_null(answer->value);
    assert_int_equal(answer->value->bytes.size, LARGE);
    assert_int_equal(answer->value->bytes.data[0], 'v');
    assert_int_equal(answer->value->bytes.data[LARGE - 1], 'v');
}

/* What is asked behind it, and what is asked later, goes to the other connection. */
static void test_a_large_value_delays_no_other_key(void **state)
{
    struct redis_stage *stage = create(2);
    int first = redis_stage_greet(stage), second = redis_stage_greet(stage);
    (void)state;

    redis_stage_ask(stage, 0, "large");
    redis_stage_ask(stage, 1, "a");
    redis_stage_ask(stage, 2, "b");
    redis_stage_expect_get(stage, second, "a");
    redis_stage_say(stage, second, "$1\r\na\r\n");
    redis_stage_say(stage, first, HEADER "vvv");
    redis_stage_expect_get(stage, second, "b");
    redis_stage_say(stage, second, "$1\r\nb\r\n");
    assert_int_equal(redis_stage_await_status(stage, 1), STATUS_VALUE);
    assert_int_equal(redis_stage_await_status(stage, 2), STATUS_VALUE);
    for (uint64_t id = 3; id < 6; id++) {
        redis_stage_ask(stage, id, "c");
        redis_stage_expect_get(stage, second, "c");
        redis_stage_say(stage, second, "$-1\r\n");
        assert_int_equal(redis_stage_await_status(stage, id), STATUS_NONE);
    }
    assert_false(redis_stage_has_answered(stage, 0));
    say_rest(stage, first, 3);
    assert_large(redis_stage_await(stage, 0));
    redis_stage_say(stage, first, "$1\r\nb\r\n"); /* which has been answered elsewhere */
    redis_stage_ask(stage, 6, "d");
    redis_stage_turn(stage);
    assert_int_equal(redis_stage_metric(stage, "weir_redis_late_replies_total"), 1);
    assert_int_equal(redis_stage_metric(stage, "weir_redis_retried_total"), 1);
    redis_stage_destroy(&stage);
}

/* Keys that were large when last fetched share one connection, however many are asked. */
static void test_keys_known_to_be_large_share_one_connection(void **state)
{
    struct redis_stage *stage = create(2);
    int first = redis_stage_greet(stage), second = redis_stage_greet(stage);
    (void)state;

    redis_stage_ask(stage, 0, "large");
    redis_stage_ask(stage, 1, "huge");
    redis_stage_say(stage, first, HEADER);
    redis_stage_say(stage, second, HEADER);
    say_rest(stage, first, 0);
    say_rest(stage, second, 0);
    assert_large(redis_stage_await(stage, 0));
    assert_large(redis_stage_await(stage, 1));
    redis_stage_expect_next(stage, first, "*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n");
    redis_stage_expect_next(stage, second, "*2\r\n$3\r\nGET\r\n$4\r\nhuge\r\n");

    redis_stage_ask(stage, 2, "huge");
    redis_stage_ask(stage, 3, "large");
    redis_stage_ask(stage, 4, "huge");
    redis_stage_expect_next(stage, first, "*2\r\n$3\r\nGET\r\n$4\r\nhuge\r\n");
    redis_stage_expect_next(stage, first, "*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n");
    redis_stage_expect_get(stage, first, "huge");
    redis_stage_say(stage, first, HEADER);
    redis_stage_ask(stage, 5, "small");
    redis_stage_expect_get(stage, second, "small");

    say_rest(stage, first, 0);
    redis_stage_say(stage, first, "$1\r\ns\r\n"); /* it has become small: so it is forgotten */
    assert_int_equal(redis_stage_await_status(stage, 3), STATUS_VALUE);
    redis_stage_ask(stage, 6, "other");
    redis_stage_ask(stage, 7, "large");
    redis_stage_expect_get(stage, first, "other");
    redis_stage_expect_get(stage, second, "large");
    redis_stage_destroy(&stage);
}

/* Nobody wants it any more: its bytes are read and thrown away, and the next reply is right. */
static void test_a_large_value_that_comes_too_late(void **state)
{
    struct redis_stage *stage = create(1);
    int redis = redis_stage_greet(stage);
    (void)state;

    for (uint64_t id = 0; id < 2; id++) { /* the second: before its first byte */
        redis_stage_ask_bytes(stage, id * 2, bytes_of_text("large"), 100 * MILLISECOND);
        redis_stage_ask(stage, id * 2 + 1, "next");
        if (id == 0)
            redis_stage_say(stage, redis, HEADER "vvv");
        redis_stage_turn(stage);
        redis_stage_pass(stage, 102 * MILLISECOND);
        assert_int_equal(redis_stage_await_status(stage, id * 2), STATUS_TIMEOUT);
        if (id == 1)
            redis_stage_say(stage, redis, HEADER "vvv");
        say_rest(stage, redis, 3);
        redis_stage_say(stage, redis, "$4\r\nnext\r\n");
        assert_memory_equal(redis_stage_await(stage, id * 2 + 1)->bytes.data, "next", 4);
    }
    redis_stage_destroy(&stage);
}

/* Slow readers hold what they are answered: beyond max_bytes a value is not received, and its ask
 * is told so. Nothing else is harmed, and it goes on when one of them is done. */
static void test_values_on_their_way_are_bounded(void **state)
{
    struct redis_stage *stage =
        redis_stage_create(&(struct redis_stage_options){.max_bytes = LARGE + LARGE / 2});
    int redis = redis_stage_greet(stage);
    static const enum status expected[] = {STATUS_VALUE, STATUS_BUSY, STATUS_VALUE};
    (void)state;

    for (uint64_t id = 0; id < 3; id++) {
        redis_stage_ask(stage, 2 * id, "large");
        redis_stage_ask(stage, 2 * id + 1, "small");
        redis_stage_say(stage, redis, HEADER);
        say_rest(stage, redis, 0);
        redis_stage_say(stage, redis, "$1\r\ns\r\n");
        assert_int_equal(redis_stage_await_status(stage, 2 * id), expected[id]);
        assert_int_equal(redis_stage_await_status(stage, 2 * id + 1), STATUS_VALUE);
        assert_true(redis_stage_metric(stage, "weir_redis_value_bytes") >= (int64_t)LARGE);
        if (id == 1)
            redis_stage_let_go(stage, 0);
    }
    assert_int_equal(redis_stage_metric(stage, "weir_redis_refused_total"), 1);
    assert_int_equal(redis_stage_metric(stage, "weir_redis_reconnects_total"), 0);
    redis_stage_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_large_value_delays_no_other_key),
        cmocka_unit_test(test_keys_known_to_be_large_share_one_connection),
        cmocka_unit_test(test_a_large_value_that_comes_too_late),
        cmocka_unit_test(test_values_on_their_way_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
