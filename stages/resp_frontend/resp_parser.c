/* See resp_parser.h. */
#include "stages/resp_frontend/resp_parser.h"

#include "common/memory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define SMALLEST_ARGUMENT (sizeof "$0\r\n\r\n" - 1)

void resp_parser_fini(struct resp_parser *parser)
{
    free(parser->arguments);
    buffer_fini(&parser->unquoted);
    *parser = (struct resp_parser){0};
}

static enum resp_parse bad(struct resp_parser *parser, const char *why)
{
    snprintf(parser->error, sizeof parser->error, "Protocol error: %s", why);
    return RESP_BAD;
}

static enum resp_parse more(struct resp_parser *parser, size_t needed)
{
    parser->needed = needed;
    return RESP_MORE;
}

static void add_argument(struct resp_parser *parser, struct bytes argument)
{
    if (parser->count == parser->capacity) {
        parser->capacity = parser->capacity > 0 ? 2 * parser->capacity : 16;
        parser->arguments =
            memory_resize(parser->arguments, parser->capacity, sizeof *parser->arguments);
    }
    parser->arguments[parser->count++] = argument;
}

/* ---- multibulk: "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" ---- */

bool resp_parse_integer(struct bytes text, int64_t *number)
{
    bool is_negative = text.size > 1 && text.data[0] == '-';
    if (text.size == 1 && text.data[0] == '0') {
        *number = 0;
        return true;
    }
    if (text.size == is_negative || text.data[is_negative] == '0')
        return false;
    const uint64_t most = (uint64_t)INT64_MAX + is_negative;
    uint64_t result = 0;
    for (size_t at = is_negative; at < text.size; at++) {
        unsigned digit = (unsigned char)text.data[at] - (unsigned)'0';
        if (digit > 9 || result > (most - digit) / 10)
            return false;
        result = result * 10 + digit;
    }
    *number = is_negative ? (int64_t)(0 - result) : (int64_t)result;
    return true;
}

/* The first `byte` of the input at `at`; NULL: there is none, or a NUL is in front of it, at which
 * Redis stops looking. */
static const char *find_end(struct bytes input, size_t at, char byte)
{
    const char *line = input.data + at;
    const char *end = at < input.size ? memchr(line, byte, input.size - at) : NULL;
    return end && memchr(line, '\0', (size_t)(end - line)) ? NULL : end;
}

/* The number on the line at `*at`, behind its first byte. Like Redis, takes whatever byte follows
 * the CR for the LF. READY moves `*at` behind the line. */
static enum resp_parse take_number(struct resp_parser *parser, struct bytes input, size_t *at,
                                   const char *too_long, bool *is_number, int64_t *number)
{
    const char *line = input.data + *at;
    size_t left = input.size - *at;
    const char *end = find_end(input, *at, '\r');
    if (!end)
        return left > RESP_MAX_LINE ? bad(parser, too_long) : more(parser, input.size + 1);
    size_t size = (size_t)(end - line);
    if (size + 2 > left)
        return more(parser, input.size + 1);
    *is_number = resp_parse_integer((struct bytes){line + 1, size > 0 ? size - 1 : 0}, number);
    *at += size + 2;
    return RESP_READY;
}

static enum resp_parse take_argument(struct resp_parser *parser, struct bytes input, size_t *at,
                                     bool is_stranger)
{
    size_t start = *at;
    bool is_number = false;
    int64_t size = 0;
    enum resp_parse outcome =
        take_number(parser, input, at, "too big bulk count string", &is_number, &size);
    if (outcome != RESP_READY)
        return outcome;
    if (input.data[start] != '$') {
        char why[32], got = input.data[start];
        snprintf(why, sizeof why, "expected '$', got '%c'", got == '\r' || got == '\n' ? ' ' : got);
        return bad(parser, why);
    }
    if (!is_number || size < 0 || size > RESP_MAX_BULK)
        return bad(parser, "invalid bulk length");
    if (is_stranger && size > RESP_MAX_STRANGER_BULK)
        return bad(parser, "unauthenticated bulk length");
    if (*at + (size_t)size + 2 > RESP_MAX_COMMAND)
        return bad(parser, "the command is longer than weir takes");
    if (*at + (size_t)size + 2 > input.size)
        return more(parser, *at + (size_t)size + 2);
    add_argument(parser, (struct bytes){input.data + *at, (size_t)size});
    *at += (size_t)size + 2;
    return RESP_READY;
}

