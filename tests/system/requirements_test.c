/* One test for each requirement that a client sees at once. R7 and B1 are in parallelism_test.c, R8
 * in startup_test.c. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/trouble.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_R1_http_service(void **state)
{
    struct pipeline *p = *state;
    struct http_client *client;
    static const char put[] = "PUT /key HTTP/1.1\r\nHost: weir\r\nContent-Length: 3\r\n\r\nnew";

    pipeline_start(p, NULL);
    redis_server_run(p->redis, "SET key value");
    pipeline_expect_value(p, "/key", "value");
    pipeline_expect_status(p, "/no-such-key", 404);
    client = pipeline_connect(p);
    assert_true(http_client_send(client, put, sizeof put - 1, deadline_in(PATIENCE)));
    pipeline_expect_response(p, client, 405, NULL);
    http_client_close(&client);
    assert_int_equal(redis_server_calls(p->redis, "set"), 1);
}

static void test_R2_single_backing_instance(void **state)
{
    struct pipeline *p = *state;
    struct redis_server *other = redis_server_start();

    redis_server_run(p->redis, "SET key ours");
    redis_server_run(other, "SET key theirs");
    pipeline_start(p, NULL);
    pipeline_expect_value(p, "/key", "ours");
    pipeline_expect_status(p, "/no-such-key", 404);
    assert_int_equal(redis_server_calls(other, "get"), 0);
    redis_server_destroy(&other);
}

static void test_R2_unix_socket_and_database(void **state)
{
    struct pipeline *p = *state;
    char url[256];

    snprintf(url, sizeof url, "redis+unix://%s?db=3", redis_server_socket(p->redis));
    redis_server_run(p->redis, "SET key zero");
    redis_server_run(p->redis, "SELECT 3");
    redis_server_run(p->redis, "SET key three");
    pipeline_start(p, SETTINGS(.url = url));
    pipeline_expect_value(p, "/key", "three");
}

static void test_R3_cached_get(void **state)
{
    struct pipeline *p = *state;

    pipeline_start(p, NULL);
    redis_server_run(p->redis, "SET key first");
    for (int i = 0; i < 10; i++)
        pipeline_expect_value(p, "/key", "first");
    assert_int_equal(redis_server_calls(p->redis, "get"), 1);
    redis_server_run(p->redis, "SET key second");
    pipeline_expect_value(p, "/key", "first");
    assert_true(pipeline_metric(p, "weir_cache_hits_total", NULL) == 10);
    assert_true(pipeline_metric(p, "weir_cache_misses_total", NULL) == 1);
}

/* Reads the key again and again until its life is over. Every answer sent for before the life can
 * have ended is the old value, every one sent for after it must have ended is not: but for one, for
 * a turn that was held up has looked at the clock before that. */
static void test_R4_global_expiry(void **state)
{
    struct pipeline *p = *state;
    const int64_t expiry = 700, rounding = 20; /* ms */
    int64_t before, entered, asked;
    int status = 200, late = 0;

    pipeline_start(p, SETTINGS(.cache = "expiry: 700ms"));
    redis_server_run(p->redis, "SET key value");
    before = deadline_now();
    pipeline_expect_value(p, "/key", "value");
    entered = deadline_now();
    redis_server_run(p->redis, "DEL key");
    while (status == 200) {
        asked = deadline_now();
        status = pipeline_get_status(p, "/key");
        late += status == 200 && asked > entered + expiry + rounding;
        if (late > 1)
            pipeline_fail(p, "the value lived for more than %lld ms", (long long)(asked - entered));
    }
    assert_int_equal(status, 404);
    if (deadline_now() < before + expiry)
        pipeline_fail(p, "the value lived for less than %lld ms",
                      (long long)(deadline_now() - before));
    pipeline_expect_status(p, "/key", 404);
    assert_true(pipeline_metric(p, "weir_cache_expirations_total", NULL) == 1);
}

static void test_R5_lru_eviction(void **state)
{
    struct pipeline *p = *state;

    pipeline_start(p, SETTINGS(.cache = "capacity: 3"));
    redis_server_run(p->redis, "MSET a 1 b 2 c 3 d 4 e 5");
    pipeline_expect_value(p, "/a", "1");
    pipeline_expect_value(p, "/b", "2");
    pipeline_expect_value(p, "/c", "3");
    pipeline_expect_value(p, "/a", "1"); /* b is now the one read least recently */
    pipeline_expect_value(p, "/d", "4"); /* takes the place of b */
    pipeline_expect_value(p, "/c", "3");
    pipeline_expect_value(p, "/e", "5"); /* takes the place of a */
    assert_int_equal(redis_server_calls(p->redis, "get"), 5);
    pipeline_expect_value(p, "/c", "3");
    pipeline_expect_value(p, "/d", "4");
    pipeline_expect_value(p, "/e", "5");
    assert_int_equal(redis_server_calls(p->redis, "get"), 5);
    pipeline_expect_value(p, "/a", "1");
    assert_int_equal(redis_server_calls(p->redis, "get"), 6);
    assert_true(pipeline_metric(p, "weir_cache_evictions_total", NULL) == 3);
}

