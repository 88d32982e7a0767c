/* What HTTP says of an answer, over time and over several processes; what a transcript shows, which
 * knows neither, is in transcripts/freshness*.transcript. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct told get_with(const struct pipeline *p, const char *target, const char *fields)
{
    return told_get(weir_process_http_port(p->weir), target, fields);
}

static struct told get(const struct pipeline *p, const char *target)
{
    return get_with(p, target, NULL);
}

/* Another process, another table, another key of its hash: the tag is the value's. */
static void test_ETag_is_the_same_from_every_process(void **state)
{
    struct pipeline *p = *state;
    char small[32], large[32], fields[96];
    struct told told;

    redis_server_run(p->redis, "SET small value");
    redis_server_run(p->redis, "SETRANGE large 99999 x"); /* comes in several pieces */
    pipeline_start(p, NULL);
    snprintf(small, sizeof small, "%s", get(p, "/small").tag);
    snprintf(large, sizeof large, "%s", get(p, "/large").tag);
    assert_int_equal(strlen(small), 18);
    assert_int_equal(strlen(large), 18);
    assert_string_not_equal(small, large);
    assert_string_equal(get(p, "/large").tag, large); /* from memory as when it was fetched */
    pipeline_stop(p);

    pipeline_start(p, NULL);
    snprintf(fields, sizeof fields, "If-None-Match: %s\r\n", small);
    told = get_with(p, "/small", fields);
    assert_int_equal(told.status, 304);
    assert_string_equal(told.tag, small);
    assert_string_equal(told.caches, "weir.cache; fwd=miss; stored");
    assert_int_equal(told.age, 0);
    snprintf(fields, sizeof fields, "If-None-Match: %s\r\n", large);
    assert_int_equal(get_with(p, "/large", fields).status, 304);
    assert_int_equal(get_with(p, "/small", fields).status, 200);
}

/* The one byte that changes is the last, or the first: another tag, and the value itself. */
static void test_ETag_changes_with_the_value(void **state)
{
    struct pipeline *p = *state;
    char fields[96];
    struct told told;

    redis_server_run(p->redis, "SETRANGE key 99999 x");
    pipeline_start(p, SETTINGS(.http = "timeout: 60s, allow_refresh: true"));
    for (int i = 0; i < 2; i++) {
        snprintf(fields, sizeof fields, "If-None-Match: %s\r\nCache-Control: no-cache\r\n",
                 get(p, "/key").tag);
        assert_int_equal(get_with(p, "/key", fields).status, 304);
        redis_server_run(p->redis, "SETRANGE key %d y", i == 0 ? 99999 : 0);
        told = get_with(p, "/key", fields);
        assert_int_equal(told.status, 200);
        assert_null(strstr(fields, told.tag));
    }
}

/* Age counts from when the value was read from Redis; max-age less Age is what remains, the same as
 * ttl. The bounds are what a stop-watch around the requests says. */
static void test_Age_and_what_remains(void **state)
{
    const int64_t expiry = 3000; /* ms */
    struct pipeline *p = *state;
    int64_t before, after, asked;
    struct told told;
    long ttl, oldest = 0;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.cache = "expiry: 3s"));
    before = deadline_now();
    told = get(p, "/key");
    after = deadline_now();
    assert_int_equal(told.age, 0);
    for (;;) {
        asked = deadline_now();
        told = get(p, "/key");
        assert_int_equal(told.status, 200);
        if (sscanf(told.caches, "weir.cache; hit; ttl=%ld", &ttl) != 1)
            break; /* its life is over */
        if (told.age < oldest || told.age > (deadline_now() - before) / 1000 ||
            told.age < (asked - after - 1) / 1000)
            pipeline_fail(p, "%lld ms after it was read its age is %ld s, and was %ld s",
                          (long long)(asked - after), told.age, oldest);
        if (told.max_age - told.age != ttl || told.max_age > expiry / 1000 ||
            told.max_age < expiry / 1000 - 1)
            pipeline_fail(p, "age %ld, max-age %ld, %s", told.age, told.max_age, told.caches);
        oldest = told.age;
    }
    assert_string_equal(told.caches, "weir.cache; fwd=miss; stored");
    assert_int_equal(told.age, 0);
}

/* Those who ask while it is being fetched are told so. */
static void test_Cache_Status_collapsed(void **state)
{
    enum { JOINED = 5 };
    struct pipeline *p = *state;
    struct http_client *first, *others[JOINED];
    struct told told;

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, NULL);
    redis_proxy_hold(p->proxy, true);
    first = pipeline_ask(p, "/key");
    pipeline_wait_gets(p, 1);
    for (int i = 0; i < JOINED; i++)
        others[i] = pipeline_ask(p, "/key");
    pipeline_wait_metric(p, "weir_cache_coalesced_total", NULL, JOINED);
    redis_proxy_hold(p->proxy, false);
    told = told_read(first);
    assert_string_equal(told.caches, "weir.cache; fwd=miss; stored");
    http_client_close(&first);
    for (int i = 0; i < JOINED; i++) {
        told = told_read(others[i]);
        assert_string_equal(told.caches, "weir.cache; fwd=miss; collapsed; stored");
        assert_int_equal(told.status, 200);
        http_client_close(&others[i]);
    }
    pipeline_wait_gets(p, 1);
}

/* With allow_refresh a client gets what Redis holds, however many ask for it: they share a fetch.
 */
static void test_no_cache_with_allow_refresh(void **state)
{
    enum { CLIENTS = 20 };
    static const char anew[] = "GET /key HTTP/1.1\r\nHost: weir\r\n"
                               "cache-control: max-age=0, No-Cache\r\n\r\n";
    struct pipeline *p = *state;
    struct http_client *clients[CLIENTS];
    struct told told;

    redis_server_run(p->redis, "SET key old");
    pipeline_start_recorded(p, SETTINGS(.http = "timeout: 60s, allow_refresh: true"));
    pipeline_expect_value(p, "/key", "old");
    redis_server_run(p->redis, "SET key new");
    told = get_with(p, "/key", "Cache-Control: max-age=0\r\nPragma: no-cache\r\n");
    assert_string_equal(told.body, "old");
    redis_proxy_forget(p->proxy);
    redis_proxy_hold(p->proxy, true);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = pipeline_connect(p);
        assert_true(http_client_send(clients[i], anew, sizeof anew - 1, deadline_in(PATIENCE)));
    }
    pipeline_wait_metric(p, "weir_cache_coalesced_total", NULL, CLIENTS - 1);
    pipeline_expect_value(p, "/key", "old"); /* who does not ask anew does not wait */
    redis_proxy_hold(p->proxy, false);
    for (int i = 0; i < CLIENTS; i++) {
        told = told_read(clients[i]);
        assert_string_equal(told.body, "new");
        http_client_close(&clients[i]);
    }
    pipeline_wait_gets(p, 1);
    told = get(p, "/key");
    assert_string_equal(told.body, "new");
    assert_true(told_has(&told, "weir.cache; hit; ttl="));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_ETag_is_the_same_from_every_process),
        PIPELINE_TEST(test_ETag_changes_with_the_value),
        PIPELINE_TEST(test_Age_and_what_remains),
        PIPELINE_TEST(test_Cache_Status_collapsed),
        PIPELINE_TEST(test_no_cache_with_allow_refresh),
    };

    return PIPELINE_RUN("freshness over HTTP", tests);
}
