#include "common/http_line.h"

#include <string.h>

/* RFC 9110, 5.6.2. */
static const bool is_token_byte[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true,
    ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true,
    ['`'] = true, ['|'] = true, ['~'] = true, ['0'] = true, ['1'] = true, ['2'] = true,
    ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true,
    ['9'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true,
    ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true,
    ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true,
    ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true,
    ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true,
    ['d'] = true, ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true,
    ['j'] = true, ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true,
    ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true,
    ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true,
};

enum http_line http_line_find(const char *at, const char *end, const char **line_end)
{
    const char *lf = memchr(at, '\n', (size_t)(end - at));
    const char *limit = lf ? lf : end;
    const char *cr = memchr(at, '\r', (size_t)(limit - at));
    if (cr && cr + 1 < limit)
        return HTTP_LINE_BROKEN;
    if (!lf)
        return HTTP_LINE_PARTIAL;
    if (!cr)
        return HTTP_LINE_BROKEN;
    *line_end = cr;
    return HTTP_LINE_WHOLE;
}

bool http_line_is_token(const char *at, const char *end)
{
    if (at == end)
        return false;
    while (at < end && is_token_byte[(unsigned char)*at])
        at++;
    return at == end;
}

bool http_line_is_field(const char *at, const char *end)
{
    const char *colon = memchr(at, ':', (size_t)(end - at));
    return colon && http_line_is_token(at, colon);
}
