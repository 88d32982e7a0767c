/* The limits and deadlines of the HTTP front end: what waits, what is refused, who is cut off. */
#include "common/server_private.h"
#include "tests/support/blob.h"
#include "tests/support/http_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: weir\r\n"

static void test_one_at_a_time_and_in_order(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){.max_parallel = 1});
    int clients[3];
    for (size_t i = 0; i < 3; i++) {
        clients[i] = http_stage_connect(stage);
        http_stage_get(stage, clients[i], (const char[]){(char)('a' + i), '\0'});
    }
    for (size_t i = 0; i < 3; i++) {
        http_stage_expect_asks(stage, i + 1);
        assert_int_equal(*http_stage_key(stage, i).data, 'a' + i);
        assert_int_equal(http_stage_metric(stage, "weir_http_waiting", NULL), 2 - (int)i);
        http_stage_answer_text(stage, i, "v");
        http_stage_expect(stage, clients[i], 200, "v");
        close(clients[i]);
    }
    http_stage_destroy(&stage);
}

static void test_beyond_max_waiting_the_answer_is_503_at_once(void **state)
{
    (void)state;
    struct http_stage *stage =
        http_stage_create((struct server_limits){.max_parallel = 2, .max_waiting = 1});
    int client = http_stage_connect(stage), refused = http_stage_connect(stage);
    http_stage_say(stage, client,
                   "GET /a HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n"
                   "GET /c HTTP/1.1\r\n" HOST "\r\n");
    http_stage_expect_asks(stage, 2);
    http_stage_get(stage, refused, "d");
    assert_non_null(strstr(http_stage_expect(stage, refused, 503, NULL), "\r\nRetry-After: "));
    assert_int_equal(http_stage_metric(stage, "weir_http_refused_total", "waiting"), 1);
    assert_int_equal(http_stage_metric(stage, "weir_http_in_progress", NULL), 2);
    http_stage_answer_text(stage, 1, "b"); /* makes room in the same turn */
    http_stage_get(stage, refused, "e");
    http_stage_expect_asks(stage, 3);
    close(client);
    close(refused);
    http_stage_destroy(&stage);
}

static void test_503_for_who_waited_and_504_for_who_was_asked(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){.max_parallel = 1});
    int asked = http_stage_connect(stage), waiting = http_stage_connect(stage);
    http_stage_get(stage, asked, "a");
    http_stage_get(stage, waiting, "b");
    http_stage_expect_asks(stage, 1);
    http_stage_pass(stage, SECOND + MILLISECOND);
    http_stage_expect(stage, waiting, 503, NULL);
    http_stage_pass(stage, SERVER_GRACE);
    http_stage_expect(stage, asked, 504, NULL);
    http_stage_expect_asks(stage, 1);
    http_stage_answer_text(stage, 0, "late"); /* finds nobody, and hurts nobody */
    assert_int_equal(http_stage_metric(stage, "weir_http_late_answers_total", NULL), 1);
    http_stage_get(stage, asked, "c");
    http_stage_expect_asks(stage, 2);
    http_stage_answer_text(stage, 0, "later");
    http_stage_answer_text(stage, 1, "c");
    http_stage_expect(stage, asked, 200, "c");
    close(asked);
    close(waiting);
    http_stage_destroy(&stage);
}

/* Its work is still being done: another client's request must wait for it. */
static void test_the_request_of_a_client_that_has_gone_is_in_progress(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){.max_parallel = 1});
    int gone = http_stage_connect(stage), next = http_stage_connect(stage);
    struct linger reset = {.l_onoff = 1};
    http_stage_get(stage, gone, "a");
    http_stage_get(stage, gone, "never-asked");
    http_stage_get(stage, next, "b");
    http_stage_expect_asks(stage, 1);
    setsockopt(gone, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(gone);
    http_stage_turn(stage);
    assert_int_equal(http_stage_metric(stage, "weir_http_connections", NULL), 1);
    http_stage_expect_asks(stage, 1);
    http_stage_answer_text(stage, 0, "a");
    assert_int_equal(http_stage_metric(stage, "weir_http_late_answers_total", NULL), 1);
    http_stage_expect_asks(stage, 2);
    assert_true(bytes_are_equal(http_stage_key(stage, 1), bytes_of_text("b")));
    http_stage_answer_text(stage, 1, "b");
    http_stage_expect(stage, next, 200, "b");
    close(next);
    http_stage_destroy(&stage);
}

