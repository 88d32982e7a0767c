/* A purge passes a cache on its way towards the origin, and its answer on the way back. */
#include "common/clock.h"
#include "tests/support/cache_stage.h"
#include "tests/support/unit.h"

static const struct cache_stage_options nothing_special;

static void test_purge_goes_towards_the_origin(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&nothing_special);
    cache_stage_fill(stage, "key", "value");
    size_t before = cache_stage_fetches(stage);
    cache_stage_ask_with(stage, 7, "key", ASK_PURGE);
    assert_int_equal(cache_stage_fetches(stage), before + 1);
    assert_int_equal(cache_stage_fetch_flags(stage, before), ASK_PURGE);
    assert_true(bytes_are_equal(cache_stage_fetch_key(stage, before), bytes_of_text("key")));
    assert_null(cache_stage_answer(stage, 7));
    assert_true(cache_stage_is_hit(stage, "key")); /* nobody has announced anything yet */
    cache_stage_tell_key(stage, "key");
    cache_stage_reply_status(stage, before, STATUS_NONE);
    assert_true(cache_stage_got_status(stage, 7, STATUS_NONE));
    assert_false(cache_stage_is_hit(stage, "key"));
    cache_stage_destroy(&stage);
}

static void test_purge_of_all_does_the_same(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&nothing_special);
    cache_stage_fill(stage, "a", "value");
    cache_stage_fill(stage, "b", "value");
    size_t before = cache_stage_fetches(stage);
    cache_stage_ask_with(stage, 7, "", ASK_PURGE_ALL);
    assert_int_equal(cache_stage_fetch_flags(stage, before), ASK_PURGE_ALL);
    cache_stage_tell(stage, NOTICE_ALL);
    cache_stage_reply_status(stage, before, STATUS_NONE);
    assert_true(cache_stage_got_status(stage, 7, STATUS_NONE));
    assert_false(cache_stage_is_hit(stage, "a"));
    assert_false(cache_stage_is_hit(stage, "b"));
    cache_stage_destroy(&stage);
}

static void test_purge_that_fails_says_so(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&nothing_special);
    cache_stage_ask_with(stage, 7, "key", ASK_PURGE);
    cache_stage_reply_status(stage, 0, STATUS_AWAY);
    assert_true(cache_stage_got_status(stage, 7, STATUS_AWAY));
    cache_stage_refuse(stage, STATUS_AWAY);
    cache_stage_ask_with(stage, 7, "key", ASK_PURGE);
    assert_true(cache_stage_got_status(stage, 7, STATUS_AWAY));
    cache_stage_destroy(&stage);
}

/* Where too many notices have gathered for a link, LOST takes their place, and a cache without
 * invalidation keeps what it holds. */
static void test_purge_whose_notice_may_be_lost_fails(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&nothing_special);
    cache_stage_fill(stage, "key", "value");
    cache_stage_ask_with(stage, 7, "key", ASK_PURGE);
    cache_stage_tell(stage, NOTICE_LOST);
    cache_stage_reply_status(stage, 1, STATUS_NONE);
    assert_true(cache_stage_got_status(stage, 7, STATUS_AWAY));
    assert_true(cache_stage_is_hit(stage, "key"));
    cache_stage_destroy(&stage);
}

/* A purge is no fetch: it is not joined, takes no place of one, and what it is answered with is
 * kept by nobody. */
static void test_purge_is_no_fetch(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){.max_fetches = 1});
    cache_stage_ask_with(stage, 1, "key", ASK_PURGE);
    cache_stage_ask(stage, 2, "key");
    assert_int_equal(cache_stage_fetches(stage), 2);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_misses_total"), 1);
    cache_stage_reply_status(stage, 0, STATUS_NONE);
    assert_true(cache_stage_got_status(stage, 1, STATUS_NONE));
    assert_null(cache_stage_answer(stage, 2));
    cache_stage_reply_text(stage, 1, "value");
    assert_true(cache_stage_got(stage, 2, "value"));
    assert_true(cache_stage_is_hit(stage, "key"));
    cache_stage_destroy(&stage);
}

static void test_too_many_purges_are_refused_as_busy(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&nothing_special);
    uint64_t taken = 0;
    while (taken < 1000) {
        cache_stage_ask_with(stage, taken, "key", ASK_PURGE);
        if (cache_stage_answer(stage, taken))
            break;
        taken++;
    }
    assert_in_range(taken, 1, 999);
    assert_true(cache_stage_got_status(stage, taken, STATUS_BUSY));
    cache_stage_reply_status(stage, 0, STATUS_NONE);
    cache_stage_ask_with(stage, taken, "key", ASK_PURGE);
    assert_null(cache_stage_answer(stage, taken));
    cache_stage_destroy(&stage);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_purge_goes_towards_the_origin),
        cmocka_unit_test(test_purge_of_all_does_the_same),
        cmocka_unit_test(test_purge_that_fails_says_so),
        cmocka_unit_test(test_purge_whose_notice_may_be_lost_fails),
        cmocka_unit_test(test_purge_is_no_fetch),
        cmocka_unit_test(test_too_many_purges_are_refused_as_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
