/* What the redis-fetcher stage makes of what Redis announces, byte by byte. Against a real Redis:
 * redis_changes_test.c. */
#include "tests/support/blob.h"
#include "tests/support/deadline.h"
#include "tests/support/redis_stage.h"
#include "tests/support/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE   "1111111111111111111111111111111111111111"
#define OTHER "2222222222222222222222222222222222222222"

#define TRACKING                                                                                   \
    "*6\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n$8\r\nREDIRECT\r\n$1\r\n7\r\n"            \
    "$5\r\nBCAST\r\n"
#define INFO       "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"
#define PING       "*1\r\n$4\r\nPING\r\n"
#define SUBSCRIBE  "*2\r\n$9\r\nSUBSCRIBE\r\n$20\r\n__redis__:invalidate\r\n"
#define SUBSCRIBED "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n"
#define PONG       "*2\r\n$4\r\npong\r\n$0\r\n\r\n"
#define CHANGED    "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"

static const struct redis_stage_options plain = {.is_invalidated = true};

/* A stage whose data and control connections are up, with nothing left to expect. */
static struct redis_stage *create(const struct redis_stage_options *options, int *data,
                                  int *control)
{
    struct redis_stage *stage = redis_stage_create(options);

    *data = redis_stage_greet_data(stage, ONE);
    *control = redis_stage_greet_control(stage, ONE, TRACKING);
    redis_stage_expect_events(stage, "lost\nproven 0\n");
    return stage;
}

/* Turns until changes are no longer watched for. */
static void await_down(struct redis_stage *stage)
{
    int64_t deadline = deadline_in(PATIENCE);

    while (redis_stage_metric(stage, "weir_redis_control_up") != 0) {
        assert_true(deadline_left(deadline) > 0);
        redis_stage_turn(stage);
    }
}

static void test_what_was_read_before_is_not_known_to_be_fresh(void **state)
{
    struct redis_stage *stage = redis_stage_create(&plain);
    int data = redis_stage_greet_data(stage, ONE);
    (void)state;

    assert_string_equal(redis_stage_events(stage), "");
    redis_stage_ask(stage, 0, "key");
    redis_stage_turn(stage);
    redis_stage_say(stage, data, "$1\r\na\r\n:-1\r\n");
    redis_stage_expect_events(stage, "answer 0\n");
    assert_int_equal(redis_stage_metric(stage, "weir_redis_control_up"), 0);
    assert_true(isnan(redis_stage_seconds(stage, "weir_redis_proof_age_seconds")));
    redis_stage_greet_control(stage, ONE, TRACKING);
    redis_stage_expect_events(stage, "lost\nproven 0\n");
    assert_int_equal(redis_stage_metric(stage, "weir_redis_epochs_total"), 1);
    assert_int_equal(redis_stage_metric(stage, "weir_redis_connections_up"), 1);
    redis_stage_destroy(&stage);
}

static void test_changes_are_announced_in_order(void **state)
{
    static const char *const announced =
        CHANGED "*1\r\n$1\r\na\r\n" CHANGED "*2\r\n$4\r\nb\r\nc\r\n$0\r\n\r\n" CHANGED
                "*-1\r\n" CHANGED "*0\r\n" CHANGED "*1\r\n$3\r\nx y\r\n";
    static const char *const events = "key a\nkey b\r\nc\nkey \nall\nkey x y\n";
    int data, control;
    struct redis_stage *stage = create(&plain, &data, &control);
    (void)state;

    redis_stage_say(stage, control, announced);
    redis_stage_expect_events(stage, events);
    for (const char *at = announced; *at; at++) {
        redis_stage_say_bytes(stage, control, at, 1);
        redis_stage_turn(stage);
    }
    redis_stage_expect_events(stage, events);
    assert_int_equal(redis_stage_metric(stage, "weir_redis_invalidations_total"), 10);
    redis_stage_destroy(&stage);
}