/* Keeps `target` the one read last until `moment`. */
static void read_until(const struct pipeline *p, const char *target, int64_t moment)
{
    while (deadline_now() < moment)
        assert_int_equal(pipeline_get_status(p, target), 200);
}

/* a is read last but has expired; b lives. The new key must take the place of a. */
static void test_R5_expired_entries_go_first(void **state)
{
    struct pipeline *p = *state;
    const int64_t expiry = 2000; /* ms */
    int64_t a_asked, a_entered, b_asked;
    bool is_shown;

    pipeline_start(p, SETTINGS(.cache = "capacity: 2, expiry: 2s"));
    redis_server_run(p->redis, "MSET a 1 b 2 c 3");
    do {
        pipeline_wait_metric(p, "weir_cache_entries", NULL, 0);
        redis_server_run(p->redis, "CONFIG RESETSTAT");
        a_asked = deadline_now();
        pipeline_expect_value(p, "/a", "1");
        a_entered = deadline_now();
        read_until(p, "/a", a_asked + expiry / 2);
        b_asked = deadline_now();
        pipeline_expect_value(p, "/b", "2");
        read_until(p, "/a", a_asked + expiry - 100);
        while (deadline_now() <= a_entered + expiry)
            assert_true(pipeline_metric(p, "weir_cache_entries", NULL) <= 2);
        is_shown = redis_server_calls(p->redis, "get") == 2;
        pipeline_expect_value(p, "/c", "3");
        redis_server_run(p->redis, "CONFIG RESETSTAT");
        pipeline_expect_value(p, "/b", "2");
        /* A machine so busy that b expired as well, or a was read once more when it had, has shown
         * nothing: once more. */
    } while (!is_shown || deadline_now() >= b_asked + expiry);
    assert_int_equal(redis_server_calls(p->redis, "get"), 0);
}

static void fetch_many(const struct pipeline *p, int count)
{
    struct http_client *client = pipeline_connect(p);

    for (int i = 0; i < count; i++) {
        char target[32];
        snprintf(target, sizeof target, "/key%d", i);
        assert_true(http_client_request(client, HTTP_GET, target));
        pipeline_expect_response(p, client, 200, NULL);
    }
    http_client_close(&client);
}

static void test_R6_capacity_in_keys(void **state)
{
    struct pipeline *p = *state;

    pipeline_start(p, SETTINGS(.cache = "capacity: 10"));
    for (int i = 0; i < 100; i++)
        redis_server_run(p->redis, "SET key%d %d", i, i);
    for (int count = 1; count <= 100; count += 9) {
        fetch_many(p, count);
        assert_true(pipeline_metric(p, "weir_cache_entries", NULL) == (count < 10 ? count : 10));
    }
}

static void test_R6_max_bytes(void **state)
{
    struct pipeline *p = *state;
    const double max_bytes = 1024 * 1024;

    pipeline_start(p, SETTINGS(.cache = "max_bytes: 1MiB"));
    for (int i = 0; i < 200; i++)
        redis_server_run(p->redis, "SETRANGE key%d 16383 x", i);
    for (int count = 20; count <= 200; count += 20) {
        fetch_many(p, count);
        assert_true(pipeline_metric(p, "weir_cache_bytes", NULL) <= max_bytes);
    }
    assert_true(pipeline_metric(p, "weir_cache_entries", NULL) > 1);
    assert_true(pipeline_metric(p, "weir_cache_evictions_total", NULL) > 100);
}

static void test_R9_production_binary_and_live_redis(void **state)
{
    struct pipeline *p = *state;
    struct blob said = {0};
    const char *flags[] = {"--version", NULL};

    assert_int_equal(weir_process_run(flags, NULL, &said), 0);
    assert_memory_equal(blob_text(&said), "weir ", 5);
    blob_fini(&said);
    pipeline_start(p, NULL);
    assert_true(weir_process_id(p->weir) > 0);
    pipeline_expect_status(p, "/key", 404);
    redis_server_run(p->redis, "SET key live");
    pipeline_expect_value(p, "/key", "live");
    assert_int_equal(redis_server_calls(p->redis, "get"), 2);
}

/* A batch leaves each stage for each ask, also where stages share a thread; and requests that
 * arrive together share one. */
