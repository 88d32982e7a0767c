/* A value of 64 MiB, which is too large to be cached, is fetched again and again over a tcp link:
 * small hits on the same link take no more than twice as long.
 *
 * To carry 64 MiB takes processors, and whoever waits for one is slower, whatever weir does. So
 * what is asserted compares hits beside the same value in either case: once it passes through
 * another fleet, and once through their own. How they compare with hits that have the machine to
 * themselves is printed; on two processors it is not kept (docs/measurements.md says what stands in
 * the way). */
#include "../support/deadline.h"
#include "../support/split.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HUGE        (64 * 1024 * 1024) /* bytes */
#define SAMPLES     500
#define SAMPLES_MAX 20000
#define FETCHES     2  /* in a round */
#define ROUNDS      20 /* at most */

static const char topology[] =
    "# processes: edge store\n"
    "stages:\n"
    "  http: {kind: http-frontend, listen: 127.0.0.1:0, asks: cache, timeout: 20s}\n"
    "  cache: {kind: cache, serves: \"@AT.cache@\", asks: redis, expiry: 1h}\n"
    "  redis: {kind: redis-fetcher, serves: inproc://redis, timeout: 20s}\n"
    "processes:\n"
    "  edge:  {reactors: [[http]]}\n"
    "  store: {reactors: [[cache, redis]]}\n";

/* The thread that fetches the huge value again and again while it is on. */
struct puller {
    atomic_int port; /* of the front end to fetch from */
    atomic_bool is_on, is_fetching, ends;
    atomic_int fetches;
    atomic_bool is_wrong;
    char wrong[256]; /* with what, when that is set */
    pthread_t thread;
};

/* The test fails only once the thread has ended. */
static void note_wrong(struct puller *puller, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(puller->wrong, sizeof puller->wrong, format, arguments);
    va_end(arguments);
    puller->is_wrong = true;
}

static bool fetch(const struct puller *puller)
{
    struct http_client *client = http_client_open(puller->port);
    struct http_response response = {0};
    bool is_right =
        http_client_request(client, HTTP_GET, "/huge") &&
        http_client_read_head(client, deadline_in(PATIENCE), &response) == HTTP_RESPONSE &&
        response.status == 200 && response.length == HUGE &&
        http_client_skip(client, response.length, deadline_in(PATIENCE));

    http_response_fini(&response);
    http_client_close(&client);
    return is_right;
}

static void *pull(void *argument)
{
    struct puller *puller = argument;
    struct timespec pause = {.tv_nsec = 1000000};

    while (!puller->ends && !puller->is_wrong) {
        puller->is_fetching = puller->is_on;
        if (!puller->is_fetching) {
            nanosleep(&pause, NULL);
        } else if (fetch(puller)) {
            puller->fetches++;
        } else {
            note_wrong(puller, "the huge value did not come");
        }
    }
    return NULL;
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int compare(const void *left, const void *right)
{
    int64_t l = *(const int64_t *)left, r = *(const int64_t *)right;

    return (l > r) - (l < r);
}

/* Hits one after another, at least SAMPLES of them and until the puller has fetched `fetches` times
 * altogether; their 99th percentile, in us. */
static int64_t time_hits(const struct split *s, struct puller *puller, int fetches)
{
    struct http_client *client = http_client_open(split_port(s, "edge"));
    int64_t samples[SAMPLES_MAX] = {0};
    size_t count = 0;

    while (count < SAMPLES_MAX && !puller->is_wrong &&
           (count < SAMPLES || puller->fetches < fetches)) {
        struct http_response response = {0};
        int64_t begun = now_us();
        bool is_answered =
            http_client_request(client, HTTP_GET, "/hit") &&
            http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response) == HTTP_RESPONSE;
        if (!is_answered || response.status != 200 || !blob_is(&response.body, "value", 5))
            note_wrong(puller, "a hit after %lld us: %d \"%s\"", (long long)(now_us() - begun),
                       response.status, blob_text(&response.body));
        samples[count++] = now_us() - begun;
        http_response_fini(&response);
    }
    http_client_close(&client);
    qsort(samples, count, sizeof *samples, compare);
    return samples[count * 99 / 100];
}

/* The same while the huge value passes through the fleet of `other`, which may be `s`. */
static int64_t time_hits_beside(const struct split *s, const struct split *other,
                                struct puller *puller)
{
    struct timespec pause = {.tv_nsec = 1000000};
    int64_t time;

    puller->port = split_port(other, "edge");
    puller->is_on = true;
    time = time_hits(s, puller, puller->fetches + FETCHES);
    puller->is_on = false;
    while (puller->is_fetching && !puller->is_wrong)
        nanosleep(&pause, NULL);
    return time;
}

static int64_t lower(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

/* Whatever else runs on this machine only adds to a percentile, so the lowest of several rounds is
 * the nearest to what weir itself takes. The rounds of all kinds take turns, to meet the same
 * noise. */
static void test_huge_value_leaves_hits_fast(void **state)
{
    struct split *s = *state, other = {.redis = s->redis};
    struct puller puller = {0};
    int64_t alone = INT64_MAX, elsewhere = INT64_MAX, beside = INT64_MAX;

    redis_server_run(s->redis, "SET hit value");
    redis_server_run(s->redis, "SETRANGE huge %d x", HUGE - 1);
    split_start(s, topology, "tcp");
    split_start(&other, topology, "tcp");
    split_expect_value(s, "edge", "/hit", "value");
    assert_int_equal(pthread_create(&puller.thread, NULL, pull, &puller), 0);
    for (int round = 0; round < ROUNDS && !puller.is_wrong && (round < 3 || beside > 2 * elsewhere);
         round++) {
        alone = lower(alone, time_hits(s, &puller, 0));
        elsewhere = lower(elsewhere, time_hits_beside(s, &other, &puller));
        beside = lower(beside, time_hits_beside(s, s, &puller));
    }
    puller.ends = true;
    pthread_join(puller.thread, NULL);
    assert_int_equal(weir_fleet_stop(other.fleet), 0);
    weir_fleet_destroy(&other.fleet);
    if (puller.is_wrong)
        split_fail(s, "%s", puller.wrong);
    print_message(
        "99th percentile of a hit: %lld us alone, beside 64 MiB %lld us elsewhere, %lld us "
        "on the same link: %.1f times, and %.1f times what it is alone\n",
        (long long)alone, (long long)elsewhere, (long long)beside,
        (double)beside / (double)elsewhere, (double)beside / (double)alone);
    assert_true(split_metric(s, "edge", "weir_link_sessions_lost_total") == 0);
    if (beside > 2 * elsewhere && !split_is_sanitized())
        split_fail(s, "hits take more than twice as long beside a huge value");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        SPLIT_TEST(test_huge_value_leaves_hits_fast),
    };

    return cmocka_run_group_tests_name("huge values over tcp", tests, NULL, NULL);
}
