/* The cache stage and what is past its time: answered while it is renewed (stale-while-revalidate)
 * and where the origin fails (stale-if-error), RFC 5861. */
#include "tests/support/cache_stage.h"
#include "tests/support/unit.h"

#include <string.h>

/* An entry lives for a second, and can be answered for five more. */
static const struct cache_stage_options renewing = {.expiry = SECOND,
                                                    .stale_while_revalidate = 5 * SECOND};
static const struct cache_stage_options on_error = {.expiry = SECOND, .stale_if_error = 5 * SECOND};

/* With "key" held since `past` before now. */
static struct cache_stage *stage_with_key(const struct cache_stage_options *options, int64_t past)
{
    struct cache_stage *stage = cache_stage_create(options);

    cache_stage_fill(stage, "key", "old");
    cache_stage_pass(stage, past);
    return stage;
}

/* Was `id` answered with what is past its time, and told so? */
static bool got_stale(const struct cache_stage *stage, uint64_t id, const char *value)
{
    if (!cache_stage_got(stage, id, value))
        return false;
    struct hop hop = cache_stage_hop(stage, id);
    return hop.outcome == HOP_STALE && hop.ttl_ms == 0 && !hop.is_verified && !hop.is_stored &&
           cache_stage_answer(stage, id)->life_ms == 0;
}

/* ---- while it is renewed ---- */

static void test_a_stale_entry_is_answered_at_once_and_renewed_once(void **state)
{
    (void)state;
    struct cache_stage *stage = stage_with_key(&renewing, SECOND);
    for (uint64_t id = 1; id <= 1000; id++) {
        cache_stage_ask(stage, id, "key");
        assert_true(got_stale(stage, id, "old"));
    }
    assert_int_equal(cache_stage_answer(stage, 1)->age_ms, 1000);
    assert_int_equal(cache_stage_fetches(stage), 2);
    assert_int_equal(cache_stage_fetch_flags(stage, 0), 0);
    assert_int_equal(cache_stage_fetch_flags(stage, 1), ASK_RENEW);
    assert_int_equal(cache_stage_fetch_deadline(stage, 1),
                     CACHE_STAGE_START + SECOND + CACHE_STAGE_PATIENCE);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_stale_total"), 1000);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_hits_total"), 1000);
    assert_true(cache_stage_is_drained(stage)); /* nobody waits for a renewal */
    cache_stage_reply_text(stage, 1, "new");
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_true(cache_stage_got(stage, 1, "new"));
    assert_int_equal(cache_stage_answer(stage, 1)->life_ms, 1000);
    cache_stage_destroy(&stage);
}

static void test_it_is_stale_for_so_long_and_no_longer(void **state)
{
    (void)state;
    struct cache_stage *stage = stage_with_key(&renewing, 6 * SECOND - MILLISECOND);
    cache_stage_ask(stage, 1, "key");
    assert_true(got_stale(stage, 1, "old"));
    cache_stage_reply_status(stage, 1, STATUS_AWAY);
    cache_stage_pass(stage, MILLISECOND); /* being read did not help */
    cache_stage_ask(stage, 2, "key");
    assert_null(cache_stage_answer(stage, 2));
    assert_int_equal(cache_stage_fetch_flags(stage, 2), 0);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
    cache_stage_destroy(&stage);
}

static void test_by_default_nothing_is_answered_past_its_time(void **state)
{
    (void)state;
    struct cache_stage *stage =
        stage_with_key(&(struct cache_stage_options){.expiry = SECOND}, SECOND);
    cache_stage_ask(stage, 1, "key");
    assert_null(cache_stage_answer(stage, 1));
    cache_stage_reply_status(stage, 1, STATUS_AWAY);
    assert_true(cache_stage_got_status(stage, 1, STATUS_AWAY));
    cache_stage_destroy(&stage);
}

