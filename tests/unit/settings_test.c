#include "common/settings.h"

#include "tests/support/topology_kinds.h"
#include "tests/support/unit.h"

static void test_values_are_found_by_name(void **state)
{
    struct setting_value values[] = {{"7", 7}, {"64KiB", 65536}, {"1s", 1000000000}};
    const struct settings settings = {.kind = &cache_kind, .values = values};

    (void)state;
    assert_int_equal(settings_number(&settings, "capacity"), 7);
    assert_int_equal(settings_number(&settings, "max_bytes"), 65536);
    assert_int_equal(settings_number(&settings, "expiry"), 1000000000);
    assert_string_equal(settings_text(&settings, "max_bytes"), "64KiB");
}

static void test_what_was_left_out_has_no_text(void **state)
{
    struct setting_value values[3] = {{"redis://h", 0}, {NULL, 0}, {"2", 2}};
    const struct settings settings = {.kind = &fetcher_kind, .values = values};

    (void)state;
    assert_string_equal(settings_text(&settings, "url"), "redis://h");
    assert_null(settings_text(&settings, "password"));
    assert_int_equal(settings_number(&settings, "connections"), 2);
}

static void test_a_default_is_known_as_such(void **state)
{
    struct setting_value values[] = {{cache_kind.settings[0].preset, 1}, {"1B", 1}, {NULL, 0}};
    const struct settings settings = {.kind = &cache_kind, .values = values};

    (void)state;
    assert_true(settings_is_preset(&settings, cache_kind.settings[0].name));
    assert_false(settings_is_preset(&settings, cache_kind.settings[1].name));
    assert_false(settings_is_preset(&settings, cache_kind.settings[2].name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_found_by_name),
        cmocka_unit_test(test_what_was_left_out_has_no_text),
        cmocka_unit_test(test_a_default_is_known_as_such),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
