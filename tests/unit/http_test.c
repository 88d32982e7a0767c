/* Requests, as exact bytes. What each of them is, it is also when it comes byte by byte, and with
 * anything behind it: every case is tried at every length. */
#include "common/http.h"

#include "common/buffer.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST "Host: weir\r\n"
#define GET  "GET /key HTTP/1.1\r\n" HOST

/* The first `size` bytes, in a block of their own, so that a sanitizer sees a read beyond them. */
static enum http_verdict parse_part(struct bytes input, size_t size, struct http_seen *seen,
                                    struct http_request *request)
{
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, input.data, size);
    enum http_verdict verdict = http_parse((struct bytes){copy, size}, seen, request);
    free(copy);
    return verdict;
}

static void expect_same(const struct http_request *part, const struct http_request *request)
{
    assert_int_equal(part->status, request->status);
    assert_int_equal(part->size, request->size);
    assert_int_equal(part->path.size, request->path.size);
    assert_int_equal(part->is_head, request->is_head);
    assert_int_equal(part->is_old, request->is_old);
    assert_int_equal(part->keeps_alive, request->keeps_alive);
    assert_ptr_equal(part->problem, request->problem);
}

/* What the whole is; fails unless each beginning is either MORE or the same, seen for the first
 * time as well as after all shorter ones. */
static enum http_verdict parse(struct bytes input, struct http_request *request)
{
    struct http_seen seen = {0};
    enum http_verdict whole = http_parse(input, &(struct http_seen){0}, request);
    bool is_decided = false;
    for (size_t size = 0; size <= input.size; size++) {
        struct http_request part, again;
        enum http_verdict verdict = parse_part(input, size, &(struct http_seen){0}, &part);
        assert_int_equal(parse_part(input, size, &seen, &again), verdict);
        if (verdict == HTTP_MORE && !is_decided)
            continue;
        is_decided = true;
        assert_int_equal(verdict, whole);
        expect_same(&part, request);
        expect_same(&again, request);
    }
    return whole;
}

static void expect_refused(const char *text, int status)
{
    struct http_request request;
    enum http_verdict verdict = parse(bytes_of_text(text), &request);
    if ((verdict != HTTP_BAD && verdict != HTTP_TOO_BIG) || request.status != status)
        fail_msg("%s\nis %d with status %d, not %d", text, (int)verdict, request.status, status);
    assert_non_null(request.problem);
    assert_null(strchr(request.problem, '\n'));
}

static struct http_request expect_ready(const char *text, const char *path)
{
    struct http_request request;
    enum http_verdict verdict = parse(bytes_of_text(text), &request);
    if (verdict != HTTP_READY)
        fail_msg("%s\nis %d with status %d", text, (int)verdict, request.status);
    assert_int_equal(request.path.size, strlen(path));
    assert_memory_equal(request.path.data, path, strlen(path));
    return request;
}

static void test_a_get_is_understood(void **state)
{
    (void)state;
    struct http_request request = expect_ready(GET "\r\n", "key");
    assert_int_equal(request.size, strlen(GET "\r\n"));
    assert_true(request.keeps_alive);
    assert_false(request.is_head);
    assert_false(request.is_old);
    assert_true(expect_ready("HEAD /a/b HTTP/1.1\r\n" HOST "\r\n", "a/b").is_head);
    expect_ready("GET / HTTP/1.1\r\n" HOST "\r\n", "");
    expect_ready("GET //a/../b HTTP/1.1\r\n" HOST "\r\n", "/a/../b");
    expect_ready("GET /a*b+c%00 HTTP/1.1\r\n" HOST "\r\n", "a*b+c%00");
    expect_ready("\r\nGET /key HTTP/1.1\r\n" HOST "\r\n", "key");
}

static void test_what_is_said_about_stored_answers(void **state)
{
    (void)state;
    struct http_request request = expect_ready("\r\n" GET "\r\nrest", "key");
    assert_true(bytes_are_equal(request.head, bytes_of_text(GET "\r\n")));
    assert_false(request.has_none_match);
    assert_false(request.is_no_cache);
    assert_true(expect_ready(GET "If-None-match: ?\r\n\r\n", "key").has_none_match);
    assert_false(expect_ready(GET "If-None-Matched: *\r\n\r\n", "key").has_none_match);
    assert_true(expect_ready(GET "cache-Control: a, NO-cache\r\n\r\n", "key").is_no_cache);
    assert_true(
        expect_ready(GET "Cache-Control: no-cache\r\nCache-Control: x\r\n\r\n", "key").is_no_cache);
    assert_false(expect_ready(GET "Cache-Control: no-store\r\n\r\n", "key").is_no_cache);
    assert_false(expect_ready(GET "X-Cache-Control: no-cache\r\n\r\n", "key").is_no_cache);
}