/* An array of any length with keys of any size: what nobody can have asked for is left out. */
static void test_large_announcements(void **state)
{
    static const size_t sizes[] = {8191, 8192, 65536, 65537, 200000, 3000000, 8192};
    struct blob announced = {0}, events = {0};
    int data, control;
    struct redis_stage *stage = create(&plain, &data, &control);
    (void)state;

    blob_append_format(&announced, CHANGED "*%zu\r\n", sizeof(sizes) / sizeof(sizes[0]) + 20000);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *key = malloc(sizes[i] + 1);
        assert_non_null(key);
        memset(key, (int)('a' + i), sizes[i]);
        key[sizes[i]] = '\0';
        blob_append_format(&announced, "$%zu\r\n", sizes[i]);
        blob_append_text(&announced, key);
        blob_append_text(&announced, "\r\n");
        if (sizes[i] <= MESSAGE_MAX_KEY) {
            blob_append_text(&events, "key ");
            blob_append_text(&events, key);
            blob_append_text(&events, "\n");
        }
        free(key);
    }
    for (int i = 0; i < 20000; i++) {
        blob_append_format(&announced, "$6\r\n%06d\r\n", i);
        blob_append_format(&events, "key %06d\n", i);
    }
    redis_stage_say_bytes(stage, control, announced.data, announced.length);
    redis_stage_expect_events(stage, events.data);
    blob_fini(&announced);
    blob_fini(&events);
    redis_stage_destroy(&stage);
}

/* The proof is as old as the PING, not as the PONG, and never overtakes what came before it. */
static void test_a_pong_proves(void **state)
{
    int data, control;
    struct redis_stage *stage = create(&plain, &data, &control);
    (void)state;

    assert_int_equal(redis_stage_wake(stage), SECOND / 4);
    redis_stage_pass(stage, SECOND / 4 - 1);
    redis_stage_pass(stage, 1);
    redis_stage_expect(stage, control, PING);
    redis_stage_pass(stage, 40 * MILLISECOND);
    redis_stage_say(stage, control, CHANGED "*1\r\n$1\r\na\r\n" PONG CHANGED "*1\r\n$1\r\nb\r\n");
    redis_stage_expect_events(stage, "key a\nproven 40\nkey b\n");
    assert_true(redis_stage_seconds(stage, "weir_redis_proof_age_seconds") == 0.04);
    redis_stage_pass(stage, SECOND / 4 - 1);
    redis_stage_pass(stage, 1);
    redis_stage_expect(stage, control, PING); /* the one, and not a second before its PONG */
    redis_stage_pass(stage, SECOND / 2);
    redis_stage_expect(stage, control, "");
    redis_stage_say(stage, control, PONG);
    redis_stage_expect_events(stage, "proven 500\n");
    redis_stage_destroy(&stage);
}

static void test_pings_keep_to_the_promise(void **state)
{
    static const struct {
        int64_t max_staleness, ping;
    } cases[] = {
        {100 * MILLISECOND, 25 * MILLISECOND}, {4 * SECOND, SECOND}, {3600 * SECOND, SECOND}};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int data, control;
        struct redis_stage *stage =
            create(&(struct redis_stage_options){.is_invalidated = true,
                                                 .max_staleness = cases[i].max_staleness},
                   &data, &control);
        redis_stage_pass(stage, cases[i].ping - 1);
        redis_stage_expect(stage, control, "");
        redis_stage_pass(stage, 1);
        redis_stage_expect(stage, control, PING);
        redis_stage_destroy(&stage);
    }
}

static void test_the_prefixes_are_asked_for(void **state)
{
    struct redis_stage *stage = redis_stage_create(
        &(struct redis_stage_options){.is_invalidated = true, .prefixes = "user:\0a b\0"});
    (void)state;

    redis_stage_greet_data(stage, ONE);
    redis_stage_greet_control(stage, ONE,
                              "*10\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n$8\r\nREDIRECT"
                              "\r\n$1\r\n7\r\n$5\r\nBCAST\r\n$6\r\nPREFIX\r\n$5\r\nuser:\r\n"
                              "$6\r\nPREFIX\r\n$3\r\na b\r\n");
    redis_stage_destroy(&stage);
}

