/* Percent-encoding (RFC 3986, 2.1): the way back, once. */
#ifndef WEIR_HTTP_PERCENT_H
#define WEIR_HTTP_PERCENT_H

#include "common/bytes.h"

/* Writes the bytes that `encoded` stands for to `out`, which has room for encoded.size of them, and
 * their number to `size`. A plus is a plus. False, with `out` undefined, where a % is not followed
 * by two hex digits. Pure. */
bool http_percent_decode(struct bytes encoded, char *out, size_t *size);

#endif
