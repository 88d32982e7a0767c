#include "common/http_percent.h"

#include "tests/support/unit.h"

#include <string.h>

static void expect_bytes(const char *encoded, const char *decoded, size_t size)
{
    char out[64];
    size_t count;
    assert_true(http_percent_decode(bytes_of_text(encoded), out, &count));
    assert_int_equal(count, size);
    assert_memory_equal(out, decoded, size);
}

static void test_escapes_are_decoded_exactly_once(void **state)
{
    (void)state;
    expect_bytes("", "", 0);
    expect_bytes("key", "key", 3);
    expect_bytes("a+b", "a+b", 3);
    expect_bytes("%00%0d%0A%2F%ff", "\0\r\n/\xff", 5);
    expect_bytes("%2541", "%41", 3);
    expect_bytes("a%3Fb%3fc", "a?b?c", 5);
}

static void test_malformed_escapes_are_refused(void **state)
{
    (void)state;
    static const char *const malformed[] = {"%",   "%a",   "a%2", "%zz", "%0g",
                                            "%g0", "%%41", "% 1", "%+1", "%4%31"};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
        char out[64];
        size_t size;
        assert_false(http_percent_decode(bytes_of_text(malformed[i]), out, &size));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes_are_decoded_exactly_once),
        cmocka_unit_test(test_malformed_escapes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