static void test_what_follows_a_request_is_left_alone(void **state)
{
    (void)state;
    struct http_request request = expect_ready(GET "\r\nGET /other HTTP/1.1\r\n", "key");
    assert_int_equal(request.size, strlen(GET "\r\n"));
    request = expect_ready(GET "\r\n\xff\xff", "key");
    assert_int_equal(request.size, strlen(GET "\r\n"));
}

static void test_absolute_targets(void **state)
{
    (void)state;
    expect_ready("GET http://weir/key HTTP/1.1\r\n" HOST "\r\n", "key");
    expect_ready("GET HTTP://weir:80//key HTTP/1.1\r\n" HOST "\r\n", "/key");
    expect_ready("GET http://weir HTTP/1.1\r\n" HOST "\r\n", "");
    expect_refused("GET http:///key HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET http:// HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET ftp://weir/key HTTP/1.1\r\n" HOST "\r\n", 400);
}

static void test_malformed_targets_are_400(void **state)
{
    (void)state;
    expect_refused("GET * HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET key HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET /\x80 HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET /\x7f HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET /a\tb HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET /a?b HTTP/1.1\r\n" HOST "\r\n", 400);
}

static void test_malformed_request_lines_are_400(void **state)
{
    (void)state;
    expect_refused("GET /key\r\n\r\n", 400);
    expect_refused("GET  /key HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET /key  HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET /key HTTP/1.1 \r\n" HOST "\r\n", 400);
    expect_refused("GET /key HTTP/1\r\n" HOST "\r\n", 400);
    expect_refused("GET /key http/1.1\r\n" HOST "\r\n", 400);
    expect_refused("GET /key HTTP/11.1\r\n" HOST "\r\n", 400);
    expect_refused(" GET /key HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("G@T /key HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("\r\n\r\nGET /key HTTP/1.1\r\n" HOST "\r\n", 400);
    expect_refused("\x16\x03\x01\x02", 400);
}

static void test_other_versions_are_505(void **state)
{
    (void)state;
    expect_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    expect_refused("GET /key HTTP/0.9\r\n\r\n", 505);
    expect_refused("GET /key HTTP/1.2\r\n" HOST "\r\n", 505);
}

static void test_other_methods_are_405(void **state)
{
    (void)state;
    expect_refused("POST /key HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 405);
    expect_refused("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 405);
    expect_refused("CONNECT weir:80 HTTP/1.1\r\n" HOST "\r\n", 405);
    expect_refused("BREW /key HTTP/1.1\r\n" HOST "\r\n", 405);
    expect_refused("get /key HTTP/1.1\r\n" HOST "\r\n", 405);
}

/* CVE-2023-30589 and CVE-2024-27982 among them. */
static void test_doubtful_lines_are_400(void **state)
{
    (void)state;
    expect_refused("GET /key HTTP/1.1\n" HOST "\r\n", 400);
    expect_refused("GET /key HTTP/1.1\r\nHost: weir\n\r\n", 400);
    expect_refused(GET "\n", 400);
    expect_refused(GET "X: a\rb\r\n\r\n", 400);
    expect_refused(GET "X: a\rContent-Length: 5\r\n\r\n", 400);
    expect_refused(GET "X: a\r\r\n\r\n", 400);
    expect_refused(GET "X: a\r\n b\r\n\r\n", 400);
    expect_refused(GET "X: a\r\n\tb\r\n\r\n", 400);
    expect_refused(GET " X: a\r\n\r\n", 400);
    expect_refused(GET "X : a\r\n\r\n", 400);
    expect_refused(GET "Content-Length : 5\r\n\r\nhello", 400);
    expect_refused(GET "X\r\n\r\n", 400);
    expect_refused(GET ": a\r\n\r\n", 400);
    expect_refused(GET "X(a): b\r\n\r\n", 400);
}

static void test_a_zero_byte_in_a_field_is_400(void **state)
{
    (void)state;
    static const char text[] = GET "X: a\0b\r\n\r\n";
    struct http_request request;
    assert_int_equal(parse((struct bytes){text, sizeof(text) - 1}, &request), HTTP_BAD);
    assert_int_equal(request.status, 400);
}

static void test_exactly_one_host(void **state)
{
    (void)state;
    expect_refused("GET /key HTTP/1.1\r\n\r\n", 400);
    expect_refused(GET HOST "\r\n", 400);
    expect_refused("GET /key HTTP/1.0\r\n" HOST "hOST: b\r\n\r\n", 400);
    expect_ready("GET /key HTTP/1.1\r\nHost:\r\n\r\n", "key");
    expect_ready("GET /key HTTP/1.0\r\n\r\n", "key");
}

/* RFC 9112, 3.2. */
static void test_a_host_is_a_host(void **state)
{
    (void)state;
    expect_ready("GET /key HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "key");
    expect_ready("GET /key HTTP/1.1\r\nHost:\t a-b.c_d~%20!$&'()*+,;=:80 \r\n\r\n", "key");
    expect_refused("GET /key HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
    expect_refused("GET /key HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
    expect_refused("GET /key HTTP/1.1\r\nHost: me@b\r\n\r\n", 400);
    expect_refused("GET /key HTTP/1.1\r\nHost: \"a\"\r\n\r\n", 400);
    expect_refused("GET /key HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400);
}

/* The refusal names what is wrong, whoever has found it. */
static void test_a_refusal_says_why(void **state)
{
    static const char *const cases[][2] = {
        {GET "Content-Length: +5\r\n\r\n", "Content-Length is malformed"},
        {GET "Content-Length: 5, 5\r\n\r\n", "Content-Length is malformed"},
        {GET "Content-Length: 99999999999999999999\r\n\r\n", "Content-Length is malformed"},
        {GET "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "repeated"},
        {GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "beside"},
        {GET "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "beside"},
        {GET "Transfer-Encoding: chunked, identity\r\n\r\n", "Transfer-Encoding"},
        {GET "A: \x01\r\n\r\n", "byte"},
        {GET "A : b\r\n\r\n", "Name: value"},
        {"GET  /key HTTP/1.1\r\n\r\n", "GET /key HTTP/1.1"},
        {"GET /key HTTP/1.1\r\n\r\n", "Host"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct http_request request;
        parse(bytes_of_text(cases[i][0]), &request);
        if (!request.problem || !strstr(request.problem, cases[i][1]))
            fail_msg("%s\nis refused with: %s", cases[i][0], request.problem);
    }
}

static void test_lengths_that_could_be_read_in_two_ways_are_400(void **state)
{
    (void)state;
    expect_refused(GET "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400);
    expect_refused(GET "Content-Length: 5, 5\r\n\r\nhello", 400);
    expect_refused(GET "Content-Length: +5\r\n\r\nhello", 400);
    expect_refused(GET "Content-Length: -5\r\n\r\nhello", 400);
    expect_refused(GET "Content-Length: 5 5\r\n\r\nhello", 400);
    expect_refused(GET "Content-Length:\r\n\r\n", 400);
    expect_refused(GET "Content-Length: 99999999999999999999\r\n\r\n", 400);
    expect_refused(GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    expect_refused(GET "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400);
    expect_refused(GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    expect_refused("GET /key HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

/* RFC 9110, 5.5: neither belongs to the value. */
static void test_white_space_around_a_value_means_nothing(void **state)
{
    static const char *const around[][2] = {
        {"", ""},   {" ", ""},    {"\t", ""},        {"", " "},    {"", "\t"},
        {" ", " "}, {"\t", "\t"}, {" \t ", "\t \t"}, {"", " \t "}, {"", "\t\t"}};
    static const char *const fields[][3] = {{"Content-Length:", "0", ""},
                                            {"Content-Length:", "5", "hello"},
                                            {"Transfer-Encoding:", "chunked", "0\r\n\r\n"},
                                            {"Expect:", "100-continue", ""}};
    char text[256];
    (void)state;
    for (size_t i = 0; i < sizeof(around) / sizeof(*around); i++) {
        for (size_t k = 0; k < sizeof(fields) / sizeof(*fields); k++) {
            snprintf(text, sizeof(text), GET "%s%s%s%s\r\n\r\n%s", fields[k][0], around[i][0],
                     fields[k][1], around[i][1], fields[k][2]);
            struct http_request request = expect_ready(text, "key");
            assert_int_equal(request.size, strlen(text));
            assert_true(request.keeps_alive);
        }
        snprintf(text, sizeof(text), GET "Connection:%sclose%s\r\n\r\n", around[i][0],
                 around[i][1]);
        assert_false(expect_ready(text, "key").keeps_alive);
    }
    expect_refused(GET "Content-Length: 5\t5\r\n\r\nhello", 400);
    expect_refused(GET "Content-Length: 5 \t5\t\r\n\r\nhello", 400);
    expect_refused(GET "Content-Length: \t\r\n\r\n", 400);
    expect_refused(GET "Content-Length: 5\t\r\nContent-Length: 5\t\r\n\r\nhello", 400);
    expect_refused(GET "Content-Length: 5\t\r\nTransfer-Encoding: chunked\t\r\n\r\n", 400);
    expect_refused(GET "Content-Length: 5\v\r\n\r\nhello", 400);
    expect_refused(GET "Content-Length:\t5\t\r\n\t\r\n\r\nhello", 400);
    expect_refused("GET /key HTTP/1.1\t\r\n" HOST "\r\n", 400);
}

static void test_unknown_codings_are_501(void **state)
{
    (void)state;
    expect_refused(GET "Transfer-Encoding: gzip\r\n\r\n", 501);
    expect_refused(GET "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501);
    expect_refused(GET "Transfer-Encoding:\r\n\r\n", 501);
    expect_refused(GET "Transfer-Encoding: xchunked\r\n\r\n", 501);
}

static void test_a_small_body_is_part_of_the_request(void **state)
{
    (void)state;
    static const char counted[] = GET "Content-Length: 5\r\n\r\nhello";
    static const char chunked[] = GET "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n"
                                      "A;a=\"b\"\r\n0123456789\r\n000\r\nX: y\r\nZ: w\r\n\r\n";
    char text[512];
    assert_int_equal(expect_ready(counted, "key").size, strlen(counted));
    snprintf(text, sizeof(text), "%sGET ", counted);
    assert_int_equal(expect_ready(text, "key").size, strlen(counted));
    assert_int_equal(expect_ready(chunked, "key").size, strlen(chunked));
    snprintf(text, sizeof(text), "%sGET ", chunked);
    assert_int_equal(expect_ready(text, "key").size, strlen(chunked));
}

static void test_malformed_chunks_are_400(void **state)
{
    (void)state;
#define CHUNKED GET "Transfer-Encoding: chunked\r\n\r\n"
    expect_refused(CHUNKED "zz\r\n", 400);
    expect_refused(CHUNKED "\r\n", 400);
    expect_refused(CHUNKED "0x1\r\na\r\n", 400);
    expect_refused(CHUNKED "-1\r\n", 400);
    expect_refused(CHUNKED "1 \r\na\r\n0\r\n\r\n", 400);
    expect_refused(CHUNKED "000000001\r\na\r\n", 400);
    expect_refused(CHUNKED "1\na\r\n", 400);
    expect_refused(CHUNKED "1\r\nab\r\n0\r\n\r\n", 400);
    expect_refused(CHUNKED "1\r\na\n0\r\n\r\n", 400);
    expect_refused(CHUNKED "0\r\nno field\r\n\r\n", 400);
    expect_refused(CHUNKED "0\r\n\n", 400);
    expect_refused(CHUNKED "10001\r\n", 413);
}

/* Nobody waits for a body that was only announced, and the connection ends in its place. */
static void test_an_expectation_is_answered_at_once(void **state)
{
    (void)state;
    struct http_request request =
        expect_ready(GET "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "key");
    assert_false(request.keeps_alive);
    assert_true(expect_ready(GET "Expect: 100-continue\r\n\r\n", "key").keeps_alive);
    assert_true(expect_ready(GET "Expect: else\r\n\r\n", "key").keeps_alive);
}

static void test_who_keeps_the_connection(void **state)
{
    (void)state;
    assert_false(expect_ready(GET "Connection: close\r\n\r\n", "key").keeps_alive);
    assert_false(expect_ready(GET "Connection: x, CLOSE\r\n\r\n", "key").keeps_alive);
    assert_true(expect_ready(GET "Connection: x\r\n\r\n", "key").keeps_alive);
    assert_true(expect_ready(GET "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "key").keeps_alive);
    struct http_request request = expect_ready("GET /key HTTP/1.0\r\n\r\n", "key");
    assert_true(request.is_old);
    assert_false(request.keeps_alive);
    assert_true(
        expect_ready("GET /key HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "key").keeps_alive);
}

/* Byte by byte, with rubbish in place of all that was seen before, but for the call in which the
 * head becomes whole. */
static void expect_seen_once(const char *head, const char *body)
{
    struct http_seen seen = {0};
    struct http_request request;
    size_t head_size = strlen(head), size = head_size + strlen(body);
    for (size_t i = 1; i < size; i++) {
        size_t known = i < seen.needed   ? i
                       : seen.has_chunks ? head_size + seen.chunked.size
                       : i == head_size  ? 0
                                         : seen.lines;
        char text[1024];
        snprintf(text, sizeof(text), "%s%s", head, body);
        memset(text, 1, known);
        assert_int_equal(parse_part((struct bytes){text, i}, i, &seen, &request), HTTP_MORE);
        assert_true(i >= head_size || i - seen.lines < 40); /* no longer than the longest line */
    }
}

/* Whoever sends a byte at a time would otherwise cost as much as the square of what he sends. */
static void test_what_was_in_order_is_not_read_again(void **state)
{
    (void)state;
    expect_seen_once(GET "A: b\r\nC: d\r\nUser-Agent: a test that takes its time\r\n"
                         "Content-Length: 50\r\n\r\n",
                     "01234567890123456789012345678901234567890123456789");
    expect_seen_once(GET "A: b\r\nTransfer-Encoding: chunked\r\n\r\n",
                     "1\r\na\r\n1\r\nb\r\na;c=d\r\n0123456789\r\n0\r\nE: f\r\nG: h\r\n\r\n");
}

/* At a limit and one byte beyond; not at every length, for these are long. */
static enum http_verdict parse_long(const char *before, size_t count, const char *after,
                                    struct http_request *request)
{
    struct buffer text = {0};
    buffer_append_text(&text, before);
    memset(buffer_reserve(&text, count), 'a', count);
    text.size += count;
    buffer_append_text(&text, after);
    enum http_verdict verdict = http_parse(buffer_bytes(&text), &(struct http_seen){0}, request);
    buffer_fini(&text);
    return verdict;
}

static void test_limits(void **state)
{
    (void)state;
    struct http_request request;
    const char *behind = " HTTP/1.1\r\n" HOST "\r\n";
    assert_int_equal(parse_long("GET /", HTTP_MAX_TARGET - 1, behind, &request), HTTP_READY);
    assert_int_equal(parse_long("GET /", HTTP_MAX_TARGET, behind, &request), HTTP_TOO_BIG);
    assert_int_equal(request.status, 414);
    assert_int_equal(parse_long("GET /", HTTP_MAX_TARGET + 1000, "", &request), HTTP_TOO_BIG);
    assert_int_equal(request.status, 414);

    size_t rest = HTTP_MAX_HEAD - strlen(GET "X: \r\n\r\n");
    assert_int_equal(parse_long(GET "X: ", rest, "\r\n\r\n", &request), HTTP_READY);
    assert_int_equal(parse_long(GET "X: ", rest + 1, "\r\n\r\n", &request), HTTP_TOO_BIG);
    assert_int_equal(request.status, 431);
    assert_int_equal(parse_long(GET "X: ", HTTP_MAX_HEAD, "", &request), HTTP_TOO_BIG);
    assert_int_equal(request.status, 431);

    assert_int_equal(parse_long(GET "Content-Length: 65536\r\n\r\n", HTTP_MAX_BODY, "", &request),
                     HTTP_READY);
    assert_int_equal(parse_long(GET "Content-Length: 65537\r\n\r\n", 0, "", &request),
                     HTTP_TOO_BIG);
    assert_int_equal(request.status, 413);
    assert_int_equal(parse_long(CHUNKED "0;", HTTP_MAX_BODY, "", &request), HTTP_TOO_BIG);
    assert_int_equal(request.status, 413);
    assert_int_equal(parse_long(CHUNKED "0\r\nX:", HTTP_MAX_BODY, "", &request), HTTP_TOO_BIG);
    assert_int_equal(request.status, 413);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_get_is_understood),
        cmocka_unit_test(test_what_is_said_about_stored_answers),
        cmocka_unit_test(test_what_follows_a_request_is_left_alone),
        cmocka_unit_test(test_absolute_targets),
        cmocka_unit_test(test_malformed_targets_are_400),
        cmocka_unit_test(test_malformed_request_lines_are_400),
        cmocka_unit_test(test_other_versions_are_505),
        cmocka_unit_test(test_other_methods_are_405),
        cmocka_unit_test(test_doubtful_lines_are_400),
        cmocka_unit_test(test_a_zero_byte_in_a_field_is_400),
        cmocka_unit_test(test_exactly_one_host),
        cmocka_unit_test(test_a_host_is_a_host),
        cmocka_unit_test(test_a_refusal_says_why),
        cmocka_unit_test(test_lengths_that_could_be_read_in_two_ways_are_400),
        cmocka_unit_test(test_white_space_around_a_value_means_nothing),
        cmocka_unit_test(test_unknown_codings_are_501),
        cmocka_unit_test(test_a_small_body_is_part_of_the_request),
        cmocka_unit_test(test_malformed_chunks_are_400),
        cmocka_unit_test(test_an_expectation_is_answered_at_once),
        cmocka_unit_test(test_who_keeps_the_connection),
        cmocka_unit_test(test_what_was_in_order_is_not_read_again),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
