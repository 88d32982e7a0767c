#include "common/text.h"

#include "common/clock.h"
#include "tests/support/unit.h"

static void test_durations_have_a_unit_and_keep_it(void **state)
{
    (void)state;
    int64_t ns = 0;
    assert_true(text_parse_duration("250ms", &ns));
    assert_int_equal(ns, 250 * MILLISECOND);
    assert_true(text_parse_duration("60s", &ns));
    assert_int_equal(ns, 60 * SECOND);
    assert_true(text_parse_duration("5m", &ns));
    assert_int_equal(ns, 300 * SECOND);
    assert_true(text_parse_duration("1h", &ns));
    assert_int_equal(ns, 3600 * SECOND);
}

static void test_sizes_are_powers_of_two(void **state)
{
    (void)state;
    int64_t bytes = 0;
    assert_true(text_parse_size("800", &bytes));
    assert_int_equal(bytes, 800);
    assert_true(text_parse_size("64KiB", &bytes));
    assert_int_equal(bytes, 65536);
    assert_true(text_parse_size("16MiB", &bytes));
    assert_int_equal(bytes, 16 << 20);
    assert_true(text_parse_size("1GiB", &bytes));
    assert_int_equal(bytes, 1 << 30);
}

static void test_what_is_no_number_is_refused_and_sets_nothing(void **state)
{
    (void)state;
    static const char *const durations[] = {"",
                                            "0s",
                                            "-1s",
                                            "+1s",
                                            "1",
                                            "s",
                                            " 1s",
                                            "1s ",
                                            "1 s",
                                            "1S",
                                            "1.5s",
                                            "1sec",
                                            "ms",
                                            "0ms",
                                            "1d",
                                            "1000000000h",
                                            "99999999999999999999s"};
    static const char *const sizes[] = {"",    "0",  "-1",     "1KB",  "1kib",       "1 KiB",
                                        "KiB", "1M", "1.5GiB", "1TiB", "2000000GiB", "0x10"};
    static const char *const counts[] = {"", "0", "-1", "1k", "1.0", "2147483648", "1 "};
    int64_t untouched = 42;
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++)
        assert_false(text_parse_duration(durations[i], &untouched));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_false(text_parse_size(sizes[i], &untouched));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        assert_false(text_parse_count(counts[i], &untouched));
    assert_int_equal(untouched, 42);
}

static void test_the_largest_count_is_taken(void **state)
{
    (void)state;
    int64_t count = 0;
    assert_true(text_parse_count("2147483647", &count));
    assert_int_equal(count, INT32_MAX);
}

static void test_a_flag_is_true_or_false(void **state)
{
    static const char *const others[] = {"", "yes", "no", "1", "True", "true ", "on"};
    int64_t flag = 42;
    (void)state;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(text_parse_flag(others[i], &flag));
    assert_int_equal(flag, 42);
    assert_true(text_parse_flag("true", &flag));
    assert_int_equal(flag, 1);
    assert_true(text_parse_flag("false", &flag));
    assert_int_equal(flag, 0);
}

static void test_formatting_finds_the_shortest_form(void **state)
{
    (void)state;
    char out[24];
    assert_string_equal(text_format_duration(60 * SECOND, out), "1m");
    assert_string_equal(text_format_duration(90 * SECOND, out), "90s");
    assert_string_equal(text_format_duration(250 * MILLISECOND, out), "250ms");
    assert_string_equal(text_format_duration(7200 * SECOND, out), "2h");
    assert_string_equal(text_format_size(1 << 30, out), "1GiB");
    assert_string_equal(text_format_size(65536, out), "64KiB");
    assert_string_equal(text_format_size(1000, out), "1000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_have_a_unit_and_keep_it),
        cmocka_unit_test(test_sizes_are_powers_of_two),
        cmocka_unit_test(test_what_is_no_number_is_refused_and_sets_nothing),
        cmocka_unit_test(test_the_largest_count_is_taken),
        cmocka_unit_test(test_a_flag_is_true_or_false),
        cmocka_unit_test(test_formatting_finds_the_shortest_form),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
