/* Gathers records in a batch. */
#include "common/check.h"
#include "common/memory.h"
#include "common/message_wire.h"

#include <stdlib.h>
#include <string.h>

#define LARGEST_RECORD (ASK_SIZE + MESSAGE_MAX_KEY)
#define MOST_KEPT      (1024 * 1024) /* bytes: more than this an emptied batch does not keep */

void batch_fini(struct batch *batch)
{
    batch_clear(batch);
    buffer_fini(&batch->frame);
    free(batch->values);
    *batch = (struct batch){0};
}

void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->value_count; i++)
        value_release(&batch->values[i]);
    batch->value_count = 0;
    batch->records = 0;
    batch->frame.size = 0;
    if (batch->frame.capacity > MOST_KEPT)
        buffer_fini(&batch->frame);
}

static char *put_bytes(char *at, struct bytes bytes)
{
    if (bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

static void make_room_for_header(struct batch *batch)
{
    if (batch->frame.size == 0) {
        buffer_reserve(&batch->frame, MESSAGE_HEADER_SIZE);
        batch->frame.size = MESSAGE_HEADER_SIZE;
    }
}

/* Room for one more record of `size` bytes, counted as written. */
static char *add_record(struct batch *batch, size_t size)
{
    make_room_for_header(batch);
    char *at = buffer_reserve(&batch->frame, size);
    batch->frame.size += size;
    batch->records++;
    return at;
}

void batch_add_hello(struct batch *batch, uint64_t ring, bool heartbeat, bool notices)
{
    char *at = add_record(batch, HELLO_SIZE);
    at = put_u8(at, RECORD_HELLO);
    at = put_u64(at, ring);
    at = put_u8(at, heartbeat);
    put_u8(at, notices);
}

void batch_add_welcome(struct batch *batch, uint64_t ring, uint32_t credit)
{
    char *at = add_record(batch, WELCOME_SIZE);
    at = put_u8(at, RECORD_WELCOME);
    at = put_u64(at, ring);
    put_u32(at, credit);
}

void batch_add_reset(struct batch *batch)
{
    char *at = add_record(batch, RESET_SIZE);
    at = put_u8(at, RECORD_RESET);
    put_u8(at, MESSAGE_VERSION);
}

void batch_add_lane(struct batch *batch, uint64_t session)
{
    char *at = add_record(batch, LANE_SIZE);
    at = put_u8(at, RECORD_LANE);
    put_u64(at, session);
}

void batch_add_ask(struct batch *batch, uint64_t id, uint32_t remaining_ms, unsigned flags,
                   struct bytes key)
{
    CHECK(key.size <= MESSAGE_MAX_KEY);
    char *at = add_record(batch, ASK_SIZE + key.size);
    at = put_u8(at, RECORD_ASK);
    at = put_u8(at, flags);
    at = put_u64(at, id);
    at = put_u32(at, remaining_ms);
    at = put_u32(at, (uint32_t)key.size);
    put_bytes(at, key);
}

void batch_add_key(struct batch *batch, struct bytes key)
{
    CHECK(key.size <= MESSAGE_MAX_KEY);
    char *at = add_record(batch, KEY_SIZE + key.size);
    at = put_u8(at, RECORD_KEY);
    at = put_u32(at, (uint32_t)key.size);
    put_bytes(at, key);
}

void batch_add_all(struct batch *batch)
{
    put_u8(add_record(batch, ALL_SIZE), RECORD_ALL);
}

void batch_add_lost(struct batch *batch)
{
    put_u8(add_record(batch, LOST_SIZE), RECORD_LOST);
}

void batch_add_prove(struct batch *batch, uint32_t number)
{
    char *at = add_record(batch, PROVE_SIZE);
    at = put_u8(at, RECORD_PROVE);
    put_u32(at, number);
}

void batch_add_proven(struct batch *batch, uint32_t number, uint32_t age_ms)
{
    char *at = add_record(batch, PROVEN_SIZE);
    at = put_u8(at, RECORD_PROVEN);
    at = put_u32(at, number);
    put_u32(at, age_ms);
}

static void add_none(struct batch *batch, uint64_t id, const struct answer *answer)
{
    char *at = add_record(batch, NONE_SIZE + answer->trail.size);
    at = put_u8(at, RECORD_NONE);
    at = put_u64(at, id);
    at = put_u32(at, answer->life_ms);
    at = put_u32(at, answer->age_ms);
    at = put_u8(at, (unsigned)(answer->trail.size / TRAIL_HOP));
    put_bytes(at, answer->trail);
}

static void add_fail(struct batch *batch, uint64_t id, enum status status)
{
    char *at = add_record(batch, FAIL_SIZE);
    at = put_u8(at, RECORD_FAIL);
    at = put_u8(at, status);
    put_u64(at, id);
}

/* Takes the reference. */
static void add_frame(struct batch *batch, struct value *value)
{
    if (batch->value_count == batch->value_capacity) {
        batch->value_capacity = batch->value_capacity > 0 ? 2 * batch->value_capacity : 16;
        batch->values = memory_resize(batch->values, batch->value_capacity, sizeof(struct value *));
    }
    batch->values[batch->value_count++] = value;
}

static struct value *copy_to_value(struct bytes bytes)
{
    struct value *value = value_create(bytes.size);
    if (value)
        put_bytes(value_writable(value), bytes);
    return value;
}

static void add_value(struct batch *batch, uint64_t id, const struct answer *answer)
{
    struct bytes bytes = answer_bytes(answer);
    CHECK(bytes.size <= MESSAGE_MAX_VALUE);
    bool by_reference = bytes.size >= VALUE_BY_REFERENCE;

    if (by_reference) {
        struct value *value = answer->value ? value_share(answer->value) : copy_to_value(bytes);
        if (!value) {
            add_fail(batch, id, STATUS_BUSY);
            return;
        }
        add_frame(batch, value);
    }
    char *at = add_record(batch, VALUE_SIZE + answer->trail.size + (by_reference ? 0 : bytes.size));
    at = put_u8(at, RECORD_VALUE);
    at = put_u8(at, by_reference);
    at = put_u64(at, id);
    at = put_u32(at, answer->life_ms);
    at = put_u32(at, answer->age_ms);
    at = put_u64(at, answer->tag);
    at = put_u8(at, (unsigned)(answer->trail.size / TRAIL_HOP));
    at = put_u32(at, (uint32_t)bytes.size);
    at = put_bytes(at, answer->trail);
    if (!by_reference)
        put_bytes(at, bytes);
}

void batch_add_answer(struct batch *batch, uint64_t id, const struct answer *answer)
{
    switch (answer->status) {
    case STATUS_VALUE:
        add_value(batch, id, answer);
        break;
    case STATUS_NONE:
        add_none(batch, id, answer);
        break;
    default:
        CHECK(answer->status < STATUS_COUNT);
        add_fail(batch, id, answer->status);
    }
}

bool batch_is_empty(const struct batch *batch)
{
    return batch->records == 0;
}

bool batch_is_full(const struct batch *batch)
{
    return batch->records >= MESSAGE_MAX_RECORDS ||
           batch->frame.size > MESSAGE_MAX_FIRST_FRAME - LARGEST_RECORD;
}

void batch_seal(struct batch *batch, uint64_t session, uint32_t sequence, uint32_t acknowledged)
{
    make_room_for_header(batch);
    char *at = batch->frame.data;
    at = put_u32(at, MESSAGE_MAGIC);
    at = put_u32(at, MESSAGE_VERSION); /* and the three reserved bytes */
    at = put_u64(at, session);
    at = put_u32(at, sequence);
    at = put_u32(at, acknowledged);
    put_u32(at, batch->records);
}