static void test_A1_actors(void **state)
{
    static const char request[] = "GET /key HTTP/1.1\r\nHost: weir\r\n\r\n";
    static const char batches[] = "weir_link_batches_sent_total";
    struct pipeline *p = *state;
    struct http_client *client;
    struct blob glued = {0};
    double http, cache;

    pipeline_start(p, NULL);
    redis_server_run(p->redis, "SET key value");
    http = pipeline_metric(p, batches, "stage=\"http\"");
    cache = pipeline_metric(p, batches, "stage=\"cache\"");
    pipeline_expect_value(p, "/key", "value");
    assert_true(pipeline_metric(p, batches, "stage=\"http\"") >= http + 1);
    assert_true(pipeline_metric(p, batches, "stage=\"cache\"") >= cache + 2);

    client = pipeline_connect(p);
    for (int i = 0; i < 16; i++)
        blob_append_text(&glued, request);
    http = pipeline_metric(p, batches, "stage=\"http\"");
    assert_true(http_client_send(client, glued.data, glued.length, deadline_in(PATIENCE)));
    for (int i = 0; i < 16; i++)
        pipeline_expect_response(p, client, 200, "value");
    http = pipeline_metric(p, batches, "stage=\"http\"") - http;
    assert_true(http >= 1 && http < 16);
    blob_fini(&glued);
    http_client_close(&client);
}

/* A standard client of the Redis protocol reads through the same cache, with the same semantics:
 * what it fetched HTTP finds there, and the other way round. */
static void test_B2_redis_protocol(void **state)
{
    struct pipeline *p = *state;
    struct resp_client *client;

    redis_server_run(p->redis, "MSET a 1 b 2");
    redis_server_run(p->redis, "LPUSH list 1");
    pipeline_start(p, SETTINGS(.resp = ""));
    client = pipeline_connect_resp(p);
    RESP_CLIENT_SAY(client, "GET", "a");
    pipeline_expect_reply(p, client, "$1\r\n1\r\n");
    redis_server_run(p->redis, "MSET a new b 2");
    pipeline_expect_value(p, "/a", "1");
    RESP_CLIENT_SAY(client, "GET", "a");
    pipeline_expect_reply(p, client, "$1\r\n1\r\n");
    pipeline_expect_value(p, "/b", "2");
    RESP_CLIENT_SAY(client, "GET", "b");
    pipeline_expect_reply(p, client, "$1\r\n2\r\n");
    assert_int_equal(redis_server_calls(p->redis, "get"), 2);
    RESP_CLIENT_SAY(client, "GET", "no");
    pipeline_expect_reply(p, client, "$-1\r\n");
    RESP_CLIENT_SAY(client, "GET", "list");
    pipeline_expect_reply(p, client,
                          "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    resp_client_close(&client);
}

#ifdef __linux__
/* The threads of a weir whose stages are placed as `placement` says. */
static int count_threads(struct pipeline *p, const char *placement)
{
    char path[64];
    DIR *directory;
    int count = 0;

    assert_int_equal(setenv("WEIR_PLACEMENT", placement, 1), 0);
    pipeline_start(p, NULL);
    pipeline_expect_value(p, "/key", "value");
    snprintf(path, sizeof path, "/proc/%d/task", (int)weir_process_id(p->weir));
    directory = opendir(path);
    if (!directory)
        trouble("cannot read %s", path);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    pipeline_stop(p);
    return count;
}

/* Two files that differ in `reactors:` alone: the same answers, three threads more. */
static void test_A2_placement(void **state)
{
    struct pipeline *p = *state;
    const char *given = getenv("WEIR_PLACEMENT"); /* set for each round of the tests */
    char *placement = strdup(given != NULL ? given : "one-reactor");

    redis_server_run(p->redis, "SET key value");
    assert_int_equal(count_threads(p, "thread-per-stage") - count_threads(p, "one-reactor"), 3);
    setenv("WEIR_PLACEMENT", placement, 1);
    free(placement);
}
#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_R1_http_service),
        PIPELINE_TEST(test_R2_single_backing_instance),
        PIPELINE_TEST(test_R2_unix_socket_and_database),
        PIPELINE_TEST(test_R3_cached_get),
        PIPELINE_TEST(test_R4_global_expiry),
        PIPELINE_TEST(test_R5_lru_eviction),
        PIPELINE_TEST(test_R5_expired_entries_go_first),
        PIPELINE_TEST(test_R6_capacity_in_keys),
        PIPELINE_TEST(test_R6_max_bytes),
        PIPELINE_TEST(test_R9_production_binary_and_live_redis),
        PIPELINE_TEST(test_B2_redis_protocol),
        PIPELINE_TEST(test_A1_actors),
#ifdef __linux__
        PIPELINE_TEST(test_A2_placement),
#endif
    };

    return PIPELINE_RUN("requirements", tests);
}
