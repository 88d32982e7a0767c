/* The cache stage and proofs: what is verified, what becomes of the rest, and what is told of it.
 */
#include "tests/support/cache_stage.h"
#include "tests/support/unit.h"

static const struct cache_stage_options announced = {.max_staleness = SECOND};
static const struct cache_stage_options expiring = {.max_staleness = SECOND,
                                                    .on_disconnect = "expire"};

static bool is_verified_hit(struct cache_stage *stage, const char *key)
{
    return cache_stage_is_hit(stage, key) && cache_stage_hop(stage, 1).is_verified;
}

/* ---- what is verified ---- */

static void test_proofs_are_wanted_where_changes_are_announced(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    assert_int_equal(cache_stage_watched(stage), SECOND / 8);
    cache_stage_destroy(&stage);
    stage = cache_stage_create(&(struct cache_stage_options){.max_staleness = 3600 * SECOND});
    assert_int_equal(cache_stage_watched(stage), SECOND / 4);
    cache_stage_destroy(&stage);
    stage = cache_stage_create(&(struct cache_stage_options){0});
    assert_int_equal(cache_stage_watched(stage), 0);
    cache_stage_fill(stage, "key", "value");
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_false(cache_stage_hop(stage, 1).is_announced);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_unverified_total"), 0);
    cache_stage_destroy(&stage);
}

static void test_a_hit_is_verified_while_the_proof_stands(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    cache_stage_prove(stage, 250 * MILLISECOND);
    cache_stage_fill(stage, "key", "value");
    assert_true(is_verified_hit(stage, "key"));
    assert_true(cache_stage_hop(stage, 1).is_announced);
    assert_int_equal(cache_stage_hop(stage, 1).outcome, HOP_HIT);
    assert_int_equal(cache_stage_hop(stage, 1).proof_ms, 250);
    assert_int_equal(cache_stage_hop(stage, 1).ttl_ms, 60000);
    cache_stage_prove(stage, 900 * MILLISECOND); /* an older proof says nothing */
    cache_stage_pass(stage, 750 * MILLISECOND);
    assert_true(is_verified_hit(stage, "key"));
    assert_int_equal(cache_stage_hop(stage, 1).proof_ms, 1000);
    cache_stage_pass(stage, 1);
    assert_false(is_verified_hit(stage, "key"));
    assert_true(cache_stage_got(stage, 1, "value"));
    assert_true(cache_stage_hop(stage, 1).is_announced);
    assert_int_equal(cache_stage_hop(stage, 1).proof_ms, 1001);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_unverified_total"), 1);
    cache_stage_prove(stage, 0); /* a late proof drops nothing */
    assert_true(is_verified_hit(stage, "key"));
    cache_stage_destroy(&stage);
}

/* The monotonic clock stands still in suspension, and what changes does not. */
static void test_a_proof_ages_while_the_machine_is_suspended(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    cache_stage_prove(stage, 0);
    cache_stage_fill(stage, "key", "value");
    cache_stage_suspend(stage, SECOND);
    assert_true(is_verified_hit(stage, "key"));
    assert_int_equal(cache_stage_hop(stage, 1).proof_ms, 1000);
    cache_stage_suspend(stage, 1);
    assert_false(is_verified_hit(stage, "key"));
    assert_int_equal(cache_stage_hop(stage, 1).proof_ms, 1001);
    cache_stage_destroy(&stage);
}

static void test_without_a_proof_nothing_is_verified_and_hits_go_on(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    cache_stage_fill(stage, "key", "value");
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_false(cache_stage_hop(stage, 1).is_verified);
    assert_int_equal(cache_stage_hop(stage, 1).proof_ms, MESSAGE_NO_PROOF);
    cache_stage_prove(stage, 0);
    assert_true(is_verified_hit(stage, "key"));
    cache_stage_tell(stage, NOTICE_LOST);
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_false(cache_stage_hop(stage, 1).is_verified);
    assert_int_equal(cache_stage_hop(stage, 1).proof_ms, MESSAGE_NO_PROOF);
    cache_stage_destroy(&stage);
}

