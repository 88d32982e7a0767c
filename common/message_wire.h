/* Sizes and integers of the wire, for message_encode and message_decode alone; message.h draws the
 * layout. */
#ifndef WEIR_MESSAGE_WIRE_H
#define WEIR_MESSAGE_WIRE_H

#include "common/message.h"

/* Bytes of each record, as far as its key or its value. */
enum {
    HELLO_SIZE = 1 + 8 + 1,
    WELCOME_SIZE = 1 + 8 + 4,
    RESET_SIZE = 1 + 1,
    ASK_SIZE = 1 + 1 + 8 + 4 + 4,
    VALUE_SIZE = 1 + 1 + 8 + 4 + 4 + 4,
    NONE_SIZE = 1 + 8,
    FAIL_SIZE = 1 + 1 + 8,
};

/* ---- little-endian integers: compilers make one load or store of each of these ---- */

static inline char *put_u8(char *at, unsigned value)
{
    *at = (char)value;
    return at + 1;
}

static inline char *put_u32(char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> (8 * i));
    return at + 4;
}

static inline char *put_u64(char *at, uint64_t value)
{
    return put_u32(put_u32(at, (uint32_t)value), (uint32_t)(value >> 32));
}

static inline uint8_t get_u8(const char *at)
{
    return (uint8_t)*at;
}

static inline uint32_t get_u32(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    return byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

static inline uint64_t get_u64(const char *at)
{
    return get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
}

#endif
