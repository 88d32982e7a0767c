/* Replies in both versions of the protocol, byte for byte. */
#include "stages/resp_frontend/resp_reply.h"

#include "tests/support/unit.h"

static struct buffer out;

static void expect(const char *bytes)
{
    assert_true(bytes_are_equal(buffer_bytes(&out), bytes_of_text(bytes)));
    buffer_fini(&out);
}

static void test_one_line(void **state)
{
    (void)state;
    resp_reply_simple(&out, "OK");
    expect("+OK\r\n");
    resp_reply_error(&out, bytes_of_text("ERR no\r\nline\nends"));
    expect("-ERR no  line ends\r\n");
    resp_reply_integer(&out, 0);
    resp_reply_integer(&out, -12);
    resp_reply_integer(&out, INT64_MAX);
    resp_reply_integer(&out, INT64_MIN);
    expect(":0\r\n:-12\r\n:9223372036854775807\r\n:-9223372036854775808\r\n");
}

static void test_bulks(void **state)
{
    (void)state;
    resp_reply_bulk(&out, (struct bytes){"a\0b\r\n", 5});
    assert_true(bytes_are_equal(buffer_bytes(&out), (struct bytes){"$5\r\na\0b\r\n\r\n", 11}));
    buffer_fini(&out);
    resp_reply_bulk(&out, (struct bytes){NULL, 0});
    expect("$0\r\n\r\n");
    resp_reply_bulk_head(&out, 3);
    buffer_append_text(&out, "abc");
    resp_reply_bulk_end(&out);
    expect("$3\r\nabc\r\n");
}

static void test_versions(void **state)
{
    (void)state;
    resp_reply_null(&out, false);
    resp_reply_verbatim(&out, bytes_of_text("abc"), false);
    resp_reply_array(&out, 2);
    resp_reply_set(&out, 2, false);
    resp_reply_map(&out, 2, false);
    expect("$-1\r\n$3\r\nabc\r\n*2\r\n*2\r\n*4\r\n");
    resp_reply_null(&out, true);
    resp_reply_verbatim(&out, bytes_of_text("abc"), true);
    resp_reply_array(&out, 2);
    resp_reply_set(&out, 2, true);
    resp_reply_map(&out, 2, true);
    expect("_\r\n=7\r\ntxt:abc\r\n*2\r\n~2\r\n%2\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_bulks),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