static void test_the_greeting_of_the_control_connection(void **state)
{
    struct redis_stage *stage = redis_stage_create(&(struct redis_stage_options){
        .is_invalidated = true, .user = "me:hunter2@", .query = "?db=12"});
    int data = redis_stage_accept(stage), control = redis_stage_accept(stage);
    (void)state;

    redis_stage_expect(stage, control,
                       "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$7\r\nhunter2\r\n"
                       "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n" INFO
                       "*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n");
    redis_stage_expect(stage, data,
                       "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$7\r\nhunter2\r\n"
                       "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n" INFO PING);
    redis_stage_destroy(&stage);
}

/* ---- loss ---- */

static void test_a_lost_control_connection(void **state)
{
    int data, control;
    struct redis_stage *stage = create(&plain, &data, &control);
    (void)state;

    redis_stage_say(stage, control, CHANGED "*2\r\n$1\r\na\r\n"); /* in the middle of it */
    redis_stage_end(control);
    redis_stage_expect_events(stage, "key a\nlost\n");
    assert_int_equal(redis_stage_metric(stage, "weir_redis_control_up"), 0);
    assert_true(isnan(redis_stage_seconds(stage, "weir_redis_proof_age_seconds")));
    assert_null(redis_stage_unready(stage));
    for (int attempt = 0; attempt < 3; attempt++) /* that fails raises no further epoch */
        redis_stage_end(redis_stage_accept_later(stage));
    redis_stage_ask(stage, 0, "key");
    redis_stage_turn(stage);
    redis_stage_say(stage, data, "$1\r\na\r\n:-1\r\n");
    redis_stage_expect_events(stage, "answer 0\n");
    redis_stage_greet_control(stage, ONE, TRACKING);
    redis_stage_expect_events(stage, "lost\nproven 0\n");
    assert_int_equal(redis_stage_metric(stage, "weir_redis_epochs_total"), 3);
    assert_non_null(strstr(redis_stage_log(stage), "feed-lost"));
    redis_stage_destroy(&stage);
}

static void test_a_silent_control_connection(void **state)
{
    int data, control;
    struct redis_stage *stage = create(&plain, &data, &control);
    (void)state;

    redis_stage_pass(stage, SECOND / 4);
    redis_stage_expect(stage, control, PING);
    redis_stage_pass(stage, SECOND - 1);
    redis_stage_expect_events(stage, "");
    redis_stage_pass(stage, 1);
    redis_stage_expect_events(stage, "lost\n");
    redis_stage_expect_end(stage, control);
    redis_stage_destroy(&stage);
}

/* It announces, and so it is alive: late is not lost. */
static void test_a_busy_control_connection_is_not_silent(void **state)
{
    int data, control;
    struct redis_stage *stage = create(&plain, &data, &control);
    (void)state;

    redis_stage_pass(stage, SECOND / 4);
    redis_stage_expect(stage, control, PING);
    for (int i = 0; i < 4; i++) {
        redis_stage_pass(stage, SECOND / 2);
        redis_stage_say(stage, control, CHANGED "*1\r\n$1\r\na\r\n");
        redis_stage_expect_events(stage, "key a\n");
    }
    redis_stage_say(stage, control, PONG);
    redis_stage_expect_events(stage, "proven 2000\n");
    redis_stage_destroy(&stage);
}

