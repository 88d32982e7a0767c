/* What is known of how fresh things are, by itself. */
#include "stages/cache/freshness.h"

#include "common/clock.h"
#include "tests/support/unit.h"

#define START (500 * SECOND)

static const struct setting_spec specs[] = {
    {.name = "invalidation.mode", .type = SETTING_TEXT},
    {.name = "invalidation.prefixes", .type = SETTING_LIST},
    {.name = "max_staleness", .type = SETTING_DURATION},
    {0},
};
static const struct kind_spec origin_kind = {.name = "origin", .settings = specs};

static struct freshness new_freshness(const char *mode, const char *prefixes, bool must_be_verified)
{
    struct setting_value values[] = {{mode, 0}, {prefixes, 0}, {"1s", SECOND}};
    struct settings origin = {&origin_kind, values};
    struct freshness freshness;

    freshness_init(&freshness, &origin, must_be_verified);
    return freshness;
}

static struct hop mark(const struct freshness *freshness, const char *key, int64_t now)
{
    struct hop hop = {0};

    freshness_mark(freshness, bytes_of_text(key), now, &hop);
    return hop;
}

static void test_without_invalidation_nothing_is_announced(void **state)
{
    (void)state;
    static const struct setting_spec none[] = {{0}};
    static const struct kind_spec other = {.name = "other", .settings = none};
    struct settings origin = {&other, NULL};
    const struct settings *origins[] = {NULL, &origin};
    for (int i = 0; i < 3; i++) {
        struct freshness freshness = new_freshness(NULL, NULL, true);
        if (i < 2)
            freshness_init(&freshness, origins[i], true);
        assert_false(freshness.is_on);
        freshness_prove(&freshness, START);
        struct hop hop = mark(&freshness, "key", START);
        assert_true(!hop.is_announced && !hop.is_verified && hop.proof_ms == MESSAGE_NO_PROOF);
        assert_true(freshness_allows(&freshness, &hop, true));
        freshness_fini(&freshness);
    }
}

static void test_a_proof_stands_for_max_staleness(void **state)
{
    (void)state;
    struct freshness freshness = new_freshness("broadcast", NULL, false);
    assert_false(freshness_is_proven(&freshness, START));
    freshness_prove(&freshness, START);
    assert_true(freshness_is_proven(&freshness, START + SECOND));
    assert_false(freshness_is_proven(&freshness, START + SECOND + 1));
    freshness_prove(&freshness, START - SECOND);
    assert_true(freshness_is_proven(&freshness, START + SECOND));
    freshness_lose(&freshness);
    assert_false(freshness_is_proven(&freshness, START));
    freshness_prove(&freshness, START - SECOND);
    assert_true(freshness_is_proven(&freshness, START));
    freshness_fini(&freshness);
}

static void test_a_mark_tells_the_age_of_the_proof_rounded_up(void **state)
{
    (void)state;
    struct freshness freshness = new_freshness("broadcast", "a:\0bc\0", false);
    assert_int_equal(mark(&freshness, "a:1", START).proof_ms, MESSAGE_NO_PROOF);
    assert_true(mark(&freshness, "a:1", START).is_announced);
    freshness_prove(&freshness, START);
    assert_int_equal(mark(&freshness, "a:1", START).proof_ms, 0);
    assert_int_equal(mark(&freshness, "bc", START + 1).proof_ms, 1);
    assert_true(mark(&freshness, "bc", START + SECOND).is_verified);
    assert_false(mark(&freshness, "b", START).is_announced);
    assert_false(mark(&freshness, "", START).is_announced);
    freshness_fini(&freshness);
}

static void test_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        bool must_be_verified;
        struct hop hop;
        bool is_suspect, allows, allows_on_error;
    } cases[] = {
        {false, {.is_announced = false}, true, true, true},
        {false, {.is_announced = true, .is_verified = true}, false, true, true},
        {false, {.is_announced = true, .is_verified = true}, true, false, true},
        {false, {.is_announced = true}, true, true, true},
        {true, {.is_announced = false}, true, true, true},
        {true, {.is_announced = true, .is_verified = true}, false, true, true},
        {true, {.is_announced = true, .is_verified = true}, true, false, false},
        {true, {.is_announced = true}, false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct freshness freshness = new_freshness("broadcast", NULL, cases[i].must_be_verified);
        assert_int_equal(freshness_allows(&freshness, &cases[i].hop, cases[i].is_suspect),
                         cases[i].allows);
        assert_int_equal(freshness_allows_on_error(&freshness, &cases[i].hop, cases[i].is_suspect),
                         cases[i].allows_on_error);
        freshness_fini(&freshness);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_invalidation_nothing_is_announced),
        cmocka_unit_test(test_a_proof_stands_for_max_staleness),
        cmocka_unit_test(test_a_mark_tells_the_age_of_the_proof_rounded_up),
        cmocka_unit_test(test_what_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
