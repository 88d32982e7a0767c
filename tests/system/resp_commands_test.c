/* The Redis protocol as its clients see it, where weir has an answer of its own: what it serves,
 * what it refuses, and what failures look like. The rest is compared with Redis byte for byte, in
 * resp_errors_test.c and resp_differential_test.c. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/temp_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAY(client, ...) RESP_CLIENT_SAY((client), __VA_ARGS__)

/* The next reply must hold `text`. */
static void expect_in(const struct pipeline *p, struct resp_client *client, const char *text)
{
    struct blob got = {0};

    resp_client_take(client, &got);
    if (!strstr(blob_text(&got), text))
        pipeline_fail(p, "answered %s, without %s", blob_text(&got), text);
    blob_fini(&got);
}

/* One cache: what one protocol has fetched is a hit for the other. Redis counts its GETs. */
static void test_http_and_resp_share_one_cache(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client;

    redis_server_run(p->redis, "MSET a 1 b 2 c 3");
    pipeline_start(p, SETTINGS(.resp = ""));
    client = pipeline_connect_resp(p);
    long long before = redis_server_calls(p->redis, "get");

    SAY(client, "GET", "a");
    pipeline_expect_reply(p, client, "$1\r\n1\r\n");
    pipeline_expect_value(p, "/a", "1");
    assert_int_equal(redis_server_calls(p->redis, "get"), before + 1);

    pipeline_expect_value(p, "/b", "2");
    SAY(client, "GET", "b");
    pipeline_expect_reply(p, client, "$1\r\n2\r\n");
    SAY(client, "MGET", "a", "b", "b");
    pipeline_expect_reply(p, client, "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n2\r\n");
    SAY(client, "EXISTS", "a", "b");
    pipeline_expect_reply(p, client, ":2\r\n");
    SAY(client, "STRLEN", "a");
    pipeline_expect_reply(p, client, ":1\r\n");
    SAY(client, "GETRANGE", "a", "0", "-1");
    pipeline_expect_reply(p, client, "$1\r\n1\r\n");
    assert_int_equal(redis_server_calls(p->redis, "get"), before + 2);

    SAY(client, "MGET", "c", "c", "c"); /* a miss is fetched once */
    pipeline_expect_reply(p, client, "*3\r\n$1\r\n3\r\n$1\r\n3\r\n$1\r\n3\r\n");
    pipeline_expect_value(p, "/c", "3");
    assert_int_equal(redis_server_calls(p->redis, "get"), before + 3);
    resp_client_close(&client);
}

static void test_all_else_is_refused(void **state)
{
    static const char *const commands[] = {"SET k v",   "DEL k",       "FLUSHALL",    "EVAL 1 0",
                                           "SUBSCRIBE", "CONFIG SET",  "CLIENT KILL", "KEYS *",
                                           "MULTI",     "DEBUG SLEEP", "nosuch"};
    struct pipeline *p = *state;
    struct resp_client *client;

    redis_server_run(p->redis, "SET k v");
    pipeline_start(p, SETTINGS(.resp = ""));
    client = pipeline_connect_resp(p);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char line[64];
        bool has_subcommands = strncmp(commands[i], "C", 1) == 0;
        snprintf(line, sizeof line, "%s\r\n", commands[i]);
        assert_true(resp_client_send(client, line, strlen(line)));
        expect_in(p, client,
                  has_subcommands ? "-ERR unknown subcommand"
                                  : "weir only reads; writes, and what else it does not serve, go "
                                    "to Redis itself\r\n");
    }
    SAY(client, "GET", "k");
    pipeline_expect_reply(p, client, "$1\r\nv\r\n");
    resp_client_close(&client);
}

