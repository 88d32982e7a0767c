/* Reload, by SIGHUP and by POST /reload: what may change does, in all stages or in none, and nobody
 * notices. */
#include "../support/deadline.h"
#include "../support/load.h"
#include "../support/pipeline.h"
#include "../support/temp_dir.h"
#include "../support/weir_fleet.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POST(fields) "POST /reload HTTP/1.1\r\nHost: weir\r\n" fields "\r\n"

/* Sends the request to the admin stage over `client` and returns the status; `body` gets what
 * came. */
static int request(struct http_client *client, const char *text, struct blob *body)
{
    const enum http_method method = strncmp(text, "HEAD", 4) == 0 ? HTTP_HEAD : HTTP_GET;
    struct http_response response;

    assert_true(http_client_send(client, text, strlen(text), deadline_in(PATIENCE)));
    assert_int_equal(http_client_read(client, method, deadline_in(PATIENCE), &response),
                     HTTP_RESPONSE);
    const int status = response.status;
    if (body) {
        body->length = 0;
        blob_append(body, response.body.data, response.body.length);
    }
    http_response_fini(&response);
    return status;
}

static struct http_client *connect_admin(const struct pipeline *p)
{
    return http_client_open(weir_process_admin_port(p->weir));
}

static void post_reload(const struct pipeline *p, int status, const char *said)
{
    struct http_client *client = connect_admin(p);
    struct blob body = {0};

    const int seen = request(client, POST(""), &body);
    if (seen != status || !strstr(blob_text(&body), said))
        pipeline_fail(p, "%d, and not %d and \"%s\": %s", seen, status, said, blob_text(&body));
    blob_fini(&body);
    http_client_close(&client);
}

/* ---- under load ---- */

#define RELOADS 1000
#define FEWER   200 /* where each takes several times as long */
#define KEYS    64
#define CLIENTS 4

static void expect_undisturbed(const struct pipeline *p, struct load *load)
{
    char *wrong = load_copy_wrong(load);
    const struct load_tally tally = load_tally(load);

    if (wrong)
        pipeline_fail(p, "%s", wrong);
    if (tally.broken + tally.unavailable + tally.late > 0)
        pipeline_fail(p, "%zu broken, %zu unavailable, %zu late", tally.broken, tally.unavailable,
                      tally.late);
}

/* Each time everything that is live changes. */
static void test_a_thousand_reloads_drop_nothing(void **state)
{
    static const struct weir_settings two[] = {
        {.http = "timeout: 60s, max_clients: 20, max_parallel: 20, max_waiting: 100",
         .cache = "capacity: 40, expiry: 500ms, max_bytes: 16MiB, max_fetches: 10",
         .redis = "timeout: 60s, invalidation: {mode: broadcast, prefixes: [k, l]}",
         .log_level = "warn"},
        {.http = "timeout: 50s, max_clients: 30, max_parallel: 30, max_waiting: 200",
         .cache = "capacity: 60, expiry: 1s, max_bytes: 1GiB, max_fetches: 20, "
                  "negative_expiry: 1s, stale_if_error: 1s",
         .redis =
             "timeout: 50s, invalidation: {mode: broadcast, prefixes: [k, l]}, max_bytes: 1MiB",
         .log_level = "info"},
    };
    const struct load_plan plan = {
        .prefix = "k", .keys = KEYS, .clients = CLIENTS, .pause = 1, .timeout = PATIENCE};
    const int reloads = pipeline_is_sanitized() ? FEWER : RELOADS;
    struct pipeline *p = *state;

    load_store(p->redis, "k", KEYS);
    pipeline_start(p, &two[1]); /* which says where it listens */
    struct load *load = load_start(weir_process_http_port(p->weir), &plan);
    assert_true(load_wait(load, KEYS, 0, deadline_in(PATIENCE)));
    struct http_client *admin = connect_admin(p);
    for (int i = 1; i <= reloads; i++) {
        weir_process_rewrite(p->weir, &two[(i + 1) % 2]);
        if (i % 10 == 0)
            weir_process_signal(p->weir, SIGHUP); /* one more, beside or within that */
        assert_int_equal(request(admin, POST(""), NULL), 200);
    }
    http_client_close(&admin);
    load_forget(load);
    assert_true(load_wait(load, KEYS, 0, deadline_in(PATIENCE))); /* it still runs */
    expect_undisturbed(p, load);
    assert_true(pipeline_metric(p, "weir_reloads_total", "done") >= reloads);
    assert_true(pipeline_metric(p, "weir_reloads_total", "refused") == 0);
    assert_true(pipeline_metric(p, "weir_http_closed_total", NULL) == 0);
    assert_true(pipeline_metric(p, "weir_http_connections", NULL) == CLIENTS);
    assert_true(pipeline_metric(p, "weir_redis_reconnects_total", NULL) == 0);
    load_destroy(&load);
}

