/* How long an answer lives: for the time that Redis gives a key, and for negative_expiry where
 * there is none. What a client is told of it. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDING 20 /* ms */

static struct told get(const struct pipeline *p, const char *target)
{
    return told_get(weir_process_http_port(p->weir), target, NULL);
}

/* ---- the time that Redis gives ---- */

/* The entry ends when the key does, though the expiry is far longer: of all answers sent for after
 * that one at most, from a turn that was held up, is still the value. */
static void test_respect_ttl_ends_the_entry_with_the_key(void **state)
{
    const int64_t life = 1500; /* ms */
    struct pipeline *p = *state;
    int64_t begun, set, asked;
    struct told told;
    int late = 0;

    pipeline_start(p, SETTINGS(.cache = "expiry: 1h", .redis = "timeout: 60s, respect_ttl: true"));
    begun = deadline_now();
    redis_server_run(p->redis, "SET key value PX %d", (int)life);
    set = deadline_now();
    do {
        asked = deadline_now();
        told = get(p, "/key");
        if (told.status == 200 && told.max_age - told.age > life / 1000)
            pipeline_fail(p, "more than its life is said to remain: %ld of %ld s", told.age,
                          told.max_age);
        late += told.status == 200 && asked > set + life + ROUNDING;
        if (late > 1)
            pipeline_fail(p, "answered %lld ms after it was set", (long long)(asked - set));
    } while (told.status == 200);
    assert_int_equal(told.status, 404);
    if (deadline_now() < begun + life)
        pipeline_fail(p, "gone after %lld ms", (long long)(deadline_now() - begun));
}

/* A key without a time of its own, or with a longer one, lives for the expiry. */
static void test_respect_ttl_never_lengthens_a_life(void **state)
{
    struct pipeline *p = *state;
    struct told told;

    redis_server_run(p->redis, "SET endless value");
    redis_server_run(p->redis, "SET long value EX 100000");
    pipeline_start(p,
                   SETTINGS(.cache = "expiry: 100s", .redis = "timeout: 60s, respect_ttl: true"));
    told = get(p, "/endless");
    assert_in_range(told.max_age, 99, 100);
    told = get(p, "/long");
    assert_in_range(told.max_age, 99, 100);
}

/* Without it an entry lives for its expiry, whatever Redis does. */
static void test_ttl_is_not_respected_by_default(void **state)
{
    struct pipeline *p = *state;
    int64_t deadline = deadline_in(PATIENCE);

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.cache = "expiry: 1h"));
    pipeline_expect_value(p, "/key", "value");
    redis_server_run(p->redis, "PEXPIRE key 1");
    while (redis_server_run(p->redis, "EXISTS key") == 1 && deadline_left(deadline) > 0)
        continue;
    pipeline_expect_value(p, "/key", "value");
    assert_int_equal(redis_server_calls(p->redis, "pttl"), 0);
}

/* ---- absent keys ---- */

static void test_negative_expiry_remembers_absent_keys(void **state)
{
    const int64_t expiry = 700; /* ms */
    struct pipeline *p = *state;
    int64_t before, entered, asked;
    struct told told;
    int late = 0;

    pipeline_start(p, SETTINGS(.cache = "expiry: 1h, negative_expiry: 700ms"));
    before = deadline_now();
    told = get(p, "/key");
    entered = deadline_now();
    assert_string_equal(told.caches, "weir.cache; fwd=miss; stored");
    assert_string_equal(told.tag, "");
    redis_server_run(p->redis, "SET key value");
    do {
        asked = deadline_now();
        told = get(p, "/key");
        late += told.status == 404 && asked > entered + expiry + ROUNDING;
        if (late > 1)
            pipeline_fail(p, "absent for %lld ms", (long long)(asked - entered));
        if (told.status == 404 && !told_has(&told, "weir.cache; hit; ttl=0"))
            pipeline_fail(p, "of what is remembered to be absent: %s", told.caches);
    } while (told.status == 404);
    assert_string_equal(told.body, "value");
    if (deadline_now() < before + expiry)
        pipeline_fail(p, "remembered for %lld ms only", (long long)(deadline_now() - before));
    assert_int_equal(redis_server_calls(p->redis, "get"), 2);
}

/* A scan of random names: they have a capacity of their own, and push out no value. */
static void test_negative_capacity_a_scan_pushes_out_no_value(void **state)
{
    enum { VALUES = 20, NAMES = 2000, REMEMBERED = 50 };
    struct pipeline *p = *state;
    char target[32];

    for (int i = 0; i < VALUES; i++)
        redis_server_run(p->redis, "SET v%d %d", i, i);
    pipeline_start(p, SETTINGS(.cache = "capacity: 20, expiry: 1h, negative_expiry: 1h, "
                                        "negative_capacity: 50"));
    for (int i = 0; i < VALUES + NAMES; i++) {
        snprintf(target, sizeof target, i < VALUES ? "/v%d" : "/name%d", i);
        assert_int_equal(pipeline_get_status(p, target), i < VALUES ? 200 : 404);
    }
    assert_true(pipeline_metric(p, "weir_cache_negative_entries", NULL) == REMEMBERED);
    assert_true(pipeline_metric(p, "weir_cache_entries", NULL) == VALUES);
    assert_true(pipeline_metric(p, "weir_cache_evictions_total", NULL) == 0);
    for (int i = 0; i < VALUES; i++) {
        snprintf(target, sizeof target, "/v%d", i);
        assert_int_equal(pipeline_get_status(p, target), 200);
    }
    /* The last of the names are remembered, and the values all still there. */
    for (int i = VALUES + NAMES - REMEMBERED; i < VALUES + NAMES; i++) {
        snprintf(target, sizeof target, "/name%d", i);
        assert_int_equal(pipeline_get_status(p, target), 404);
    }
    assert_int_equal(redis_server_calls(p->redis, "get"), VALUES + NAMES);
    assert_true(pipeline_metric(p, "weir_cache_negative_hits_total", NULL) == REMEMBERED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_respect_ttl_ends_the_entry_with_the_key),
        PIPELINE_TEST(test_respect_ttl_never_lengthens_a_life),
        PIPELINE_TEST(test_ttl_is_not_respected_by_default),
        PIPELINE_TEST(test_negative_expiry_remembers_absent_keys),
        PIPELINE_TEST(test_negative_capacity_a_scan_pushes_out_no_value),
    };

    return PIPELINE_RUN("freshness, lives", tests);
}
