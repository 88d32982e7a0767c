/* The token of a request, and what is none. */
#include "common/http_bearer.h"

#include "tests/support/unit.h"

static void expect_token(const char *head, const char *token)
{
    struct bytes found = http_bearer_parse(bytes_of_text(head));
    if (!bytes_are_equal(found, bytes_of_text(token)))
        fail_msg("the token of \"%s\" is \"%.*s\"", head, (int)found.size, found.data);
}

static void test_token_is_found(void **state)
{
    (void)state;
    expect_token("POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer abc.D-_~+/=\r\n\r\n",
                 "abc.D-_~+/=");
    expect_token("POST / HTTP/1.1\r\nauthorization:bearer \t x \t\r\nHost: a\r\n\r\n", "x");
}

static void test_nothing_else_is_one(void **state)
{
    (void)state;
    expect_token("", "");
    expect_token("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "");
    expect_token("POST / HTTP/1.1\r\nAuthorization: Basic abc\r\n\r\n", "");
    expect_token("POST / HTTP/1.1\r\nAuthorization: Bearerabc\r\n\r\n", "");
    expect_token("POST / HTTP/1.1\r\nAuthorization: Bearer\r\n\r\n", "");
    expect_token("POST / HTTP/1.1\r\nAuthorization:\r\n\r\n", "");
    expect_token("POST / HTTP/1.1\r\nX-Authorization: Bearer abc\r\n\r\n", "");
}

static void test_two_of_them_are_none(void **state)
{
    (void)state;
    expect_token("POST / HTTP/1.1\r\nAuthorization: Bearer a\r\nAuthorization: Bearer a\r\n\r\n",
                 "");
    expect_token("POST / HTTP/1.1\r\nAuthorization: Basic a\r\nAuthorization: Bearer a\r\n\r\n",
                 "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_is_found),
        cmocka_unit_test(test_nothing_else_is_one),
        cmocka_unit_test(test_two_of_them_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