static void test_a_renewal_that_fails_is_tried_with_the_next_ask(void **state)
{
    (void)state;
    struct cache_stage *stage = stage_with_key(&renewing, SECOND);
    for (size_t fetch = 1; fetch < 4; fetch++) {
        cache_stage_ask(stage, 1, "key");
        assert_true(got_stale(stage, 1, "old"));
        assert_int_equal(cache_stage_fetches(stage), fetch + 1);
        cache_stage_reply_status(stage, fetch, STATUS_TIMEOUT);
    }
    cache_stage_refuse(stage, STATUS_AWAY);
    cache_stage_ask(stage, 1, "key");
    assert_true(got_stale(stage, 1, "old"));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_fetches"), 0);
    cache_stage_destroy(&stage);
}

/* The origin is slower than entries live: nobody waits all the same. */
static void test_a_renewal_that_outlasts_the_expiry_is_kept(void **state)
{
    (void)state;
    struct cache_stage *stage = stage_with_key(&renewing, SECOND);
    for (size_t fetch = 1; fetch < 5; fetch++) {
        cache_stage_ask(stage, 1, "key");
        assert_true(got_stale(stage, 1, "old"));
        assert_int_equal(cache_stage_fetches(stage), fetch + 1);
        cache_stage_pass(stage, 2 * SECOND);
        cache_stage_reply_text(stage, fetch, "old");
        assert_true(cache_stage_is_hit(stage, "key"));
        assert_int_equal(cache_stage_hop(stage, 1).outcome, HOP_HIT);
        cache_stage_pass(stage, SECOND);
    }
    cache_stage_destroy(&stage);
}

static void test_a_renewal_takes_a_fetch_and_waits_for_none(void **state)
{
    (void)state;
    struct cache_stage_options one_fetch = renewing;
    one_fetch.max_fetches = 1;
    struct cache_stage *stage = stage_with_key(&one_fetch, SECOND);
    cache_stage_ask(stage, 1, "other");
    cache_stage_ask(stage, 2, "key");
    assert_true(got_stale(stage, 2, "old"));
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_reply_text(stage, 1, "value");
    assert_int_equal(cache_stage_fetches(stage), 2); /* it was not queued */
    cache_stage_ask(stage, 2, "key");
    assert_int_equal(cache_stage_fetches(stage), 3);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_fetches"), 1);
    cache_stage_destroy(&stage);
}

/* A near cache that renews must not be answered with what is past its time here. */
static void test_who_renews_is_not_answered_stale(void **state)
{
    (void)state;
    struct cache_stage *stage = stage_with_key(&renewing, 500 * MILLISECOND);
    cache_stage_ask_with(stage, 1, "key", ASK_RENEW);
    assert_true(cache_stage_got(stage, 1, "old")); /* it still lives */
    assert_int_equal(cache_stage_hop(stage, 1).outcome, HOP_HIT);
    cache_stage_pass(stage, 500 * MILLISECOND);
    cache_stage_ask_with(stage, 1, "key", ASK_RENEW);
    assert_null(cache_stage_answer(stage, 1));
    assert_int_equal(cache_stage_fetch_flags(stage, 1), ASK_RENEW);
    cache_stage_ask(stage, 2, "key"); /* nor is there another fetch for others */
    assert_true(got_stale(stage, 2, "old"));
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_reply_text(stage, 1, "new");
    assert_true(cache_stage_got(stage, 1, "new"));
    cache_stage_destroy(&stage);
}

static void test_any_fetch_under_way_renews(void **state)
{
    (void)state;
    struct cache_stage *stage = stage_with_key(&renewing, SECOND);
    cache_stage_ask_with(stage, 1, "key", ASK_REFRESH);
    cache_stage_ask(stage, 2, "key");
    assert_true(got_stale(stage, 2, "old"));
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_destroy(&stage);
}

static void test_who_asks_for_the_renewed_joins_the_renewal(void **state)
{
    (void)state;
    struct cache_stage *stage = stage_with_key(&renewing, 6 * SECOND - MILLISECOND);
    cache_stage_ask(stage, 1, "key");
    cache_stage_pass(stage, MILLISECOND);
    cache_stage_ask(stage, 2, "key");
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_reply_text(stage, 1, "new");
    assert_true(cache_stage_got(stage, 2, "new"));
    assert_int_equal(cache_stage_hop(stage, 2).outcome, HOP_COLLAPSED);
    cache_stage_destroy(&stage);
}

