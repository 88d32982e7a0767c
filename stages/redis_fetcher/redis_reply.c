/* Owns the input of one connection: the bytes that were received and not yet handed over. Runs in
 * the thread of its fetcher, and never touches the socket. */
#include "stages/redis_fetcher/redis_reply.h"

#include "common/entity_tag.h"
#include "common/memory.h"
#include "common/message.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_SIZE (32 * 1024)                   /* bytes */
#define LEAST_ROOM (INPUT_SIZE / 4)              /* bytes worth a call to the system */
#define LONGEST    (VALUE_BY_REFERENCE - 1 + 15) /* bytes of a small bulk string, all told */

_Static_assert(LONGEST + LEAST_ROOM <= INPUT_SIZE, "a small bulk string must fit into the input");

enum reader_state {
    READER_BETWEEN, /* the next byte begins a reply */
    READER_OTHER,   /* hiredis has the beginning of one */
    READER_LARGE,   /* a large bulk string is being received into `value` */
    READER_TAIL,    /* the CR LF behind it */
    READER_BROKEN
};

struct redis_reader {
    struct value_account *account;
    enum reader_state state;
    char input[INPUT_SIZE];
    size_t begin, end; /* of what is in `input` and not yet handed over */

    struct value *value;    /* READER_LARGE, READER_TAIL: NULL when it is skipped */
    size_t missing;         /* READER_LARGE: bytes */
    size_t size;            /* bytes: of the whole large bulk string */
    struct entity_tag *tag; /* of what has been received of it */

    redisReader *hiredis;
    redisReplyObjectFunctions functions;
    size_t gathered;          /* READER_OTHER: bytes that hiredis was given */
    struct redis_reply other; /* as hiredis reports it */
    char text[128];           /* of it: a code and a sentence; cut, for a person only reads it */
};

/* ---- what hiredis reports: only the reply itself matters, not what a map holds, which some
 * versions of it know ---- */

static void *on_string(const redisReadTask *task, char *text, size_t size)
{
    struct redis_reader *reader = task->privdata;

    if (task->parent == NULL && task->type == REDIS_REPLY_STATUS)
        reader->other.kind = REPLY_STATUS;
    if (task->parent == NULL && task->type == REDIS_REPLY_ERROR)
        reader->other.kind = REPLY_ERROR;
    if (task->parent == NULL) {
        size = size < sizeof(reader->text) ? size : sizeof(reader->text);
        memcpy(reader->text, text, size);
        reader->other.text = (struct bytes){reader->text, size};
    }
    return reader;
}

#if HIREDIS_MAJOR >= 1
static void *on_array(const redisReadTask *task, size_t elements)
#else
static void *on_array(const redisReadTask *task, int elements)
#endif
{
    (void)elements;
    return task->privdata;
}

static void *on_integer(const redisReadTask *task, long long integer)
{
    struct redis_reader *reader = task->privdata;

    if (task->parent == NULL) {
        reader->other.kind = REPLY_INTEGER;
        reader->other.number = integer;
    }
    return reader;
}

static void *on_nil(const redisReadTask *task)
{
    struct redis_reader *reader = task->privdata;

    if (task->parent == NULL)
        reader->other.kind = REPLY_NIL;
    return reader;
}

struct redis_reader *redis_reply_create_reader(struct value_account *account)
{
    struct redis_reader *reader = memory_alloc(1, sizeof(*reader));

    reader->account = account;
    reader->functions = (redisReplyObjectFunctions){.createString = on_string,
                                                    .createArray = on_array,
                                                    .createInteger = on_integer,
                                                    .createNil = on_nil};
    reader->hiredis = redisReaderCreateWithFunctions(&reader->functions);
    if (!reader->hiredis) {
        free(reader);
        return NULL;
    }
    reader->hiredis->privdata = reader;
    reader->tag = entity_tag_create();
    return reader;
}

void redis_reply_destroy_reader(struct redis_reader **reader)
{
    if (!*reader)
        return;
    redisReaderFree((*reader)->hiredis);
    value_release(&(*reader)->value);
    entity_tag_destroy(&(*reader)->tag);
    free(*reader);
    *reader = NULL;
}

