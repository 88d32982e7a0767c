/* What is past its time: answered at once while one fetch renews it, and answered while Redis is
 * away. */
#include "../support/deadline.h"
#include "../support/load.h"
#include "../support/pipeline.h"
#include "../support/told.h"
#include "../support/trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CLIENTS  1000
#define EXPIRIES 4

static const char stale[] = "weir.cache; hit; detail=stale";

static struct told get(const struct pipeline *p, const char *target)
{
    return told_get(weir_process_http_port(p->weir), target, NULL);
}

/* ---- stale while revalidating ---- */

struct herd {
    struct http_client *clients[CLIENTS];
    size_t stale; /* of the answers of the last round */
};

static void open_herd(const struct pipeline *p, struct herd *herd)
{
    for (int i = 0; i < CLIENTS; i++)
        herd->clients[i] = pipeline_connect(p);
}

static void close_herd(struct herd *herd)
{
    for (int i = 0; i < CLIENTS; i++)
        http_client_close(&herd->clients[i]);
}

/* Everyone asks for /key, and then everyone is answered, from memory and with `value`. */
static void ask_all(const struct pipeline *p, struct herd *herd, const char *value)
{
    herd->stale = 0;
    for (int i = 0; i < CLIENTS; i++)
        if (!http_client_request(herd->clients[i], HTTP_GET, "/key"))
            pipeline_fail(p, "client %d: weir takes no request", i);
    for (int i = 0; i < CLIENTS; i++) {
        struct told told = told_read(herd->clients[i]);
        if (told.status != 200 || strcmp(told.body, value) != 0 || !told_has(&told, "; hit"))
            pipeline_fail(p, "client %d: answered %d \"%s\", %s", i, told.status, told.body,
                          told.caches);
        if (strcmp(told.caches, stale) == 0) {
            herd->stale++;
            assert_int_equal(told.max_age, told.age); /* nothing remains */
        }
    }
}

/* Waits until `value` is held and lives: then nothing is being fetched. */
static void wait_renewed(const struct pipeline *p, const char *value)
{
    int64_t deadline = deadline_in(PATIENCE);
    struct told told;

    do {
        told = get(p, "/key");
        if (told.status != 200 || deadline_left(deadline) == 0)
            pipeline_fail(p, "after the renewal: %d, %s", told.status, told.caches);
    } while (strcmp(told.body, value) != 0 || !told_has(&told, "; hit; ttl="));
}

/* A thousand clients read one key over several expiries. Redis's replies are held back from before
 * each expiry until all of them have been answered with what is past its time: so nobody waits. The
 * wire shows one GET for each expiry. */
static void test_stale_while_revalidating_one_fetch_and_nobody_waits(void **state)
{
    struct pipeline *p = *state;
    struct herd *herd = calloc(1, sizeof *herd);
    char value[32] = "0";

    redis_server_run(p->redis, "SET key 0");
    pipeline_start_recorded(p, SETTINGS(.cache = "expiry: 1s, stale_while_revalidate: 1h"));
    open_herd(p, herd);
    pipeline_expect_value(p, "/key", "0");
    for (int expiry = 1; expiry <= EXPIRIES; expiry++) {
        redis_proxy_hold(p->proxy, true);
        redis_proxy_forget(p->proxy);
        redis_server_run(p->redis, "SET key %d", expiry);
        do
            ask_all(p, herd, value);
        while (herd->stale < CLIENTS);
        pipeline_wait_gets(p, 1);
        assert_true(pipeline_metric(p, "weir_cache_fetches", NULL) == 1);
        redis_proxy_hold(p->proxy, false);
        snprintf(value, sizeof value, "%d", expiry);
        wait_renewed(p, value);
    }
    assert_true(pipeline_metric(p, "weir_cache_coalesced_total", NULL) == 0);
    assert_true(pipeline_metric(p, "weir_cache_misses_total", NULL) == 1);
    close_herd(herd);
    free(herd);
}