static void test_one_client_too_many_is_told_and_closed(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){.max_clients = 1});
    int first = http_stage_connect(stage), second = http_stage_connect(stage);
    http_stage_get(stage, second, "a");
    assert_non_null(strstr(http_stage_expect(stage, second, 503, NULL), "\r\nRetry-After: "));
    http_stage_expect_end(stage, second);
    assert_int_equal(http_stage_metric(stage, "weir_http_refused_total", "clients"), 1);
    http_stage_expect_asks(stage, 0);
    http_stage_get(stage, first, "b");
    http_stage_expect_asks(stage, 1);
    close(first);
    http_stage_destroy(&stage);
}

/* It closes, resets the connection, says that it will close, or does not read. */
static void test_what_a_client_does_is_why_it_was_closed(void **state)
{
    (void)state;
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct http_stage *stage = http_stage_create((struct server_limits){0});
    close(http_stage_connect(stage));
    http_stage_expect_closed(stage, "client", 1);
    http_stage_destroy(&stage);

    stage = http_stage_create((struct server_limits){0});
    int client = http_stage_connect(stage);
    http_stage_get(stage, client, "key");
    http_stage_expect_asks(stage, 1);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(client);
    http_stage_expect_closed(stage, "broken", 1);
    http_stage_destroy(&stage);

    stage = http_stage_create((struct server_limits){0});
    client = http_stage_connect(stage);
    http_stage_say(stage, client, "GET / HTTP/1.0\r\n\r\n");
    http_stage_expect(stage, client, 200, NULL);
    http_stage_expect_end(stage, client);
    http_stage_expect_closed(stage, "request", 1);
    http_stage_destroy(&stage);

    stage = http_stage_create((struct server_limits){.max_output = 16 << 20});
    struct value *value = value_create(32 << 20);
    client = http_stage_connect(stage);
    http_stage_get(stage, client, "large");
    http_stage_expect_asks(stage, 1);
    http_stage_answer(stage, 0, &(struct answer){.status = STATUS_VALUE, .value = value});
    http_stage_expect_closed(stage, "max_output", 1);
    close(client);
    value_release(&value);
    http_stage_destroy(&stage);
}

static void test_a_drain_is_why_all_are_closed(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){.max_clients = 2});
    int clients[3];
    for (size_t i = 0; i < 3; i++) /* the last is one too many: refused, not closed */
        clients[i] = http_stage_connect(stage);
    http_stage_expect(stage, clients[2], 503, NULL);
    http_stage_drain(stage, DRAIN_PROMPT);
    for (size_t i = 0; i < 3; i++)
        http_stage_expect_end(stage, clients[i]);
    http_stage_expect_closed(stage, "drain", 2);
    http_stage_destroy(&stage);
}

/* However often it sends another byte; and not before its first. */
static void test_a_slow_request_is_408(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){0});
    int client = http_stage_connect(stage);
    http_stage_pass(stage, 30 * SECOND);
    http_stage_say(stage, client, "GET /a HTTP/1.1\r\nX: ");
    for (int i = 0; i < 9; i++) {
        http_stage_pass(stage, SECOND);
        http_stage_say(stage, client, "x");
    }
    http_stage_pass(stage, SECOND + MILLISECOND);
    http_stage_expect(stage, client, 408, NULL);
    http_stage_expect_end(stage, client);
    http_stage_expect_closed(stage, "head_timeout", 1);
    http_stage_destroy(&stage);
}

