/* A near cache before a far one, in another process.
 *
 *     edge-a: http-a ──▶ near ─┬─▶ store: far ──▶ redis
 *     edge-b: http-b ──────────┘                           */
#include "../support/deadline.h"
#include "../support/split.h"

#include <stdio.h>
#include <time.h>

#define FAR_EXPIRY 3000 /* ms */
#define NOISE      1000 /* ms; less than what is told apart: half of FAR_EXPIRY */

static const char topology[] =
    "# processes: edge-a edge-b store\n"
    "stages:\n"
    "  http-a: {kind: http-frontend, listen: 127.0.0.1:0, asks: near, timeout: 20s}\n"
    "  http-b: {kind: http-frontend, listen: 127.0.0.1:0, asks: far, timeout: 20s}\n"
    "  near: {kind: cache, serves: inproc://near, asks: far, expiry: 1h}\n"
    "  far: {kind: cache, serves: \"@AT.far@\", asks: redis, expiry: 3s}\n"
    "  redis: {kind: redis-fetcher, serves: inproc://redis, timeout: 10s}\n"
    "processes:\n"
    "  edge-a: {reactors: [[http-a, near]]}\n"
    "  edge-b: {reactors: [[http-b]]}\n"
    "  store:  {reactors: [[far, redis]]}\n";

static double far_lookups(const struct split *s)
{
    return split_metric(s, "store", "weir_cache_hits_total") +
           split_metric(s, "store", "weir_cache_misses_total");
}

static void test_near_hit_does_not_touch_the_far_cache(void **state)
{
    struct split *s = *state;

    redis_server_run(s->redis, "SET key value");
    split_start(s, topology, "tcp");
    split_expect_value(s, "edge-a", "/key", "value");
    double before = far_lookups(s);
    assert_true(before == 1);
    for (int i = 0; i < 100; i++)
        split_expect_value(s, "edge-a", "/key", "value");
    assert_true(far_lookups(s) == before);
    assert_true(split_metric(s, "edge-a", "weir_cache_hits_total") == 100);
}

static void test_miss_in_both_is_one_get(void **state)
{
    struct split *s = *state;

    redis_server_run(s->redis, "SET key value");
    split_start(s, topology, "tcp");
    long long reads = split_reads(s);
    split_expect_value(s, "edge-a", "/key", "value");
    assert_int_equal(split_reads(s), reads + 1);
    split_expect_value(s, "edge-b", "/key", "value");
    assert_int_equal(split_reads(s), reads + 1);
}

/* The near cache gets the value when half of its life at the far one is over. It must not give it a
 * longer one, though its own expiry is an hour. */
static void test_far_expiry_bounds_the_near_life(void **state)
{
    struct split *s = *state;
    struct timespec half = {.tv_sec = FAR_EXPIRY / 2000,
                            .tv_nsec = FAR_EXPIRY / 2 % 1000 * 1000000};
    struct timespec pause = {.tv_nsec = 2000000};
    struct blob body = {0};

    redis_server_run(s->redis, "SET key old");
    split_start(s, topology, "tcp");
    int64_t read_at = deadline_now();
    split_expect_value(s, "edge-b", "/key", "old");
    nanosleep(&half, NULL);
    split_expect_value(s, "edge-a", "/key", "old");
    redis_server_run(s->redis, "SET key new");
    while (split_get(s, "edge-a", "/key", &body) == 200 && blob_is(&body, "old", 3)) {
        if (deadline_now() - read_at > FAR_EXPIRY + NOISE)
            split_fail(s,
                       "the near cache still has a value that was read %d ms ago, though the far "
                       "one keeps it %d",
                       (int)(deadline_now() - read_at), FAR_EXPIRY);
        nanosleep(&pause, NULL);
    }
    assert_true(blob_is(&body, "new", 3));
    assert_true(split_metric(s, "edge-a", "weir_cache_hits_total") > 0);
    blob_fini(&body);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        SPLIT_TEST(test_near_hit_does_not_touch_the_far_cache),
        SPLIT_TEST(test_miss_in_both_is_one_get),
        SPLIT_TEST(test_far_expiry_bounds_the_near_life),
    };

    return cmocka_run_group_tests_name("chained caches", tests, NULL, NULL);
}
