/* The cache stage and keys that Redis does not have. */
#include "tests/support/cache_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

static const struct cache_stage_options remembering = {.negative_expiry = SECOND};

static void reply_none(struct cache_stage *stage, size_t fetch, uint32_t life_ms)
{
    cache_stage_reply(stage, fetch, &(struct answer){.status = STATUS_NONE, .life_ms = life_ms});
}

/* Has it fetched that there is no such key; asked by 0. */
static void fill_absent(struct cache_stage *stage, const char *key)
{
    size_t fetch = cache_stage_fetches(stage);

    cache_stage_ask(stage, 0, key);
    assert_int_equal(cache_stage_fetches(stage), fetch + 1);
    reply_none(stage, fetch, MESSAGE_LIFE_UNBOUNDED);
    assert_true(cache_stage_got_status(stage, 0, STATUS_NONE));
}

static bool is_absent(struct cache_stage *stage, const char *key)
{
    return cache_stage_is_hit(stage, key) && cache_stage_got_status(stage, 1, STATUS_NONE);
}

static void test_an_absent_key_is_remembered_for_so_long_and_no_longer(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&remembering);
    cache_stage_ask(stage, 2, "key");
    cache_stage_pass(stage, 100 * MILLISECOND);
    reply_none(stage, 0, MESSAGE_LIFE_UNBOUNDED);
    assert_int_equal(cache_stage_answer(stage, 2)->life_ms, 1000);
    assert_int_equal(cache_stage_answer(stage, 2)->age_ms, 100);
    assert_true(cache_stage_hop(stage, 2).is_stored);
    assert_int_equal(cache_stage_hop(stage, 2).outcome, HOP_MISS);
    cache_stage_pass(stage, 999 * MILLISECOND);
    assert_true(is_absent(stage, "key"));
    assert_int_equal(cache_stage_hop(stage, 1).outcome, HOP_HIT);
    assert_int_equal(cache_stage_hop(stage, 1).ttl_ms, 1);
    assert_int_equal(cache_stage_answer(stage, 1)->age_ms, 1099);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_negative_hits_total"), 1);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_hits_total"), 1);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_negative_entries"), 1);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
    cache_stage_pass(stage, MILLISECOND);
    assert_false(is_absent(stage, "key"));
    cache_stage_destroy(&stage);
}

static void test_by_default_absence_is_passed_on_and_not_remembered(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    fill_absent(stage, "key");
    assert_int_equal(cache_stage_answer(stage, 0)->life_ms, MESSAGE_LIFE_UNBOUNDED);
    assert_false(cache_stage_hop(stage, 0).is_stored);
    assert_false(is_absent(stage, "key"));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_negative_entries"), 0);
    cache_stage_destroy(&stage);
}

static void test_the_far_cache_may_shorten_its_life(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&remembering);
    cache_stage_ask(stage, 2, "short");
    reply_none(stage, 0, 300);
    cache_stage_ask(stage, 2, "none");
    reply_none(stage, 1, 0);
    assert_false(is_absent(stage, "none"));
    cache_stage_pass(stage, 299 * MILLISECOND);
    assert_true(is_absent(stage, "short"));
    cache_stage_pass(stage, MILLISECOND);
    assert_false(is_absent(stage, "short"));
    cache_stage_destroy(&stage);
}

static void test_a_key_is_remembered_as_one_or_the_other(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&remembering);
    fill_absent(stage, "key");
    cache_stage_ask_with(stage, 2, "key", ASK_REFRESH);
    cache_stage_reply_text(stage, 1, "value");
    assert_int_equal(cache_stage_metric(stage, "weir_cache_negative_entries"), 0);
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_true(cache_stage_got(stage, 1, "value"));
    cache_stage_ask_with(stage, 2, "key", ASK_REFRESH);
    reply_none(stage, 2, MESSAGE_LIFE_UNBOUNDED);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
    assert_true(is_absent(stage, "key"));
    cache_stage_destroy(&stage);
}

static void test_it_follows_the_same_notices(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(
        &(struct cache_stage_options){.negative_expiry = SECOND, .max_staleness = SECOND});
    cache_stage_prove(stage, 0);
    fill_absent(stage, "key");
    assert_true(is_absent(stage, "key"));
    assert_true(cache_stage_hop(stage, 1).is_verified);
    cache_stage_tell_key(stage, "key"); /* it was created */
    assert_false(is_absent(stage, "key"));
    fill_absent(stage, "key");
    cache_stage_tell(stage, NOTICE_ALL);
    assert_false(is_absent(stage, "key"));
    fill_absent(stage, "key");
    cache_stage_tell(stage, NOTICE_LOST);
    assert_true(is_absent(stage, "key"));
    assert_false(cache_stage_hop(stage, 1).is_verified);
    cache_stage_prove(stage, 0);
    assert_false(is_absent(stage, "key"));
    cache_stage_ask(stage, 2, "key");
    cache_stage_tell_key(stage, "key");
    reply_none(stage, cache_stage_fetches(stage) - 1, MESSAGE_LIFE_UNBOUNDED);
    assert_true(cache_stage_got_status(stage, 2, STATUS_NONE));
    assert_int_equal(cache_stage_answer(stage, 2)->life_ms, 0);
    assert_false(is_absent(stage, "key"));
    cache_stage_destroy(&stage);
}

