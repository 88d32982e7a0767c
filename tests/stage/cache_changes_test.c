/* The cache stage and changes: what they do to what is held and to what is in flight, and that they
 * are passed on. Refreshing is like them: what is held will not do. */
#include "tests/support/cache_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>

static const struct cache_stage_options announced = {.max_staleness = SECOND};
static const struct cache_stage_options expiring = {.max_staleness = SECOND,
                                                    .on_disconnect = "expire"};

/* ---- what a change does ---- */

static void test_a_change_removes_the_entry(void **state)
{
    (void)state;
    const struct cache_stage_options all[] = {{0}, announced, expiring};
    for (int i = 0; i < 3; i++) {
        struct cache_stage *stage = cache_stage_create(&all[i]);
        cache_stage_prove(stage, 0);
        cache_stage_fill(stage, "key", "old");
        cache_stage_fill(stage, "other", "value");
        cache_stage_tell_key(stage, "key");
        assert_false(cache_stage_is_hit(stage, "key"));
        assert_true(cache_stage_is_hit(stage, "other"));
        assert_int_equal(cache_stage_metric(stage, "weir_cache_invalidations_total"), 1);
        assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 1);
        cache_stage_destroy(&stage);
    }
}

static void test_a_change_in_flight_is_answered_and_never_stored(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    cache_stage_prove(stage, 0);
    cache_stage_ask(stage, 1, "key");
    cache_stage_ask(stage, 2, "key");
    cache_stage_tell_key(stage, "other");
    cache_stage_tell_key(stage, "key");
    cache_stage_ask(stage, 3, "key"); /* one next flight, for all who come now */
    cache_stage_ask(stage, 4, "key");
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_reply_text(stage, 0, "old");
    for (uint64_t id = 1; id <= 2; id++) {
        assert_true(cache_stage_got(stage, id, "old"));
        assert_int_equal(cache_stage_answer(stage, id)->life_ms, 0);
        assert_false(cache_stage_hop(stage, id).is_stored);
        assert_false(cache_stage_hop(stage, id).is_verified); /* the next may be older, and kept */
    }
    assert_null(cache_stage_answer(stage, 3));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_dirty_total"), 1);
    cache_stage_reply_text(stage, 1, "new");
    for (uint64_t id = 3; id <= 4; id++)
        assert_true(cache_stage_got(stage, id, "new"));
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_true(cache_stage_hop(stage, 1).is_verified);
    assert_true(cache_stage_got(stage, 1, "new"));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_dirty_total"), 1);
    cache_stage_destroy(&stage);
}

/* The next answer may be there before the one that was asked for first. */
static void test_a_dirty_answer_does_not_replace_a_clean_one(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    cache_stage_ask(stage, 1, "key");
    cache_stage_tell_key(stage, "key");
    cache_stage_ask(stage, 2, "key");
    cache_stage_reply_text(stage, 1, "new");
    cache_stage_reply_text(stage, 0, "old");
    assert_true(cache_stage_got(stage, 1, "old"));
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_true(cache_stage_got(stage, 1, "new"));
    cache_stage_destroy(&stage);
}

static void test_a_queued_fetch_is_not_made_dirty(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(
        &(struct cache_stage_options){.max_staleness = SECOND, .max_fetches = 1});
    cache_stage_ask(stage, 1, "a");
    cache_stage_ask(stage, 2, "key");
    cache_stage_tell_key(stage, "key");
    cache_stage_tell(stage, NOTICE_LOST);
    cache_stage_reply_text(stage, 0, "value");
    cache_stage_reply_text(stage, 1, "value");
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_false(cache_stage_is_hit(stage, "a"));
    cache_stage_destroy(&stage);
}

/* Written faster than it can be fetched: never stored, never more than two under way. */
static void test_at_most_two_fetches_of_a_key_are_under_way(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    uint64_t id = 0;
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < 10; j++)
            cache_stage_ask(stage, id++, "key");
        cache_stage_tell_key(stage, "key");
    }
    assert_int_equal(cache_stage_fetches(stage), 2);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_fetches"), 2);
    for (size_t fetch = 0; fetch < 3; fetch++) {
        cache_stage_ask(stage, 200 + fetch, "key"); /* joins the one that is held, or fetching */
        cache_stage_tell_key(stage, "key");
        cache_stage_reply_text(stage, fetch, "value");
        assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
        assert_in_range(cache_stage_metric(stage, "weir_cache_fetches"), 0, 2);
    }
    cache_stage_reply_text(stage, 3, "last");
    for (uint64_t i = 0; i < id; i++)
        assert_non_null(cache_stage_answer(stage, i));
    assert_true(cache_stage_got(stage, 202, "last"));
    assert_true(cache_stage_is_drained(stage));
    cache_stage_destroy(&stage);
}

static void test_everything_may_change(void **state)
{
    (void)state;
    const struct cache_stage_options all[] = {{0}, announced};
    for (int i = 0; i < 2; i++) {
        struct cache_stage *stage = cache_stage_create(&all[i]);
        char key[16];
        for (int j = 0; j < 1000; j++) {
            snprintf(key, sizeof key, "%d", j);
            cache_stage_fill(stage, key, "old");
        }
        cache_stage_ask(stage, 2, "in flight");
        cache_stage_tell(stage, NOTICE_ALL);
        assert_false(cache_stage_is_hit(stage, "7"));
        cache_stage_fill(stage, "7", "new");
        assert_true(cache_stage_is_hit(stage, "7"));
        cache_stage_reply_text(stage, 1000, "old");
        assert_true(cache_stage_got(stage, 2, "old"));
        assert_false(cache_stage_is_hit(stage, "in flight"));
        assert_int_equal(cache_stage_metric(stage, "weir_cache_epoch"), 1);
        for (int64_t wake = 0; wake <= cache_stage_now(stage).mono;) /* their room comes back */
            wake = cache_stage_pass(stage, 0);
        assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 1);
        assert_int_equal(cache_stage_metric(stage, "weir_cache_evictions_total"), 0);
        cache_stage_destroy(&stage);
    }
}

