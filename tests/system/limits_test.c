/* Everything that can grow has a bound, and who meets it is told at once. */
#include "../support/deadline.h"
#include "../support/pipeline.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void test_max_clients(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[3], *refused;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.http = "timeout: 20s, max_clients: 3"));
    for (int i = 0; i < 3; i++) {
        clients[i] = pipeline_ask(p, "/key");
        pipeline_expect_response(p, clients[i], 200, "value");
    }
    refused = pipeline_ask(p, "/key");
    pipeline_expect_response(p, refused, 503, NULL);
    http_client_half_close(refused);
    assert_true(http_client_wait_close(refused, deadline_in(PATIENCE)));
    http_client_close(&refused);
    assert_true(pipeline_metric(p, "weir_http_refused_total", "reason=\"clients\"") == 1);
    for (int i = 0; i < 3; i++) { /* those who were there are not disturbed */
        assert_true(http_client_request(clients[i], HTTP_GET, "/key"));
        pipeline_expect_response(p, clients[i], 200, "value");
    }
    http_client_close(&clients[0]); /* who leaves makes room */
    pipeline_wait_status(p, "/key", 200);
    http_client_close(&clients[1]);
    http_client_close(&clients[2]);
}

/* A process with few descriptors lets in as many clients as it can serve, tells some of the others
 * and turns away the rest, and keeps what it needs for itself. */
static void test_few_descriptors(void **state)
{
    enum { CLIENTS = 130, SERVED = 90 };
    struct pipeline *p = *state;
    struct http_client *clients[CLIENTS];

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.descriptors = "192"));
    assert_true(weir_process_wait_log(p->weir, "info http max-clients-lowered from=10000 to=90",
                                      deadline_in(PATIENCE)));
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = pipeline_ask(p, "/key");
    for (int i = 0; i < SERVED; i++)
        pipeline_expect_response(p, clients[i], 200, "value");
    pipeline_expect_response(p, clients[SERVED], 503, NULL);
    pipeline_wait_metric(p, "weir_http_refused_total", "reason=\"clients\"", CLIENTS - SERVED);
    redis_server_kill(p->redis); /* to be connected to anew, while all the clients are there */
    pipeline_wait_metric(p, "weir_redis_connections_up", NULL, 0);
    redis_server_restart(p->redis, NULL);
    pipeline_wait_metric(p, "weir_redis_connections_up", NULL, 2);
    for (int i = 0; i < CLIENTS; i++)
        http_client_close(&clients[i]);
    pipeline_wait_status(p, "/key", 200);
}

/* Several front ends share the process's descriptors. */
static void test_few_descriptors_for_several_instances(void **state)
{
    struct pipeline *p = *state;

    pipeline_start(p, SETTINGS(.descriptors = "512", .http = "instances: 2, max_clients: 1000"));
    assert_true(weir_process_wait_log(p->weir, "warn http.0 max-clients-lowered from=500 to=120",
                                      deadline_in(PATIENCE)));
    assert_true(weir_process_wait_log(p->weir, "http.1 max-clients-lowered from=500 to=120",
                                      deadline_in(PATIENCE)));
}

static void ask_misses(const struct pipeline *p, struct http_client **clients, int count)
{
    for (int i = 0; i < count; i++) {
        char target[32];
        snprintf(target, sizeof target, "/missing%d", i);
        clients[i] = pipeline_ask(p, target);
    }
}

/* The front end's queue: beyond max_waiting the answer is 503 while Redis still stands. */
static void test_max_waiting(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[5], *refused;

    pipeline_start_recorded(p, SETTINGS(.http = "timeout: 20s, max_parallel: 2, max_waiting: 3"));
    redis_proxy_hold(p->proxy, true);
    ask_misses(p, clients, 5);
    pipeline_wait_metric(p, "weir_http_waiting", NULL, 3);
    refused = pipeline_ask(p, "/another");
    pipeline_expect_response(p, refused, 503, NULL);
    http_client_close(&refused);
    pipeline_wait_gets(p, 2);
    assert_true(pipeline_metric(p, "weir_http_refused_total", "reason=\"waiting\"") == 1);
    redis_proxy_hold(p->proxy, false);
    for (int i = 0; i < 5; i++)
        assert_int_equal(pipeline_take_status(p, &clients[i]), 404);
}

