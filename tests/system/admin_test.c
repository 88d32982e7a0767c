/* The admin stage as an operator and a monitoring system use it. */
#include "../support/deadline.h"
#include "../support/pipeline.h"

#include <string.h>

/* GETs `target` from the admin port; the caller frees the response. */
static struct http_response ask_admin(const struct pipeline *p, const char *target)
{
    struct http_client *client = http_client_open(weir_process_admin_port(p->weir));
    struct http_response response;

    assert_true(http_client_request(client, HTTP_GET, target));
    assert_int_equal(http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response),
                     HTTP_RESPONSE);
    http_client_close(&client);
    return response;
}

static int admin_status(const struct pipeline *p, const char *target)
{
    struct http_response response = ask_admin(p, target);
    int status = response.status;

    http_response_fini(&response);
    return status;
}

static void test_metrics(void **state)
{
    static const char *const names[] = {
        "weir_http_requests_total",    "weir_cache_hits_total",
        "weir_cache_misses_total",     "weir_cache_coalesced_total",
        "weir_cache_evictions_total",  "weir_cache_expirations_total",
        "weir_cache_entries",          "weir_cache_bytes",
        "weir_redis_fetches_total",    "weir_redis_connections_up",
        "weir_redis_reconnects_total", "weir_http_connections",
        "weir_http_in_progress",       "weir_http_waiting",
        "weir_http_refused_total",     "weir_link_batches_sent_total"};
    struct pipeline *p = *state;
    struct http_response response;
    struct blob type = {0};

    pipeline_start(p, NULL);
    pipeline_expect_status(p, "/key", 404);
    response = ask_admin(p, "/metrics");
    assert_int_equal(response.status, 200);
    assert_true(http_response_header(&response, "Content-Type", &type));
    assert_memory_equal(type.data, "text/plain", 10);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strstr(blob_text(&response.body), names[i]))
            pipeline_fail(p, "%s is not in /metrics", names[i]);
    blob_fini(&type);
    http_response_fini(&response);
}

static void test_health(void **state)
{
    struct pipeline *p = *state;

    redis_server_kill(p->redis);
    pipeline_start(p, NULL);
    assert_int_equal(admin_status(p, "/healthz"), 200);
    assert_int_equal(admin_status(p, "/no-such-page"), 404);
}

/* That the browser lets it do nothing else is for it to see to, and for tests/page. */
static void test_page(void **state)
{
    static const struct {
        const char *target, *type, *begin;
    } files[] = {
        {"/", "text/html", "<!DOCTYPE html>"},    {"/page.css", "text/css", ":root"},
        {"/page.js", "text/javascript", "//"},    {"/drawing.js", "text/javascript", "//"},
        {"/metrics.js", "text/javascript", "//"}, {"/numbers.js", "text/javascript", "//"}};
    struct pipeline *p = *state;

    pipeline_start(p, NULL);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct http_response response = ask_admin(p, files[i].target);
        struct blob type = {0}, policy = {0};

        assert_int_equal(response.status, 200);
        assert_true(http_response_header(&response, "Content-Type", &type));
        assert_memory_equal(type.data, files[i].type, strlen(files[i].type));
        assert_memory_equal(blob_text(&response.body), files[i].begin, strlen(files[i].begin));
        assert_true(http_response_header(&response, "Content-Security-Policy", &policy));
        assert_non_null(strstr(blob_text(&policy), "default-src 'none'"));
        blob_fini(&policy);
        blob_fini(&type);
        http_response_fini(&response);
    }
}

#define LOSS_SHOWS 2000 /* ms, at most */
#define ROUNDS     10

/* Waits until /readyz says `status`, and returns how long that took, in milliseconds. */
static int64_t time_readiness(const struct pipeline *p, int status)
{
    int64_t begun = deadline_now();

    while (admin_status(p, "/readyz") != status)
        assert_true(deadline_now() < begun + PATIENCE);
    return deadline_now() - begun;
}

/* A busy machine only adds to the time in which a loss shows, so one round of several in which it
 * shows in time is enough. */
static void test_readiness_follows_redis(void **state)
{
    struct pipeline *p = *state;
    int64_t shown = INT64_MAX;

    pipeline_start(p, NULL);
    assert_int_equal(admin_status(p, "/readyz"), 200);
    for (int round = 0; round < ROUNDS && shown >= LOSS_SHOWS; round++) {
        redis_server_kill(p->redis);
        shown = time_readiness(p, 503);
        struct http_response response = ask_admin(p, "/readyz");
        assert_non_null(strstr(blob_text(&response.body), "redis"));
        http_response_fini(&response);
        redis_server_restart(p->redis, NULL);
        time_readiness(p, 200);
    }
    assert_true(shown < LOSS_SHOWS);
}

/* A Redis that hangs is as lost as one that has gone, without anybody asking for a key. */
static void test_readiness_notices_a_hanging_redis(void **state)
{
    struct pipeline *p = *state;
    int64_t shown = INT64_MAX;

    pipeline_start(p, SETTINGS(.redis = "timeout: 500ms"));
    for (int round = 0; round < ROUNDS && shown >= LOSS_SHOWS; round++) {
        time_readiness(p, 200);
        redis_server_freeze(p->redis);
        shown = time_readiness(p, 503);
        redis_server_thaw(p->redis);
    }
    assert_true(shown < LOSS_SHOWS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_metrics),
        PIPELINE_TEST(test_health),
        PIPELINE_TEST(test_page),
        PIPELINE_TEST(test_readiness_follows_redis),
        PIPELINE_TEST(test_readiness_notices_a_hanging_redis),
    };

    return PIPELINE_RUN("admin", tests);
}
