#include "common/http_chunked.h"

#include "common/http_line.h"

/* The size in front of a chunk. Extensions are skipped, as the RFC wants; false for anything that
 * is not a number in hex, or is too large for any limit of ours. */
static bool parse_size(const char *at, const char *end, size_t *size)
{
    const char *digit = at;
    size_t value = 0;
    for (; digit < end && digit - at < 8; digit++) {
        if (*digit >= '0' && *digit <= '9')
            value = value * 16 + (size_t)(*digit - '0');
        else if ((*digit | 0x20) >= 'a' && (*digit | 0x20) <= 'f')
            value = value * 16 + (size_t)((*digit | 0x20) - 'a') + 10;
        else
            break;
    }
    *size = value;
    return digit > at && (digit == end || *digit == ';');
}

static enum http_verdict skip_trailers(struct bytes input, const char *end, bool is_cut,
                                       struct http_chunked *seen, size_t *size)
{
    const char *line_end;
    for (;; seen->size = (size_t)(line_end + 2 - input.data)) {
        const char *at = input.data + seen->size;
        switch (http_line_find(at, end, &line_end)) {
        case HTTP_LINE_BROKEN:
            return HTTP_BAD;
        case HTTP_LINE_PARTIAL:
            return is_cut ? HTTP_TOO_BIG : HTTP_MORE;
        case HTTP_LINE_WHOLE:
            break;
        }
        if (line_end == at) {
            *size = seen->size + 2;
            return HTTP_READY;
        }
        if (!http_line_is_field(at, line_end))
            return HTTP_BAD;
    }
}

enum http_verdict http_chunked_measure(struct bytes input, size_t limit, struct http_chunked *seen,
                                       size_t *size)
{
    bool is_cut = input.size >= limit;
    const char *end = input.data + (is_cut ? limit : input.size);
    while (!seen->has_last) {
        const char *at = input.data + seen->size, *line_end;
        enum http_line line = http_line_find(at, end, &line_end);
        if (line == HTTP_LINE_BROKEN)
            return HTTP_BAD;
        if (line == HTTP_LINE_PARTIAL)
            return is_cut ? HTTP_TOO_BIG : HTTP_MORE;
        size_t chunk;
        if (!parse_size(at, line_end, &chunk))
            return HTTP_BAD;
        at = line_end + 2;
        size_t used = (size_t)(at - input.data);
        if (chunk == 0) {
            *seen = (struct http_chunked){.size = used, .has_last = true};
            break;
        }
        if (chunk + 2 > limit - used)
            return HTTP_TOO_BIG;
        if (chunk + 2 > (size_t)(end - at))
            return HTTP_MORE;
        at += chunk;
        if (at[0] != '\r' || at[1] != '\n')
            return HTTP_BAD;
        seen->size = used + chunk + 2;
    }
    return skip_trailers(input, end, is_cut, seen, size);
}