static void test_after_a_loss_older_entries_are_fetched_anew_on_their_first_read(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    cache_stage_prove(stage, 0);
    cache_stage_fill(stage, "old", "1");
    cache_stage_fill(stage, "changed", "1");
    cache_stage_tell(stage, NOTICE_LOST);
    cache_stage_fill(stage, "new", "2"); /* fetched since, though nothing is proven yet */
    assert_true(cache_stage_is_hit(stage, "old"));
    cache_stage_prove(stage, 0);
    assert_true(is_verified_hit(stage, "new"));
    cache_stage_ask(stage, 2, "changed");
    assert_null(cache_stage_answer(stage, 2));
    cache_stage_reply_text(stage, 3, "2");
    assert_true(cache_stage_got(stage, 2, "2"));
    assert_true(is_verified_hit(stage, "changed"));
    assert_false(cache_stage_is_hit(stage, "old"));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_epoch"), 1);
    cache_stage_destroy(&stage);
}

static void test_a_loss_makes_what_is_in_flight_dirty(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    cache_stage_prove(stage, 0);
    cache_stage_ask(stage, 2, "key");
    cache_stage_tell(stage, NOTICE_LOST);
    cache_stage_prove(stage, 0);
    cache_stage_reply_text(stage, 0, "perhaps old");
    assert_true(cache_stage_got(stage, 2, "perhaps old"));
    assert_false(cache_stage_is_hit(stage, "key"));
    cache_stage_destroy(&stage);
}

static void test_where_nothing_is_announced_a_loss_means_nothing(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    cache_stage_fill(stage, "key", "value");
    cache_stage_ask(stage, 2, "in flight");
    cache_stage_tell(stage, NOTICE_LOST);
    cache_stage_reply_text(stage, 1, "value");
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_true(cache_stage_is_hit(stage, "in flight"));
    assert_int_equal(cache_stage_announced(stage), 0);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_epoch"), 0);
    cache_stage_destroy(&stage);
}

static void test_keys_without_a_prefix_are_as_if_nothing_were_announced(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){
        .max_staleness = SECOND, .on_disconnect = "expire", .prefixes = "user:\0item:\0"});
    static const char *const keys[] = {"user:1", "item:", "page", "user", "xuser:1"};
    for (int i = 0; i < 5; i++) {
        cache_stage_prove(stage, 0);
        cache_stage_fill(stage, keys[i], "value");
        assert_true(cache_stage_is_hit(stage, keys[i]));
        assert_int_equal(cache_stage_hop(stage, 1).is_announced, i < 2);
        assert_int_equal(cache_stage_hop(stage, 1).is_verified, i < 2);
        cache_stage_tell(stage, NOTICE_LOST);
        assert_int_equal(cache_stage_is_hit(stage, keys[i]), i >= 2);
        cache_stage_prove(stage, 0);
        assert_int_equal(cache_stage_is_hit(stage, keys[i]), i >= 2);
    }
    cache_stage_destroy(&stage);
}

/* ---- on_disconnect: expire ---- */

static void test_where_it_must_be_verified_no_proof_means_no_hit(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&expiring);
    cache_stage_fill(stage, "key", "value");
    assert_false(cache_stage_is_hit(stage, "key"));
    cache_stage_prove(stage, 0);
    assert_true(is_verified_hit(stage, "key"));
    cache_stage_pass(stage, SECOND + 1);
    assert_false(cache_stage_is_hit(stage, "key"));
    cache_stage_prove(stage, 0); /* late, but no loss: it was never dropped */
    assert_true(is_verified_hit(stage, "key"));
    cache_stage_tell(stage, NOTICE_LOST);
    assert_false(cache_stage_is_hit(stage, "key"));
    cache_stage_destroy(&stage);
}

