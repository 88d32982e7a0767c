/* HTTP responses (RFC 9110, RFC 9112): their heads.
 *
 * The statuses that weir sends stand in one table, with the reason phrase and the field that the
 * RFC wants beside each. */
#ifndef WEIR_HTTP_RESPONSE_H
#define WEIR_HTTP_RESPONSE_H

#include "common/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_DATE_SIZE 29 /* "Tue, 24 Nov 2026 08:15:30 GMT" */

/* The Date field, written anew once a second. A zeroed one is valid. */
struct http_date {
    int64_t second; /* since 1970 that `text` stands for */
    char text[HTTP_DATE_SIZE];
};

/* What is said about the connection. */
enum http_connection {
    HTTP_AS_USUAL,   /* nothing: it stays open, as HTTP/1.1 expects */
    HTTP_STAYS_OPEN, /* as HTTP/1.0 must be told */
    HTTP_CLOSES      /* behind this response */
};

#define HTTP_STATUSES 17

/* The place of a status in the table (0 to HTTP_STATUSES - 1), and back. CHECK: it is there. */
size_t http_status_index(int status);
int http_status_at(size_t index);

struct http_head {
    int status;
    const char *type;    /* of the body; NULL: there is none, as with 304 (RFC 9110, 15.4.5) */
    size_t length;       /* bytes of the body */
    const char *allow;   /* 405: the methods that there are; NULL: GET, HEAD */
    struct bytes fields; /* further header lines, each with its CRLF */
    enum http_connection connection;
};

/* Appends the head of a response. `wall` is ns since 1970. */
void http_format_head(struct buffer *out, struct http_date *date, int64_t wall,
                      const struct http_head *head);

#endif