static enum resp_parse take_multibulk(struct resp_parser *parser, struct bytes input,
                                      bool is_stranger)
{
    size_t at = 0;
    bool is_number = false;
    int64_t count = 0;
    enum resp_parse outcome =
        take_number(parser, input, &at, "too big mbulk count string", &is_number, &count);
    if (outcome != RESP_READY)
        return outcome;
    if (!is_number || count > INT_MAX)
        return bad(parser, "invalid multibulk length");
    if (is_stranger && count > RESP_MAX_STRANGER_COUNT)
        return bad(parser, "unauthenticated multibulk length");
    if (count > 0 && (size_t)count > RESP_MAX_COMMAND / SMALLEST_ARGUMENT)
        return bad(parser, "the command is longer than weir takes");
    for (int64_t taken = 0; taken < count; taken++) {
        outcome = take_argument(parser, input, &at, is_stranger);
        if (outcome == RESP_MORE) {
            /* So a command that comes in small pieces is not read from its start at every piece. */
            size_t least = at + (size_t)(count - taken - 1) * SMALLEST_ARGUMENT;
            parser->needed = least > parser->needed ? least : parser->needed;
        }
        if (outcome != RESP_READY)
            return outcome;
    }
    parser->size = at;
    return RESP_READY;
}

/* ---- inline: "GET \"a key\"\r\n" ---- */

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

static void put(struct resp_parser *parser, char byte)
{
    buffer_append(&parser->unquoted, &byte, 1);
}

/* Takes what a backslash within double quotes begins, and returns the bytes it takes. */
static size_t take_escape(struct resp_parser *parser, struct bytes rest)
{
    static const char letters[] = "nrtba", meanings[] = "\n\r\t\b\a";
    if (rest.size >= 4 && rest.data[1] == 'x' && hex_digit(rest.data[2]) >= 0 &&
        hex_digit(rest.data[3]) >= 0) {
        put(parser, (char)(hex_digit(rest.data[2]) * 16 + hex_digit(rest.data[3])));
        return 4;
    }
    const char *letter = rest.data[1] ? strchr(letters, rest.data[1]) : NULL;
    char meaning = rest.data[1];
    if (letter)
        meaning = meanings[letter - letters];
    put(parser, meaning);
    return 2;
}

/* Takes a quoted run, with its quotes, at the start of `rest`; 0 when they are unbalanced. */
static size_t take_quoted(struct resp_parser *parser, struct bytes rest)
{
    const char quote = rest.data[0];
    size_t at = 1;
    while (at < rest.size && rest.data[at] != quote) {
        struct bytes tail = {rest.data + at, rest.size - at};
        bool is_escape = tail.size > 1 && tail.data[0] == '\\';
        if (is_escape && quote == '"') {
            at += take_escape(parser, tail);
        } else if (is_escape && tail.data[1] == '\'') {
            put(parser, '\'');
            at += 2;
        } else {
            put(parser, tail.data[0]);
            at++;
        }
    }
    bool is_closed = at < rest.size && (at + 1 == rest.size || is_space(rest.data[at + 1]));
    return is_closed ? at + 1 : 0;
}

/* Redis ends a word at fewer kinds of space than it skips between words. */
static bool ends_word(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Takes one word off the line; its bytes go to `unquoted`. Returns the bytes it takes, 0 on error.
 */
static size_t take_word(struct resp_parser *parser, struct bytes rest)
{
    size_t at = 0;
    while (at < rest.size && !ends_word(rest.data[at])) {
        if (rest.data[at] == '"' || rest.data[at] == '\'') {
            size_t quoted = take_quoted(parser, (struct bytes){rest.data + at, rest.size - at});
            return quoted > 0 ? at + quoted : 0;
        }
        put(parser, rest.data[at++]);
    }
    return at;
}

static enum resp_parse take_inline(struct resp_parser *parser, struct bytes input)
{
    const char *end = find_end(input, 0, '\n');
    if (!end)
        return input.size > RESP_MAX_LINE ? bad(parser, "too big inline request")
                                          : more(parser, input.size + 1);
    struct bytes line = {input.data, (size_t)(end - input.data)};
    parser->size = line.size + 1;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;

    parser->unquoted.size = 0;
    buffer_reserve(&parser->unquoted, line.size + 1); /* no word is longer unquoted: it stays put */
    while (line.size > 0) {
        if (is_space(line.data[0])) {
            line = (struct bytes){line.data + 1, line.size - 1};
            continue;
        }
        size_t before = parser->unquoted.size;
        size_t taken = take_word(parser, line);
        if (taken == 0)
            return bad(parser, "unbalanced quotes in request");
        add_argument(
            parser, (struct bytes){parser->unquoted.data + before, parser->unquoted.size - before});
        line = (struct bytes){line.data + taken, line.size - taken};
    }
    return RESP_READY;
}

enum resp_parse resp_parser_take(struct resp_parser *parser, struct bytes input, bool is_stranger)
{
    parser->count = 0;
    parser->size = 0;
    parser->needed = 0;
    return input.data[0] == '*' ? take_multibulk(parser, input, is_stranger)
                                : take_inline(parser, input);
}