static void test_without_a_proof_a_fetch_is_joined_while_it_is_young(void **state)
{
    (void)state;
    const struct cache_stage_options both[] = {announced, expiring};
    for (int i = 0; i < 2; i++) {
        struct cache_stage *stage = cache_stage_create(&both[i]);
        cache_stage_ask_bytes(stage, 1, bytes_of_text("key"), 10 * SECOND);
        cache_stage_pass(stage, SECOND);
        cache_stage_ask_bytes(stage, 2, bytes_of_text("key"), 10 * SECOND);
        assert_int_equal(cache_stage_fetches(stage), 1);
        cache_stage_pass(stage, MILLISECOND);
        cache_stage_ask_bytes(stage, 3, bytes_of_text("key"), 10 * SECOND);
        assert_int_equal(cache_stage_fetches(stage), i == 0 ? 1 : 2);
        cache_stage_prove(stage, 0);
        cache_stage_reply_text(stage, 0, "value");
        assert_true(cache_stage_got(stage, 2, "value"));
        assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), i == 0 ? 1 : 0);
        cache_stage_destroy(&stage);
    }
}

static void test_what_ended_in_redis_on_the_way_is_not_verified(void **state)
{
    (void)state;
    for (uint32_t life_ms = 99; life_ms <= 101; life_ms++) {
        struct cache_stage *stage = cache_stage_create(&announced);
        cache_stage_prove(stage, 0);
        cache_stage_ask(stage, 1, "key");
        cache_stage_pass(stage, 90 * MILLISECOND);
        cache_stage_ask(stage, 2, "key");
        cache_stage_pass(stage, 10 * MILLISECOND);
        cache_stage_reply(stage, 0,
                          &(struct answer){.status = STATUS_VALUE,
                                           .life_ms = life_ms,
                                           .bytes = bytes_of_text("value")});
        assert_true(cache_stage_got(stage, 2, "value"));
        assert_int_equal(cache_stage_hop(stage, 1).is_verified, life_ms > 100);
        assert_int_equal(cache_stage_hop(stage, 2).is_verified, life_ms > 100);
        cache_stage_destroy(&stage);
    }
}

/* What it joined there may have been as old already. */
static void test_without_a_proof_a_fetch_from_another_cache_is_not_joined(void **state)
{
    (void)state;
    struct cache_stage_options near = expiring;
    near.is_near = true;
    struct cache_stage *stage = cache_stage_create(&near);
    cache_stage_ask(stage, 1, "key");
    cache_stage_ask(stage, 2, "key");
    assert_int_equal(cache_stage_fetches(stage), 1);
    cache_stage_pass(stage, MILLISECOND);
    cache_stage_ask(stage, 3, "key");
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_prove(stage, 0);
    cache_stage_pass(stage, MILLISECOND);
    cache_stage_ask(stage, 4, "key");
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_destroy(&stage);
}

static void test_with_a_proof_a_fetch_is_joined_however_old(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&expiring);
    cache_stage_ask_bytes(stage, 1, bytes_of_text("key"), 10 * SECOND);
    cache_stage_pass(stage, 5 * SECOND);
    cache_stage_prove(stage, 0);
    cache_stage_ask(stage, 2, "key");
    assert_int_equal(cache_stage_fetches(stage), 1);
    cache_stage_destroy(&stage);
}

/* ---- trails ---- */

static void test_each_who_waits_is_told_what_stood_when_it_asked(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&announced);
    cache_stage_ask(stage, 1, "key");
    cache_stage_prove(stage, 100 * MILLISECOND);
    cache_stage_ask(stage, 2, "key");
    cache_stage_pass(stage, 50 * MILLISECOND);
    cache_stage_reply_text(stage, 0, "value");
    struct hop first = cache_stage_hop(stage, 1), second = cache_stage_hop(stage, 2);
    assert_int_equal(first.outcome, HOP_MISS);
    assert_int_equal(second.outcome, HOP_COLLAPSED);
    assert_true(first.is_announced && !first.is_verified && first.is_stored);
    assert_true(second.is_announced && second.is_verified && second.is_stored);
    assert_int_equal(first.proof_ms, MESSAGE_NO_PROOF);
    assert_int_equal(second.proof_ms, 100);
    cache_stage_destroy(&stage);
}

static struct answer answer_with(const char *value, char *room, struct hop hop)
{
    return (struct answer){.status = STATUS_VALUE,
                           .life_ms = 5000,
                           .age_ms = 100,
                           .tag = 77,
                           .trail = trail_add(room, (struct bytes){0}, &hop),
                           .bytes = bytes_of_text(value)};
}

