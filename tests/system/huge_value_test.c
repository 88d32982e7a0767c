/* A value of 512 MiB, Redis's largest, passes again and again and harms no other key. */
#include "../support/deadline.h"
#include "../support/pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define HUGE_FETCHES 2
#define ROUNDS       10
#define HUGE_TIMEOUT 60000 /* ms, for one fetch */

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The time of one hit, in nanoseconds. */
static int64_t time_hit(const struct pipeline *p, struct http_client *client)
{
    int64_t begun = now_ns();

    assert_true(http_client_request(client, HTTP_GET, "/hit"));
    pipeline_expect_response(p, client, 200, "value");
    return now_ns() - begun;
}

/* The thread that fetches the huge value again and again. */
struct huge {
    int port;
    size_t size;         /* bytes */
    int64_t time;        /* ns for one fetch, on average */
    const char *trouble; /* NULL when all went well */
    atomic_bool is_done;
};

static const char *fetch_huge(const struct huge *huge)
{
    struct http_client *client = http_client_open(huge->port);
    struct http_response response;
    const char *trouble = NULL;

    if (!http_client_request(client, HTTP_GET, "/huge") ||
        http_client_read_head(client, deadline_in(HUGE_TIMEOUT), &response) != HTTP_RESPONSE)
        trouble = "no answer for the huge value";
    else if (response.status != 200 || response.length != huge->size)
        trouble = "another answer for the huge value";
    else if (!http_client_skip(client, response.length, deadline_in(HUGE_TIMEOUT)))
        trouble = "the huge value is cut off";
    http_response_fini(&response);
    http_client_close(&client);
    return trouble;
}

static void *fetch_huge_repeatedly(void *argument)
{
    struct huge *huge = argument;
    int64_t begun = now_ns();

    for (int i = 0; i < HUGE_FETCHES && !huge->trouble; i++)
        huge->trouble = fetch_huge(huge);
    huge->time = (now_ns() - begun) / HUGE_FETCHES;
    huge->is_done = true;
    return NULL;
}

static bool has_memory_for(size_t size)
{
#ifdef _SC_PHYS_PAGES
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >=
           8 * (uint64_t)size;
#else
    (void)size;
    return true;
#endif
}

/* Hits and misses of other keys while the huge value passes: each is answered. Whether no hit
 * waited for a large part of the time that the huge value took. */
static bool is_harmless(const struct pipeline *p, size_t size)
{
    struct huge huge = {.size = size, .port = weir_process_http_port(p->weir)};
    struct http_client *client = pipeline_connect(p);
    int64_t worst = 0;
    pthread_t thread;
    long count = 0;

    assert_int_equal(pthread_create(&thread, NULL, fetch_huge_repeatedly, &huge), 0);
    for (; !huge.is_done; count++) {
        int64_t time = time_hit(p, client);
        worst = time > worst ? time : worst;
        if (count % 100 == 0)
            pipeline_expect_status(p, "/missing", 404);
    }
    pthread_join(thread, NULL);
    http_client_close(&client);
    if (huge.trouble)
        pipeline_fail(p, "%s", huge.trouble);
    print_message("%ld hits, the slowest %lld us, beside values of %zu bytes in %lld us each\n",
                  count, (long long)worst / 1000, huge.size, (long long)huge.time / 1000);
    return worst <= huge.time / 4;
}

/* One hit of thousands that the machine itself holds up is enough to spoil a round, and a hit that
 * has to wait for the huge value spoils every one. */
static void test_huge_value_harms_no_other_key(void **state)
{
    struct pipeline *p = *state;
    size_t size = pipeline_is_sanitized() ? (size_t)64 << 20 : (size_t)512 << 20;
    int rounds = 0;

    if (!has_memory_for(size))
        skip();
    redis_server_run(p->redis, "SET hit value");
    redis_server_run(p->redis, "SETRANGE huge %lld x", (long long)size - 1);
    pipeline_start(p, SETTINGS(.http = "timeout: 60s", .redis = "timeout: 60s"));
    pipeline_expect_value(p, "/hit", "value");
    while (!is_harmless(p, size))
        if (++rounds == ROUNDS)
            pipeline_fail(p, "in every round a hit waited for the huge value");
    assert_true(pipeline_metric(p, "weir_cache_entries", NULL) == 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_huge_value_harms_no_other_key),
    };

    return PIPELINE_RUN("huge value", tests);
}