/* ---- the input ---- */

static size_t available(const struct redis_reader *reader)
{
    return reader->end - reader->begin;
}

char *redis_reply_room(struct redis_reader *reader, size_t *size)
{
    if (reader->state == READER_LARGE && reader->value) {
        *size = reader->missing;
        return value_writable(reader->value) + reader->value->bytes.size - reader->missing;
    }
    if (reader->begin == reader->end)
        reader->begin = reader->end = 0;
    if (reader->begin > 0 && INPUT_SIZE - reader->end < LEAST_ROOM) {
        memmove(reader->input, reader->input + reader->begin, available(reader));
        reader->end -= reader->begin;
        reader->begin = 0;
    }
    *size = INPUT_SIZE - reader->end;
    if (reader->state == READER_LARGE && *size > reader->missing)
        *size = reader->missing;
    return reader->input + reader->end;
}

void redis_reply_receive(struct redis_reader *reader, size_t size)
{
    size_t room;

    if (reader->state != READER_LARGE) {
        reader->end += size;
        return;
    }
    if (reader->value)
        entity_tag_add(reader->tag, (struct bytes){redis_reply_room(reader, &room), size});
    /* What is skipped has been put into the input, and is overwritten there. */
    reader->missing -= size;
    if (reader->missing == 0)
        reader->state = READER_TAIL;
}

size_t redis_reply_missing(const struct redis_reader *reader)
{
    return reader->state == READER_LARGE ? reader->missing : 0;
}

void redis_reply_abandon(struct redis_reader *reader)
{
    value_release(&reader->value);
}

/* ---- the replies ---- */

static enum redis_reply_kind set_reply(struct redis_reply *reply, enum redis_reply_kind kind)
{
    *reply = (struct redis_reply){.kind = kind};
    return kind;
}

static enum redis_reply_kind set_broken(struct redis_reader *reader, struct redis_reply *reply)
{
    reader->state = READER_BROKEN;
    return set_reply(reply, REPLY_BROKEN);
}

static enum redis_reply_kind finish_large(struct redis_reader *reader, struct redis_reply *reply)
{
    if (available(reader) < 2)
        return set_reply(reply, REPLY_MORE);
    if (memcmp(reader->input + reader->begin, "\r\n", 2) != 0)
        return set_broken(reader, reply);
    reader->begin += 2;
    reader->state = READER_BETWEEN;
    set_reply(reply, reader->value                      ? REPLY_BULK
                     : reader->size > MESSAGE_MAX_VALUE ? REPLY_HUGE
                                                        : REPLY_SKIPPED);
    reply->number = (int64_t)reader->size;
    if (reader->value)
        reply->tag = entity_tag_end(reader->tag);
    reply->value = reader->value;
    reader->value = NULL;
    return reply->kind;
}

static enum redis_reply_kind begin_large(struct redis_reader *reader, struct redis_reply *reply,
                                         size_t size)
{
    size_t here = available(reader) < size ? available(reader) : size;

    reader->size = size;
    reader->value = size > MESSAGE_MAX_VALUE ? NULL : value_create_for(size, reader->account);
    if (reader->value) {
        memcpy(value_writable(reader->value), reader->input + reader->begin, here);
        entity_tag_begin(reader->tag);
        entity_tag_add(reader->tag, (struct bytes){reader->input + reader->begin, here});
    }
    reader->begin += here;
    reader->missing = size - here;
    reader->state = reader->missing > 0 ? READER_LARGE : READER_TAIL;
    if (reader->state == READER_TAIL)
        return finish_large(reader, reply);
    reader->begin = reader->end = 0;
    return set_reply(reply, REPLY_MORE);
}

/* Reads "$<size>\r\n", or "*<size>\r\n", at the beginning of what is available. REPLY_BULK: it is
 * whole, `*header` bytes long. */