/* ---- what changes ---- */

static void test_a_lower_capacity_is_kept(void **state)
{
    struct pipeline *p = *state;
    char target[16];

    load_store(p->redis, "k", KEYS);
    pipeline_start(p, SETTINGS(.cache = "capacity: 100"));
    for (int i = 0; i < KEYS; i++) {
        snprintf(target, sizeof target, "/k%d", i);
        assert_int_equal(pipeline_get_status(p, target), 200);
    }
    assert_true(pipeline_metric(p, "weir_cache_entries", NULL) == KEYS);
    weir_process_rewrite(p->weir, SETTINGS(.cache = "capacity: 10", .log_level = "debug"));
    weir_process_signal(p->weir, SIGHUP);
    assert_true(weir_process_wait_log(
        p->weir, "changed=\"cache.capacity: 100 -> 10, log_level: info -> debug\"",
        deadline_in(PATIENCE)));
    pipeline_wait_metric(p, "weir_cache_entries", NULL, 10);
    assert_true(pipeline_metric(p, "weir_cache_capacity_entries", NULL) == 10);
    assert_int_equal(pipeline_get_status(p, target), 200);
    post_reload(p, 200, "nothing\n");
}

static void test_lower_max_clients_keep_the_connected(void **state)
{
    struct pipeline *p = *state;
    struct http_client *clients[3];

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, NULL);
    for (int i = 0; i < 3; i++) {
        clients[i] = pipeline_connect(p);
        assert_true(http_client_request(clients[i], HTTP_GET, "/key"));
        pipeline_expect_response(p, clients[i], 200, "value");
    }
    weir_process_rewrite(p->weir, SETTINGS(.http = "timeout: 60s, max_clients: 1"));
    post_reload(p, 200, "http.max_clients: 10000 -> 1\n");
    for (int i = 0; i < 3; i++) {
        assert_true(http_client_request(clients[i], HTTP_GET, "/key"));
        pipeline_expect_response(p, clients[i], 200, "value");
    }
    pipeline_expect_status(p, "/key", 503);
    for (int i = 0; i < 3; i++)
        http_client_close(&clients[i]);
}

/* A key that was not announced before is, and one that was is so no longer. */
static void test_other_prefixes_are_announced(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET new:a 1");
    pipeline_start(p, SETTINGS(.redis = "timeout: 60s, max_staleness: 60s, "
                                        "invalidation: {mode: broadcast, prefixes: 'old:'}"));
    pipeline_expect_value(p, "/new%3Aa", "1");
    redis_server_run(p->redis, "SET new:a 2");
    pipeline_expect_value(p, "/new%3Aa", "1");
    weir_process_rewrite(p->weir,
                         SETTINGS(.redis = "timeout: 60s, max_staleness: 60s, "
                                           "invalidation: {mode: broadcast, prefixes: 'new:'}"));
    post_reload(p, 200, "redis.invalidation.prefixes\n");
    pipeline_wait_metric(p, "weir_redis_control_up", NULL, 1);
    pipeline_wait_metric(p, "weir_redis_epochs_total", NULL, 3); /* lost, and subscribed again */
    redis_server_run(p->redis, "SET new:a 3");
    pipeline_wait_metric(p, "weir_cache_invalidations_total", NULL, 1);
    pipeline_expect_value(p, "/new%3Aa", "3");
}

/* ---- what does not ---- */

