/* What the Redis protocol's front end does when something is too much, too slow or away. */
#include "../support/deadline.h"
#include "../support/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAY(client, ...) RESP_CLIENT_SAY((client), __VA_ARGS__)

static void expect_end(const struct pipeline *p, struct resp_client **client)
{
    struct blob got = {0};

    if (!resp_client_take_all(*client, &got) || got.length > 0)
        pipeline_fail(p, "not closed, but answered %s", blob_text(&got));
    blob_fini(&got);
    resp_client_close(client);
}

/* Says `command` until it is answered `reply`: the deadline under test is short, and a busy machine
 * may miss it a few times. */
static void expect_soon(const struct pipeline *p, struct resp_client *client, const char *command,
                        const char *reply)
{
    int64_t deadline = deadline_in(PATIENCE);
    struct blob got = {0};

    do {
        blob_fini(&got);
        assert_true(resp_client_send(client, command, strlen(command)));
        assert_true(resp_client_take(client, &got));
    } while (!blob_is(&got, reply, strlen(reply)) && deadline_left(deadline) > 0);
    if (!blob_is(&got, reply, strlen(reply)))
        pipeline_fail(p, "still answered %s, not %s", blob_text(&got), reply);
    blob_fini(&got);
}

/* What failed is said, is one error for all keys of a command, and is never kept. */
static void test_outage(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client;
    static const char away[] = "-ERR Redis cannot be reached at the moment, try again later\r\n";

    redis_server_run(p->redis, "MSET a 1 b 2");
    pipeline_start(p, SETTINGS(.resp = ""));
    client = pipeline_connect_resp(p);
    SAY(client, "GET", "a");
    pipeline_expect_reply(p, client, "$1\r\n1\r\n");
    redis_server_kill(p->redis);
    pipeline_wait_status(p, "/b", 503);
    SAY(client, "GET", "b");
    pipeline_expect_reply(p, client, away);
    SAY(client, "MGET", "a", "b", "a");
    pipeline_expect_reply(p, client, away);
    SAY(client, "EXISTS", "a", "b");
    pipeline_expect_reply(p, client, away);
    SAY(client, "GETRANGE", "b", "0", "1");
    pipeline_expect_reply(p, client, away);
    SAY(client, "MGET", "a", "a");
    pipeline_expect_reply(p, client, "*2\r\n$1\r\n1\r\n$1\r\n1\r\n");
    SAY(client, "PING");
    pipeline_expect_reply(p, client, "+PONG\r\n");
    resp_client_close(&client);
}