static void test_it_may_be_stale_as_values_may(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){
        .negative_expiry = SECOND, .stale_while_revalidate = SECOND, .stale_if_error = 2 * SECOND});
    fill_absent(stage, "key");
    cache_stage_pass(stage, SECOND);
    assert_true(cache_stage_is_hit(stage, "other") == false);
    cache_stage_ask(stage, 2, "key");
    assert_true(cache_stage_got_status(stage, 2, STATUS_NONE));
    assert_int_equal(cache_stage_hop(stage, 2).outcome, HOP_STALE);
    cache_stage_reply_status(stage, 2, STATUS_AWAY);
    cache_stage_pass(stage, SECOND);
    cache_stage_ask(stage, 2, "key");
    cache_stage_reply_status(stage, 3, STATUS_AWAY);
    assert_true(cache_stage_got_status(stage, 2, STATUS_NONE));
    cache_stage_destroy(&stage);
}

/* ---- room ---- */

static void test_a_scan_of_random_names_pushes_out_no_values(void **state)
{
    (void)state;
    int64_t max_bytes = 4 << 20;
    struct cache_stage *stage =
        cache_stage_create(&(struct cache_stage_options){.capacity = 100,
                                                         .max_bytes = max_bytes,
                                                         .negative_expiry = SECOND,
                                                         .negative_capacity = 50});
    char key[4000];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "value-%d", i);
        cache_stage_fill(stage, key, "value");
    }
    for (int i = 0; i < 10000; i++) {
        memset(key, 'k', sizeof key);
        snprintf(key + i % 3000, 32, "random-%d", i);
        fill_absent(stage, key);
        assert_true(cache_stage_metric(stage, "weir_cache_bytes") <= max_bytes);
        assert_true(cache_stage_metric(stage, "weir_cache_negative_entries") <= 50);
    }
    assert_true(is_absent(stage, key));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_evictions_total"), 0);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "value-%d", i);
        assert_true(cache_stage_is_hit(stage, key));
    }
    cache_stage_destroy(&stage);
}

/* Together they take max_bytes and no more. */
static void test_max_bytes_bounds_both(void **state)
{
    (void)state;
    int64_t max_bytes = 1 << 20;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){
        .max_bytes = max_bytes, .negative_expiry = 60 * SECOND, .negative_capacity = 1000000});
    char key[1000];
    for (int i = 0; i < 5000; i++) {
        memset(key, 'k', sizeof key);
        snprintf(key + i % 900, 32, "%d", i);
        fill_absent(stage, key);
        cache_stage_fill(stage, key + 1, key);
        assert_true(cache_stage_metric(stage, "weir_cache_bytes") <= max_bytes);
    }
    assert_true(cache_stage_metric(stage, "weir_cache_negative_entries") > 100);
    assert_true(cache_stage_metric(stage, "weir_cache_entries") > 100);
    cache_stage_destroy(&stage);
}

static void test_absent_entries_go_without_being_asked_for(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&remembering);
    fill_absent(stage, "key");
    for (int64_t wake = 0; wake != NEVER;)
        wake = cache_stage_pass(stage, 500 * MILLISECOND);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_negative_entries"), 0);
    assert_in_range(cache_stage_now(stage).mono - CACHE_STAGE_START, SECOND, 3 * SECOND);
    cache_stage_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_absent_key_is_remembered_for_so_long_and_no_longer),
        cmocka_unit_test(test_by_default_absence_is_passed_on_and_not_remembered),
        cmocka_unit_test(test_the_far_cache_may_shorten_its_life),
        cmocka_unit_test(test_a_key_is_remembered_as_one_or_the_other),
        cmocka_unit_test(test_it_follows_the_same_notices),
        cmocka_unit_test(test_it_may_be_stale_as_values_may),
        cmocka_unit_test(test_a_scan_of_random_names_pushes_out_no_values),
        cmocka_unit_test(test_max_bytes_bounds_both),
        cmocka_unit_test(test_absent_entries_go_without_being_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
