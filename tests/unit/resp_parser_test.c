/* Commands as clients send them, whole and cut anywhere; the errors in Redis's words. The same
 * bytes are sent to a real redis-server by tests/system/resp_errors_test.c. */
#include "stages/resp_frontend/resp_parser.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define BYTES(literal) ((struct bytes){(literal), sizeof(literal) - 1})

static void expect_arguments(const struct resp_parser *parser, const char *const *arguments)
{
    size_t count = 0;
    for (; arguments[count]; count++) {
        assert_true(count < parser->count);
        assert_true(bytes_are_equal(parser->arguments[count], bytes_of_text(arguments[count])));
    }
    assert_int_equal(parser->count, count);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_ready(struct resp_parser *parser, struct bytes input,
                         const char *const *arguments)
{
    assert_int_equal(resp_parser_take(parser, input, false), RESP_READY);
    assert_int_equal(parser->size, input.size);
    expect_arguments(parser, arguments);
}

static void expect_bad(struct bytes input, bool is_stranger, const char *error)
{
    struct resp_parser parser = {0};
    assert_int_equal(resp_parser_take(&parser, input, is_stranger), RESP_BAD);
    assert_string_equal(parser.error, error);
    resp_parser_fini(&parser);
}

static void test_multibulk(void **state)
{
    struct resp_parser parser = {0};
    (void)state;
    expect_ready(&parser, BYTES("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), ARGUMENTS("GET", "k"));
    expect_ready(&parser, BYTES("*3\r\n$4\r\nMGET\r\n$0\r\n\r\n$2\r\nab\r\n"),
                 ARGUMENTS("MGET", "", "ab"));
    expect_ready(&parser, BYTES("*1\r\n$4\r\nPINGxx"), ARGUMENTS("PING")); /* as Redis does */
    resp_parser_fini(&parser);
}

static void test_inline(void **state)
{
    struct resp_parser parser = {0};
    (void)state;
    expect_ready(&parser, BYTES("GET k\r\n"), ARGUMENTS("GET", "k"));
    expect_ready(&parser, BYTES("  GET\t k \n"), ARGUMENTS("GET", "k"));
    expect_ready(&parser, BYTES("GET \"a b\" 'c d'\r\n"), ARGUMENTS("GET", "a b", "c d"));
    expect_ready(&parser, BYTES("\"\\x41\\n\\r\\t\\b\\a\\q\\\"\" 'it\\'s \\n'\r\n"),
                 ARGUMENTS("A\n\r\t\b\aq\"", "it's \\n"));
    expect_ready(&parser, BYTES("a\"b c\" \"\"\r\n"), ARGUMENTS("ab c", ""));
    expect_ready(&parser, BYTES("\"\\xZZ\\x4\"\r\n"), ARGUMENTS("xZZx4"));
    expect_ready(&parser, BYTES("a\vb \v c\n"), ARGUMENTS("a\vb", "c"));
    resp_parser_fini(&parser);
}

static void test_empty(void **state)
{
    struct resp_parser parser = {0};
    (void)state;
    const struct bytes inputs[] = {BYTES("\r\n"),   BYTES("\n"),      BYTES("  \r\n"),
                                   BYTES("*0\r\n"), BYTES("*-1\r\n"), BYTES("*-9999\r\n")};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        assert_int_equal(resp_parser_take(&parser, inputs[i], false), RESP_READY);
        assert_int_equal(parser.size, inputs[i].size);
        assert_int_equal(parser.count, 0);
    }
    resp_parser_fini(&parser);
}

static void test_binary_keys(void **state)
{
    struct resp_parser parser = {0};
    (void)state;
    const struct bytes input = BYTES("*2\r\n$3\r\nGET\r\n$6\r\n\0\r\n\xff\n\"\r\n");
    assert_int_equal(resp_parser_take(&parser, input, false), RESP_READY);
    assert_true(bytes_are_equal(parser.arguments[1], BYTES("\0\r\n\xff\n\"")));
    resp_parser_fini(&parser);
}

/* Every proper beginning of a command is one that waits, and for no more bytes than there are. */
static void test_cut_anywhere(void **state)
{
    const struct bytes commands[] = {
        BYTES("*2\r\n$3\r\nGET\r\n$11\r\nhello\0world\r\n"),
        BYTES("*4\r\n$4\r\nMGET\r\n$0\r\n\r\n$1\r\n\r\r\n$2\r\n\n\n\r\n"),
        BYTES("*0\r\n"),
        BYTES("GET \"a \\x00 b\" 'c'\r\n"),
    };
    struct resp_parser parser = {0};
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        for (size_t size = 1; size <= commands[i].size; size++) {
            const struct bytes part = {commands[i].data, size};
            const bool is_whole = size == commands[i].size;
            assert_int_equal(resp_parser_take(&parser, part, false),
                             is_whole ? RESP_READY : RESP_MORE);
            assert_in_range(parser.needed, is_whole ? 0 : size + 1, commands[i].size);
        }
    resp_parser_fini(&parser);
}

/* What is behind a command belongs to the next. */
static void test_pipelined(void **state)
{
    const struct bytes input = BYTES("*1\r\n$4\r\nPING\r\nGET k\r\n*1\r\n$4\r\nQUIT\r\n");
    static const char *const expected[] = {"PING", "GET", "QUIT"};
    struct resp_parser parser = {0};
    size_t used = 0;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct bytes rest = {input.data + used, input.size - used};
        assert_int_equal(resp_parser_take(&parser, rest, false), RESP_READY);
        assert_true(bytes_are_equal(parser.arguments[0], bytes_of_text(expected[i])));
        used += parser.size;
    }
    assert_int_equal(used, input.size);
    resp_parser_fini(&parser);
}

static void test_protocol_errors(void **state)
{
    (void)state;
    expect_bad(BYTES("*a\r\n"), false, "Protocol error: invalid multibulk length");
    expect_bad(BYTES("*\r\n"), false, "Protocol error: invalid multibulk length");
    expect_bad(BYTES("* 1\r\n"), false, "Protocol error: invalid multibulk length");
    expect_bad(BYTES("*01\r\n"), false, "Protocol error: invalid multibulk length");
    expect_bad(BYTES("*-0\r\n"), false, "Protocol error: invalid multibulk length");
    expect_bad(BYTES("*2147483648\r\n"), false, "Protocol error: invalid multibulk length");
    expect_bad(BYTES("*99999999999999999999\r\n"), false,
               "Protocol error: invalid multibulk length");
    expect_bad(BYTES("*1\r\nfoo\r\n"), false, "Protocol error: expected '$', got 'f'");
    expect_bad(BYTES("*1\r\n\r\n"), false, "Protocol error: expected '$', got ' '");
    expect_bad(BYTES("*1\r\n$\r\n"), false, "Protocol error: invalid bulk length");
    expect_bad(BYTES("*1\r\n$-1\r\n"), false, "Protocol error: invalid bulk length");
    expect_bad(BYTES("*1\r\n$536870913\r\n"), false, "Protocol error: invalid bulk length");
    expect_bad(BYTES("GET \"\r\n"), false, "Protocol error: unbalanced quotes in request");
    expect_bad(BYTES("GET \"a\"b\r\n"), false, "Protocol error: unbalanced quotes in request");
    expect_bad(BYTES("GET 'a\r\n"), false, "Protocol error: unbalanced quotes in request");
    expect_bad(BYTES("GET \"a\\\r\n"), false, "Protocol error: unbalanced quotes in request");
}

static void test_limits_of_strangers(void **state)
{
    struct resp_parser parser = {0};
    (void)state;
    expect_bad(BYTES("*11\r\n"), true, "Protocol error: unauthenticated multibulk length");
    expect_bad(BYTES("*1\r\n$16385\r\n"), true, "Protocol error: unauthenticated bulk length");
    assert_int_equal(resp_parser_take(&parser, BYTES("*10\r\n$16384\r\n"), true), RESP_MORE);
    resp_parser_fini(&parser);
}

/* Lengths that announce much are refused, or waited for, without memory for what they announce. */
static void test_announced_is_not_allocated(void **state)
{
    static const char longer[] = "Protocol error: the command is longer than weir takes";
    struct resp_parser parser = {0};
    (void)state;
    expect_bad(BYTES("*2147483647\r\n"), false, longer);
    expect_bad(BYTES("*2\r\n$3\r\nGET\r\n$536870912\r\n"), false, longer);
    assert_int_equal(resp_parser_take(&parser, BYTES("*100000\r\n$3\r\nGET\r\n"), false),
                     RESP_MORE);
    assert_true(parser.capacity < 100);
    assert_true(parser.needed > 100000);
    resp_parser_fini(&parser);
}

static void test_lines_without_an_end(void **state)
{
    static char line[RESP_MAX_LINE + 8];
    struct resp_parser parser = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        memset(line, i == 0 ? '1' : 'x', sizeof line);
        line[0] = i == 0 ? '*' : 'x';
        struct bytes input = {line, RESP_MAX_LINE};
        assert_int_equal(resp_parser_take(&parser, input, false), RESP_MORE);
        input.size++;
        expect_bad(input, false,
                   i == 0 ? "Protocol error: too big mbulk count string"
                          : "Protocol error: too big inline request");
    }
    memset(line, '1', sizeof line);
    snprintf(line, sizeof line, "*1\r\n$1");
    line[strlen(line)] = '1';
    expect_bad((struct bytes){line, sizeof line}, false,
               "Protocol error: too big bulk count string");
    resp_parser_fini(&parser);
}