/* Redis takes longer than entries live: still nobody waits. */
static void test_stale_while_revalidating_with_a_Redis_slower_than_the_expiry(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, SETTINGS(.cache = "expiry: 200ms, stale_while_revalidate: 1h"));
    pipeline_wait_status(p, "/key", 200);
    for (int round = 0; round < 3; round++) {
        int64_t slow;
        struct told told;
        redis_proxy_hold(p->proxy, true);
        redis_proxy_forget(p->proxy);
        do
            told = get(p, "/key");
        while (strcmp(told.caches, stale) != 0);
        pipeline_wait_gets(p, 1);
        slow = deadline_in(400);
        while (deadline_left(slow) > 0) {
            told = get(p, "/key");
            assert_string_equal(told.caches, stale);
        }
        redis_proxy_hold(p->proxy, false);
        do /* its life begins when it enters (R4), however long it took to come */
            told = get(p, "/key");
        while (strcmp(told.caches, stale) == 0);
        assert_true(told_has(&told, "weir.cache; hit; ttl="));
    }
    assert_true(pipeline_metric(p, "weir_cache_misses_total", NULL) == 1);
}

/* Beyond the time that is allowed, an ask waits for its fetch as it would for any key. */
static void test_stale_while_revalidating_has_an_end(void **state)
{
    struct pipeline *p = *state;
    const int64_t limit = 300 + 300, rounding = 20; /* ms */
    int64_t asked, held;
    struct told told;
    int late = 0;

    redis_server_run(p->redis, "SET key old");
    pipeline_start_recorded(p, SETTINGS(.http = "timeout: 200ms",
                                        .cache = "expiry: 300ms, stale_while_revalidate: 300ms"));
    pipeline_wait_status(p, "/key", 200);
    redis_proxy_hold(p->proxy, true);
    held = deadline_now(); /* nothing was fetched later */
    do {
        asked = deadline_now();
        told = get(p, "/key");
        late += told.status == 200 && asked > held + limit + rounding;
        if (late > 1)
            pipeline_fail(p, "after %lld ms still %s", (long long)(asked - held), told.caches);
    } while (told.status == 200);
    assert_int_equal(told.status, 504);
    redis_proxy_hold(p->proxy, false);
}

/* ---- stale if error ---- */

/* Keys that were cached are answered as long as Redis is away, and those past their time say so. */
static void test_stale_if_error_no_failed_request_under_load(void **state)
{
    enum { KEYS = 100, TRIES = 12 }; /* of both connections: from 50 ms to 1 s apart */
    struct pipeline *p = *state;
    const struct load_plan plan = {
        .prefix = "k", .keys = KEYS, .clients = 8, .pause = 1, .timeout = PATIENCE};
    char target[16], *wrong;
    struct load *load;
    double tries;

    load_store(p->redis, "k", KEYS);
    pipeline_start(p, SETTINGS(.cache = "expiry: 1s, stale_if_error: 1h"));
    for (int i = 0; i < KEYS; i++) {
        snprintf(target, sizeof target, "/k%d", i);
        assert_int_equal(pipeline_get_status(p, target), 200);
    }
    load = load_start(weir_process_http_port(p->weir), &plan);
    load_wait(load, KEYS, 0, deadline_in(PATIENCE));
    tries = pipeline_metric(p, "weir_redis_reconnects_total", NULL);
    redis_server_kill(p->redis);
    for (int i = 0; i < KEYS; i++) {
        struct told told;
        int64_t deadline = deadline_in(PATIENCE);
        snprintf(target, sizeof target, "/k%d", i);
        do {
            told = get(p, target);
            if (told.status != 200 || deadline_left(deadline) == 0)
                pipeline_fail(p, "%s while Redis is away: %d, %s", target, told.status,
                              told.caches);
        } while (strcmp(told.caches, stale) != 0);
    }
    while (pipeline_metric(p, "weir_redis_reconnects_total", NULL) < tries + TRIES)
        for (int i = 0; i < KEYS; i++) {
            struct told told;
            snprintf(target, sizeof target, "/k%d", i);
            told = get(p, target);
            if (told.status != 200 || strcmp(told.caches, stale) != 0)
                pipeline_fail(p, "%s past its time: %d, %s", target, told.status, told.caches);
        }
    struct load_tally tally = load_tally(load);
    if (tally.unavailable + tally.late + tally.broken > 0)
        pipeline_fail(p, "of %zu requests %zu were answered 503, %zu 504, %zu not at all",
                      tally.values, tally.unavailable, tally.late, tally.broken);
    wrong = load_copy_wrong(load);
    if (wrong)
        pipeline_fail(p, "%s", wrong);
    load_destroy(&load);
}