static void test_what_redis_does_not_have_is_not_stale(void **state)
{
    (void)state;
    static const enum status statuses[] = {STATUS_NONE, STATUS_WRONG_TYPE};
    for (int i = 0; i < 2; i++) {
        struct cache_stage *stage = stage_with_key(&renewing, SECOND);
        cache_stage_ask(stage, 1, "key");
        cache_stage_reply_status(stage, 1, statuses[i]);
        cache_stage_ask(stage, 1, "key");
        assert_null(cache_stage_answer(stage, 1));
        cache_stage_destroy(&stage);
    }
}

static void test_a_renewed_value_that_cannot_be_kept_ends_the_old_one(void **state)
{
    (void)state;
    struct cache_stage_options small = renewing;
    small.max_value_size = 5;
    static const struct answer answers[] = {
        {.status = STATUS_VALUE, .life_ms = MESSAGE_LIFE_UNBOUNDED, .bytes = {"too large", 9}},
        {.status = STATUS_VALUE, .life_ms = 0, .bytes = {"gone", 4}}};
    for (int i = 0; i < 2; i++) {
        struct cache_stage *stage = stage_with_key(&small, SECOND);
        cache_stage_ask(stage, 1, "key");
        cache_stage_reply(stage, 1, &answers[i]);
        assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
        cache_stage_ask(stage, 1, "key");
        assert_null(cache_stage_answer(stage, 1));
        cache_stage_destroy(&stage);
    }
}

static void test_what_a_notice_removed_is_gone(void **state)
{
    (void)state;
    struct cache_stage_options both = renewing;
    both.stale_if_error = 5 * SECOND;
    for (int i = 0; i < 2; i++) {
        struct cache_stage *stage = stage_with_key(&both, SECOND);
        if (i == 0)
            cache_stage_tell_key(stage, "key");
        else
            cache_stage_tell(stage, NOTICE_ALL);
        cache_stage_ask(stage, 1, "key");
        assert_null(cache_stage_answer(stage, 1));
        cache_stage_reply_status(stage, 1, STATUS_AWAY);
        assert_true(cache_stage_got_status(stage, 1, STATUS_AWAY));
        cache_stage_destroy(&stage);
    }
}

/* ---- where the origin fails ---- */

static void test_a_failure_is_answered_with_what_is_held(void **state)
{
    (void)state;
    for (int status = STATUS_WRONG_TYPE; status < STATUS_COUNT; status++) {
        struct cache_stage *stage = stage_with_key(&on_error, SECOND);
        for (uint64_t id = 1; id <= 2; id++) {
            cache_stage_ask(stage, id, "key");
            assert_null(cache_stage_answer(stage, id)); /* it is tried first */
        }
        cache_stage_reply_status(stage, 1, (enum status)status);
        for (uint64_t id = 1; id <= 2; id++)
            if (status == STATUS_WRONG_TYPE)
                assert_true(cache_stage_got_status(stage, id, STATUS_WRONG_TYPE));
            else
                assert_true(got_stale(stage, id, "old"));
        assert_int_equal(cache_stage_metric(stage, "weir_cache_stale_total"),
                         status == STATUS_WRONG_TYPE ? 0 : 2);
        cache_stage_destroy(&stage);
    }
}

static void test_a_failure_is_answered_so_up_to_the_limit(void **state)
{
    (void)state;
    struct cache_stage *stage = stage_with_key(&on_error, 6 * SECOND - MILLISECOND);
    cache_stage_refuse(stage, STATUS_AWAY);
    for (int i = 0; i < 3; i++) {
        cache_stage_ask(stage, 1, "key");
        assert_true(got_stale(stage, 1, "old"));
    }
    cache_stage_pass(stage, MILLISECOND);
    cache_stage_ask(stage, 1, "key");
    assert_true(cache_stage_got_status(stage, 1, STATUS_AWAY));
    cache_stage_destroy(&stage);
}