/* Redis looks for the end of a line no further than to a NUL. */
static void test_nul_hides_the_end_of_a_line(void **state)
{
    struct resp_parser parser = {0};
    (void)state;
    assert_int_equal(resp_parser_take(&parser, BYTES("GET \0k\r\n"), false), RESP_MORE);
    assert_int_equal(resp_parser_take(&parser, BYTES("*1\0\r\n$1\r\n"), false), RESP_MORE);
    assert_int_equal(resp_parser_take(&parser, BYTES("*1\r\n\0$1\r\na\r\n"), false), RESP_MORE);
    resp_parser_fini(&parser);
}

static void test_integers(void **state)
{
    static const struct {
        const char *text;
        bool is_number;
        int64_t number;
    } cases[] = {
        {"0", true, 0},
        {"1", true, 1},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"-0", false, 0},
        {"00", false, 0},
        {"01", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1a", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t number = 0;
        assert_int_equal(resp_parse_integer(bytes_of_text(cases[i].text), &number),
                         cases[i].is_number);
        assert_int_equal(cases[i].is_number ? number : 0, cases[i].number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multibulk),
        cmocka_unit_test(test_inline),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_binary_keys),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_protocol_errors),
        cmocka_unit_test(test_limits_of_strangers),
        cmocka_unit_test(test_announced_is_not_allocated),
        cmocka_unit_test(test_lines_without_an_end),
        cmocka_unit_test(test_nul_hides_the_end_of_a_line),
        cmocka_unit_test(test_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
