/* POST /purge: what is cached anywhere is forgotten, in every cache of every process. */
#include "tests/support/deadline.h"
#include "tests/support/http_client.h"
#include "tests/support/redis_server.h"
#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"
#include "tests/support/weir_fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN "Authorization: Bearer sesame\r\n"

/* The stages of all: two shards near, one far, so that every key crosses a link or two. */
#define STAGES(far, admin)                                                                         \
    "stages:\n"                                                                                    \
    "  http: {kind: http-frontend, listen: 127.0.0.1:0, asks: near, timeout: 20s}\n"               \
    "  resp: {kind: resp-frontend, listen: 127.0.0.1:0, asks: near}\n"                             \
    "  near: {kind: cache, serves: [inproc://near-0, inproc://near-1], asks: far, expiry: 1h,\n"   \
    "         negative_expiry: 1h}\n"                                                              \
    "  far: {kind: cache, serves: " far ", asks: redis, expiry: 1h, negative_expiry: 1h}\n"        \
    "  redis: {kind: redis-fetcher, serves: inproc://redis, timeout: 20s}\n"                       \
    "  admin-edge: {kind: admin, listen: 127.0.0.1:0" admin "}\n"

/* The file's place is put in for %s. */
#define WITH_TOKEN ", asks: near, token_file: \"%s\""

static const char whole[] = STAGES("inproc://far", WITH_TOKEN);
static const char closed[] = STAGES("inproc://far", "");
static const char split[] = "# processes: edge store\n" STAGES(
    "tcp://127.0.0.1:@PORT.far@",
    WITH_TOKEN) "processes:\n"
                "  edge: {reactors: [[http, resp, near.0], [near.1, admin-edge]]}\n"
                "  store: {reactors: [[far], [redis]]}\n";

struct stand {
    char *directory;
    struct redis_server *redis;
    struct weir_fleet *fleet;
    struct weir_process *edge;
};

static void set_up(struct stand *stand, const char *topology)
{
    char url[64], text[1536], *token, *path;

    stand->directory = temp_dir_create();
    token = temp_dir_write(stand->directory, "token", "sesame\n");
    snprintf(text, sizeof text, topology, token);
    path = temp_dir_write(stand->directory, "t.yml", text);
    stand->redis = redis_server_start();
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", redis_server_port(stand->redis));
    stand->fleet = weir_fleet_start(url, path, NULL);
    stand->edge = weir_fleet_process(stand->fleet, topology == split ? "edge" : NULL);
    free(path);
    free(token);
}

static void tear_down(struct stand *stand)
{
    assert_int_equal(weir_fleet_stop(stand->fleet), 0);
    weir_fleet_destroy(&stand->fleet);
    redis_server_destroy(&stand->redis);
    temp_dir_destroy(&stand->directory);
}

/* Sends a request with these fields to the port, and reads its response. */
static int ask(int port, const char *method, const char *target, const char *fields,
               struct blob *body)
{
    struct http_client *client = http_client_open(port);
    struct http_response response;
    char request[512];
    int size = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method,
                        target, fields);

    assert_true(http_client_send(client, request, (size_t)size, deadline_in(PATIENCE)));
    assert_int_equal(http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response),
                     HTTP_RESPONSE);
    int status = response.status;
    if (body)
        blob_append(body, response.body.data, response.body.length);
    http_response_fini(&response);
    http_client_close(&client);
    return status;
}

static int purge(const struct stand *stand, const char *target, const char *fields)
{
    return ask(weir_process_admin_port(stand->edge), "POST", target, fields, NULL);
}

static void expect(const struct stand *stand, const char *target, int status, const char *value)
{
    struct blob body = {0};

    assert_int_equal(ask(weir_fleet_http_port(stand->fleet), "GET", target, "", &body), status);
    if (value)
        assert_string_equal(blob_text(&body), value);
    blob_fini(&body);
}

static void fill(const struct stand *stand, const char *value)
{
    char command[64];

    for (int i = 0; i < 8; i++) {
        snprintf(command, sizeof command, "SET key:%d %s", i, value);
        redis_server_run(stand->redis, command);
    }
}

static void expect_all(const struct stand *stand, const char *value)
{
    char target[32];

    for (int i = 0; i < 8; i++) {
        snprintf(target, sizeof target, "/key:%d", i);
        expect(stand, target, 200, value);
    }
}

static void expect_purges(const struct stand *stand)
{
    fill(stand, "old");
    expect_all(stand, "old");
    expect(stand, "/absent", 404, NULL);
    fill(stand, "new");
    redis_server_run(stand->redis, "SET absent here");
    expect_all(stand, "old");
    assert_int_equal(purge(stand, "/purge/key%3A3", TOKEN), 200);
    expect(stand, "/key:3", 200, "new");
    expect(stand, "/key:4", 200, "old");
    expect(stand, "/absent", 404, NULL);
    assert_int_equal(purge(stand, "/purge", TOKEN), 200);
    expect_all(stand, "new");
    expect(stand, "/absent", 200, "here");
}

static void test_purged_is_read_anew(void **state)
{
    struct stand stand;

    (void)state;
    set_up(&stand, whole);
    expect_purges(&stand);
    tear_down(&stand);
}

static void test_purged_is_read_anew_in_every_process(void **state)
{
    struct stand stand;

    (void)state;
    set_up(&stand, split);
    expect_purges(&stand);
    tear_down(&stand);
}

static void test_without_the_token_nothing_is_purged(void **state)
{
    static const char *const fields[] = {"", "Authorization: Bearer open\r\n",
                                         "Authorization: Basic sesame\r\n", TOKEN TOKEN};
    struct stand stand;

    (void)state;
    set_up(&stand, whole);
    fill(&stand, "old");
    expect_all(&stand, "old");
    fill(&stand, "new");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        assert_int_equal(purge(&stand, "/purge", fields[i]), 401);
    assert_int_equal(purge(&stand, "/purge", TOKEN "Origin: http://a\r\n"), 403);
    assert_int_equal(purge(&stand, "/purge/%4", TOKEN), 400);
    assert_int_equal(ask(weir_process_admin_port(stand.edge), "GET", "/purge", TOKEN, NULL), 405);
    expect_all(&stand, "old");
    tear_down(&stand);
}

static void test_without_a_token_file_there_is_no_purge(void **state)
{
    struct stand stand;

    (void)state;
    set_up(&stand, closed);
    assert_int_equal(purge(&stand, "/purge", TOKEN), 403);
    tear_down(&stand);
}

/* Who is told that it is done can rely on it: where the origin cannot be reached, it is not. */
static void test_purge_that_cannot_be_announced_fails(void **state)
{
    struct stand stand;

    (void)state;
    set_up(&stand, split);
    fill(&stand, "old");
    expect_all(&stand, "old");
    assert_int_equal(weir_process_stop(weir_fleet_process(stand.fleet, "store")), 0);
    assert_int_equal(purge(&stand, "/purge/key:1", TOKEN), 503);
    assert_int_equal(purge(&stand, "/purge", TOKEN), 503);
    expect_all(&stand, "old");
    weir_fleet_restart(stand.fleet, "store");
    assert_true(weir_fleet_wait_ready(stand.fleet, deadline_in(PATIENCE)));
    assert_int_equal(purge(&stand, "/purge", TOKEN), 200);
    tear_down(&stand);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_purged_is_read_anew),
        cmocka_unit_test(test_purged_is_read_anew_in_every_process),
        cmocka_unit_test(test_without_the_token_nothing_is_purged),
        cmocka_unit_test(test_without_a_token_file_there_is_no_purge),
        cmocka_unit_test(test_purge_that_cannot_be_announced_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