static void test_the_limits_of_both_kinds_are_their_own(void **state)
{
    (void)state;
    struct cache_stage_options both = {
        .expiry = SECOND, .stale_while_revalidate = SECOND, .stale_if_error = 10 * SECOND};
    struct cache_stage *stage = stage_with_key(&both, 2 * SECOND);
    cache_stage_ask(stage, 1, "key");
    assert_null(cache_stage_answer(stage, 1));
    cache_stage_reply_status(stage, 1, STATUS_AWAY);
    assert_true(got_stale(stage, 1, "old"));
    cache_stage_destroy(&stage);
    both = (struct cache_stage_options){
        .expiry = SECOND, .stale_while_revalidate = 10 * SECOND, .stale_if_error = SECOND};
    stage = stage_with_key(&both, 2 * SECOND);
    cache_stage_ask_with(stage, 1, "key", ASK_REFRESH);
    cache_stage_ask(stage, 2, "key");
    assert_true(got_stale(stage, 2, "old"));
    cache_stage_destroy(&stage);
}

static void test_who_waits_in_vain_is_answered_so_too(void **state)
{
    (void)state;
    struct cache_stage_options tight = on_error;
    tight.max_fetches = 1;
    tight.max_waiting = 1;
    struct cache_stage *stage = stage_with_key(&tight, SECOND);
    cache_stage_ask(stage, 1, "other");
    cache_stage_ask(stage, 2, "key"); /* queued */
    cache_stage_ask(stage, 3, "key"); /* refused as busy */
    cache_stage_ask_bytes(stage, 4, bytes_of_text("key"), 0);
    assert_null(cache_stage_answer(stage, 2));
    assert_true(got_stale(stage, 3, "old"));
    assert_true(got_stale(stage, 4, "old"));
    cache_stage_pass(stage, CACHE_STAGE_PATIENCE);
    assert_true(got_stale(stage, 2, "old"));
    assert_true(cache_stage_got_status(stage, 1, STATUS_TIMEOUT));
    cache_stage_reply_status(stage, 1, STATUS_AWAY);
    cache_stage_ask(stage, 5, "key"); /* departs, and gets no answer */
    cache_stage_pass(stage, CACHE_STAGE_PATIENCE);
    assert_true(got_stale(stage, 5, "old"));
    cache_stage_destroy(&stage);
}

static void test_who_wants_better_gets_the_failure(void **state)
{
    (void)state;
    static const unsigned flags[] = {ASK_RENEW, ASK_REFRESH};
    for (int i = 0; i < 2; i++) {
        struct cache_stage *stage = stage_with_key(&on_error, SECOND);
        cache_stage_ask_with(stage, 1, "key", flags[i]);
        cache_stage_ask(stage, 2, "key");
        cache_stage_reply_status(stage, 1, STATUS_AWAY);
        assert_true(cache_stage_got_status(stage, 1, STATUS_AWAY));
        assert_true(got_stale(stage, 2, "old"));
        cache_stage_destroy(&stage);
    }
}

/* ---- with announced changes ---- */

static void test_a_suspect_entry_is_better_than_a_failure(void **state)
{
    (void)state;
    static const char *const modes[] = {"serve", "expire"};
    for (int i = 0; i < 2; i++) {
        struct cache_stage *stage = stage_with_key(
            &(struct cache_stage_options){
                .stale_if_error = SECOND, .max_staleness = SECOND, .on_disconnect = modes[i]},
            0);
        cache_stage_tell(stage, NOTICE_LOST);
        cache_stage_prove(stage, 0);
        cache_stage_ask(stage, 1, "key");
        assert_null(cache_stage_answer(stage, 1));
        cache_stage_reply_status(stage, 1, STATUS_ORIGIN_ERROR);
        assert_int_equal(got_stale(stage, 1, "old"), i == 0);
        assert_int_equal(cache_stage_got_status(stage, 1, STATUS_ORIGIN_ERROR), i == 1);
        cache_stage_destroy(&stage);
    }
}

