/* Reads batches, which may come from another machine: nothing in them is believed before it has
 * been checked, and nothing is copied. */
#include "common/message_wire.h"

static enum batch_verdict read_header(struct batch_header *header, struct bytes frame)
{
    if (frame.size < 5 || get_u32(frame.data) != MESSAGE_MAGIC)
        return BATCH_MALFORMED;
    if (get_u8(frame.data + 4) != MESSAGE_VERSION)
        return BATCH_OTHER_VERSION;
    if (frame.size < MESSAGE_HEADER_SIZE || frame.size > MESSAGE_MAX_FIRST_FRAME ||
        get_u32(frame.data + 4) != MESSAGE_VERSION)
        return BATCH_MALFORMED;
    header->session = get_u64(frame.data + 8);
    header->sequence = get_u32(frame.data + 16);
    header->acknowledged = get_u32(frame.data + 20);
    header->records = get_u32(frame.data + 24);
    return header->records <= MESSAGE_MAX_RECORDS ? BATCH_READY : BATCH_MALFORMED;
}

static bool read_flag(const char *at, bool *flag)
{
    *flag = get_u8(at) != 0;
    return get_u8(at) <= 1;
}

/* These read what follows the kind and have `left` bytes at `at`, kind included, to do so. They
 * return the size of the record, or 0 for one that is malformed. */

static size_t read_hello(struct record *record, const char *at, size_t left)
{
    if (left < HELLO_SIZE || !read_flag(at + 9, &record->heartbeat) ||
        !read_flag(at + 10, &record->notices))
        return 0;
    record->ring = get_u64(at + 1);
    return HELLO_SIZE;
}

static size_t read_welcome(struct record *record, const char *at, size_t left)
{
    if (left < WELCOME_SIZE)
        return 0;
    record->ring = get_u64(at + 1);
    record->credit = get_u32(at + 9);
    return WELCOME_SIZE;
}

static size_t read_reset(struct record *record, const char *at, size_t left)
{
    if (left < RESET_SIZE)
        return 0;
    record->version = get_u8(at + 1);
    return RESET_SIZE;
}

static size_t read_ask(struct record *record, const char *at, size_t left)
{
    if (left < ASK_SIZE || (get_u8(at + 1) & ~(unsigned)ASK_FLAGS) != 0)
        return 0;
    record->flags = get_u8(at + 1);
    record->id = get_u64(at + 2);
    record->remaining_ms = get_u32(at + 10);
    record->key = (struct bytes){at + ASK_SIZE, get_u32(at + 14)};
    if (record->key.size > MESSAGE_MAX_KEY || record->key.size > left - ASK_SIZE)
        return 0;
    return ASK_SIZE + record->key.size;
}

static size_t read_value(struct batch_reader *reader, struct record *record, const char *at,
                         size_t left)
{
    bool by_reference;
    if (left < VALUE_SIZE || !read_flag(at + 1, &by_reference))
        return 0;
    uint32_t size = get_u32(at + 27);
    record->id = get_u64(at + 2);
    record->answer = (struct answer){
        .status = STATUS_VALUE,
        .life_ms = get_u32(at + 10),
        .age_ms = get_u32(at + 14),
        .tag = get_u64(at + 18),
        .trail = {at + VALUE_SIZE, (size_t)get_u8(at + 26) * TRAIL_HOP},
    };
    const size_t head = VALUE_SIZE + record->answer.trail.size;
    if (head > left || !trail_is_valid(record->answer.trail))
        return 0;
    if (!by_reference) {
        if (size >= VALUE_BY_REFERENCE || size > left - head)
            return 0;
        record->answer.bytes = (struct bytes){at + head, size};
        return head + size;
    }
    if (size < VALUE_BY_REFERENCE || size > MESSAGE_MAX_VALUE ||
        reader->value_next == reader->value_count)
        return 0;
    record->answer.value = reader->values[reader->value_next++];
    return record->answer.value->bytes.size == size ? head : 0;
}

static size_t read_none(struct record *record, const char *at, size_t left)
{
    if (left < NONE_SIZE)
        return 0;
    record->id = get_u64(at + 1);
    record->answer = (struct answer){
        .status = STATUS_NONE,
        .life_ms = get_u32(at + 9),
        .age_ms = get_u32(at + 13),
        .trail = {at + NONE_SIZE, (size_t)get_u8(at + 17) * TRAIL_HOP},
    };
    const size_t size = NONE_SIZE + record->answer.trail.size;
    return size <= left && trail_is_valid(record->answer.trail) ? size : 0;
}