static void test_an_idle_connection_is_closed_without_a_word(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){0});
    int client = http_stage_connect(stage);
    http_stage_pass(stage, 50 * SECOND);
    http_stage_say(stage, client, "GET / HTTP/1.1\r\n" HOST "\r\n");
    http_stage_expect(stage, client, 200, NULL);
    http_stage_pass(stage, 50 * SECOND);
    assert_int_equal(http_stage_metric(stage, "weir_http_connections", NULL), 1);
    http_stage_pass(stage, 10 * SECOND + MILLISECOND);
    http_stage_expect_end(stage, client);
    http_stage_expect_closed(stage, "idle_timeout", 1);
    http_stage_destroy(&stage);
}

/* A reader that goes on reading, however slowly, is served; one that stops is cut off. */
static void test_a_reader_that_takes_nothing_is_cut_off(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){0});
    struct value *value = value_create(32 * 1024 * 1024);
    int client = http_stage_connect(stage);
    http_stage_get(stage, client, "large");
    http_stage_expect_asks(stage, 1);
    http_stage_answer(stage, 0, &(struct answer){.status = STATUS_VALUE, .value = value});
    http_stage_turn(stage);
    assert_true(value->references > 1);
    for (int i = 0; i < 3; i++) {
        http_stage_skip(stage, client, 1024 * 1024);
        http_stage_pass(stage, 9 * SECOND);
        assert_int_equal(http_stage_metric(stage, "weir_http_connections", NULL), 1);
    }
    for (int i = 0; i < 10; i++) /* the system may still have taken some */
        http_stage_pass(stage, 11 * SECOND);
    http_stage_expect_closed(stage, "send_timeout", 1);
    http_stage_turn(stage);
    assert_int_equal(value->references, 1);
    close(client);
    value_release(&value);
    http_stage_destroy(&stage);
}

/* No more than SERVER_PIPELINE are in progress, however many are sent; in the end all are answered,
 * in order. */
static void test_pipelined_requests_are_bounded(void **state)
{
    (void)state;
    enum { COUNT = 5 * SERVER_PIPELINE };
    struct http_stage *stage = http_stage_create((struct server_limits){0});
    struct blob all = {0};
    int client = http_stage_connect(stage);
    for (int i = 0; i < COUNT; i++)
        blob_append_format(&all, "GET /%d HTTP/1.1\r\n" HOST "\r\n", i);
    http_stage_say(stage, client, blob_text(&all));
    blob_fini(&all);
    http_stage_expect_asks(stage, SERVER_PIPELINE);
    assert_int_equal(http_stage_metric(stage, "weir_http_in_progress", NULL), SERVER_PIPELINE);
    for (size_t i = 0; i < COUNT; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%zu", i);
        while (i % SERVER_PIPELINE == 0 && i > 0 && http_stage_asks(stage) <= i)
            http_stage_turn(stage);
        assert_true(bytes_are_equal(http_stage_key(stage, i), bytes_of_text(text)));
        http_stage_answer_text(stage, i, text);
        http_stage_expect(stage, client, 200, text);
    }
    close(client);
    http_stage_destroy(&stage);
}

/* Sends requests in one write, of which no turn has seen anything. */
static void send_gets(int client, int count)
{
    struct blob all = {0};
    for (int i = 0; i < count; i++)
        blob_append_format(&all, "GET /%d HTTP/1.1\r\n" HOST "\r\n", i);
    assert_true(send(client, all.data, all.length, 0) == (ssize_t)all.length);
    blob_fini(&all);
}

/* `size` bytes of text; the caller frees them. */
static char *create_text(size_t size)
{
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    return text;
}

