/* "Mistakes that others made here": each has its test, named after it. */
#include "../support/deadline.h"
#include "../support/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_mistake_fetched_value_is_never_stored(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, NULL);
    pipeline_expect_value(p, "/key", "value");
    redis_server_kill(p->redis);
    pipeline_expect_value(p, "/key", "value");
    pipeline_wait_gets(p, 1);
}

static void test_mistake_reading_extends_the_life(void **state)
{
    struct pipeline *p = *state;
    int64_t entered;
    int reads = 0;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.cache = "expiry: 500ms"));
    pipeline_expect_value(p, "/key", "value");
    entered = deadline_now();
    redis_server_run(p->redis, "DEL key");
    while (pipeline_get_status(p, "/key") == 200) {
        reads++;
        if (deadline_now() > entered + PATIENCE)
            pipeline_fail(p, "the value still lives after %d reads", reads);
    }
}

static void test_mistake_seconds_times_1000(void **state)
{
    struct pipeline *p = *state;
    int64_t entered, begun;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.cache = "expiry: 1s"));
    begun = deadline_now();
    pipeline_expect_value(p, "/key", "value");
    entered = deadline_now();
    redis_server_run(p->redis, "DEL key");
    pipeline_wait_status(p, "/key", 404);
    assert_true(deadline_now() - begun >= 1000);
    assert_true(deadline_now() - entered < 60 * 1000);
}

/* Many values arrive in one turn, far more than there is room for. */
static void test_mistake_size_compared_with_equality(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[100];

    pipeline_start_recorded(p, SETTINGS(.cache = "capacity: 5"));
    for (int round = 0; round < 2; round++) {
        redis_proxy_forget(p->proxy);
        redis_proxy_hold(p->proxy, true);
        for (int i = 0; i < 100; i++) {
            char target[32];
            snprintf(target, sizeof target, "/%d-%d", round, i);
            redis_server_run(p->redis, "SET %s value", target + 1);
            clients[i] = pipeline_ask(p, target);
        }
        pipeline_wait_gets(p, 100);
        redis_proxy_hold(p->proxy, false);
        for (int i = 0; i < 100; i++)
            assert_int_equal(pipeline_take_status(p, &clients[i]), 200);
        assert_true(pipeline_metric(p, "weir_cache_entries", NULL) == 5);
    }
}

static void test_mistake_value_cut_at_its_first_newline(void **state)
{
    struct pipeline *p = *state;
    const char *words[] = {"SET", "key", "one\ntwo\r\nthree\n"};

    redis_server_run_words(p->redis, 3, words, (size_t[]){3, 3, strlen(words[2])});
    pipeline_start(p, NULL);
    pipeline_expect_value(p, "/key", words[2]);
    pipeline_expect_value(p, "/key", words[2]);
}

static void test_mistake_missing_key_crashes(void **state)
{
    struct pipeline *p = *state;

    pipeline_start(p, NULL);
    for (int i = 0; i < 100; i++)
        pipeline_expect_status(p, "/missing", 404);
    redis_server_run(p->redis, "SET missing found");
    pipeline_expect_value(p, "/missing", "found");
}

/* Fresh values are hits, not misses; stale ones misses, not hits. */
static void test_mistake_inverted_expiry_check(void **state)
{
    struct pipeline *p = *state;
    int64_t begun;

    pipeline_start(p, SETTINGS(.cache = "expiry: 2s"));
    do {
        redis_server_run(p->redis, "SET key value");
        pipeline_wait_metric(p, "weir_cache_entries", NULL, 0);
        redis_server_run(p->redis, "CONFIG RESETSTAT");
        begun = deadline_now();
        for (int i = 0; i < 5; i++)
            pipeline_expect_value(p, "/key", "value");
    } while (deadline_now() >= begun + 2000); /* so busy a machine has shown nothing */
    assert_int_equal(redis_server_calls(p->redis, "get"), 1);
    redis_server_run(p->redis, "DEL key");
    pipeline_wait_status(p, "/key", 404);
}

/* Requests are given up while their replies are held; the replies come late, when others wait. */
static void test_mistake_reply_reaches_the_wrong_requester(void **state)
{
    struct pipeline *p = *state;
    struct http_client *late[20];

    pipeline_start_recorded(
        p, SETTINGS(.http = "timeout: 1s", .redis = "timeout: 10s, connections: 1"));
    for (int i = 0; i < 40; i++)
        redis_server_run(p->redis, "SET key%d value%d", i, i);
    redis_proxy_hold(p->proxy, true);
    for (int i = 0; i < 20; i++) {
        char target[32];
        snprintf(target, sizeof target, "/key%d", i);
        late[i] = pipeline_ask(p, target);
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(pipeline_take_status(p, &late[i]), 504);
    redis_proxy_hold(p->proxy, false);
    for (int i = 39; i >= 0; i--) {
        char target[32], value[32];
        snprintf(target, sizeof target, "/key%d", i);
        snprintf(value, sizeof value, "value%d", i);
        pipeline_wait_status(p, target, 200);
        pipeline_expect_value(p, target, value);
    }
}

static void test_mistake_outage_reported_as_404(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, NULL);
    pipeline_expect_status(p, "/missing", 404);
    redis_server_kill(p->redis);
    for (int i = 0; i < 20; i++) {
        int status = pipeline_get_status(p, i % 2 ? "/missing" : "/key");
        if (status != 503 && status != 504)
            pipeline_fail(p, "an outage is reported as %d", status);
    }
}

