/* Metrics add up: what weir has counted is what its clients have seen, whatever became of what they
 * asked for. Every transcript is held against the counters, too. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/scrape.h"
#include "../support/tally.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void expect_tally(const struct pipeline *p, const struct tally *tally)
{
    struct blob metrics = {0}, report = {0};

    scrape_read(weir_process_admin_port(p->weir), &metrics);
    if (!tally_check(tally, blob_text(&metrics), &report))
        pipeline_fail(p, "%s", blob_text(&report));
    blob_fini(&metrics);
    blob_fini(&report);
}

static void expect_metric(const struct pipeline *p, const char *name, double value)
{
    double seen = pipeline_metric(p, name, NULL);

    if (seen != value)
        pipeline_fail(p, "%s is %g, not %g", name, seen, value);
}

static int take_status(const struct pipeline *p, struct http_client **client, struct tally *tally)
{
    int status = pipeline_take_status(p, client);

    tally_response(tally, status);
    return status;
}

/* Sends one request as it stands until it is answered `status`: a busy machine may see to it that
 * its time is over first. */
static void reach(const struct pipeline *p, const char *request, int status, struct tally *tally)
{
    struct http_client *client;
    int64_t deadline = deadline_in(PATIENCE);

    do {
        if (deadline_left(deadline) == 0)
            pipeline_fail(p, "%s is not answered %d", request, status);
        client = pipeline_connect(p);
        http_client_send(client, request, strlen(request), deadline);
    } while (take_status(p, &client, tally) != status);
}

static void reach_statuses(const struct pipeline *p, struct tally *tally)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: weir\r\n\r\n", 200},
        {"GET /a HTTP/1.1\r\nHost: weir\r\n\r\n", 200},
        {"GET /a HTTP/1.1\r\nHost: weir\r\nIf-None-Match: *\r\n\r\n", 304},
        {"GET /none HTTP/1.1\r\nHost: weir\r\n\r\n", 404},
        {"GET /a?b HTTP/1.1\r\nHost: weir\r\n\r\n", 400},
        {"GET /%zz HTTP/1.1\r\nHost: weir\r\n\r\n", 400},
        {"POST /a HTTP/1.1\r\nHost: weir\r\nContent-Length: 0\r\n\r\n", 405},
        {"GET /list HTTP/1.1\r\nHost: weir\r\n\r\n", 409},
        {"GET /a HTTP/9.9\r\nHost: weir\r\n\r\n", 505},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        reach(p, cases[i].request, cases[i].status, tally);
}

/* A client that does not only say that it has nothing more to ask. */
static void reset(struct http_client **client)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(http_client_descriptor(*client), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    http_client_close(client);
}

/* While Redis stands still: one in progress whose client goes, two that have the same key and time
 * out, one that waits for its turn, one too many. */
static void reach_failures(const struct pipeline *p, struct tally *tally)
{
    struct http_client *gone, *first, *second, *waiting, *refused;
    double coalesced = pipeline_metric(p, "weir_cache_coalesced_total", NULL);

    redis_proxy_hold(p->proxy, true);
    gone = pipeline_ask(p, "/gone");
    pipeline_wait_metric(p, "weir_http_in_progress", NULL, 1);
    reset(&gone);
    pipeline_wait_metric(p, "weir_http_requests_abandoned_total", NULL, 1);
    first = pipeline_ask(p, "/slow");
    second = pipeline_ask(p, "/slow");
    pipeline_wait_metric(p, "weir_cache_coalesced_total", NULL, coalesced + 1);
    waiting = pipeline_ask(p, "/later");
    pipeline_wait_metric(p, "weir_http_waiting", NULL, 1);
    refused = pipeline_ask(p, "/refused");
    assert_int_equal(take_status(p, &refused, tally), 503);
    assert_int_equal(take_status(p, &first, tally), 504);
    assert_int_equal(take_status(p, &second, tally), 504);
    take_status(p, &waiting, tally);
    redis_proxy_hold(p->proxy, false);
    assert_true(pipeline_metric(p, "weir_http_refused_total", "reason=\"waiting\"") == 1);
}

static void say(const struct pipeline *p, struct resp_client *client, const char *line,
                struct tally *tally)
{
    struct blob reply = {0};

    resp_client_send(client, line, strlen(line));
    if (!resp_client_take(client, &reply))
        pipeline_fail(p, "no reply to %s", line);
    tally_reply(tally, &reply);
    blob_fini(&reply);
}

/* Seven lookups: of a twice, of b, of a key that is not there twice, of a list; and MGET's of a. */
static void speak_resp(const struct pipeline *p, struct tally *tally)
{
    static const char *const lines[] = {"GET a\r\n",       "GET a\r\n",    "MGET a b none\r\n",
                                        "EXISTS none\r\n", "GET list\r\n", "SET a 2\r\n",
                                        "GET\r\n",         "PING\r\n",     "NOSUCH\r\n",
                                        "ECHO a\r\n",      "SELECT 7\r\n", "\r\nPING\r\n"};
    struct resp_client *client = pipeline_connect_resp(p);

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        say(p, client, lines[i], tally);
    say(p, client, "CLIENT REPLY SKIP\r\nPING\r\nPING\r\n", tally);
    resp_client_close(&client);
}

static void test_metrics_add_up(void **state)
{
    struct pipeline *p = *state;
    struct tally tally = {0};

    redis_server_run(p->redis, "MSET a 1 b 2");
    redis_server_run(p->redis, "RPUSH list x");
    pipeline_start_recorded(p, SETTINGS(.cache = "negative_expiry: 1h", .resp = "timeout: 1h",
                                        .http = "timeout: 2s, max_parallel: 3, max_waiting: 1",
                                        .redis = "timeout: 1h"));
    speak_resp(p, &tally);
    expect_metric(p, "weir_cache_lookups_total", 7);
    expect_metric(p, "weir_cache_hits_total", 3);
    expect_metric(p, "weir_cache_negative_hits_total", 1);
    expect_metric(p, "weir_cache_misses_total", 4);
    expect_metric(p, "weir_cache_entries", 2);
    expect_metric(p, "weir_cache_negative_entries", 1);
    expect_metric(p, "weir_redis_fetch_duration_seconds_count", 4);
    expect_metric(p, "weir_cache_fetch_duration_seconds_count", 4);
    assert_true(pipeline_metric(p, "weir_link_credit_used", "link=\"cache\"") == 0);
    assert_true(pipeline_metric(p, "weir_resp_requests_total", "status=\"none\"") == 1);
    assert_true(pipeline_metric(p, "weir_resp_requests_total", "status=\"wrong_type\"") == 1);
    assert_true(pipeline_metric(p, "weir_resp_requests_total", "status=\"rejected\"") == 4);
    assert_true(pipeline_metric(p, "weir_resp_requests_total", "status=\"silent\"") == 3);
    expect_tally(p, &tally);
    reach_statuses(p, &tally);
    expect_tally(p, &tally);
    reach_failures(p, &tally);
    expect_tally(p, &tally);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {PIPELINE_TEST(test_metrics_add_up)};

    return PIPELINE_RUN("metrics", tests);
}
