/* The redis-fetcher stage where it asks for the life of each value: PTTL right behind GET. */
#include "common/entity_tag.h"
#include "tests/support/redis_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct redis_stage *create(int64_t connections)
{
    return redis_stage_create(
        &(struct redis_stage_options){.connections = connections, .respect_ttl = true});
}

/* Asks for "key", which the stage asks Redis for. */
static void ask(struct redis_stage *stage, int redis, uint64_t id)
{
    redis_stage_ask(stage, id, "key");
    redis_stage_expect(stage, redis,
                       "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*2\r\n$4\r\nPTTL\r\n$3\r\nkey\r\n");
}

static void assert_answer(const struct answer *answer, enum status status, uint32_t life_ms,
                          const char *bytes)
{
    assert_int_equal(answer->status, status);
    assert_int_equal(answer->life_ms, life_ms);
    assert_true(bytes_are_equal(answer_bytes(answer), bytes_of_text(bytes)));
    if (status == STATUS_VALUE)
        assert_true(answer->tag == entity_tag_of(bytes_of_text(bytes)));
}

static void test_the_life_is_what_redis_says(void **state)
{
    static const struct {
        const char *replies, *bytes;
        enum status status;
        uint32_t life_ms;
    } cases[] = {
        {"$3\r\nabc\r\n:-1\r\n", "abc", STATUS_VALUE, MESSAGE_LIFE_UNBOUNDED},
        {"$3\r\nabc\r\n:1500\r\n", "abc", STATUS_VALUE, 1500},
        {"$3\r\nabc\r\n:0\r\n", "abc", STATUS_VALUE, 0},
        {"$3\r\nabc\r\n:4294967294\r\n", "abc", STATUS_VALUE, MESSAGE_LIFE_UNBOUNDED - 1},
        {"$3\r\nabc\r\n:4294967295\r\n", "abc", STATUS_VALUE, MESSAGE_LIFE_UNBOUNDED - 1},
        {"$3\r\nabc\r\n:99999999999999\r\n", "abc", STATUS_VALUE, MESSAGE_LIFE_UNBOUNDED - 1},
        /* Gone in between: given to those who wait, kept by nobody. */
        {"$3\r\nabc\r\n:-2\r\n", "abc", STATUS_VALUE, 0},
        /* Redis does not say: the same. */
        {"$3\r\nabc\r\n-NOPERM no PTTL\r\n", "abc", STATUS_VALUE, 0},
        {"$0\r\n\r\n:5\r\n", "", STATUS_VALUE, 5},
        {"$-1\r\n:-2\r\n", "", STATUS_NONE, MESSAGE_LIFE_UNBOUNDED},
        /* Made in between. */
        {"$-1\r\n:1500\r\n", "", STATUS_NONE, MESSAGE_LIFE_UNBOUNDED},
        {"-WRONGTYPE a list\r\n:-1\r\n", "", STATUS_WRONG_TYPE, 0},
        {"-LOADING x\r\n-LOADING x\r\n", "", STATUS_AWAY, 0},
    };
    struct redis_stage *stage = create(1);
    int redis = redis_stage_greet(stage);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask(stage, redis, i);
        redis_stage_say(stage, redis, cases[i].replies);
        assert_answer(redis_stage_await(stage, i), cases[i].status, cases[i].life_ms,
                      cases[i].bytes);
    }
    assert_int_equal(redis_stage_metric(stage, "weir_redis_errors_total"), 3);
    redis_stage_destroy(&stage);
}

static void test_the_answer_waits_for_its_life(void **state)
{
    static const char *const replies = "$3\r\nabc\r\n:1500\r\n";
    struct redis_stage *stage = create(1);
    int redis = redis_stage_greet(stage);
    (void)state;

    ask(stage, redis, 0);
    for (const char *at = replies; *at; at++) {
        assert_false(redis_stage_has_answered(stage, 0));
        redis_stage_say_bytes(stage, redis, at, 1);
        redis_stage_turn(stage);
    }
    assert_answer(redis_stage_await(stage, 0), STATUS_VALUE, 1500, "abc");
    redis_stage_destroy(&stage);
}