static void test_what_is_no_announcement_is_a_loss(void **state)
{
    static const char *const cases[] = {
        "+PONG\r\n",
        "$4\r\nPONG\r\n",
        ":1\r\n",
        "-ERR no\r\n",
        "*0\r\n+OK\r\n",
        PONG, /* to no PING */
        SUBSCRIBED,
        CHANGED "$1\r\na\r\n",
        CHANGED ":1\r\n",
        CHANGED "*1\r\n:1\r\n",
        CHANGED "*1\r\n$-1\r\n",
        CHANGED "*1\r\n*1\r\n",
        "*2\r\n$5\r\nother\r\n",
        "*3\r\n:1\r\n",
        "*3\r\n$7\r\nmessage\r\n:1\r\n",
        "*3\r\n*3\r\n",
        "!\r\n",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int data, control;
        struct redis_stage *stage = create(&plain, &data, &control);
        redis_stage_say(stage, control, cases[i]);
        redis_stage_expect_events(stage, "lost\n");
        redis_stage_expect_end(stage, control);
        assert_int_equal(redis_stage_metric(stage, "weir_redis_connections_up"), 1);
        redis_stage_destroy(&stage);
    }
}

/* An error in the place of a PONG proves nothing. */
static void test_only_a_literal_pong_proves(void **state)
{
    int data, control;
    struct redis_stage *stage = create(&plain, &data, &control);
    (void)state;

    redis_stage_pass(stage, SECOND / 4);
    redis_stage_expect(stage, control, PING);
    redis_stage_say(stage, control, "-MISCONF Redis is configured to save RDB snapshots\r\n");
    redis_stage_expect_events(stage, "lost\n");
    redis_stage_expect_end(stage, control);
    redis_stage_destroy(&stage);
}

