/* The redis-fetcher stage and what Redis answers it, byte by byte. What happens when Redis does not
 * answer is in redis_fetcher_loss_test.c. */
#include "tests/support/redis_stage.h"
#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PING "*1\r\n$4\r\nPING\r\n"

static void assert_value(const struct answer *answer, const char *data, size_t size)
{
    struct bytes bytes = answer_bytes(answer);

    assert_int_equal(answer->status, STATUS_VALUE);
    assert_int_equal(bytes.size, size);
    if (size > 0)
        assert_memory_equal(bytes.data, data, size);
    assert_int_equal(answer->value != NULL, size >= VALUE_BY_REFERENCE);
    assert_int_equal(answer->life_ms, MESSAGE_LIFE_UNBOUNDED);
    assert_int_equal(answer->age_ms, 0);
}

static void test_each_reply_has_its_status(void **state)
{
    static const struct {
        const char *reply;
        enum status status;
    } cases[] = {
        {"$-1\r\n", STATUS_NONE},
        {"$0\r\n\r\n", STATUS_VALUE},
        {"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
         STATUS_WRONG_TYPE},
        {"-LOADING Redis is loading the dataset in memory\r\n", STATUS_AWAY},
        {"-MASTERDOWN Link with MASTER is down\r\n", STATUS_AWAY},
        {"-BUSY Redis is busy running a script\r\n", STATUS_AWAY},
        {"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", STATUS_AWAY},
        {"-CLUSTERDOWN The cluster is down\r\n", STATUS_AWAY},
        {"-NOAUTH Authentication required.\r\n", STATUS_AWAY},
        {"-NOPERM this user has no permissions\r\n", STATUS_ORIGIN_ERROR},
        {"-ERR something else\r\n", STATUS_ORIGIN_ERROR},
        {"-\r\n", STATUS_ORIGIN_ERROR},
    };
    struct redis_stage *stage = redis_stage_create(&(struct redis_stage_options){0});
    int redis = redis_stage_greet(stage);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        redis_stage_ask(stage, i, "key");
        redis_stage_expect_get(stage, redis, "key");
        redis_stage_say(stage, redis, cases[i].reply);
        assert_int_equal(redis_stage_await_status(stage, i), cases[i].status);
    }
    assert_int_equal(redis_stage_metric(stage, "weir_redis_errors_total"), 10);
    assert_null(strstr(redis_stage_log(stage), "key"));
    redis_stage_destroy(&stage);
}

static void test_values_arrive_exactly(void **state)
{
    static const size_t sizes[] = {1, 8191, 8192, 8193, 70000, 3000000};
    struct redis_stage *stage = redis_stage_create(&(struct redis_stage_options){0});
    int redis = redis_stage_greet(stage);
    (void)state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *value = malloc(sizes[i]);
        char header[32];
        assert_non_null(value);
        for (size_t j = 0; j < sizes[i]; j++)
            value[j] = (char)(j * 13 + j / 255);
        redis_stage_ask(stage, i, "key");
        redis_stage_expect_get(stage, redis, "key");
        snprintf(header, sizeof(header), "$%zu\r\n", sizes[i]);
        redis_stage_say(stage, redis, header);
        redis_stage_say_bytes(stage, redis, value, sizes[i]);
        redis_stage_say(stage, redis, "\r\n");
        assert_value(redis_stage_await(stage, i), value, sizes[i]);
        free(value);
    }
    redis_stage_destroy(&stage);
}