/* The cache's: of 9 misses 4 are fetched, 3 wait, 2 are answered 503; and a hit is a hit. */
static void test_max_fetches(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[9];
    int not_found = 0, refused = 0;

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, SETTINGS(.cache = "max_fetches: 4, max_waiting: 3"));
    pipeline_expect_value(p, "/key", "value");
    redis_proxy_forget(p->proxy);
    redis_proxy_hold(p->proxy, true);
    ask_misses(p, clients, 9);
    pipeline_wait_metric(p, "weir_http_requests_total", "status=\"503\"", 2);
    pipeline_wait_gets(p, 4);
    pipeline_expect_value(p, "/key", "value");
    redis_proxy_hold(p->proxy, false);
    for (int i = 0; i < 9; i++) {
        int status = pipeline_take_status(p, &clients[i]);
        not_found += status == 404;
        refused += status == 503;
    }
    assert_int_equal(not_found, 7);
    assert_int_equal(refused, 2);
    pipeline_wait_gets(p, 7);
}

static void *send_all(void *argument)
{
    static const char request[] = "GET /key HTTP/1.1\r\nHost: weir\r\n\r\n";
    static char refused[] = "weir does not take them all";
    struct http_client *client = argument;

    for (int i = 0; i < 20000; i++)
        if (!http_client_send(client, request, sizeof request - 1, deadline_in(PATIENCE)))
            return refused;
    return NULL;
}

/* A client pipelines far more than weir will hold and reads late: weir stops reading from it for a
 * while, answers everybody else, and in the end everything. */
static void test_pipelined_requests_are_bounded(void **state)
{
    struct pipeline *p = *state;
    struct http_client *greedy;
    pthread_t sender;
    void *trouble;

    redis_server_run(p->redis, "SETRANGE key 4095 x");
    redis_server_run(p->redis, "SET other value");
    pipeline_start(p, SETTINGS(.http = "timeout: 20s, send_timeout: 60s"));
    greedy = pipeline_connect(p);
    assert_int_equal(pthread_create(&sender, NULL, send_all, greedy), 0);
    for (int i = 0; i < 100; i++)
        pipeline_expect_value(p, "/other", "value");
    for (int i = 0; i < 20000; i++)
        pipeline_expect_response(p, greedy, 200, NULL);
    pthread_join(sender, &trouble);
    assert_null(trouble);
    http_client_close(&greedy);
}

/* Gets a large value, and reads no more of it than the head. */
static struct http_client *hold(const struct pipeline *p, const char *target)
{
    struct http_client *client = pipeline_ask(p, target);
    struct http_response response;

    assert_int_equal(http_client_read_head(client, deadline_in(PATIENCE), &response),
                     HTTP_RESPONSE);
    assert_int_equal(response.status, 200);
    http_response_fini(&response);
    return client;
}

/* Slow readers hold different values that no cache keeps: beyond max_bytes they are refused. What
 * the cache keeps is not in the way, however much it is. */
static void test_values_on_their_way_are_bounded(void **state)
{
    struct pipeline *p = *state;
    char command[64], target[16];

    redis_server_run(p->redis, "SETRANGE huge 33554431 x");
    redis_server_run(p->redis, "SETRANGE other 33554431 x");
    pipeline_start(p, SETTINGS(.http = "timeout: 20s, send_timeout: 60s",
                               .redis = "timeout: 10s, max_bytes: 40MiB"));
    for (int i = 0; i < 60; i++) {
        snprintf(command, sizeof command, "SETRANGE %d 1048575 x", i);
        redis_server_run(p->redis, command);
        snprintf(target, sizeof target, "/%d", i);
        assert_int_equal(pipeline_get_status(p, target), 200);
    }
    struct http_client *slow = hold(p, "/huge");
    pipeline_expect_status(p, "/other", 503);
    assert_true(pipeline_metric(p, "weir_redis_refused_total", NULL) == 1);
    assert_int_equal(pipeline_get_status(p, "/0"), 200);
    redis_server_run(p->redis, "SET small value");
    pipeline_expect_value(p, "/small", "value");
    http_client_close(&slow);
    pipeline_wait_status(p, "/other", 200);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_max_clients),
        PIPELINE_TEST(test_few_descriptors),
        PIPELINE_TEST(test_few_descriptors_for_several_instances),
        PIPELINE_TEST(test_max_waiting),
        PIPELINE_TEST(test_max_fetches),
        PIPELINE_TEST(test_pipelined_requests_are_bounded),
        PIPELINE_TEST(test_values_on_their_way_are_bounded),
    };

    return PIPELINE_RUN("limits", tests);
}