/* Up to the limit, not beyond; and what Redis holds when it is back is fetched. */
static void test_stale_if_error_has_a_limit_and_an_end(void **state)
{
    const int64_t limit = 400 + 800, rounding = 20; /* ms: expiry and stale_if_error */
    struct pipeline *p = *state;
    int64_t before, entered, asked;
    int seen_stale = 0, late = 0;
    struct told told;

    redis_server_run(p->redis, "SET key old");
    pipeline_start(p, SETTINGS(.cache = "expiry: 400ms, stale_if_error: 800ms"));
    before = deadline_now();
    pipeline_expect_value(p, "/key", "old");
    entered = deadline_now();
    redis_server_kill(p->redis);
    do {
        asked = deadline_now();
        told = get(p, "/key");
        seen_stale += strcmp(told.caches, stale) == 0;
        late += told.status == 200 && asked > entered + limit + rounding;
        if (late > 1)
            pipeline_fail(p, "answered %s, %lld ms after it was fetched", told.caches,
                          (long long)(asked - entered));
    } while (told.status == 200);
    assert_int_equal(told.status, 503);
    assert_string_equal(told.caches, "");
    if (deadline_now() < before + limit)
        pipeline_fail(p, "503 after only %lld ms", (long long)(deadline_now() - before));
    if (seen_stale == 0 && deadline_now() < before + 2 * limit)
        pipeline_fail(p, "nothing was answered stale");
    redis_server_restart(p->redis, NULL);
    redis_server_run(p->redis, "SET key new");
    pipeline_wait_status(p, "/key", 200);
    pipeline_expect_value(p, "/key", "new");
}

/* What a notice removed is gone, for stale_if_error too. */
static void test_stale_if_error_never_answers_what_was_changed(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET key old");
    pipeline_start(p, SETTINGS(.cache = "expiry: 1h, stale_if_error: 1h",
                               .redis = "timeout: 60s, invalidation: {mode: broadcast}"));
    pipeline_wait_metric(p, "weir_redis_control_up", NULL, 1);
    pipeline_expect_value(p, "/key", "old");
    redis_server_run(p->redis, "SET key new");
    pipeline_wait_metric(p, "weir_cache_invalidations_total", NULL, 1);
    redis_server_kill(p->redis);
    pipeline_wait_metric(p, "weir_redis_connections_up", NULL, 0);
    pipeline_expect_status(p, "/key", 503);
}

/* A thousand connections and more. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < CLIENTS + 200)
        trouble("a hard limit of %d open descriptors is needed", CLIENTS + 200);
    if (limit.rlim_cur < CLIENTS + 200) {
        limit.rlim_cur = CLIENTS + 200;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            trouble("the limit of open descriptors cannot be raised");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_stale_while_revalidating_one_fetch_and_nobody_waits),
        PIPELINE_TEST(test_stale_while_revalidating_with_a_Redis_slower_than_the_expiry),
        PIPELINE_TEST(test_stale_while_revalidating_has_an_end),
        PIPELINE_TEST(test_stale_if_error_no_failed_request_under_load),
        PIPELINE_TEST(test_stale_if_error_has_a_limit_and_an_end),
        PIPELINE_TEST(test_stale_if_error_never_answers_what_was_changed),
    };

    raise_descriptors();
    return PIPELINE_RUN("freshness, past its time", tests);
}