static void test_a_key_may_hold_any_byte(void **state)
{
    struct redis_stage *stage = redis_stage_create(&(struct redis_stage_options){0});
    int redis = redis_stage_greet(stage);
    char command[] = "*2\r\n$3\r\nGET\r\n$7\r\na\r\n_\xff%s\r\n";
    (void)state;

    redis_stage_ask_bytes(stage, 0, bytes_of_text("a\r\n_\xff%s"), SECOND);
    redis_stage_expect(stage, redis, command);
    redis_stage_ask_bytes(stage, 1, (struct bytes){NULL, 0}, SECOND);
    redis_stage_expect(stage, redis, "*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
    redis_stage_destroy(&stage);
}

static void test_replies_in_single_bytes(void **state)
{
    static const char *const reply = "$3\r\na\r\n\r\n$-1\r\n-WRONGTYPE x\r\n$0\r\n\r\n";
    struct redis_stage *stage = redis_stage_create(&(struct redis_stage_options){0});
    int redis = redis_stage_greet(stage);
    (void)state;

    for (uint64_t id = 0; id < 4; id++)
        redis_stage_ask(stage, id, "key");
    for (const char *at = reply; *at; at++) {
        redis_stage_say_bytes(stage, redis, at, 1);
        redis_stage_turn(stage);
    }
    assert_value(redis_stage_await(stage, 0), "a\r\n", 3);
    assert_int_equal(redis_stage_await_status(stage, 1), STATUS_NONE);
    assert_int_equal(redis_stage_await_status(stage, 2), STATUS_WRONG_TYPE);
    assert_value(redis_stage_await(stage, 3), "", 0);
    redis_stage_destroy(&stage);
}

/* Each answer goes to the one who asked, whatever is asked meanwhile. */
static void test_a_thousand_asks_in_one_turn(void **state)
{
    struct redis_stage *stage = redis_stage_create(&(struct redis_stage_options){.connections = 2});
    int redis[2] = {redis_stage_greet(stage), redis_stage_greet(stage)};
    char text[64];
    (void)state;

    for (uint64_t id = 0; id < 1000; id++) {
        snprintf(text, sizeof(text), "key%03d", (int)id);
        redis_stage_ask(stage, id, text);
    }
    assert_int_equal(redis_stage_metric(stage, "weir_redis_in_flight"), 1000);
    for (int id = 0; id < 1000; id++) { /* in turn: the one with the fewest, the first of equals */
        snprintf(text, sizeof(text), "*2\r\n$3\r\nGET\r\n$6\r\nkey%03d\r\n", id);
        redis_stage_expect_next(stage, redis[id % 2], text);
        snprintf(text, sizeof(text), "$3\r\n%03d\r\n", id);
        redis_stage_say(stage, redis[id % 2], text);
    }
    for (uint64_t id = 0; id < 1000; id++) {
        snprintf(text, sizeof(text), "%03d", (int)id);
        assert_value(redis_stage_await(stage, id), text, 3);
    }
    assert_true(redis_stage_is_drained(stage));
    redis_stage_destroy(&stage);
}

/* ---- the greeting ---- */

#define AUTH_BOTH "*3\r\n$4\r\nAUTH\r\n$5\r\nus er\r\n$7\r\nhunter2\r\n"
#define AUTH_ONE  "*2\r\n$4\r\nAUTH\r\n$7\r\nhunter2\r\n"
#define SELECT    "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n"

static void test_the_greeting_is_what_the_url_needs(void **state)
{
    char *directory = temp_dir_create();
    char *file = temp_dir_write(directory, "password", "hunter2\r\nnot this\n");
    const struct {
        struct redis_stage_options options;
        const char *commands, *replies;
    } cases[] = {
        {{0}, PING, "+PONG\r\n"},
        {{.query = "?db=12"}, SELECT PING, "+OK\r\n+PONG\r\n"},
        {{.user = ":hunter2@"}, AUTH_ONE PING, "+OK\r\n+PONG\r\n"},
        {{.user = "us%20er:hunter2@", .query = "?db=12"},
         AUTH_BOTH SELECT PING,
         "+OK\r\n+OK\r\n+PONG\r\n"},
        {{.user = "us%20er@", .password_file = file}, AUTH_BOTH PING, "+OK\r\n+PONG\r\n"},
        {{.user = ":other@", .password_file = file}, AUTH_ONE PING, "+OK\r\n+PONG\r\n"},
        {{0}, PING, "-NOPERM this user has no permissions to run 'ping'\r\n"},
        {{0}, PING, "-MISCONF Redis is configured to save RDB snapshots\r\n"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_stage *stage = redis_stage_create(&cases[i].options);
        int redis = redis_stage_accept(stage);
        redis_stage_expect(stage, redis, cases[i].commands);
        assert_false(redis_stage_is_settled(stage));
        redis_stage_say(stage, redis, cases[i].replies);
        redis_stage_await_up(stage, 1);
        redis_stage_ask(stage, 0, "key");
        redis_stage_expect_get(stage, redis, "key");
        assert_true(redis_stage_is_settled(stage));
        assert_null(redis_stage_unready(stage));
        assert_null(strstr(redis_stage_log(stage), "hunter2"));
        redis_stage_destroy(&stage);
    }
    free(file);
    temp_dir_destroy(&directory);
}

/* Not up, said once and why, without the password; and up as soon as Redis has come round. */
static void test_a_refused_greeting(void **state)
{
    static const struct {
        const char *reply, *reason;
    } cases[] = {
        {"-WRONGPASS invalid username-password pair\r\n", "AUTH was answered: WRONGPASS"},
        {"-ERR unknown command `AUTH`, with args beginning with: `hunter2`\r\n",
         "AUTH was answered: ERR\""},
        {"$2\r\nOK\r\n", "does not keep to the Redis protocol"},
        {"+OK\r\n-ERR DB index is out of range\r\n", "SELECT was answered: ERR DB index"},
        {"+OK\r\n+OK\r\n-LOADING Redis is loading\r\n", "PING was answered: LOADING Redis"},
        {"+OK\r\n+OK\r\n-ERR max number of clients reached\r\n", "max number of clients"},
        {"+OK\r\n+OK\r\n+QUEUED\r\n", "does not keep to the Redis protocol"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_stage *stage = redis_stage_create(
            &(struct redis_stage_options){.user = ":hunter2@", .query = "?db=12"});
        for (int attempt = 0; attempt < 3; attempt++) {
            int redis = redis_stage_accept_later(stage);
            redis_stage_expect(stage, redis, AUTH_ONE SELECT PING);
            redis_stage_say(stage, redis, cases[i].reply);
            redis_stage_expect_end(stage, redis);
            assert_true(redis_stage_is_settled(stage));
            assert_string_equal(redis_stage_unready(stage), "no connection to Redis is up");
            redis_stage_ask(stage, (uint64_t)attempt, "key");
            assert_int_equal(redis_stage_await_status(stage, (uint64_t)attempt), STATUS_AWAY);
        }
        if (!strstr(redis_stage_log(stage), cases[i].reason))
            fail_msg("%s: logged %s", cases[i].reply, redis_stage_log(stage));
        assert_null(strstr(redis_stage_log(stage), "hunter2"));
        assert_int_equal(redis_stage_warnings(stage), 1);
        redis_stage_say(stage, redis_stage_accept_later(stage), "+OK\r\n+OK\r\n+PONG\r\n");
        redis_stage_await_up(stage, 1);
        assert_null(redis_stage_unready(stage));
        redis_stage_destroy(&stage);
    }
}

static void test_what_cannot_be_created(void **state)
{
    (void)state;
    char *directory = temp_dir_create();
    char *empty = temp_dir_write(directory, "empty", "\n");
    char *full = temp_dir_write(directory, "full", "hunter2\n");

    const struct {
        struct redis_stage_options options;
        const char *reason;
    } cases[] = {
        {{.url = "redis://h", .password_file = "/no/such/file"},
         "password_file: /no/such/file: No such file or directory"},
        {{.url = "redis://h", .password_file = directory}, "Is a directory"},
        {{.url = "redis://h", .password_file = empty}, "is empty"},
        {{.url = "redis://user@h"}, "url: names a user, and no password is given"},
        {{.url = "redis://h:0", .password_file = full}, "url: has a port"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = redis_stage_refusal(&cases[i].options);
        if (!strstr(error.text, cases[i].reason))
            fail_msg("should say %s, says %s", cases[i].reason, error.text);
    }
    free(empty);
    free(full);
    temp_dir_destroy(&directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_reply_has_its_status),
        cmocka_unit_test(test_values_arrive_exactly),
        cmocka_unit_test(test_a_key_may_hold_any_byte),
        cmocka_unit_test(test_replies_in_single_bytes),
        cmocka_unit_test(test_a_thousand_asks_in_one_turn),
        cmocka_unit_test(test_the_greeting_is_what_the_url_needs),
        cmocka_unit_test(test_a_refused_greeting),
        cmocka_unit_test(test_what_cannot_be_created),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