static void test_command_tells_what_is_served(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client;

    pipeline_start(p, SETTINGS(.resp = ""));
    client = pipeline_connect_resp(p);
    SAY(client, "COMMAND", "COUNT");
    pipeline_expect_reply(p, client, ":18\r\n");
    SAY(client, "COMMAND");
    expect_in(p, client, "*18\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n");
    SAY(client, "COMMAND", "LIST", "FILTERBY", "PATTERN", "*GET");
    pipeline_expect_reply(p, client, "*3\r\n$3\r\nget\r\n$4\r\nmget\r\n$10\r\nconfig|get\r\n");
    SAY(client, "COMMAND", "LIST", "FILTERBY", "ACLCAT", "STRING");
    expect_in(p, client, "*5\r\n$3\r\nget\r\n");
    SAY(client, "COMMAND", "INFO", "set", "get");
    expect_in(p, client, "*2\r\n$-1\r\n*10\r\n");
    SAY(client, "COMMAND", "DOCS", "get", "set");
    expect_in(p, client, "*2\r\n$3\r\nget\r\n*8\r\n$7\r\nsummary\r\n");
    SAY(client, "CLIENT", "HELP");
    expect_in(p, client, "+CLIENT <subcommand>");
    resp_client_close(&client);
}

static void test_clients_know_each_other(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *one, *two;

    pipeline_start(p, SETTINGS(.resp = ""));
    one = pipeline_connect_resp(p);
    two = pipeline_connect_resp(p);
    SAY(one, "CLIENT", "SETNAME", "first");
    pipeline_expect_reply(p, one, "+OK\r\n");
    SAY(one, "CLIENT", "SETINFO", "LIB-NAME", "testlib");
    pipeline_expect_reply(p, one, "+OK\r\n");
    SAY(one, "CLIENT", "SETINFO", "lib-ver", "1 2");
    pipeline_expect_reply(
        p, one, "-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n");
    SAY(one, "CLIENT", "NO-TOUCH", "on");
    pipeline_expect_reply(p, one, "+OK\r\n");
    SAY(two, "CLIENT", "LIST");
    expect_in(p, two, " name=first age=");
    SAY(two, "CLIENT", "LIST");
    expect_in(p, two, " lib-name=testlib lib-ver=\n");
    SAY(two, "CLIENT", "INFO");
    expect_in(p, two, " cmd=client|info user=default redir=-1 resp=2 ");
    resp_client_close(&one);
    resp_client_close(&two);
    pipeline_wait_metric(p, "weir_resp_connections", "", 0);
}

static void test_info(void **state)
{
    static const char *const fields[] = {
        "# Server\r\nredis_version:7.", "\r\nweir_version:",       "\r\ntcp_port:",
        "\r\nconnected_clients:1\r\n",  "\r\nkeyspace_hits:2\r\n", "\r\nkeyspace_misses:1\r\n",
        "\r\nrole:master\r\n"};
    struct pipeline *p = *state;
    struct resp_client *client;

    redis_server_run(p->redis, "SET k v");
    pipeline_start(p, SETTINGS(.resp = ""));
    client = pipeline_connect_resp(p);
    for (int i = 0; i < 3; i++) {
        SAY(client, "GET", "k");
        pipeline_expect_reply(p, client, "$1\r\nv\r\n");
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        SAY(client, "INFO");
        expect_in(p, client, fields[i]);
    }
    SAY(client, "INFO", "clients", "replication");
    pipeline_expect_reply(
        p, client,
        "$119\r\n# Clients\r\nconnected_clients:1\r\nmaxclients:10000\r\nblocked_clients:0\r\n"
        "\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n");
    SAY(client, "TIME");
    expect_in(p, client, "*2\r\n$10\r\n");
    resp_client_close(&client);
}

