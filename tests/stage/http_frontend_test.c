/* The HTTP front end between clients and a stage that answers as the test says. Its deadlines and
 * limits are in http_frontend_limits_test.c, exact requests in tests/unit/http_test.c. */
#include "tests/support/http_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: weir\r\n"

static const struct server_limits presets = {0};

static void test_a_value_is_answered_with_its_exact_bytes(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    int client = http_stage_connect(stage);
    http_stage_get(stage, client, "key");
    http_stage_expect_asks(stage, 1);
    assert_true(bytes_are_equal(http_stage_key(stage, 0), bytes_of_text("key")));
    http_stage_answer_text(stage, 0, "one\r\n\r\ntwo\n");
    const char *head = http_stage_expect(stage, client, 200, "one\r\n\r\ntwo\n");
    assert_non_null(strstr(head, "\r\nContent-Type: application/octet-stream\r\n"));
    assert_non_null(strstr(head, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_null(strstr(head, "\r\nConnection:"));
    close(client);
    http_stage_destroy(&stage);
}

static void test_a_path_is_decoded_once(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    int client = http_stage_connect(stage);
    http_stage_get(stage, client, "/a%2F%00%2541/../b+");
    http_stage_expect_asks(stage, 1);
    assert_true(bytes_are_equal(http_stage_key(stage, 0), (struct bytes){"/a/\0%41/../b+", 13}));
    close(client);
    http_stage_destroy(&stage);
}

static void test_a_bad_escape_asks_nobody(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    int client = http_stage_connect(stage);
    http_stage_get(stage, client, "a%2");
    http_stage_expect(stage, client, 400, NULL);
    http_stage_expect_end(stage, client);
    http_stage_expect_asks(stage, 0);
    http_stage_destroy(&stage);
}

static void test_each_status_has_its_place_in_http(void **state)
{
    (void)state;
    static const struct {
        enum status status;
        int http;
    } cases[] = {{STATUS_NONE, 404},
                 {STATUS_WRONG_TYPE, 409},
                 {STATUS_ORIGIN_ERROR, 502},
                 {STATUS_ORIGIN_BROKEN, 502},
                 {STATUS_AWAY, 503},
                 {STATUS_BUSY, 503},
                 {STATUS_WAITED_TOO_LONG, 503},
                 {STATUS_TIMEOUT, 504}};
    struct http_stage *stage = http_stage_create(presets);
    int client = http_stage_connect(stage);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        http_stage_get(stage, client, "key");
        http_stage_expect_asks(stage, i + 1);
        http_stage_answer(stage, i, &(struct answer){.status = cases[i].status});
        const char *head = http_stage_expect(stage, client, cases[i].http, NULL);
        assert_true((cases[i].http == 503) == (strstr(head, "\r\nRetry-After: ") != NULL));
    }
    assert_int_equal(http_stage_metric(stage, "weir_http_requests_total", "status=\"503\""), 3);
    close(client);
    http_stage_destroy(&stage);
}

static void test_an_ask_that_is_not_taken_is_answered_at_once(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    int client = http_stage_connect(stage);
    http_stage_take_asks(stage, STATUS_AWAY);
    http_stage_get(stage, client, "key");
    http_stage_expect(stage, client, 503, NULL);
    http_stage_take_asks(stage, STATUS_BUSY);
    http_stage_get(stage, client, "key");
    http_stage_expect(stage, client, 503, NULL);
    assert_int_equal(http_stage_metric(stage, "weir_http_in_progress", NULL), 0);
    close(client);
    http_stage_destroy(&stage);
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    struct value *value = value_create(10000);
    int client = http_stage_connect(stage);
    memset(value_writable(value), 'v', 10000);
    http_stage_say(stage, client,
                   "HEAD /a HTTP/1.1\r\n" HOST "\r\nHEAD /b HTTP/1.1\r\n" HOST "\r\n"
                   "HEAD / HTTP/1.1\r\n" HOST "\r\nGET /c HTTP/1.1\r\n" HOST "\r\n");
    http_stage_expect_asks(stage, 3);
    http_stage_answer(stage, 0, &(struct answer){.status = STATUS_VALUE, .value = value});
    http_stage_answer(stage, 1, &(struct answer){.status = STATUS_NONE});
    http_stage_answer_text(stage, 2, "body");
    assert_non_null(
        strstr(http_stage_expect_head(stage, client, 200), "Content-Length: 10000\r\n"));
    http_stage_expect_head(stage, client, 404);
    http_stage_expect_head(stage, client, 200);
    http_stage_expect(stage, client, 200, "body");
    close(client);
    value_release(&value);
    http_stage_destroy(&stage);
}

static void test_answers_come_in_the_order_of_the_requests(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    struct value *value = value_create(20000);
    int client = http_stage_connect(stage);
    memset(value_writable(value), 'v', 20000);
    char large[20001];
    memset(large, 'v', 20000);
    large[20000] = '\0';
    http_stage_say(stage, client,
                   "GET /a HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n"
                   "GET / HTTP/1.1\r\n" HOST "\r\nGET /c HTTP/1.1\r\n" HOST "\r\n"
                   "GET /d HTTP/1.1\r\n" HOST "\r\n");
    http_stage_expect_asks(stage, 4);
    http_stage_answer_text(stage, 3, "d");
    http_stage_answer(stage, 2, &(struct answer){.status = STATUS_VALUE, .value = value});
    http_stage_answer(stage, 1, &(struct answer){.status = STATUS_VALUE, .value = value});
    http_stage_turn(stage);
    char next;
    assert_true(recv(client, &next, 1, MSG_DONTWAIT) < 0); /* the first is still missing */
    http_stage_answer_text(stage, 0, "a");
    http_stage_expect(stage, client, 200, "a");
    http_stage_expect(stage, client, 200, large);
    http_stage_expect(stage, client, 200, NULL);
    http_stage_expect(stage, client, 200, large);
    http_stage_expect(stage, client, 200, "d");
    close(client);
    http_stage_destroy(&stage);
    assert_int_equal(value->references, 1); /* written from where it lies, and given back */
    value_release(&value);
}

static void test_a_client_that_half_closes_is_answered(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    int client = http_stage_connect(stage);
    http_stage_get(stage, client, "a");
    http_stage_get(stage, client, "b");
    shutdown(client, SHUT_WR);
    http_stage_expect_asks(stage, 2);
    http_stage_answer_text(stage, 1, "second");
    http_stage_answer_text(stage, 0, "first");
    http_stage_expect(stage, client, 200, "first");
    http_stage_expect(stage, client, 200, "second");
    http_stage_expect_end(stage, client);
    http_stage_destroy(&stage);
}

static void test_bytes_behind_the_last_request_are_ignored(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    int client = http_stage_connect(stage);
    http_stage_say(stage, client,
                   "GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                   "GET /b HTTP/1.1\r\n" HOST "\r\n");
    http_stage_expect_asks(stage, 1);
    http_stage_say(stage, client, "GET /c HTTP/1.1\r\n" HOST "\r\n");
    http_stage_answer_text(stage, 0, "a");
    assert_non_null(strstr(http_stage_expect(stage, client, 200, "a"), "Connection: close\r\n"));
    http_stage_expect_end(stage, client);
    http_stage_expect_asks(stage, 1);
    http_stage_destroy(&stage);
}

static void test_a_bad_request_is_answered_in_its_turn(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    int client = http_stage_connect(stage);
    http_stage_get(stage, client, "a");
    http_stage_say(stage, client, "rubbish\r\n\r\n");
    http_stage_get(stage, client, "b");
    http_stage_expect_asks(stage, 1);
    http_stage_answer_text(stage, 0, "a");
    http_stage_expect(stage, client, 200, "a");
    assert_non_null(strstr(http_stage_expect(stage, client, 400, NULL), "Connection: close\r\n"));
    http_stage_expect_end(stage, client);
    http_stage_destroy(&stage);
}

/* One byte, one turn. */
static void test_a_request_may_come_in_any_pieces(void **state)
{
    (void)state;
    static const char request[] = "GET /key HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                                  "GET /other HTTP/1.1\r\n" HOST "\r\n";
    struct http_stage *stage = http_stage_create(presets);
    int client = http_stage_connect(stage);
    for (const char *at = request; *at; at++)
        http_stage_say(stage, client, (const char[]){*at, '\0'});
    http_stage_expect_asks(stage, 2);
    http_stage_answer_text(stage, 0, "value");
    http_stage_answer_text(stage, 1, "other");
    http_stage_expect(stage, client, 200, "value");
    http_stage_expect(stage, client, 200, "other");
    close(client);
    http_stage_destroy(&stage);
}

static void test_an_old_client_is_told_that_the_connection_stays(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    int client = http_stage_connect(stage);
    http_stage_say(stage, client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_non_null(
        strstr(http_stage_expect(stage, client, 200, NULL), "\r\nConnection: keep-alive\r\n"));
    http_stage_say(stage, client, "GET / HTTP/1.0\r\n\r\n");
    assert_non_null(
        strstr(http_stage_expect(stage, client, 200, NULL), "\r\nConnection: close\r\n"));
    http_stage_expect_end(stage, client);
    http_stage_destroy(&stage);
}

/* What is in progress is finished, and nothing new is taken. */
static void test_drain(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    int idle = http_stage_connect(stage), busy = http_stage_connect(stage);
    http_stage_get(stage, busy, "a");
    http_stage_get(stage, busy, "b");
    http_stage_expect_asks(stage, 2);
    http_stage_drain(stage, DRAIN_PROMPT);
    http_stage_expect_end(stage, idle);
    assert_false(http_stage_is_drained(stage));
    http_stage_get(stage, busy, "c");
    http_stage_answer_text(stage, 0, "a");
    http_stage_answer_text(stage, 1, "b");
    assert_null(strstr(http_stage_expect(stage, busy, 200, "a"), "\r\nConnection: close\r\n"));
    assert_non_null(strstr(http_stage_expect(stage, busy, 200, "b"), "\r\nConnection: close\r\n"));
    http_stage_expect_end(stage, busy);
    http_stage_expect_asks(stage, 2);
    assert_true(http_stage_is_drained(stage));
    http_stage_destroy(&stage);
}

/* Somebody else takes the new clients; those that are there are told to go to them, each with the
 * next of its responses that can say so, and none of what they ask is lost. */
static void test_a_patient_drain_serves_until_clients_are_told(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create(presets);
    int idle = http_stage_connect(stage), busy = http_stage_connect(stage);
    int silent = http_stage_connect(stage);
    http_stage_get(stage, busy, "a");
    http_stage_expect_asks(stage, 1);
    http_stage_drain(stage, DRAIN_PATIENT);
    http_stage_answer_text(stage, 0, "a");
    assert_non_null(strstr(http_stage_expect(stage, busy, 200, "a"), "\r\nConnection: close\r\n"));
    http_stage_expect_end(stage, busy);
    /* Two that come together are both served; the last says that it is. */
    http_stage_say(stage, idle,
                   "GET /b HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    http_stage_expect_asks(stage, 2);
    http_stage_answer_text(stage, 1, "b");
    assert_null(strstr(http_stage_expect(stage, idle, 200, "b"), "\r\nConnection: close\r\n"));
    assert_non_null(strstr(http_stage_expect(stage, idle, 200, NULL), "\r\nConnection: close\r\n"));
    http_stage_expect_end(stage, idle);
    assert_false(http_stage_is_drained(stage));
    http_stage_drain(stage, DRAIN_PROMPT);
    http_stage_expect_end(stage, silent);
    http_stage_expect_closed(stage, "drain", 3);
    assert_true(http_stage_is_drained(stage));
    http_stage_destroy(&stage);
}

/* Two that start at once may both bind the address; one of them listens first. */
static void test_who_is_too_late_to_listen_does_not_open(void **state)
{
    (void)state;
    struct error error = http_stage_lose_race();
    assert_non_null(strstr(error.text, "in use"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_is_answered_with_its_exact_bytes),
        cmocka_unit_test(test_a_path_is_decoded_once),
        cmocka_unit_test(test_a_bad_escape_asks_nobody),
        cmocka_unit_test(test_each_status_has_its_place_in_http),
        cmocka_unit_test(test_an_ask_that_is_not_taken_is_answered_at_once),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_answers_come_in_the_order_of_the_requests),
        cmocka_unit_test(test_a_client_that_half_closes_is_answered),
        cmocka_unit_test(test_bytes_behind_the_last_request_are_ignored),
        cmocka_unit_test(test_a_bad_request_is_answered_in_its_turn),
        cmocka_unit_test(test_a_request_may_come_in_any_pieces),
        cmocka_unit_test(test_an_old_client_is_told_that_the_connection_stays),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_a_patient_drain_serves_until_clients_are_told),
        cmocka_unit_test(test_who_is_too_late_to_listen_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