/* As in a pipeline: each life goes to its own value, whoever has given up meanwhile. */
static void test_each_life_belongs_to_its_value(void **state)
{
    struct redis_stage *stage = create(1);
    int redis = redis_stage_greet(stage);
    (void)state;

    redis_stage_ask_bytes(stage, 0, bytes_of_text("key"), 100 * MILLISECOND);
    redis_stage_ask_bytes(stage, 1, bytes_of_text("key"), 200 * MILLISECOND);
    redis_stage_ask(stage, 2, "key");
    redis_stage_turn(stage);
    redis_stage_pass(stage, 102 * MILLISECOND); /* before its first reply */
    assert_int_equal(redis_stage_await_status(stage, 0), STATUS_TIMEOUT);
    redis_stage_say(stage, redis, "$1\r\na\r\n:1\r\n$1\r\nb\r\n");
    redis_stage_turn(stage);
    redis_stage_pass(stage, 102 * MILLISECOND); /* between its replies */
    assert_int_equal(redis_stage_await_status(stage, 1), STATUS_TIMEOUT);
    redis_stage_say(stage, redis, ":2\r\n$1\r\nc\r\n:3\r\n");
    assert_answer(redis_stage_await(stage, 2), STATUS_VALUE, 3, "c");
    assert_int_equal(redis_stage_metric(stage, "weir_redis_late_replies_total"), 2);
    redis_stage_destroy(&stage);
}

static void test_a_large_value_has_life_and_tag(void **state)
{
    const size_t size = 300000;
    char *value = calloc(1, size + 1);
    struct redis_stage *stage = create(1);
    int redis = redis_stage_greet(stage);
    (void)state;

    assert_non_null(value);
    memset(value, 'x', size);
    value[17] = 'y';
    ask(stage, redis, 0);
    redis_stage_say(stage, redis, "$300000\r\n");
    redis_stage_say_bytes(stage, redis, value, size);
    redis_stage_say(stage, redis, "\r\n:1500\r\n");
    assert_answer(redis_stage_await(stage, 0), STATUS_VALUE, 1500, value);
    free(value);
    redis_stage_destroy(&stage);
}

/* Lost between value and life: asked once more, as if there had been no value. */
static void test_a_connection_lost_in_between(void **state)
{
    struct redis_stage *stage = create(2);
    int first = redis_stage_greet(stage), second = redis_stage_greet(stage);
    (void)state;

    ask(stage, first, 0);
    redis_stage_say(stage, first, "$3\r\nold\r\n");
    redis_stage_turn(stage);
    redis_stage_end(first);
    redis_stage_expect(stage, second,
                       "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*2\r\n$4\r\nPTTL\r\n$3\r\nkey\r\n");
    redis_stage_say(stage, second, "$3\r\nnew\r\n:7\r\n");
    assert_answer(redis_stage_await(stage, 0), STATUS_VALUE, 7, "new");
    redis_stage_destroy(&stage);
}

static void test_a_stage_that_ends_in_between(void **state)
{
    struct redis_stage *stage = create(1);
    int redis = redis_stage_greet(stage);
    (void)state;

    ask(stage, redis, 0);
    redis_stage_say(stage, redis, "$3\r\nold\r\n");
    redis_stage_turn(stage);
    redis_stage_destroy(&stage);
}

static void test_what_is_no_life(void **state)
{
    static const char *const replies[] = {"$1\r\n1\r\n", "+OK\r\n", "$-1\r\n", "*1\r\n:1\r\n"};
    (void)state;

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct redis_stage *stage = create(1);
        int redis = redis_stage_greet(stage);
        ask(stage, redis, 0);
        redis_stage_say(stage, redis, "$3\r\nabc\r\n");
        redis_stage_say(stage, redis, replies[i]);
        assert_int_equal(redis_stage_await_status(stage, 0), STATUS_ORIGIN_BROKEN);
        redis_stage_expect_end(stage, redis);
        redis_stage_destroy(&stage);
    }
}

static void test_without_it_no_life_is_asked_for(void **state)
{
    struct redis_stage *stage = redis_stage_create(&(struct redis_stage_options){0});
    int redis = redis_stage_greet(stage);
    (void)state;

    redis_stage_ask(stage, 0, "key");
    redis_stage_expect_get(stage, redis, "key");
    redis_stage_say(stage, redis, "$3\r\nabc\r\n");
    assert_answer(redis_stage_await(stage, 0), STATUS_VALUE, MESSAGE_LIFE_UNBOUNDED, "abc");
    redis_stage_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_life_is_what_redis_says),
        cmocka_unit_test(test_the_answer_waits_for_its_life),
        cmocka_unit_test(test_each_life_belongs_to_its_value),
        cmocka_unit_test(test_a_large_value_has_life_and_tag),
        cmocka_unit_test(test_a_connection_lost_in_between),
        cmocka_unit_test(test_a_stage_that_ends_in_between),
        cmocka_unit_test(test_what_is_no_life),
        cmocka_unit_test(test_without_it_no_life_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
