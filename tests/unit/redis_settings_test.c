/* What people set of a fetcher: the words of its refusals, and where they stand. */
#include "stages/redis_fetcher/redis_settings.h"

#include "common/clock.h"
#include "common/topology.h"
#include "stages/redis_fetcher/redis_fetcher.h"
#include "tests/support/unit.h"

#include <string.h>

static struct topology *load(const char *settings, struct error *error)
{
    const struct kind_spec *kinds[] = {&redis_fetcher_kind.spec};
    struct buffer text = {0};
    struct topology_draft *draft;

    buffer_format(&text, "stages:\n  redis:\n    kind: redis-fetcher\n    serves: inproc://r\n%s",
                  settings);
    draft = topology_parse("t.yml", text.data, text.size, kinds, 1, error);
    buffer_fini(&text);
    return draft ? topology_check(&draft, error) : NULL;
}

static void test_refusals(void **state)
{
    static const char *const cases[][2] = {
        {"    invalidation: broadcast\n", "t.yml:5: redis.invalidation: must be a mapping"},
        {"    invalidation: {}\n", "t.yml:5: redis.invalidation.mode: is missing"},
        {"    invalidation:\n      prefixes: [a]\n",
         "t.yml:5: redis.invalidation.mode: is missing"},
        {"    invalidation:\n      mode: default\n",
         "t.yml:6: redis.invalidation.mode: must be broadcast"},
        {"    invalidation:\n      mode: broadcast\n      prefixes: [user, item, user1]\n",
         "t.yml:7: redis.invalidation.prefixes: \"user\" is a prefix of \"user1\": Redis refuses "
         "overlaps"},
        {"    invalidation: {mode: broadcast, prefixes: [ab, a]}\n",
         "t.yml:5: redis.invalidation.prefixes: \"a\" is a prefix of \"ab\": Redis refuses "
         "overlaps"},
        {"    invalidation: {mode: broadcast, prefixes: [a, a]}\n",
         "t.yml:5: redis.invalidation.prefixes: \"a\" is a prefix of \"a\": Redis refuses "
         "overlaps"},
        {"    max_staleness: 0s\n",
         "t.yml:5: redis.max_staleness: \"0s\" is not a duration, such as 250ms, 60s, 5m or 1h"},
        {"    respect_ttl: 1\n", "t.yml:5: redis.respect_ttl: \"1\" is not true or false"},
        {"    connections: 65\n", "t.yml:5: redis.connections: must be a number from 1 to 64"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {""};
        assert_null(load(cases[i][0], &error));
        assert_string_equal(error.text, cases[i][1]);
    }
}

static void test_invalidation_is_off_by_default(void **state)
{
    struct error error = {""};
    struct topology *topology = load("", &error);
    const struct settings *settings = &topology->instances[0].settings;
    (void)state;

    assert_null(settings_text(settings, "invalidation.mode"));
    assert_string_equal(settings_list(settings, "invalidation.prefixes"), "");
    assert_int_equal(settings_number(settings, "respect_ttl"), 0);
    assert_int_equal(settings_number(settings, "max_staleness"), SECOND);
    topology_destroy(&topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_invalidation_is_off_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
