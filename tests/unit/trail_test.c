/* The trail of an answer, as the caches write it and others read it. */
#include "common/message.h"
#include "common/trail.h"

#include "tests/support/unit.h"

#include <string.h>

static const struct hop hit = {.outcome = HOP_HIT, .ttl_ms = 12000, .proof_ms = MESSAGE_NO_PROOF};

static void test_hops_come_out_as_they_went_in_the_first_first(void **state)
{
    (void)state;
    char room[TRAIL_MOST * TRAIL_HOP];
    struct bytes trail = {0};
    struct hop hop;
    for (unsigned i = 0; i < TRAIL_MOST; i++)
        trail = trail_add(room, trail,
                          &(struct hop){.outcome = (enum hop_outcome)(i % HOP_OUTCOMES),
                                        .is_stored = (i & 1) != 0,
                                        .is_announced = (i & 2) != 0,
                                        .is_verified = (i & 4) != 0,
                                        .ttl_ms = UINT32_MAX - i,
                                        .proof_ms = i});
    assert_ptr_equal(trail.data, room);
    assert_int_equal(trail.size, sizeof room);
    assert_true(trail_is_valid(trail));
    for (unsigned i = 0; i < TRAIL_MOST; i++) {
        assert_true(trail_next(&trail, &hop));
        assert_int_equal(hop.outcome, i % HOP_OUTCOMES);
        assert_int_equal(hop.is_stored, (i & 1) != 0);
        assert_int_equal(hop.is_announced, (i & 2) != 0);
        assert_int_equal(hop.is_verified, (i & 4) != 0);
        assert_true(hop.ttl_ms == UINT32_MAX - i && hop.proof_ms == i);
    }
    assert_false(trail_next(&trail, &hop));
}

static void test_trail_that_came_from_elsewhere_is_copied(void **state)
{
    (void)state;
    char there[TRAIL_MOST * TRAIL_HOP], here[TRAIL_MOST * TRAIL_HOP];
    const struct bytes before = trail_add(there, (struct bytes){0}, &hit);
    const struct bytes after =
        trail_add(here, before, &(struct hop){.outcome = HOP_MISS, .is_stored = true});
    assert_ptr_equal(after.data, here);
    assert_int_equal(after.size, 2 * TRAIL_HOP);
    assert_memory_equal(after.data, before.data, before.size);
}

static void test_full_trail_stays_as_it_is(void **state)
{
    (void)state;
    char there[TRAIL_MOST * TRAIL_HOP], here[TRAIL_MOST * TRAIL_HOP];
    struct bytes full = {0};
    for (int i = 0; i < TRAIL_MOST; i++)
        full = trail_add(there, full, &hit);
    const struct bytes same = trail_add(here, full, &(struct hop){.outcome = HOP_STALE});
    assert_ptr_equal(same.data, here);
    assert_true(bytes_are_equal(same, full));
}

static void test_only_whole_hops_of_known_bits_are_a_trail(void **state)
{
    (void)state;
    static char bytes[(TRAIL_MOST + 1) * TRAIL_HOP];
    for (size_t size = 0; size <= sizeof bytes; size++)
        assert_int_equal(trail_is_valid((struct bytes){bytes, size}),
                         size % TRAIL_HOP == 0 && size <= TRAIL_MOST * TRAIL_HOP);
    for (int bits = 0; bits < 256; bits++) {
        bytes[TRAIL_HOP] = (char)bits; /* of the second hop */
        assert_int_equal(trail_is_valid((struct bytes){bytes, 2 * TRAIL_HOP}), bits < 32);
    }
}

static bool is_fresh(const struct hop *far, const struct hop *near)
{
    char room[TRAIL_MOST * TRAIL_HOP];
    return trail_is_fresh(trail_add(room, trail_add(room, (struct bytes){0}, far), near));
}

static void test_only_what_no_cache_answered_stale_or_unverified_may_be_kept(void **state)
{
    (void)state;
    static const struct hop stale = {.outcome = HOP_STALE};
    static const struct hop miss = {.outcome = HOP_MISS};
    static const struct hop collapsed = {.outcome = HOP_COLLAPSED};
    static const struct hop verified = {.is_announced = true, .is_verified = true};
    static const struct hop unverified = {.is_announced = true};
    assert_true(trail_is_fresh((struct bytes){0}));
    assert_true(is_fresh(&hit, &miss));
    assert_true(is_fresh(&collapsed, &hit));
    assert_true(is_fresh(&verified, &hit));
    assert_false(is_fresh(&stale, &miss));
    assert_false(is_fresh(&miss, &stale));
    assert_false(is_fresh(&unverified, &verified));
    assert_false(is_fresh(&verified, &unverified));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hops_come_out_as_they_went_in_the_first_first),
        cmocka_unit_test(test_trail_that_came_from_elsewhere_is_copied),
        cmocka_unit_test(test_full_trail_stays_as_it_is),
        cmocka_unit_test(test_only_whole_hops_of_known_bits_are_a_trail),
        cmocka_unit_test(test_only_what_no_cache_answered_stale_or_unverified_may_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