static void test_a_bad_file_changes_nothing_and_says_why(void **state)
{
#define FILE_WITH(cache, redis)                                                                    \
    "stages:\n  http: {kind: http-frontend, listen: 127.0.0.1:0, asks: cache, timeout: 60s}\n"     \
    "  cache: {kind: cache, serves: inproc://cache, asks: redis, capacity: 7, " cache "}\n"        \
    "  redis: {kind: redis-fetcher, serves: inproc://redis, timeout: 60s, " redis "}\n"            \
    "  admin: {kind: admin, listen: 127.0.0.1:0}\n"
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"stages: [", "topology.yml:2: not valid YAML"},
        {"", "topology.yml:1: must be a mapping"},
        {FILE_WITH("expiry: 0s", ""), "topology.yml:3: cache.expiry: \"0s\" is not"},
        {FILE_WITH("xpiry: 1s", ""), "topology.yml:3: cache.xpiry: unknown key"},
        {FILE_WITH("max_bytes: 1KiB", ""), "topology.yml:3: cache.max_bytes: is too"},
        {FILE_WITH("max_bytes: 1MiB", "") "reactors: [[http, cache, redis]]\n",
         "topology.yml:6: reactors: admin is placed nowhere"},
        {FILE_WITH("", "connections: 5"),
         "topology.yml:4: redis.connections: cannot change while weir runs; restart it"},
        {FILE_WITH("", "") "  far: {kind: cache, serves: inproc://f, asks: redis}\n",
         "topology.yml:6: far: cannot be added while weir runs; restart it"},
    };
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.cache = "capacity: 100"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_process_rewrite_text(p->weir, cases[i].text);
        post_reload(p, 409, cases[i].reason);
        assert_true(pipeline_metric(p, "weir_cache_capacity_entries", NULL) == 100);
    }
    weir_process_signal(p->weir, SIGHUP);
    pipeline_wait_metric(p, "weir_reloads_total", "refused", sizeof cases / sizeof *cases + 1);
    pipeline_expect_value(p, "/key", "value");
    assert_true(pipeline_metric(p, "weir_reloads_total", "done") == 0);
    weir_process_rewrite(p->weir, SETTINGS(.cache = "capacity: 7"));
    post_reload(p, 200, "cache.capacity: 100 -> 7\n");
    assert_true(pipeline_metric(p, "weir_cache_capacity_entries", NULL) == 7);
}

/* A form on anybody's page can make a browser send a POST here. */
static void test_post_is_for_reload_and_not_for_pages(void **state)
{
    static const struct {
        const char *request;
        int status;
        const char *allow;
    } cases[] = {
        {"GET /reload HTTP/1.1\r\nHost: weir\r\n\r\n", 405, "POST"},
        {"HEAD /reload HTTP/1.1\r\nHost: weir\r\n\r\n", 405, "POST"},
        {"POST /metrics HTTP/1.1\r\nHost: weir\r\n\r\n", 405, "GET, HEAD"},
        {"POST /other HTTP/1.1\r\nHost: weir\r\nContent-Length: 3\r\n\r\nabc", 404, NULL},
        {POST("Origin: https://example.com\r\n"), 403, NULL},
        {POST("origin: null\r\n"), 403, NULL},
        {POST("Sec-Fetch-Site: same-origin\r\n"), 403, NULL},
        {POST("Content-Length: 3\r\n") "abc", 200, NULL},
        {POST("Content-Length: 0\r\n"), 200, NULL},
    };
    struct pipeline *p = *state;

    pipeline_start(p, NULL);
    struct http_client *client = connect_admin(p); /* which stays open all the while */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_response response;
        struct blob allow = {0};
        const char *text = cases[i].request;
        assert_true(http_client_send(client, text, strlen(text), deadline_in(PATIENCE)));
        assert_int_equal(http_client_read(client, text[0] == 'H' ? HTTP_HEAD : HTTP_GET,
                                          deadline_in(PATIENCE), &response),
                         HTTP_RESPONSE);
        if (response.status != cases[i].status)
            pipeline_fail(p, "%d to %s", response.status, text);
        if (cases[i].allow) {
            assert_true(http_response_header(&response, "Allow", &allow));
            assert_string_equal(blob_text(&allow), cases[i].allow);
        }
        blob_fini(&allow);
        http_response_fini(&response);
    }
    http_client_close(&client);
    assert_true(pipeline_metric(p, "weir_reloads_total", "done") == 2);

    client = pipeline_connect(p); /* the public front end takes none */
    assert_int_equal(request(client, POST(""), NULL), 405);
    http_client_close(&client);
}