static void test_deadline(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client;

    redis_server_run(p->redis, "MSET a 1 b 2");
    pipeline_start_recorded(p, SETTINGS(.resp = "timeout: 500ms"));
    pipeline_expect_value(p, "/a", "1");
    redis_proxy_hold(p->proxy, true);
    client = pipeline_connect_resp(p);
    SAY(client, "MGET", "a", "b");
    pipeline_expect_reply(p, client, "-ERR Redis did not answer in time\r\n");
    SAY(client, "GET", "b");
    pipeline_expect_reply(p, client, "-ERR Redis did not answer in time\r\n");
    redis_proxy_hold(p->proxy, false);
    expect_soon(p, client, "MGET a b\r\n", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    resp_client_close(&client);
}

static void test_max_parallel(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *one, *two, *three;

    redis_server_run(p->redis, "MSET a 1 b 2");
    pipeline_start_recorded(p, SETTINGS(.resp = "max_parallel: 1, max_waiting: 1, timeout: 20s"));
    redis_proxy_hold(p->proxy, true);
    one = pipeline_connect_resp(p);
    two = pipeline_connect_resp(p);
    three = pipeline_connect_resp(p);
    SAY(one, "MGET", "a", "b");
    pipeline_wait_gets(p, 2);
    SAY(two, "MGET", "a", "b"); /* waits for its turn, with its keys */
    pipeline_wait_metric(p, "weir_resp_waiting", "", 1);
    SAY(three, "GET", "a");
    pipeline_expect_reply(p, three, "-ERR too much work is in progress, try again later\r\n");
    redis_proxy_hold(p->proxy, false);
    pipeline_expect_reply(p, one, "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    pipeline_expect_reply(p, two, "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    resp_client_close(&one);
    resp_client_close(&two);
    resp_client_close(&three);
}

static void test_max_clients(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *one, *two;

    pipeline_start(p, SETTINGS(.resp = "max_clients: 1"));
    one = pipeline_connect_resp(p);
    SAY(one, "PING");
    pipeline_expect_reply(p, one, "+PONG\r\n");
    two = pipeline_connect_resp(p);
    pipeline_expect_reply(p, two, "-ERR max number of clients reached\r\n");
    expect_end(p, &two);
    SAY(one, "PING");
    pipeline_expect_reply(p, one, "+PONG\r\n");
    resp_client_close(&one);
}

/* A command that does not arrive ends the connection; one that is idle lives on. */
static void test_timeouts(void **state)
{
    static const char part[] = "*2\r\n$3\r\nGET\r\n";
    struct pipeline *p = *state;
    struct resp_client *idle, *slow;

    pipeline_start(p, SETTINGS(.resp = "head_timeout: 200ms"));
    idle = pipeline_connect_resp(p);
    slow = pipeline_connect_resp(p);
    assert_true(resp_client_send(slow, part, strlen(part)));
    expect_end(p, &slow);
    SAY(idle, "PING");
    pipeline_expect_reply(p, idle, "+PONG\r\n");
    resp_client_close(&idle);
}

/* Who asks for much and reads nothing is closed at max_output; nobody else notices. */
static void test_output_limit(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *greedy, *other;
    struct blob got = {0};

    redis_server_run(p->redis, "SETRANGE large 999999 x");
    pipeline_start(p, SETTINGS(.resp = "max_output: 8MiB, timeout: 20s, send_timeout: 1h"));
    greedy = pipeline_connect_resp(p);
    /* It may be closed before it has sent all of them. */
    for (int i = 0; i < 100 && resp_client_send(greedy, "GET large\r\n", 11); i++)
        continue;
    pipeline_wait_metric(p, "weir_resp_closed_total", "reason=\"max_output\"", 1);
    other = pipeline_connect_resp(p);
    SAY(other, "STRLEN", "large");
    pipeline_expect_reply(p, other, ":1000000\r\n");
    SAY(other, "MGET", "large", "large", "large", "large", "large", "large", "large", "large",
        "large", "large");
    pipeline_expect_reply(p, other, "-ERR the values are larger than max_output together\r\n");
    resp_client_take_all(greedy, &got);
    blob_fini(&got);
    resp_client_close(&greedy);
    resp_client_close(&other);
}

/* Ten thousand commands at once, hits and misses, from one client: all answered, in order. */
static void test_deep_pipeline(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client;
    struct blob commands = {0};

    pipeline_start(p, SETTINGS(.resp = ""));
    client = pipeline_connect_resp(p);
    for (int i = 0; i < 10000; i++)
        blob_append_format(&commands, i % 2 ? "ECHO %d\r\n" : "GET %d\r\n", i);
    assert_true(resp_client_send(client, commands.data, commands.length));
    for (int i = 0; i < 10000; i++) {
        char number[16], reply[32];
        int size = snprintf(number, sizeof number, "%d", i);
        snprintf(reply, sizeof reply, "$%d\r\n%s\r\n", size, number);
        pipeline_expect_reply(p, client, i % 2 ? reply : "$-1\r\n");
    }
    blob_fini(&commands);
    resp_client_close(&client);
}

static void test_keys_too_long(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client;
    char *key = calloc(1, 65537 + 1);
    static const char error[] = "-ERR a key of more than 65536 bytes cannot be asked for\r\n";

    assert_non_null(key);
    memset(key, 'k', 65537);
    pipeline_start(p, SETTINGS(.resp = ""));
    client = pipeline_connect_resp(p);
    SAY(client, "GET", key);
    pipeline_expect_reply(p, client, error);
    SAY(client, "MGET", "a", key);
    pipeline_expect_reply(p, client, error);
    SAY(client, "GET", key + 1);
    pipeline_expect_reply(p, client, "$-1\r\n");
    SAY(client, "ECHO", "alive");
    pipeline_expect_reply(p, client, "$5\r\nalive\r\n");
    resp_client_close(&client);
    free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_outage),        PIPELINE_TEST(test_deadline),
        PIPELINE_TEST(test_max_parallel),  PIPELINE_TEST(test_max_clients),
        PIPELINE_TEST(test_timeouts),      PIPELINE_TEST(test_output_limit),
        PIPELINE_TEST(test_deep_pipeline), PIPELINE_TEST(test_keys_too_long),
    };
    return PIPELINE_RUN("resp limits", tests);
}