static void test_a_refused_control_connection(void **state)
{
    static const struct {
        const char *replies, *reason;
    } cases[] = {
        {"-NOPERM no INFO\r\n", "INFO was answered: NOPERM no INFO"},
        {"$4\r\nnone\r\n", "does not keep to the Redis protocol"},
        {"$12\r\n\r\nrun_id:123\r\n", "does not keep to the Redis protocol"},
        {"$49\r\n\r\nrun_id:" ONE "\r\n-NOPERM x\r\n", "CLIENT ID was answered: NOPERM x"},
        {"$49\r\n\r\nrun_id:" ONE "\r\n:7\r\n-ERR unknown subcommand\r\n",
         "CLIENT TRACKING was answered: ERR unknown subcommand"},
        {"$49\r\n\r\nrun_id:" ONE "\r\n:7\r\n+OK\r\n-NOPERM no channel\r\n",
         "SUBSCRIBE was answered: NOPERM no channel"},
        {"$49\r\n\r\nrun_id:" ONE "\r\n:7\r\n+OK\r\n+OK\r\n",
         "does not keep to the Redis protocol"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_stage *stage = redis_stage_create(&plain);
        redis_stage_greet_data(stage, ONE);
        for (int attempt = 0; attempt < 2; attempt++) {
            int control = redis_stage_accept_later(stage);
            redis_stage_expect_next(stage, control, INFO);
            redis_stage_say(stage, control, cases[i].replies);
            redis_stage_expect_end(stage, control);
        }
        redis_stage_expect_events(stage, ""); /* there was nothing to lose */
        if (!strstr(redis_stage_log(stage), cases[i].reason))
            fail_msg("%s: logged %s", cases[i].replies, redis_stage_log(stage));
        assert_int_equal(redis_stage_warnings(stage), 1);
        redis_stage_destroy(&stage);
    }
}

/* ---- another Redis behind the address ---- */

/* The data connection finds out: what it reads must not be taken for what is announced. */
static void test_a_data_connection_reaches_another(void **state)
{
    struct redis_stage *stage =
        redis_stage_create(&(struct redis_stage_options){.is_invalidated = true, .connections = 2});
    int first = redis_stage_greet_data(stage, ONE), second = redis_stage_greet_data(stage, ONE);
    int control = redis_stage_greet_control(stage, ONE, TRACKING);
    (void)state;

    redis_stage_expect_events(stage, "lost\nproven 0\n");
    redis_stage_end(first);
    redis_stage_await_up(stage, 1);
    first = redis_stage_accept_later(stage);
    redis_stage_expect(stage, first, INFO PING);
    redis_stage_say(stage, first, "$49\r\n\r\nrun_id:" OTHER "\r\n");
    redis_stage_expect_events(stage, "lost\n"); /* before it is up */
    assert_int_equal(redis_stage_metric(stage, "weir_redis_connections_up"), 0);
    redis_stage_expect_end(stage, control);
    redis_stage_expect_end(stage, second);
    redis_stage_say(stage, first, "+PONG\r\n");
    redis_stage_await_up(stage, 1);
    assert_non_null(strstr(redis_stage_log(stage), "another Redis has taken its place"));
    redis_stage_destroy(&stage);
}

/* The control connection finds out: it stays, and what leads elsewhere is closed. */
static void test_the_control_connection_reaches_another(void **state)
{
    int data, control;
    struct redis_stage *stage = create(&plain, &data, &control);
    (void)state;

    redis_stage_ask(stage, 0, "key");
    redis_stage_end(control);
    redis_stage_expect_events(stage, "lost\n");
    redis_stage_greet_control(stage, OTHER, TRACKING);
    redis_stage_expect_events(stage, "answer 0\nlost\nproven 0\n");
    assert_int_equal(redis_stage_await_status(stage, 0), STATUS_AWAY);
    redis_stage_expect_end(stage, data);
    redis_stage_greet_data(stage, OTHER);
    redis_stage_expect_events(stage, ""); /* once: it does not flap */
    assert_int_equal(redis_stage_metric(stage, "weir_redis_control_up"), 1);
    redis_stage_destroy(&stage);
}

/* Redis restarts: in whichever order the connections come back, none is closed again. */
static void test_a_restart_does_not_flap(void **state)
{
    (void)state;

    for (int order = 0; order < 2; order++) {
        int data, control;
        struct redis_stage *stage = create(&plain, &data, &control);
        redis_stage_end(data);
        redis_stage_end(control);
        redis_stage_await_up(stage, 0);
        await_down(stage);
        redis_stage_expect_events(stage, "lost\n");
        int first = redis_stage_accept_later(stage), second = redis_stage_accept_later(stage);
        int reached[] = {order ? second : first, order ? first : second};
        for (int i = 0; i < 2; i++) {
            redis_stage_expect_next(stage, reached[i], INFO);
            redis_stage_say(stage, reached[i], "$49\r\n\r\nrun_id:" OTHER "\r\n");
        }
        for (int i = 0; i < 20; i++)
            redis_stage_turn(stage);
        redis_stage_expect_events(stage, "");
        assert_int_equal(redis_stage_warnings(stage), 2);
        redis_stage_destroy(&stage);
    }
}

static void test_without_it_nothing_is_watched(void **state)
{
    struct redis_stage *stage =
        redis_stage_create(&(struct redis_stage_options){.respect_ttl = true});
    (void)state;

    redis_stage_greet(stage);
    redis_stage_expect_events(stage, "");
    assert_int_equal(redis_stage_metric(stage, "weir_redis_control_up"), -1); /* not there */
    redis_stage_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_read_before_is_not_known_to_be_fresh),
        cmocka_unit_test(test_changes_are_announced_in_order),
        cmocka_unit_test(test_large_announcements),
        cmocka_unit_test(test_a_pong_proves),
        cmocka_unit_test(test_pings_keep_to_the_promise),
        cmocka_unit_test(test_the_prefixes_are_asked_for),
        cmocka_unit_test(test_the_greeting_of_the_control_connection),
        cmocka_unit_test(test_a_lost_control_connection),
        cmocka_unit_test(test_a_silent_control_connection),
        cmocka_unit_test(test_a_busy_control_connection_is_not_silent),
        cmocka_unit_test(test_what_is_no_announcement_is_a_loss),
        cmocka_unit_test(test_only_a_literal_pong_proves),
        cmocka_unit_test(test_a_refused_control_connection),
        cmocka_unit_test(test_a_data_connection_reaches_another),
        cmocka_unit_test(test_the_control_connection_reaches_another),
        cmocka_unit_test(test_a_restart_does_not_flap),
        cmocka_unit_test(test_without_it_nothing_is_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
