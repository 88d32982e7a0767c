/* Cache-Control of requests: which directives are in it (RFC 9111, 5.2). */
#include "common/http_directive.h"

#include "tests/support/unit.h"

static bool says_no_cache(const char *value)
{
    return http_directive_is_in(bytes_of_text(value), "no-cache");
}

static void test_rfc9111_5_2_a_directive_is_found_in_a_list(void **state)
{
    static const char *const values[] = {
        "no-cache",          "No-Cache",    " \tno-cache\t ",       "max-age=0, no-cache",
        "no-cache,no-store", ",,no-cache,", "x=\"a, b\", no-cache", "x=\"\\\"\", no-cache",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        if (!says_no_cache(values[i]))
            fail_msg("not found in %s", values[i]);
}

static void test_rfc9111_5_2_nothing_else_is_taken_for_it(void **state)
{
    static const char *const values[] = {
        "",
        ",",
        "max-age=0",
        "no-store",
        "no-cache2",
        "xno-cache",
        "no-cach",
        "no-cache=\"Set-Cookie\"",
        "no cache",
        "x=\"a, no-cache, b\"",
        "x=\"\\\", no-cache, \\\"\"",
        "x=\"no end, no-cache",
        "\\",
        "\"\\",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        if (says_no_cache(values[i]))
            fail_msg("found in %s", values[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc9111_5_2_a_directive_is_found_in_a_list),
        cmocka_unit_test(test_rfc9111_5_2_nothing_else_is_taken_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
