/* The pieces that heads are written of. Each is put at `at`, where the caller has made room, and
 * what is returned is the place behind it. Pure. */
#ifndef WEIR_HTTP_PUT_H
#define WEIR_HTTP_PUT_H

#include "common/bytes.h"

#include <stdint.h>

static inline char *http_put(char *at, const void *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}

#define HTTP_PUT_TEXT(at, text) http_put((at), (text), sizeof(text) - 1)

/* In decimal: at most 20 digits. */
static inline char *http_put_number(char *at, uint64_t number)
{
    char digits[20];
    size_t first = sizeof(digits);
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return http_put(at, digits + first, sizeof(digits) - first);
}

/* All 16 digits, in lower case. */
static inline char *http_put_hex(char *at, uint64_t number)
{
    for (int i = 0; i < 16; i++, number <<= 4)
        *at++ = "0123456789abcdef"[number >> 60];
    return at;
}

#endif
