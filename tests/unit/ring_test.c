#include "common/ring.h"

#include "tests/support/unit.h"

#include <stdio.h>

#define KEYS 20000

static const unsigned char seed[RING_SEED_SIZE] = "0123456789abcdef";
static const char *const names[] = {"cache.0", "cache.1", "cache.2", "cache.3", "cache.4"};

static size_t pick(const struct ring *ring, int number)
{
    char key[32];
    int size = snprintf(key, sizeof key, "key:%d", number);
    return ring_pick(ring, (struct bytes){key, (size_t)size});
}

static void test_one_shard_owns_everything(void **state)
{
    (void)state;
    struct ring *ring = ring_create(names, 1, seed);
    assert_int_equal(pick(ring, 1), 0);
    assert_int_equal(ring_pick(ring, (struct bytes){NULL, 0}), 0);
    ring_destroy(&ring);
    assert_null(ring);
}

static void test_every_shard_gets_its_share(void **state)
{
    (void)state;
    struct ring *ring = ring_create(names, 4, seed);
    size_t owned[4] = {0};
    for (int i = 0; i < KEYS; i++)
        owned[pick(ring, i)]++;
    for (int i = 0; i < 4; i++) {
        assert_true(owned[i] > KEYS / 4 * 9 / 10);
        assert_true(owned[i] < KEYS / 4 * 11 / 10);
    }
    ring_destroy(&ring);
}

static void test_a_shard_added_moves_only_what_it_now_owns(void **state)
{
    (void)state;
    struct ring *four = ring_create(names, 4, seed), *five = ring_create(names, 5, seed);
    size_t moved = 0;
    for (int i = 0; i < KEYS; i++) {
        size_t before = pick(four, i), after = pick(five, i);
        if (after != before) {
            assert_int_equal(after, 4);
            moved++;
        }
    }
    assert_true(moved > KEYS / 5 * 9 / 10 && moved < KEYS / 5 * 11 / 10);
    ring_destroy(&four);
    ring_destroy(&five);
}

static void test_the_owner_depends_on_the_name_and_not_on_the_place(void **state)
{
    (void)state;
    const char *const turned[] = {"cache.3", "cache.2", "cache.1", "cache.0"};
    struct ring *a = ring_create(names, 4, seed), *b = ring_create(turned, 4, seed);
    for (int i = 0; i < 1000; i++)
        assert_string_equal(names[pick(a, i)], turned[pick(b, i)]);
    ring_destroy(&a);
    ring_destroy(&b);
}

static void test_the_seed_chooses_the_owners(void **state)
{
    (void)state;
    static const unsigned char other[RING_SEED_SIZE] = "fedcba9876543210";
    struct ring *a = ring_create(names, 4, seed), *b = ring_create(names, 4, other);
    size_t same = 0;
    for (int i = 0; i < 1000; i++)
        same += pick(a, i) == pick(b, i);
    assert_true(same < 400);
    assert_true(ring_digest(a) != ring_digest(b));
    ring_destroy(&a);
    ring_destroy(&b);
}

static void test_the_digest_tells_rings_apart(void **state)
{
    (void)state;
    const char *const swapped[] = {"cache.1", "cache.0"};
    struct ring *a = ring_create(names, 2, seed), *b = ring_create(names, 2, seed);
    struct ring *c = ring_create(names, 3, seed), *d = ring_create(swapped, 2, seed);
    assert_true(ring_digest(a) == ring_digest(b));
    assert_true(ring_digest(a) != ring_digest(c));
    assert_true(ring_digest(a) != ring_digest(d));
    ring_destroy(&a);
    ring_destroy(&b);
    ring_destroy(&c);
    ring_destroy(&d);
}

static void test_the_seed_of_names_keeps_their_boundaries(void **state)
{
    (void)state;
    const char *const one[] = {"ab", "c"}, *const two[] = {"a", "bc"};
    unsigned char a[RING_SEED_SIZE], b[RING_SEED_SIZE], c[RING_SEED_SIZE];
    ring_seed_of_names(one, 2, a);
    ring_seed_of_names(one, 2, b);
    ring_seed_of_names(two, 2, c);
    assert_memory_equal(a, b, RING_SEED_SIZE);
    assert_memory_not_equal(a, c, RING_SEED_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_shard_owns_everything),
        cmocka_unit_test(test_every_shard_gets_its_share),
        cmocka_unit_test(test_a_shard_added_moves_only_what_it_now_owns),
        cmocka_unit_test(test_the_owner_depends_on_the_name_and_not_on_the_place),
        cmocka_unit_test(test_the_seed_chooses_the_owners),
        cmocka_unit_test(test_the_digest_tells_rings_apart),
        cmocka_unit_test(test_the_seed_of_names_keeps_their_boundaries),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
