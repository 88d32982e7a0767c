/* Clients of the Redis protocol that send without end, or do not read, or are many: weir takes from
 * each what it can answer, keeps no more than that in memory, and serves the others. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/trouble.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SAY(client, ...) RESP_CLIENT_SAY((client), __VA_ARGS__)

#define MIB             (1024 * 1024)
#define FLOOD_COMMANDS  1000000
#define ROOM_OF_SOCKETS (16 * MIB) /* what kernels keep of a connection that is not read */

/* A kernel that takes no byte for so long, in milliseconds, has no room left. Were it only slow, a
 * shorter flood would be sent, of which the same is expected. */
#define STUCK 500

/* Sends until weir and the kernels take no more. Returns how many bytes they took. */
static size_t flood(struct resp_client *client, const struct blob *commands)
{
    struct pollfd room = {.fd = resp_client_descriptor(client), .events = POLLOUT};
    size_t sent = 0;

    while (sent < commands->length && poll(&room, 1, STUCK) > 0) {
        ssize_t size = send(room.fd, commands->data + sent, commands->length - sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size > 0)
            sent += (size_t)size;
        else if (errno != EAGAIN && errno != EINTR)
            break;
    }
    return sent;
}

/* The first command waits for Redis, so all that follow wait for it. Weir takes a few of them and
 * leaves the rest in the socket; when Redis has answered, it goes on, and loses none. */
static void test_a_flood_is_slowed_by_not_reading_it(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client, *other;
    struct blob commands = {0};
    size_t sent;
    long before;

    redis_server_run(p->redis, "MSET key value slow s");
    pipeline_start_recorded(p, SETTINGS(.resp = "timeout: 1h", .redis = "timeout: 1h"));
    pipeline_expect_value(p, "/key", "value");
    redis_proxy_hold(p->proxy, true);
    client = pipeline_connect_resp(p);
    blob_append_text(&commands, "GET slow\r\n");
    for (int i = 0; i < FLOOD_COMMANDS; i++)
        blob_append_format(&commands, "*2\r\n$4\r\nECHO\r\n$6\r\n%06d\r\n", i);
    before = pipeline_is_sanitized() ? 0 : pipeline_memory(p);
    sent = flood(client, &commands);
    if (sent > ROOM_OF_SOCKETS)
        pipeline_fail(p, "%zu bytes were taken", sent);
    assert_true((pipeline_is_sanitized() ? 0 : pipeline_memory(p)) - before < 8 * MIB);
    assert_true(pipeline_metric(p, "weir_resp_commands_total", "command=\"echo\"") < 1000);

    other = pipeline_connect_resp(p);
    SAY(other, "GET", "key");
    pipeline_expect_reply(p, other, "$5\r\nvalue\r\n");

    redis_proxy_hold(p->proxy, false);
    pipeline_expect_reply(p, client, "$1\r\ns\r\n");
    for (int i = 0; i < 5000; i++) {
        char reply[32];
        snprintf(reply, sizeof reply, "$6\r\n%06d\r\n", i);
        pipeline_expect_reply(p, client, reply);
    }
    blob_fini(&commands);
    resp_client_close(&client);
    resp_client_close(&other);
}

/* A client asks for 100 GB and reads none of it. */
static void test_a_client_that_does_not_read_is_not_read(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client, *other;
    struct blob commands = {0}, rest = {0};
    long before;

    redis_server_run(p->redis, "SETRANGE large 99999 x");
    pipeline_start(p, SETTINGS(.resp = "send_timeout: 2s, timeout: 20s"));
    client = pipeline_connect_resp(p);
    for (int i = 0; i < FLOOD_COMMANDS; i++)
        blob_append_text(&commands, i % 2 ? "GETRANGE large 0 -1\r\n" : "GET large\r\n");
    before = pipeline_is_sanitized() ? 0 : pipeline_memory(p);
    if (flood(client, &commands) > ROOM_OF_SOCKETS)
        pipeline_fail(p, "weir reads on from a client that does not read");
    assert_true((pipeline_is_sanitized() ? 0 : pipeline_memory(p)) - before < 32 * MIB);
    assert_true(pipeline_metric(p, "weir_resp_commands_total", "command=\"get\"") < 1000);

    other = pipeline_connect_resp(p);
    SAY(other, "STRLEN", "large");
    pipeline_expect_reply(p, other, ":100000\r\n");
    pipeline_wait_metric(p, "weir_resp_connections", NULL, 1); /* it was closed */
    resp_client_take_all(client, &rest);
    assert_true(rest.length < (size_t)ROOM_OF_SOCKETS);
    blob_fini(&rest);
    blob_fini(&commands);
    resp_client_close(&client);
    resp_client_close(&other);
}

/* Clients of both protocols ask for the same keys at the same time. Redis is asked once for each.
 */
static void test_http_and_resp_clients_at_once_see_one_cache(void **state)
{
    enum { CLIENTS = 40, KEYS = 5 };
    struct pipeline *p = *state;
    struct http_client *http[CLIENTS];
    struct resp_client *resp[CLIENTS];

    redis_server_run(p->redis, "MSET key0 0 key1 1 key2 2 key3 3 key4 4");
    pipeline_start_recorded(p, SETTINGS(.resp = ""));
    redis_proxy_hold(p->proxy, true);
    for (int i = 0; i < CLIENTS; i++) {
        char target[16];
        snprintf(target, sizeof target, "/key%d", i % KEYS);
        http[i] = pipeline_ask(p, target);
        resp[i] = pipeline_connect_resp(p);
        if (i % 2)
            SAY(resp[i], "GET", target + 1);
        else
            SAY(resp[i], "MGET", target + 1, "key0");
    }
    pipeline_wait_metric(p, "weir_cache_coalesced_total", NULL, 2.5 * CLIENTS - KEYS);
    redis_proxy_hold(p->proxy, false);
    for (int i = 0; i < CLIENTS; i++) {
        char value[2] = {(char)('0' + i % KEYS), '\0'}, reply[32];
        pipeline_expect_response(p, http[i], 200, value);
        snprintf(reply, sizeof reply, i % 2 ? "$1\r\n%s\r\n" : "*2\r\n$1\r\n%s\r\n$1\r\n0\r\n",
                 value);
        pipeline_expect_reply(p, resp[i], reply);
        http_client_close(&http[i]);
        resp_client_close(&resp[i]);
    }
    assert_int_equal(redis_server_calls(p->redis, "get"), KEYS);
    pipeline_expect_value(p, "/key0", "0");
    assert_int_equal(redis_server_calls(p->redis, "get"), KEYS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_a_flood_is_slowed_by_not_reading_it),
        PIPELINE_TEST(test_a_client_that_does_not_read_is_not_read),
        PIPELINE_TEST(test_http_and_resp_clients_at_once_see_one_cache),
    };

    return PIPELINE_RUN("resp floods", tests);
}
