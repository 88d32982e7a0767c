/* The bytes of one connection, read as replies in the Redis protocol (RESP2).
 *
 * A bulk string, which is what GET is answered, is read here: a small one is handed over where it
 * lies in the input, one of VALUE_BY_REFERENCE or more is received straight into the value that
 * will be passed on. An array is handed over as its length, and its items follow one by one, as if
 * they stood alone: so one of any length takes no memory. All else is read by hiredis, whose reader
 * would gather a bulk string of any size and copy it. This is the only code that knows hiredis. */
#ifndef WEIR_REDIS_REPLY_H
#define WEIR_REDIS_REPLY_H

#include "common/bytes.h"
#include "common/value.h"

#include <stddef.h>
#include <stdint.h>

/* What is neither a bulk string nor an array may take so much at most, in bytes; it lies in memory
 * until it is whole. */
#define REPLY_MAX_OTHER (64 * 1024)

enum redis_reply_kind {
    REPLY_MORE,    /* not yet: the next bytes are needed */
    REPLY_BULK,    /* `value`, or `text` where it is small */
    REPLY_NIL,     /* there is no such key; no such array */
    REPLY_INTEGER, /* `number` */
    REPLY_ARRAY,   /* `number` items follow */
    REPLY_STATUS,  /* `text`: "OK" */
    REPLY_ERROR,   /* `text`: "WRONGTYPE Operation against …" */
    REPLY_OTHER,   /* whole, and of a kind that nothing we send is answered with */
    REPLY_SKIPPED, /* a bulk string of `number` bytes, for which there was no room, or which nobody
                      wanted any more */
    REPLY_HUGE,    /* the same, above MESSAGE_MAX_VALUE */
    REPLY_BROKEN   /* not the protocol, or beyond its limits: there is no going on */
};

struct redis_reply {
    enum redis_reply_kind kind;
    int64_t number;
    struct bytes text;   /* valid until the next call with this reader */
    struct value *value; /* the caller's reference, or NULL */
    uint64_t tag;        /* of the bytes of `value`: entity_tag.h */
};

struct redis_reader;

/* sodium_init has been called. Values are created for `account`, which outlives the reader. NULL
 * when the system has no memory for one. */
struct redis_reader *redis_reply_create_reader(struct value_account *account);
void redis_reply_destroy_reader(struct redis_reader **reader);

/* Where the next bytes are to be put, and how many of them, never 0. */
char *redis_reply_room(struct redis_reader *reader, size_t *size);

/* `size` bytes have been put there. */
void redis_reply_receive(struct redis_reader *reader, size_t size);

/* The next reply, once it is whole; called until it says MORE, or BROKEN. */
enum redis_reply_kind redis_reply_next(struct redis_reader *reader, struct redis_reply *reply);

/* How many bytes the large bulk string that is being received still lacks; 0: there is none. */
size_t redis_reply_missing(const struct redis_reader *reader);

/* Nobody wants that bulk string any more: its memory is given back, its bytes are skipped. */
void redis_reply_abandon(struct redis_reader *reader);

#endif