static void test_a_wrong_type_is_told_though_something_suspect_is_held(void **state)
{
    (void)state;
    struct cache_stage *stage = stage_with_key(
        &(struct cache_stage_options){.stale_if_error = SECOND, .max_staleness = SECOND}, 0);
    cache_stage_ask_with(stage, 1, "key", ASK_REFRESH);
    cache_stage_tell(stage, NOTICE_LOST);
    cache_stage_prove(stage, 0);
    cache_stage_ask(stage, 2, "key");
    cache_stage_tell(stage, NOTICE_LOST);
    cache_stage_reply_status(stage, 2, STATUS_WRONG_TYPE);
    assert_true(cache_stage_got_status(stage, 2, STATUS_WRONG_TYPE));
    cache_stage_destroy(&stage);
}

static void test_where_it_must_be_verified_stale_needs_a_proof(void **state)
{
    (void)state;
    struct cache_stage_options expiring = renewing;
    expiring.stale_if_error = 5 * SECOND;
    expiring.max_staleness = SECOND;
    expiring.on_disconnect = "expire";
    struct cache_stage *stage = stage_with_key(&expiring, SECOND);
    cache_stage_ask(stage, 1, "key");
    assert_null(cache_stage_answer(stage, 1));
    cache_stage_reply_status(stage, 1, STATUS_AWAY);
    assert_true(cache_stage_got_status(stage, 1, STATUS_AWAY));
    cache_stage_prove(stage, 0);
    cache_stage_ask(stage, 1, "key");
    assert_true(got_stale(stage, 1, "old"));
    cache_stage_destroy(&stage);
}

/* ---- room ---- */

static void test_what_is_past_its_time_goes_before_any_that_lives(void **state)
{
    (void)state;
    struct cache_stage_options small = renewing;
    small.capacity = 3;
    struct cache_stage *stage = stage_with_key(&small, 500 * MILLISECOND);
    cache_stage_fill(stage, "a", "1");
    cache_stage_fill(stage, "b", "2");
    cache_stage_pass(stage, 500 * MILLISECOND);
    cache_stage_ask(stage, 2, "key"); /* the most recently asked for, but expired */
    assert_true(got_stale(stage, 2, "old"));
    cache_stage_fill(stage, "c", "3");
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 3);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_evictions_total"), 0);
    assert_true(cache_stage_is_hit(stage, "a"));
    assert_true(cache_stage_is_hit(stage, "b"));
    cache_stage_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stale_entry_is_answered_at_once_and_renewed_once),
        cmocka_unit_test(test_it_is_stale_for_so_long_and_no_longer),
        cmocka_unit_test(test_by_default_nothing_is_answered_past_its_time),
        cmocka_unit_test(test_a_renewal_that_fails_is_tried_with_the_next_ask),
        cmocka_unit_test(test_a_renewal_that_outlasts_the_expiry_is_kept),
        cmocka_unit_test(test_a_renewal_takes_a_fetch_and_waits_for_none),
        cmocka_unit_test(test_who_renews_is_not_answered_stale),
        cmocka_unit_test(test_any_fetch_under_way_renews),
        cmocka_unit_test(test_who_asks_for_the_renewed_joins_the_renewal),
        cmocka_unit_test(test_what_redis_does_not_have_is_not_stale),
        cmocka_unit_test(test_a_renewed_value_that_cannot_be_kept_ends_the_old_one),
        cmocka_unit_test(test_what_a_notice_removed_is_gone),
        cmocka_unit_test(test_a_failure_is_answered_with_what_is_held),
        cmocka_unit_test(test_a_failure_is_answered_so_up_to_the_limit),
        cmocka_unit_test(test_the_limits_of_both_kinds_are_their_own),
        cmocka_unit_test(test_who_waits_in_vain_is_answered_so_too),
        cmocka_unit_test(test_who_wants_better_gets_the_failure),
        cmocka_unit_test(test_a_suspect_entry_is_better_than_a_failure),
        cmocka_unit_test(test_a_wrong_type_is_told_though_something_suspect_is_held),
        cmocka_unit_test(test_where_it_must_be_verified_stale_needs_a_proof),
        cmocka_unit_test(test_what_is_past_its_time_goes_before_any_that_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