/* ---- several processes ---- */

/* Puts `more` behind the cache's `asks` in the file of the fleet, which stands in `before`. */
static void rewrite(const struct weir_fleet *fleet, const struct blob *before, const char *more)
{
    static const char mark[] = "    asks: redis\n";
    const char *at = strstr(blob_text(before), mark);
    struct blob text = {0};

    assert_non_null(at);
    at += strlen(mark);
    blob_append(&text, blob_text(before), (size_t)(at - blob_text(before)));
    blob_append_text(&text, more);
    blob_append_text(&text, at);
    free(temp_dir_write(weir_fleet_directory(fleet), "topology.yml", blob_text(&text)));
    blob_fini(&text);
}

static void read_file(const struct weir_fleet *fleet, struct blob *text)
{
    char path[512], part[4096];

    snprintf(path, sizeof path, "%s/topology.yml", weir_fleet_directory(fleet));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        blob_append(text, part, got);
    fclose(file);
}

/* Each process reads the file for itself, when it is told. */
static void test_processes_reload_each_for_itself(void **state)
{
    static const char *const names[] = {"edge", "store", "origin"};
    const struct load_plan plan = {
        .prefix = "k", .keys = KEYS, .clients = CLIENTS, .pause = 1, .timeout = PATIENCE};
    struct redis_server *redis = redis_server_start();
    struct blob before = {0};
    char url[64], more[64];
    double seen;
    (void)state;

    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", redis_server_port(redis));
    load_store(redis, "k", KEYS);
    const char *folder = getenv("WEIR_TOPOLOGIES");
    char path[256];
    snprintf(path, sizeof path, "%s/process-per-stage.yml", folder ? folder : "tests/topologies");
    struct weir_fleet *fleet = weir_fleet_start(url, path, NULL);
    read_file(fleet, &before);
    struct load *load = load_start(weir_fleet_http_port(fleet), &plan);
    for (int i = 1; i <= 20; i++) {
        snprintf(more, sizeof more, "    capacity: %d\n", 10 + i);
        rewrite(fleet, &before, more);
        for (size_t j = 0; j < sizeof names / sizeof *names; j++)
            weir_process_signal(weir_fleet_process(fleet, names[j]), SIGHUP);
        assert_true(weir_fleet_wait_sum(fleet, "weir_cache_capacity_entries", NULL, 10 + i,
                                        deadline_in(PATIENCE), &seen));
    }
    snprintf(more, sizeof more, "-> 30\"");
    assert_true(
        weir_process_wait_log(weir_fleet_process(fleet, "edge"), more, deadline_in(PATIENCE)));
    assert_true(load_wait(load, KEYS, 0, deadline_in(PATIENCE)));
    assert_null(load_copy_wrong(load));
    assert_int_equal(load_tally(load).broken, 0);
    assert_int_equal(load_tally(load).unavailable, 0);
    load_destroy(&load);
    assert_int_equal(weir_fleet_stop(fleet), 0);
    weir_fleet_destroy(&fleet);
    redis_server_destroy(&redis);
    blob_fini(&before);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_a_thousand_reloads_drop_nothing),
        PIPELINE_TEST(test_a_lower_capacity_is_kept),
        PIPELINE_TEST(test_lower_max_clients_keep_the_connected),
        PIPELINE_TEST(test_other_prefixes_are_announced),
        PIPELINE_TEST(test_a_bad_file_changes_nothing_and_says_why),
        PIPELINE_TEST(test_post_is_for_reload_and_not_for_pages),
    };
    static const struct CMUnitTest split[] = {
        cmocka_unit_test(test_processes_reload_each_for_itself),
    };

    return PIPELINE_RUN("reload", tests) + cmocka_run_group_tests_name("reload", split, NULL, NULL);
}
