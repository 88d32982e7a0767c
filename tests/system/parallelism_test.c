/* R7 and B1: how many requests are in progress, counted on the wire while Redis stands still. */
#include "../support/deadline.h"
#include "../support/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS 200

/* Asks for /k0, /k1, ... on connections of their own; Redis holds the number as each one's value.
 */
static void ask_distinct(const struct pipeline *p, struct http_client **clients, int count)
{
    for (int i = 0; i < count; i++) {
        char target[32];
        redis_server_run(p->redis, "SET k%d %d", i, i);
        snprintf(target, sizeof target, "/k%d", i);
        clients[i] = pipeline_ask(p, target);
    }
}

static void expect_distinct(const struct pipeline *p, struct http_client **clients, int count)
{
    for (int i = 0; i < count; i++) {
        char value[32];
        snprintf(value, sizeof value, "%d", i);
        pipeline_expect_response(p, clients[i], 200, value);
        http_client_close(&clients[i]);
    }
}

static void test_R7_many_clients(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[CLIENTS];

    pipeline_start(p, NULL);
    for (int round = 0; round < 3; round++) {
        ask_distinct(p, clients, CLIENTS);
        expect_distinct(p, clients, CLIENTS);
    }
    assert_int_equal(redis_server_calls(p->redis, "get"), CLIENTS);
}

/* With max_parallel: 1, each GET reaches Redis only after the reply to the one before, in the order
 * in which the requests came: the record of the wire alternates. */
static void test_R7_sequential_concurrency(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[5];
    char *record;

    pipeline_start_recorded(p, SETTINGS(.http = "timeout: 20s, max_parallel: 1"));
    redis_proxy_forget(p->proxy);
    redis_proxy_hold(p->proxy, true);
    for (int i = 0; i < 5; i++) {
        char target[32];
        redis_server_run(p->redis, "SET k%d %d", i, i);
        snprintf(target, sizeof target, "/k%d", i);
        clients[i] = pipeline_ask(p, target);
        pipeline_wait_metric(p, "weir_http_waiting", NULL, i);
    }
    pipeline_wait_gets(p, 1);
    assert_true(pipeline_metric(p, "weir_http_in_progress", NULL) == 1);
    redis_proxy_hold(p->proxy, false);
    expect_distinct(p, clients, 5);
    record = redis_proxy_copy_record(p->proxy);
    assert_string_equal(record, "GET k0\nREPLY $1\nGET k1\nREPLY $1\nGET k2\nREPLY $1\n"
                                "GET k3\nREPLY $1\nGET k4\nREPLY $1\n");
    free(record);
}

/* One connection's pipelined requests take their turns like anybody's. */
static void test_R7_pipelined_requests_are_sequential_too(void **state)
{
    static const char requests[] = "GET /a HTTP/1.1\r\nHost: weir\r\n\r\n"
                                   "GET /b HTTP/1.1\r\nHost: weir\r\n\r\n"
                                   "GET /c HTTP/1.1\r\nHost: weir\r\n\r\n";
    struct pipeline *p = *state;
    struct http_client *client;
    char *record;

    redis_server_run(p->redis, "MSET a 1 b 2 c 3");
    pipeline_start_recorded(p, SETTINGS(.http = "timeout: 20s, max_parallel: 1"));
    redis_proxy_forget(p->proxy);
    client = pipeline_connect(p);
    assert_true(http_client_send(client, requests, sizeof requests - 1, deadline_in(PATIENCE)));
    pipeline_expect_response(p, client, 200, "1");
    pipeline_expect_response(p, client, 200, "2");
    pipeline_expect_response(p, client, 200, "3");
    record = redis_proxy_copy_record(p->proxy);
    assert_string_equal(record, "GET a\nREPLY $1\nGET b\nREPLY $1\nGET c\nREPLY $1\n");
    free(record);
    http_client_close(&client);
}

/* Redis stands still: of 12 distinct misses exactly max_parallel reach it, the rest wait. */
static void test_B1_parallel_concurrency(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[12];

    pipeline_start_recorded(p, SETTINGS(.http = "timeout: 20s, max_parallel: 8, max_waiting: 4"));
    redis_proxy_hold(p->proxy, true);
    ask_distinct(p, clients, 12);
    pipeline_wait_metric(p, "weir_http_waiting", NULL, 4);
    pipeline_wait_gets(p, 8);
    assert_true(pipeline_metric(p, "weir_http_in_progress", NULL) == 8);
    redis_proxy_hold(p->proxy, false);
    expect_distinct(p, clients, 12);
    pipeline_wait_gets(p, 12);
    pipeline_wait_metric(p, "weir_http_in_progress", NULL, 0);
}

/* A slow miss holds up no hit on another connection. */
static void test_B1_none_waits_for_another(void **state)
{
    struct pipeline *p = *state;
    struct http_client *slow;

    redis_server_run(p->redis, "MSET cached 1 slow 2");
    pipeline_start_recorded(p, NULL);
    pipeline_expect_value(p, "/cached", "1");
    redis_proxy_hold(p->proxy, true);
    slow = pipeline_ask(p, "/slow");
    pipeline_wait_gets(p, 2);
    pipeline_expect_value(p, "/cached", "1");
    redis_proxy_hold(p->proxy, false);
    pipeline_expect_response(p, slow, 200, "2");
    http_client_close(&slow);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_R7_many_clients),
        PIPELINE_TEST(test_R7_sequential_concurrency),
        PIPELINE_TEST(test_R7_pipelined_requests_are_sequential_too),
        PIPELINE_TEST(test_B1_parallel_concurrency),
        PIPELINE_TEST(test_B1_none_waits_for_another),
    };

    return PIPELINE_RUN("parallelism", tests);
}