/* ---- what is passed on ---- */

static void test_notices_are_passed_on_at_once_and_in_order(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    static const enum notice_kind kinds[] = {NOTICE_LOST, NOTICE_PROVEN, NOTICE_KEY, NOTICE_ALL};
    cache_stage_ask(stage, 1, "a\nkey");
    cache_stage_tell(stage, NOTICE_LOST);
    cache_stage_prove(stage, 5 * MILLISECOND);
    cache_stage_tell_key(stage, "a\nkey");
    cache_stage_reply_text(stage, 0, "old");
    cache_stage_tell(stage, NOTICE_ALL);
    assert_int_equal(cache_stage_announced(stage), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(cache_stage_announcement(stage, i)->kind, kinds[i]);
        assert_int_equal(cache_stage_answers_before(stage, i), i == 3 ? 1 : 0);
    }
    assert_int_equal(cache_stage_announcement(stage, 1)->proven,
                     cache_stage_now(stage).boot - 5 * MILLISECOND);
    assert_true(bytes_are_equal(cache_stage_announcement(stage, 2)->key, bytes_of_text("a\nkey")));
    cache_stage_destroy(&stage);
}

/* Whoever asks this cache may keep the key although this one does not. */
static void test_a_change_of_a_key_not_held_is_passed_on(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    cache_stage_tell_key(stage, "unknown");
    assert_int_equal(cache_stage_announced(stage), 1);
    cache_stage_destroy(&stage);
}

/* ---- refresh ---- */

static void test_a_refresh_is_fetched_though_it_is_held(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    cache_stage_fill(stage, "key", "old");
    cache_stage_ask_with(stage, 2, "key", ASK_REFRESH);
    cache_stage_ask_with(stage, 3, "key", ASK_REFRESH);
    assert_int_equal(cache_stage_fetches(stage), 2);
    assert_int_equal(cache_stage_fetch_flags(stage, 0), 0);
    assert_int_equal(cache_stage_fetch_flags(stage, 1), ASK_REFRESH);
    assert_true(cache_stage_is_hit(stage, "key"));
    cache_stage_reply_text(stage, 1, "new");
    for (uint64_t id = 2; id <= 3; id++)
        assert_true(cache_stage_got(stage, id, "new"));
    assert_int_equal(cache_stage_hop(stage, 2).outcome, HOP_MISS);
    assert_int_equal(cache_stage_hop(stage, 3).outcome, HOP_COLLAPSED);
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_true(cache_stage_got(stage, 1, "new"));
    cache_stage_destroy(&stage);
}

/* A fetch that may be answered from memory farther on will not do, and is overtaken. */
static void test_a_refresh_does_not_join_a_plain_fetch(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    cache_stage_ask(stage, 2, "key");
    cache_stage_ask_with(stage, 3, "key", ASK_REFRESH);
    cache_stage_ask(stage, 4, "key");
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_reply_text(stage, 1, "new");
    cache_stage_reply_text(stage, 0, "old");
    assert_true(cache_stage_got(stage, 2, "old"));
    assert_true(cache_stage_got(stage, 3, "new"));
    assert_true(cache_stage_got(stage, 4, "new"));
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_true(cache_stage_got(stage, 1, "new"));
    cache_stage_destroy(&stage);
}

static void test_what_redis_says_replaces_what_is_held(void **state)
{
    (void)state;
    static const enum status statuses[] = {STATUS_NONE, STATUS_WRONG_TYPE, STATUS_AWAY};
    for (int i = 0; i < 3; i++) {
        struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
        cache_stage_fill(stage, "key", "old");
        cache_stage_ask_with(stage, 2, "key", ASK_REFRESH);
        cache_stage_reply_status(stage, 1, statuses[i]);
        assert_true(cache_stage_got_status(stage, 2, statuses[i]));
        assert_int_equal(cache_stage_is_hit(stage, "key"), statuses[i] == STATUS_AWAY);
        cache_stage_destroy(&stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_change_removes_the_entry),
        cmocka_unit_test(test_a_change_in_flight_is_answered_and_never_stored),
        cmocka_unit_test(test_a_dirty_answer_does_not_replace_a_clean_one),
        cmocka_unit_test(test_a_queued_fetch_is_not_made_dirty),
        cmocka_unit_test(test_at_most_two_fetches_of_a_key_are_under_way),
        cmocka_unit_test(test_everything_may_change),
        cmocka_unit_test(test_notices_are_passed_on_at_once_and_in_order),
        cmocka_unit_test(test_a_change_of_a_key_not_held_is_passed_on),
        cmocka_unit_test(test_a_refresh_is_fetched_though_it_is_held),
        cmocka_unit_test(test_a_refresh_does_not_join_a_plain_fetch),
        cmocka_unit_test(test_what_redis_says_replaces_what_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
