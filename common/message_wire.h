/* Sizes and integers of the wire, for message_encode and message_decode alone; message.h draws the
 * layout. */
#ifndef WEIR_MESSAGE_WIRE_H
#define WEIR_MESSAGE_WIRE_H

#include "common/message.h"
#include "common/trail.h"

#include <string.h>

/* Bytes of each record, as far as its trail, its key or its value. */
enum {
    HELLO_SIZE = 1 + 8 + 1 + 1,
    WELCOME_SIZE = 1 + 8 + 4,
    RESET_SIZE = 1 + 1,
    ASK_SIZE = 1 + 1 + 8 + 4 + 4,
    VALUE_SIZE = 1 + 1 + 8 + 4 + 4 + 8 + 1 + 4,
    NONE_SIZE = 1 + 8 + 4 + 4 + 1,
    FAIL_SIZE = 1 + 1 + 8,
    LANE_SIZE = 1 + 8,
    KEY_SIZE = 1 + 4,
    ALL_SIZE = 1,
    LOST_SIZE = 1,
    PROVE_SIZE = 1 + 4,
    PROVEN_SIZE = 1 + 4 + 4,
};

/* ---- little-endian integers ---- */

/* Swapped where the machine is big-endian, and copied: written out byte by byte, gcc 12 makes a
 * vector of them first. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LITTLE_U32(value) __builtin_bswap32(value)
#define LITTLE_U64(value) __builtin_bswap64(value)
#else
#define LITTLE_U32(value) (value)
#define LITTLE_U64(value) (value)
#endif

static inline char *put_u8(char *at, unsigned value)
{
    *at = (char)value;
    return at + 1;
}

static inline char *put_u32(char *at, uint32_t value)
{
    value = LITTLE_U32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline char *put_u64(char *at, uint64_t value)
{
    value = LITTLE_U64(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline uint8_t get_u8(const char *at)
{
    return (uint8_t)*at;
}

static inline uint32_t get_u32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return LITTLE_U32(value);
}

static inline uint64_t get_u64(const char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return LITTLE_U64(value);
}

#endif
