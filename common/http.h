/* HTTP/1.x requests (RFC 9112): what of the bytes of a connection is a request, and what it asks.
 *
 * Pure: no I/O, no allocation. The caller gathers the bytes of one request and asks again when
 * there are more. The verdict follows from the bytes alone, however they arrived: what is not
 * HTTP_MORE for some bytes is the same with any further bytes behind. What was found in order is
 * noted in `seen`, so that a request that comes in small pieces is not read from its start at each.
 *
 * Only GET and HEAD are understood, and POST where the caller takes it. llhttp parses the header
 * fields; what it lets pass in one version or another is checked here: line ends other than CRLF,
 * folded lines, space before a colon, Host, and everything a request can say about its length.
 * Nothing doubtful is guessed at: the request is refused and the connection must be closed. */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>

#define HTTP_MAX_TARGET (16 * 1024) /* bytes: beyond it 414 */
#define HTTP_MAX_HEAD   (32 * 1024) /* bytes, the request line included: beyond it 431 */
#define HTTP_MAX_BODY   (64 * 1024) /* bytes as sent; read and ignored: beyond it 413 */

enum http_verdict {
    HTTP_READY,  /* a whole request */
    HTTP_MORE,   /* the beginning of one */
    HTTP_BAD,    /* not a request that is served */
    HTTP_TOO_BIG /* beyond one of the limits */
};

struct http_request {
    size_t size; /* READY: how many of the bytes it took, body included */
    struct bytes
        path;         /* READY: the target behind its first slash, percent-encoded; never a query */
    bool is_head;     /* HEAD rather than GET */
    bool is_post;     /* POST rather than GET; its body is read and ignored */
    bool is_of_page;  /* a browser sends it for a web page: Origin or Sec-Fetch-Site is among the
                         fields, which no page can leave out of a POST (Fetch Standard, 3.1) */
    bool is_old;      /* HTTP/1.0 */
    bool keeps_alive; /* the client wants to send another */
    struct bytes head;   /* READY: all of it, for those who read more of its fields */
    bool has_none_match; /* If-None-Match is among them: http_none_match.h */
    bool is_no_cache;    /* Cache-Control says no-cache (RFC 9111, 5.2.1.4) */
    int status;          /* BAD, TOO_BIG: the HTTP status to refuse it with */
    const char *problem; /* BAD, TOO_BIG: why, as one line for a person */
};

/* How far a chunked body has been looked at. */
struct http_chunked {
    size_t size;   /* bytes of whole chunks, and trailers, that are in order */
    bool has_last; /* the last chunk is among them */
};

/* How far the bytes of one request have been looked at. Zeroed: not at all, as for the next. */
struct http_seen {
    bool takes_post; /* the caller's to set: POST is understood too, else it is 405 */
    size_t line;     /* bytes of the request line, its end included; 0: it is not whole */
    size_t lines;    /* bytes of this and all further whole lines, which are in order */
    bool has_blanks; /* one of these ends with white space */
    bool has_chunks; /* the head is whole and in order, and a chunked body follows */
    struct http_chunked chunked;
    size_t needed; /* bytes: with fewer the body is not whole */
};

/* `input` begins with the bytes for which `seen` was noted, if any. `request` points into it. */
enum http_verdict http_parse(struct bytes input, struct http_seen *seen,
                             struct http_request *request);

#endif