/* Ten times more requests than there is room for: the room is used, the rest is refused at once,
 * and the gauges never show more. */
static void test_mistake_unbounded_waiting_queue(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[100];
    int found = 0, refused = 0;

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, SETTINGS(.http = "timeout: 20s, max_parallel: 5, max_waiting: 5"));
    redis_proxy_hold(p->proxy, true);
    for (int i = 0; i < 100; i++)
        clients[i] = pipeline_ask(p, "/key");
    pipeline_wait_metric(p, "weir_http_refused_total", "reason=\"waiting\"", 90);
    assert_true(pipeline_metric(p, "weir_http_in_progress", NULL) == 5);
    assert_true(pipeline_metric(p, "weir_http_waiting", NULL) == 5);
    redis_proxy_hold(p->proxy, false);
    for (int i = 0; i < 100; i++) {
        int status = pipeline_take_status(p, &clients[i]);
        found += status == 200;
        refused += status == 503;
    }
    assert_int_equal(found, 10);
    assert_int_equal(refused, 90);
}

/* Whatever runs on this machine, a test talks only to the Redis and the weir that it started. */
static void test_mistake_make_test_needs_something_running(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET key private");
    pipeline_start(p, NULL);
    assert_int_not_equal(redis_server_port(p->redis), 6379);
    assert_int_not_equal(weir_process_http_port(p->weir), 8080);
    pipeline_expect_value(p, "/key", "private");
}

/* 100 clients, one cold key, one GET; and all are answered. */
static void test_mistake_second_miss_for_a_key_being_fetched(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[100];

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, NULL);
    redis_proxy_hold(p->proxy, true);
    for (int i = 0; i < 100; i++)
        clients[i] = pipeline_ask(p, "/key");
    pipeline_wait_metric(p, "weir_cache_coalesced_total", NULL, 99);
    pipeline_wait_gets(p, 1);
    redis_proxy_hold(p->proxy, false);
    for (int i = 0; i < 100; i++) {
        pipeline_expect_response(p, clients[i], 200, "value");
        http_client_close(&clients[i]);
    }
    pipeline_wait_gets(p, 1);
}

/* If that one GET fails, all who joined get the failure, and nothing is stored. */
static void test_mistake_second_miss_shares_the_failure(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[10];

    redis_server_run(p->redis, "SET key value");
    redis_server_run(p->redis, "ACL SETUSER default resetkeys ~other*");
    pipeline_start_recorded(p, NULL);
    redis_proxy_hold(p->proxy, true);
    for (int i = 0; i < 10; i++)
        clients[i] = pipeline_ask(p, "/key");
    pipeline_wait_metric(p, "weir_cache_coalesced_total", NULL, 9);
    redis_proxy_hold(p->proxy, false);
    for (int i = 0; i < 10; i++)
        assert_int_equal(pipeline_take_status(p, &clients[i]), 502);
    pipeline_wait_gets(p, 1);
    assert_true(pipeline_metric(p, "weir_cache_entries", NULL) == 0);
    redis_server_run(p->redis, "ACL SETUSER default allkeys");
    pipeline_expect_value(p, "/key", "value");
    pipeline_wait_gets(p, 2);
}

static void test_mistake_keys_that_contain_slashes(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "MSET user/1/name ann user/1 whole /user rooted");
    pipeline_start(p, NULL);
    pipeline_expect_value(p, "/user/1/name", "ann");
    pipeline_expect_value(p, "/user/1", "whole");
    pipeline_expect_value(p, "/user%2F1", "whole");
    pipeline_expect_value(p, "//user", "rooted");
    pipeline_expect_status(p, "/user", 404);
}

static void test_mistake_restarted_redis_is_never_found_again(void **state)
{
    struct pipeline *p = *state;

    pipeline_start(p, NULL);
    for (int round = 0; round < 3; round++) {
        char target[32];
        snprintf(target, sizeof target, "/key%d", round);
        redis_server_kill(p->redis);
        pipeline_wait_status(p, target, 503);
        redis_server_restart(p->redis, NULL);
        redis_server_run(p->redis, "SET %s value", target + 1);
        pipeline_wait_status(p, target, 200);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_mistake_fetched_value_is_never_stored),
        PIPELINE_TEST(test_mistake_reading_extends_the_life),
        PIPELINE_TEST(test_mistake_seconds_times_1000),
        PIPELINE_TEST(test_mistake_size_compared_with_equality),
        PIPELINE_TEST(test_mistake_value_cut_at_its_first_newline),
        PIPELINE_TEST(test_mistake_missing_key_crashes),
        PIPELINE_TEST(test_mistake_inverted_expiry_check),
        PIPELINE_TEST(test_mistake_reply_reaches_the_wrong_requester),
        PIPELINE_TEST(test_mistake_outage_reported_as_404),
        PIPELINE_TEST(test_mistake_unbounded_waiting_queue),
        PIPELINE_TEST(test_mistake_make_test_needs_something_running),
        PIPELINE_TEST(test_mistake_second_miss_for_a_key_being_fetched),
        PIPELINE_TEST(test_mistake_second_miss_shares_the_failure),
        PIPELINE_TEST(test_mistake_keys_that_contain_slashes),
        PIPELINE_TEST(test_mistake_restarted_redis_is_never_found_again),
    };

    return PIPELINE_RUN("mistakes", tests);
}
