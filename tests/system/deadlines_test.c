/* A client that is too slow is cut off, and hurts nobody meanwhile. */
#include "../support/deadline.h"
#include "../support/net.h"
#include "../support/pipeline.h"

#include <poll.h>
#include <string.h>

/* One byte at a time, each as slow as poll(2) waits for an answer: 408 although bytes keep coming.
 */
static void test_408_slow_request(void **state)
{
    static const char request[] = "GET /key HTTP/1.1\r\nHost: weir\r\nX-Slow: ";
    struct pipeline *p = *state;
    struct http_client *slow;
    struct pollfd answer = {.events = POLLIN};
    int64_t begun;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.http = "timeout: 20s, head_timeout: 500ms"));
    slow = pipeline_connect(p);
    answer.fd = http_client_descriptor(slow);
    begun = deadline_now();
    for (size_t i = 0; poll(&answer, 1, 20) == 0; i++) {
        char next = i < sizeof request - 1 ? request[i] : 'x';
        assert_true(http_client_send(slow, &next, 1, deadline_in(PATIENCE)));
        pipeline_expect_value(p, "/key", "value");
        assert_true(deadline_now() < begun + PATIENCE);
    }
    assert_true(deadline_now() >= begun + 500);
    pipeline_expect_response(p, slow, 408, NULL);
    http_client_half_close(slow);
    assert_true(http_client_wait_close(slow, deadline_in(PATIENCE)));
    http_client_close(&slow);
}

/* The time of a head counts from its first byte, not from the end of the request before. */
static void test_408_counts_from_the_first_byte(void **state)
{
    struct pipeline *p = *state;
    struct http_client *client;
    struct pollfd answer = {.events = POLLIN};

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.http = "timeout: 20s, head_timeout: 300ms, idle_timeout: 60s"));
    client = pipeline_connect(p);
    answer.fd = http_client_descriptor(client);
    assert_int_equal(poll(&answer, 1, 600), 0);
    assert_true(http_client_request(client, HTTP_GET, "/key"));
    pipeline_expect_response(p, client, 200, "value");
    assert_int_equal(poll(&answer, 1, 600), 0);
    assert_true(http_client_request(client, HTTP_GET, "/key"));
    pipeline_expect_response(p, client, 200, "value");
    http_client_close(&client);
}

/* Between requests a connection may rest for idle_timeout; then it is closed without a word. */
static void test_idle_connection_is_closed(void **state)
{
    struct pipeline *p = *state;
    struct http_client *idle;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.http = "timeout: 20s, idle_timeout: 1s"));
    idle = pipeline_ask(p, "/key");
    pipeline_expect_response(p, idle, 200, "value");
    assert_true(http_client_wait_close(idle, deadline_in(PATIENCE)));
    http_client_close(&idle);
    idle = pipeline_connect(p);
    assert_true(http_client_wait_close(idle, deadline_in(PATIENCE)));
    http_client_close(&idle);
}

/* A client asks for much and reads nothing: it is cut off, the others are served. */
static void test_reader_that_takes_nothing(void **state)
{
    struct pipeline *p = *state;
    struct http_client *stuck;

    redis_server_run(p->redis, "SET key value");
    redis_server_run(p->redis, "SETRANGE large %d x", 32 * 1024 * 1024);
    pipeline_start(p, SETTINGS(.http = "timeout: 1h, send_timeout: 500ms"));
    stuck = pipeline_connect(p);
    net_shrink_receive_buffer(http_client_descriptor(stuck));
    assert_true(http_client_request(stuck, HTTP_GET, "/large"));
    pipeline_expect_value(p, "/key", "value"); /* so the stuck one, which came first, is there */
    pipeline_wait_metric(p, "weir_http_connections", NULL, 0);
    http_client_close(&stuck);
}

/* Whoever was asked of Redis in vain gets 504, whoever waited for a turn until then 503: two in one
 * write share the deadline. */
static void test_503_and_504_at_the_deadline(void **state)
{
    static const char requests[] = "GET /asked HTTP/1.1\r\nHost: weir\r\n\r\n"
                                   "GET /waiting HTTP/1.1\r\nHost: weir\r\n\r\n";
    struct pipeline *p = *state;
    struct http_client *client;
    struct http_response response;

    pipeline_start_recorded(p, SETTINGS(.http = "timeout: 1s, max_parallel: 1"));
    redis_proxy_hold(p->proxy, true);
    client = pipeline_connect(p);
    assert_true(http_client_send(client, requests, sizeof requests - 1, deadline_in(PATIENCE)));
    pipeline_expect_response(p, client, 504, NULL);
    assert_int_equal(http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response),
                     HTTP_RESPONSE);
    assert_int_equal(response.status, 503);
    http_response_fini(&response);
    pipeline_wait_gets(p, 1);
    http_client_close(&client);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_408_slow_request),
        PIPELINE_TEST(test_408_counts_from_the_first_byte),
        PIPELINE_TEST(test_idle_connection_is_closed),
        PIPELINE_TEST(test_reader_that_takes_nothing),
        PIPELINE_TEST(test_503_and_504_at_the_deadline),
    };

    return PIPELINE_RUN("deadlines", tests);
}
