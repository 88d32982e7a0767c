/* Chunked bodies (RFC 9112, 7.1): where one ends. What it says is of no interest. */
#ifndef WEIR_HTTP_CHUNKED_H
#define WEIR_HTTP_CHUNKED_H

#include "common/http.h"

/* `input` begins with the body; READY sets `size` to its bytes, trailers included. Pure; the
 * verdict follows from the bytes as in http.h, and `seen` only saves time as there. TOO_BIG: it
 * takes more than `limit` bytes. */
enum http_verdict http_chunked_measure(struct bytes input, size_t limit, struct http_chunked *seen,
                                       size_t *size);

#endif
