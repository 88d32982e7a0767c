/* The Redis protocol towards the server: bytes -> one command. Pure: no I/O, no clock.
 *
 * Follows the Redis serialization protocol specification (multibulk and inline commands) and, where
 * that is silent, what redis-server 7.0 does with the same bytes: which are a command, which are an
 * error, in which words, and for how many bytes it waits. Its limits are ours where they are
 * smaller.
 *
 * Nothing is allocated for what a length announces, only for what has arrived. */
#ifndef WEIR_RESP_PARSER_H
#define WEIR_RESP_PARSER_H

#include "common/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESP_MAX_LINE           (64 * 1024) /* bytes: an inline command, a count, a length */
#define RESP_MAX_BULK           (512 * 1024 * 1024) /* bytes: Redis's own limit on an argument */
#define RESP_MAX_COMMAND        (1024 * 1024)       /* bytes: a whole command */
#define RESP_MAX_STRANGER_COUNT 10    /* arguments of a client that has to log in first */
#define RESP_MAX_STRANGER_BULK  16384 /* bytes of one of its arguments */

enum resp_parse {
    RESP_READY,
    RESP_MORE, /* the input does not hold a whole command yet */
    RESP_BAD   /* the connection ends behind the error */
};

/* A parser serves many connections, one command at a time. A zeroed one may be used. */
struct resp_parser {
    struct bytes *arguments; /* in the input, or in `unquoted`; valid until the next parse */
    size_t count;            /* 0: an empty command, which is not answered */
    size_t capacity;
    struct buffer unquoted; /* the arguments of an inline command */
    size_t size;            /* READY: bytes of the input that the command is made of */
    size_t needed;          /* MORE: with fewer bytes than this there cannot be a whole command */
    char error[64];         /* BAD: why, in Redis's words, without "-ERR " */
};

void resp_parser_fini(struct resp_parser *parser);

/* Takes the first command off `input` (never empty). `is_stranger`: the client has to log in
 * first. */
enum resp_parse resp_parser_take(struct resp_parser *parser, struct bytes input, bool is_stranger);

/* A number as Redis reads it: an optional minus and digits without leading zeros, in 64 bits. */
bool resp_parse_integer(struct bytes text, int64_t *number);

#endif
