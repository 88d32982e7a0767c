/* The lines of HTTP (RFC 9112, 2.2 and 5), taken more strictly than the RFC allows: a line ends
 * with CRLF and with nothing else, and holds neither CR nor LF before. */
#ifndef WEIR_HTTP_LINE_H
#define WEIR_HTTP_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum http_line {
    HTTP_LINE_WHOLE,
    HTTP_LINE_PARTIAL, /* no end in sight, and nothing wrong so far */
    HTTP_LINE_BROKEN   /* a CR or LF on its own */
};

/* Looks for the end of the line that begins at `at`; WHOLE sets `line_end` to its CR. */
enum http_line http_line_find(const char *at, const char *end, const char **line_end);

/* Whether the bytes are a token: a method, the name of a field. */
bool http_line_is_token(const char *at, const char *end);

/* Whether the line is a header field with its name directly before the colon, and not the
 * continuation of one. */
bool http_line_is_field(const char *at, const char *end);

#endif