/* Commands that wait, others that need not, and large values: in the order in which they came. */
static void test_answers_in_order(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client;
    struct blob all = {0}, got = {0};
    static const char commands[] =
        "GET slow\r\nPING\r\nMGET a slow large\r\nECHO x\r\nINFO nosuch\r\n"
        "EXISTS a large\r\nSTRLEN large\r\nQUIT\r\nPING\r\n";

    redis_server_run(p->redis, "MSET a 1 slow s");
    redis_server_run(p->redis, "SETRANGE large 99999 x");
    pipeline_start_recorded(p, SETTINGS(.resp = ""));
    pipeline_expect_value(p, "/a", "1");
    redis_proxy_hold(p->proxy, true);
    client = pipeline_connect_resp(p);
    assert_true(resp_client_send(client, commands, strlen(commands)));
    pipeline_wait_gets(p, 3);
    redis_proxy_hold(p->proxy, false);
    assert_true(resp_client_take_all(client, &got));
    blob_append_text(&all, "$1\r\ns\r\n+PONG\r\n*3\r\n$1\r\n1\r\n$1\r\ns\r\n$100000\r\n");
    for (int i = 0; i < 99999; i++)
        blob_append(&all, "", 1);
    blob_append_text(&all, "x\r\n$1\r\nx\r\n$0\r\n\r\n:2\r\n:100000\r\n+OK\r\n");
    if (!blob_is(&got, all.data, all.length))
        pipeline_fail(p, "answered %zu bytes, not %zu", got.length, all.length);
    resp_client_close(&client);
    blob_fini(&all);
    blob_fini(&got);
}

static void test_select_and_database(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client;
    char url[64];

    snprintf(url, sizeof url, "redis://127.0.0.1:%d/3", redis_server_port(p->redis));
    redis_server_run(p->redis, "SELECT 3");
    redis_server_run(p->redis, "SET k three");
    pipeline_start(p, SETTINGS(.resp = "", .url = url));
    client = pipeline_connect_resp(p);
    SAY(client, "SELECT", "3");
    pipeline_expect_reply(p, client, "+OK\r\n");
    SAY(client, "SELECT", "0");
    pipeline_expect_reply(p, client,
                          "-ERR DB index is out of range: here is database 3 of Redis only\r\n");
    SAY(client, "GET", "k");
    pipeline_expect_reply(p, client, "$5\r\nthree\r\n");
    resp_client_close(&client);
}

/* --resp adds the stage beside the front end there is, and asks what that asks. */
static void test_flags(void **state)
{
    static const char yaml[] = "stages:\n"
                               "  http: {kind: http-frontend, listen: 127.0.0.1:0, asks: cache}\n"
                               "  cache: {kind: cache, serves: inproc://cache, asks: redis}\n"
                               "  redis: {kind: redis-fetcher, serves: inproc://redis}\n";
    struct pipeline *p = *state;
    char *directory = temp_dir_create();
    char *topology = temp_dir_write(directory, "topology.yml", yaml);
    char *password = temp_dir_write(directory, "password", "let me in\n");
    struct resp_client *client;

    redis_server_run(p->redis, "SET k v");
    pipeline_start(
        p, SETTINGS(.topology = topology, .has_resp = true,
                    .flags = (const char *const[]){"--resp", "127.0.0.1:0", "--resp-password-file",
                                                   password, NULL}));
    client = pipeline_connect_resp(p);
    SAY(client, "GET", "k");
    pipeline_expect_reply(p, client, "-NOAUTH Authentication required.\r\n");
    SAY(client, "AUTH", "let me");
    pipeline_expect_reply(p, client,
                          "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    SAY(client, "AUTH", "let me in");
    pipeline_expect_reply(p, client, "+OK\r\n");
    SAY(client, "GET", "k");
    pipeline_expect_reply(p, client, "$1\r\nv\r\n");
    resp_client_close(&client);
    free(topology);
    free(password);
    temp_dir_destroy(&directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_http_and_resp_share_one_cache),
        PIPELINE_TEST(test_all_else_is_refused),
        PIPELINE_TEST(test_command_tells_what_is_served),
        PIPELINE_TEST(test_clients_know_each_other),
        PIPELINE_TEST(test_info),
        PIPELINE_TEST(test_answers_in_order),
        PIPELINE_TEST(test_select_and_database),
        PIPELINE_TEST(test_flags),
    };
    return PIPELINE_RUN("resp commands", tests);
}
