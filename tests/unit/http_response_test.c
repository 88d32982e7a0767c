#include "common/http_response.h"

#include "common/clock.h"
#include "tests/support/unit.h"

#include <string.h>

static void expect_head(struct http_date *date, int64_t wall, int status,
                        enum http_connection connection, const char *text)
{
    struct buffer out = {0};
    struct http_head head = {
        .status = status, .type = "text/plain", .length = 1234567890, .connection = connection};
    http_format_head(&out, date, wall, &head);
    assert_int_equal(out.size, strlen(text));
    assert_memory_equal(out.data, text, out.size);
    buffer_fini(&out);
}

#define REST                                                                                       \
    "Content-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\n"                              \
    "Content-Length: 1234567890\r\n"

static void test_heads(void **state)
{
    (void)state;
    struct http_date date = {0};
    const char *epoch = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" REST "\r\n";
    expect_head(&date, 0, 200, HTTP_AS_USUAL, epoch);
    expect_head(&date, SECOND - 1, 200, HTTP_AS_USUAL, epoch);
    int64_t wall = INT64_C(1795508130) * SECOND;
    expect_head(&date, wall, 503, HTTP_CLOSES,
                "HTTP/1.1 503 Service Unavailable\r\nDate: Tue, 24 Nov 2026 08:15:30 GMT\r\n" REST
                "Retry-After: 1\r\nConnection: close\r\n\r\n");
    expect_head(&date, wall + SECOND, 405, HTTP_STAYS_OPEN,
                "HTTP/1.1 405 Method Not Allowed\r\nDate: Tue, 24 Nov 2026 08:15:31 GMT\r\n" REST
                "Allow: GET, HEAD\r\nConnection: keep-alive\r\n\r\n");
}

/* A value of 304 is the one that the client has: nothing is said about a body (RFC 9110, 15.4.5).
 */
static void test_a_head_without_a_body(void **state)
{
    struct http_date date = {0};
    struct buffer out = {0};
    struct http_head head = {.status = 304, .fields = bytes_of_text("Age: 7\r\nETag: \"a\"\r\n")};
    const char *text = "HTTP/1.1 304 Not Modified\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                       "Age: 7\r\nETag: \"a\"\r\n\r\n";
    (void)state;
    http_format_head(&out, &date, 0, &head);
    assert_true(bytes_are_equal(buffer_bytes(&out), bytes_of_text(text)));
    buffer_fini(&out);
}

static void test_every_status_has_a_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < HTTP_STATUSES; i++)
        assert_int_equal(http_status_index(http_status_at(i)), i);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_a_head_without_a_body),
        cmocka_unit_test(test_every_status_has_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