static enum redis_reply_kind read_header(const struct redis_reader *reader, size_t *header,
                                         size_t *size)
{
    const char *text = reader->input + reader->begin;
    size_t left = available(reader), i = 1;

    for (*size = 0; i < left && text[i] >= '0' && text[i] <= '9'; i++) {
        *size = *size * 10 + (size_t)(text[i] - '0');
        if (*size > SIZE_MAX / 16)
            return REPLY_BROKEN;
    }
    if (i > 2 && text[1] == '0')
        return REPLY_BROKEN;
    if (i == left)
        return REPLY_MORE;
    if (i == 1 || text[i] != '\r' || (i + 1 < left && text[i + 1] != '\n'))
        return REPLY_BROKEN;
    *header = i + 2;
    return i + 1 < left ? REPLY_BULK : REPLY_MORE;
}

static enum redis_reply_kind next_bulk(struct redis_reader *reader, struct redis_reply *reply)
{
    const char *text = reader->input + reader->begin;
    size_t header, size;
    enum redis_reply_kind kind = read_header(reader, &header, &size);

    if (kind == REPLY_BROKEN)
        return set_broken(reader, reply);
    if (kind == REPLY_MORE)
        return set_reply(reply, REPLY_MORE);
    if (size >= VALUE_BY_REFERENCE) {
        reader->begin += header;
        return begin_large(reader, reply, size);
    }
    if (available(reader) < header + size + 2)
        return set_reply(reply, REPLY_MORE);
    if (memcmp(text + header + size, "\r\n", 2) != 0)
        return set_broken(reader, reply);
    reader->begin += header + size + 2;
    set_reply(reply, REPLY_BULK);
    reply->text = (struct bytes){text + header, size};
    return REPLY_BULK;
}

static enum redis_reply_kind next_array(struct redis_reader *reader, struct redis_reply *reply)
{
    size_t header, count;
    enum redis_reply_kind kind = read_header(reader, &header, &count);

    if (kind == REPLY_BROKEN)
        return set_broken(reader, reply);
    if (kind == REPLY_MORE)
        return set_reply(reply, REPLY_MORE);
    reader->begin += header;
    set_reply(reply, REPLY_ARRAY);
    reply->number = (int64_t)count;
    return REPLY_ARRAY;
}

/* A reply ends with a line feed. So hiredis is given no more than up to the next one at a time, and
 * never sees the beginning of another reply. */
static enum redis_reply_kind next_other(struct redis_reader *reader, struct redis_reply *reply)
{
    while (available(reader) > 0) {
        const char *text = reader->input + reader->begin;
        const char *feed = memchr(text, '\n', available(reader));
        size_t size = feed ? (size_t)(feed - text) + 1 : available(reader);
        void *object = NULL;

        reader->begin += size;
        reader->gathered += size;
        if (reader->gathered > REPLY_MAX_OTHER ||
            redisReaderFeed(reader->hiredis, text, size) != REDIS_OK ||
            redisReaderGetReply(reader->hiredis, &object) != REDIS_OK)
            return set_broken(reader, reply);
        if (object) {
            /* It does not look at what stands behind a bulk string in a map. */
            if (!feed || reader->hiredis->pos != reader->hiredis->len)
                return set_broken(reader, reply);
            reader->state = READER_BETWEEN;
            *reply = reader->other;
            return reply->kind;
        }
    }
    return set_reply(reply, REPLY_MORE);
}

enum redis_reply_kind redis_reply_next(struct redis_reader *reader, struct redis_reply *reply)
{
    if (reader->state == READER_BETWEEN && available(reader) > 0) {
        const char *text = reader->input + reader->begin;
        bool is_nil = available(reader) > 1 && text[1] == '-';
        if (text[0] == '$' && !is_nil)
            return next_bulk(reader, reply);
        if (text[0] == '*' && !is_nil)
            return next_array(reader, reply);
        reader->state = READER_OTHER;
        reader->gathered = 0;
        reader->other = (struct redis_reply){.kind = REPLY_OTHER};
    }
    switch (reader->state) {
    case READER_OTHER:
        return next_other(reader, reply);
    case READER_TAIL:
        return finish_large(reader, reply);
    case READER_BROKEN:
        return set_reply(reply, REPLY_BROKEN);
    case READER_BETWEEN:
    case READER_LARGE:
        break;
    }
    return set_reply(reply, REPLY_MORE);
}