/* Who sends one request waits for few of those that another sends at once. */
static void test_nobody_takes_the_whole_turn(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){0});
    int greedy = http_stage_connect(stage), modest = http_stage_connect(stage);
    send_gets(greedy, SERVER_PIPELINE);
    send_gets(modest, 1);
    http_stage_expect_asks(stage, SERVER_PIPELINE + 1);
    size_t second = 1; /* the first ask for /0 is the greedy client's, or else all is well anyway */
    while (!bytes_are_equal(http_stage_key(stage, second), bytes_of_text("0")))
        second++;
    assert_true(second <= 2 * SERVER_TURN);
    close(greedy);
    close(modest);
    http_stage_destroy(&stage);
}

/* The responses behind an unanswered request are held; when they are many bytes, no more is asked
 * for until they can be sent. */
static void test_no_more_is_asked_for_while_much_is_held(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){0});
    char *large = create_text(SERVER_HELD);
    int client = http_stage_connect(stage);
    http_stage_get(stage, client, "slow");
    http_stage_get(stage, client, "large");
    http_stage_expect_asks(stage, 2);
    http_stage_answer_text(stage, 1, large);
    http_stage_turn(stage);
    http_stage_get(stage, client, "next");
    http_stage_expect_asks(stage, 2);
    http_stage_answer_text(stage, 0, "at last");
    http_stage_expect(stage, client, 200, "at last");
    http_stage_expect(stage, client, 200, large);
    http_stage_expect_asks(stage, 3);
    free(large);
    close(client);
    http_stage_destroy(&stage);
}

/* Clients that read nothing hold no more memory than all together may; the others are served. */
static void test_output_is_bounded_over_all_connections(void **state)
{
    enum { EACH = 64, SIZE = 1024 * 1024, CLIENTS = SERVER_MAX_HELD / SIZE / EACH + 1 };
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){0});
    int clients[CLIENTS], reader = http_stage_connect(stage);
    char *large = create_text(SIZE);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = http_stage_connect(stage);
        send_gets(clients[i], EACH);
        http_stage_expect_asks(stage, (i + 1) * EACH);
        for (size_t k = 1; k < EACH; k++) /* all but the first, which they wait for */
            http_stage_answer_text(stage, i * EACH + k, large);
        http_stage_turn(stage);
    }
    assert_int_equal(http_stage_metric(stage, "weir_http_closed_total", "reason=\"held\""), 1);
    assert_int_equal(http_stage_metric(stage, "weir_http_connections", NULL), CLIENTS);
    http_stage_get(stage, reader, "key");
    http_stage_expect_asks(stage, CLIENTS * EACH + 1);
    http_stage_answer_text(stage, CLIENTS * EACH, "value");
    http_stage_expect(stage, reader, 200, "value");
    free(large);
    for (size_t i = 0; i < CLIENTS; i++)
        close(clients[i]);
    close(reader);
    http_stage_destroy(&stage);
}

/* Ten thousand idle clients must be cheap. */
static void test_an_idle_connection_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct server_connection) < 1024);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time_and_in_order),
        cmocka_unit_test(test_beyond_max_waiting_the_answer_is_503_at_once),
        cmocka_unit_test(test_503_for_who_waited_and_504_for_who_was_asked),
        cmocka_unit_test(test_the_request_of_a_client_that_has_gone_is_in_progress),
        cmocka_unit_test(test_one_client_too_many_is_told_and_closed),
        cmocka_unit_test(test_what_a_client_does_is_why_it_was_closed),
        cmocka_unit_test(test_a_drain_is_why_all_are_closed),
        cmocka_unit_test(test_a_slow_request_is_408),
        cmocka_unit_test(test_an_idle_connection_is_closed_without_a_word),
        cmocka_unit_test(test_a_reader_that_takes_nothing_is_cut_off),
        cmocka_unit_test(test_pipelined_requests_are_bounded),
        cmocka_unit_test(test_nobody_takes_the_whole_turn),
        cmocka_unit_test(test_no_more_is_asked_for_while_much_is_held),
        cmocka_unit_test(test_output_is_bounded_over_all_connections),
        cmocka_unit_test(test_an_idle_connection_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