static void test_a_near_cache_keeps_only_what_is_fresh(void **state)
{
    (void)state;
    static const struct {
        struct hop far;
        bool is_kept;
    } cases[] = {
        {{.outcome = HOP_HIT}, true},
        {{.outcome = HOP_HIT, .is_announced = true, .is_verified = true}, true},
        {{.outcome = HOP_MISS, .is_announced = true, .is_verified = true}, true},
        {{.outcome = HOP_HIT, .is_announced = true}, false},
        {{.outcome = HOP_MISS, .is_announced = true}, false},
        {{.outcome = HOP_STALE}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cache_stage *stage = cache_stage_create(&announced);
        char room[TRAIL_MOST * TRAIL_HOP];
        const struct answer answer = answer_with("value", room, cases[i].far);
        cache_stage_prove(stage, 0);
        cache_stage_ask(stage, 2, "key");
        cache_stage_ask(stage, 3, "key");
        cache_stage_reply(stage, 0, &answer);
        for (uint64_t id = 2; id <= 3; id++) {
            assert_true(cache_stage_got(stage, id, "value"));
            assert_int_equal(cache_stage_hops(stage, id), 2);
            assert_int_equal(cache_stage_hop(stage, id).is_stored, cases[i].is_kept);
        }
        assert_int_equal(cache_stage_is_hit(stage, "key"), cases[i].is_kept);
        if (cases[i].is_kept) {
            assert_int_equal(cache_stage_hops(stage, 1), 1);
            assert_int_equal(cache_stage_answer(stage, 1)->tag, 77);
        }
        cache_stage_destroy(&stage);
    }
}

/* The value was read after the ask departed: all its times count from then (RFC 9111, 4.2.3). */
static void test_age_counts_from_the_ask(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){0});
    char room[TRAIL_MOST * TRAIL_HOP];
    const struct answer answer = answer_with("value", room, (struct hop){.outcome = HOP_HIT});
    cache_stage_ask(stage, 2, "key");
    cache_stage_pass(stage, 300 * MILLISECOND);
    cache_stage_reply(stage, 0, &answer);
    assert_int_equal(cache_stage_answer(stage, 2)->age_ms, 400);
    assert_int_equal(cache_stage_answer(stage, 2)->life_ms, 4700);
    assert_int_equal(cache_stage_answer(stage, 2)->tag, 77);
    cache_stage_pass(stage, SECOND);
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_int_equal(cache_stage_answer(stage, 1)->age_ms, 1400);
    assert_int_equal(cache_stage_answer(stage, 1)->life_ms, 3700);
    assert_int_equal(cache_stage_hop(stage, 1).ttl_ms, 3700);
    cache_stage_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proofs_are_wanted_where_changes_are_announced),
        cmocka_unit_test(test_a_hit_is_verified_while_the_proof_stands),
        cmocka_unit_test(test_a_proof_ages_while_the_machine_is_suspended),
        cmocka_unit_test(test_without_a_proof_nothing_is_verified_and_hits_go_on),
        cmocka_unit_test(test_after_a_loss_older_entries_are_fetched_anew_on_their_first_read),
        cmocka_unit_test(test_a_loss_makes_what_is_in_flight_dirty),
        cmocka_unit_test(test_where_nothing_is_announced_a_loss_means_nothing),
        cmocka_unit_test(test_keys_without_a_prefix_are_as_if_nothing_were_announced),
        cmocka_unit_test(test_where_it_must_be_verified_no_proof_means_no_hit),
        cmocka_unit_test(test_without_a_proof_a_fetch_is_joined_while_it_is_young),
        cmocka_unit_test(test_what_ended_in_redis_on_the_way_is_not_verified),
        cmocka_unit_test(test_without_a_proof_a_fetch_from_another_cache_is_not_joined),
        cmocka_unit_test(test_with_a_proof_a_fetch_is_joined_however_old),
        cmocka_unit_test(test_each_who_waits_is_told_what_stood_when_it_asked),
        cmocka_unit_test(test_a_near_cache_keeps_only_what_is_fresh),
        cmocka_unit_test(test_age_counts_from_the_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
