/* Batches to read, for the tests of the wire. */
#ifndef WEIR_TESTS_MESSAGE_FIXTURE_H
#define WEIR_TESTS_MESSAGE_FIXTURE_H

#include "common/message.h"
#include "common/trail.h"

#include "tests/support/unit.h"

#include <string.h>

static inline struct value *value_of(size_t size, int fill)
{
    struct value *value = value_create(size);
    assert_non_null(value);
    memset(value_writable(value), fill, size);
    return value;
}

static inline enum batch_verdict read_batch(struct batch_reader *reader, const struct batch *batch)
{
    return batch_read(reader, buffer_bytes(&batch->frame), batch->values, batch->value_count);
}

/* A trail of two caches; it lies in `room`. */
static inline struct bytes make_trail(char room[TRAIL_MOST * TRAIL_HOP])
{
    static const struct hop far = {.outcome = HOP_STALE, .proof_ms = MESSAGE_NO_PROOF};
    static const struct hop near = {.outcome = HOP_MISS, .is_stored = true};
    return trail_add(room, trail_add(room, (struct bytes){0}, &far), &near);
}

/* One batch with every kind of record in it, as no link would send it. */
static inline void fill_with_every_kind(struct batch *batch)
{
    char room[TRAIL_MOST * TRAIL_HOP];
    struct value *large = value_of(VALUE_BY_REFERENCE, 'L');
    const struct bytes trail = make_trail(room);

    batch_add_hello(batch, 0x1122334455667788, true, false);
    batch_add_welcome(batch, 99, 32768);
    batch_add_reset(batch);
    batch_add_ask(batch, UINT64_MAX, 500, ASK_RENEW, (struct bytes){"k\0y", 3});
    batch_add_answer(batch, 1,
                     &(struct answer){.status = STATUS_VALUE,
                                      .life_ms = 60000,
                                      .age_ms = 7,
                                      .tag = 0xFEDCBA9876543210,
                                      .trail = trail,
                                      .bytes = bytes_of_text("small\r\nvalue")});
    batch_add_answer(batch, 2,
                     &(struct answer){.status = STATUS_VALUE,
                                      .life_ms = MESSAGE_LIFE_UNBOUNDED,
                                      .trail = trail,
                                      .value = large});
    batch_add_answer(
        batch, 3,
        &(struct answer){.status = STATUS_NONE, .life_ms = 1000, .age_ms = 8, .trail = trail});
    batch_add_answer(batch, 4, &(struct answer){.status = STATUS_TIMEOUT});
    batch_add_lane(batch, 77);
    batch_add_key(batch, (struct bytes){"\0\n", 2});
    batch_add_all(batch);
    batch_add_lost(batch);
    batch_add_prove(batch, UINT32_MAX);
    batch_add_proven(batch, 5, MESSAGE_NO_PROOF);
    batch_seal(batch, 0xABCDEF, 5, 6);
    value_release(&large);
}

#endif