static size_t read_fail(struct record *record, const char *at, size_t left)
{
    if (left < FAIL_SIZE || get_u8(at + 1) <= STATUS_NONE || get_u8(at + 1) >= STATUS_COUNT)
        return 0;
    record->id = get_u64(at + 2);
    record->answer = (struct answer){.status = (enum status)get_u8(at + 1)};
    return FAIL_SIZE;
}

static size_t read_lane(struct record *record, const char *at, size_t left)
{
    if (left < LANE_SIZE)
        return 0;
    record->session = get_u64(at + 1);
    return LANE_SIZE;
}

static size_t read_key(struct record *record, const char *at, size_t left)
{
    if (left < KEY_SIZE)
        return 0;
    record->key = (struct bytes){at + KEY_SIZE, get_u32(at + 1)};
    if (record->key.size > MESSAGE_MAX_KEY || record->key.size > left - KEY_SIZE)
        return 0;
    return KEY_SIZE + record->key.size;
}

static size_t read_prove(struct record *record, const char *at, size_t left)
{
    if (left < PROVE_SIZE)
        return 0;
    record->number = get_u32(at + 1);
    return PROVE_SIZE;
}

static size_t read_proven(struct record *record, const char *at, size_t left)
{
    if (left < PROVEN_SIZE)
        return 0;
    record->number = get_u32(at + 1);
    record->proof_ms = get_u32(at + 5);
    return PROVEN_SIZE;
}

/* Moves over one record; false, and the reader stays, if it is malformed. There is at least its
 * kind. */
static bool read_record(struct batch_reader *reader, struct record *record)
{
    const char *at = reader->next;
    size_t left = (size_t)(reader->end - at);
    size_t size = 0;

    record->kind = (enum record_kind)get_u8(at);
    switch (record->kind) {
    case RECORD_HELLO:
        size = read_hello(record, at, left);
        break;
    case RECORD_WELCOME:
        size = read_welcome(record, at, left);
        break;
    case RECORD_RESET:
        size = read_reset(record, at, left);
        break;
    case RECORD_ASK:
        size = read_ask(record, at, left);
        break;
    case RECORD_VALUE:
        size = read_value(reader, record, at, left);
        break;
    case RECORD_NONE:
        size = read_none(record, at, left);
        break;
    case RECORD_FAIL:
        size = read_fail(record, at, left);
        break;
    case RECORD_LANE:
        size = read_lane(record, at, left);
        break;
    case RECORD_KEY:
        size = read_key(record, at, left);
        break;
    case RECORD_ALL:
        size = ALL_SIZE;
        break;
    case RECORD_LOST:
        size = LOST_SIZE;
        break;
    case RECORD_PROVE:
        size = read_prove(record, at, left);
        break;
    case RECORD_PROVEN:
        size = read_proven(record, at, left);
        break;
    }
    reader->next += size;
    return size > 0;
}

enum batch_verdict batch_read(struct batch_reader *reader, struct bytes first_frame,
                              struct value *const *values, size_t value_count)
{
    *reader = (struct batch_reader){.values = values, .value_count = value_count};
    enum batch_verdict verdict = read_header(&reader->header, first_frame);
    if (verdict == BATCH_OTHER_VERSION)
        reader->version = get_u8(first_frame.data + 4);
    if (verdict != BATCH_READY)
        return verdict;

    const char *records = first_frame.data + MESSAGE_HEADER_SIZE;
    struct record record;
    reader->next = records;
    reader->end = first_frame.data + first_frame.size;
    for (uint32_t i = 0; i < reader->header.records; i++) {
        if (reader->next == reader->end || !read_record(reader, &record))
            return BATCH_MALFORMED;
        reader->kinds |= RECORD_BIT(record.kind);
    }
    if (reader->next != reader->end || reader->value_next != value_count)
        return BATCH_MALFORMED;
    reader->next = records;
    reader->value_next = 0;
    return BATCH_READY;
}

bool batch_next(struct batch_reader *reader, struct record *record)
{
    return reader->next != reader->end && read_record(reader, record);
}
