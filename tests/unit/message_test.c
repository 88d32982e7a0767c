/* The wire: what goes in comes out, the bytes are the documented ones, and whatever is not exactly
 * a batch is refused whole. */
#include "common/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct value *value_of(size_t size, int fill)
{
    struct value *value = value_create(size);
    assert_non_null(value);
    memset(value_writable(value), fill, size);
    return value;
}

static enum batch_verdict read_batch(struct batch_reader *reader, const struct batch *batch)
{
    return batch_read(reader, buffer_bytes(&batch->frame), batch->values, batch->value_count);
}

static struct answer inline_answer(const char *text)
{
    return (struct answer){
        .status = STATUS_VALUE, .life_ms = 60000, .age_ms = 7, .bytes = bytes_of_text(text)};
}

/* One batch with every kind of record in it, as no link would send it. */
static void fill_with_every_kind(struct batch *batch)
{
    struct value *large = value_of(VALUE_BY_REFERENCE, 'L');
    struct answer by_reference = {
        .status = STATUS_VALUE, .life_ms = MESSAGE_LIFE_UNBOUNDED, .value = large};
    struct answer small = inline_answer("small\r\nvalue");
    struct answer none = {.status = STATUS_NONE};
    struct answer fail = {.status = STATUS_TIMEOUT};

    batch_add_hello(batch, 0x1122334455667788, true, false);
    batch_add_welcome(batch, 99, 32768);
    batch_add_reset(batch);
    batch_add_ask(batch, UINT64_MAX, 500, 0, (struct bytes){"k\0y", 3});
    batch_add_answer(batch, 1, &small);
    batch_add_answer(batch, 2, &by_reference);
    batch_add_answer(batch, 3, &none);
    batch_add_answer(batch, 4, &fail);
    batch_seal(batch, 0xABCDEF, 5, 6);
    value_release(&large);
}

static void test_every_kind_survives_the_wire(void **state)
{
    (void)state;
    struct batch batch = {0};
    struct batch_reader reader;
    struct record record;
    fill_with_every_kind(&batch);

    assert_int_equal(read_batch(&reader, &batch), BATCH_READY);
    assert_int_equal(reader.header.session, 0xABCDEF);
    assert_int_equal(reader.header.sequence, 5);
    assert_int_equal(reader.header.acknowledged, 6);
    assert_int_equal(reader.header.records, 8);
    assert_int_equal(reader.kinds, 0xFE);

    assert_true(batch_next(&reader, &record));
    assert_int_equal(record.kind, RECORD_HELLO);
    assert_true(record.ring == 0x1122334455667788 && record.heartbeat);
    assert_true(batch_next(&reader, &record));
    assert_int_equal(record.kind, RECORD_WELCOME);
    assert_true(record.ring == 99 && record.credit == 32768);
    assert_true(batch_next(&reader, &record));
    assert_int_equal(record.kind, RECORD_RESET);
    assert_int_equal(record.version, MESSAGE_VERSION);
    assert_true(batch_next(&reader, &record));
    assert_int_equal(record.kind, RECORD_ASK);
    assert_true(record.id == UINT64_MAX && record.remaining_ms == 500);
    assert_true(bytes_are_equal(record.key, (struct bytes){"k\0y", 3}));
    assert_true(batch_next(&reader, &record));
    assert_int_equal(record.kind, RECORD_VALUE);
    assert_true(record.id == 1 && record.answer.life_ms == 60000 && record.answer.age_ms == 7);
    assert_null(record.answer.value);
    assert_true(bytes_are_equal(record.answer.bytes, bytes_of_text("small\r\nvalue")));
    assert_true(batch_next(&reader, &record));
    assert_int_equal(record.kind, RECORD_VALUE);
    assert_ptr_equal(record.answer.value, batch.values[0]);
    assert_int_equal(record.answer.life_ms, MESSAGE_LIFE_UNBOUNDED);
    assert_true(batch_next(&reader, &record));
    assert_int_equal(record.kind, RECORD_NONE);
    assert_true(record.id == 3 && record.answer.status == STATUS_NONE);
    assert_true(batch_next(&reader, &record));
    assert_int_equal(record.kind, RECORD_FAIL);
    assert_true(record.id == 4 && record.answer.status == STATUS_TIMEOUT);
    assert_false(batch_next(&reader, &record));
    batch_fini(&batch);
}

static void test_layout_is_as_documented(void **state)
{
    (void)state;
    static const unsigned char expected[] = {
        'W',  'E', 'I', 'R', 1, 0, 0, 0,                   /* magic, version, reserved */
        8,    7,   6,   5,   4, 3, 2, 1,                   /* session */
        9,    0,   0,   0,   2, 1, 0, 0, 2,   0,   0,   0, /* sequence, acknowledged, records */
        4,    0,   5,   0,   0, 0, 0, 0, 0,   0,           /* ASK, flags, id */
        0xF4, 1,   0,   0,   3, 0, 0, 0, 'k', 'e', 'y',    /* remaining, key */
        5,    0,   5,   0,   0, 0, 0, 0, 0,   0,           /* VALUE, inline, id */
        1,    0,   0,   0,   2, 0, 0, 0, 1,   0,   0,   0, 'v', /* life, age, bytes */
    };
    struct answer answer = {
        .status = STATUS_VALUE, .life_ms = 1, .age_ms = 2, .bytes = bytes_of_text("v")};
    struct batch batch = {0};
    batch_add_ask(&batch, 5, 500, 0, bytes_of_text("key"));
    batch_add_answer(&batch, 5, &answer);
    batch_seal(&batch, 0x0102030405060708, 9, 0x102);
    assert_int_equal(batch.frame.size, sizeof expected);
    assert_memory_equal(batch.frame.data, expected, sizeof expected);
    batch_fini(&batch);
}

static void test_batch_without_records_is_a_header(void **state)
{
    (void)state;
    struct batch batch = {0};
    struct batch_reader reader;
    struct record record;
    batch_seal(&batch, 1, 2, 3);
    assert_int_equal(batch.frame.size, MESSAGE_HEADER_SIZE);
    assert_int_equal(read_batch(&reader, &batch), BATCH_READY);
    assert_int_equal(reader.kinds, 0);
    assert_false(batch_next(&reader, &record));
    batch_fini(&batch);
}

static void test_size_alone_decides_whether_a_value_is_inline(void **state)
{
    (void)state;
    static char bytes[VALUE_BY_REFERENCE];
    struct value *small = value_of(3, 's');
    struct answer answers[] = {
        {.status = STATUS_VALUE, .bytes = {bytes, VALUE_BY_REFERENCE - 1}},
        {.status = STATUS_VALUE, .bytes = {bytes, VALUE_BY_REFERENCE}},
        {.status = STATUS_VALUE, .value = small},
        {.status = STATUS_VALUE},
    };
    struct batch batch = {0};
    struct batch_reader reader;
    struct record record;
    for (size_t i = 0; i < 4; i++)
        batch_add_answer(&batch, i, &answers[i]);
    batch_seal(&batch, 1, 1, 1);
    value_release(&small);

    assert_int_equal(batch.value_count, 1);
    assert_int_equal(read_batch(&reader, &batch), BATCH_READY);
    for (size_t i = 0; i < 4; i++) {
        static const size_t sizes[] = {VALUE_BY_REFERENCE - 1, VALUE_BY_REFERENCE, 3, 0};
        assert_true(batch_next(&reader, &record));
        assert_int_equal(record.answer.value != NULL, i == 1);
        assert_int_equal(answer_bytes(&record.answer).size, sizes[i]);
    }
    batch_fini(&batch);
}

static void test_large_value_inline_is_malformed(void **state)
{
    (void)state;
    static char bytes[VALUE_BY_REFERENCE - 1];
    struct answer answer = {.status = STATUS_VALUE, .bytes = {bytes, sizeof bytes}};
    struct batch batch = {0};
    struct batch_reader reader;
    batch_add_answer(&batch, 1, &answer);
    batch_seal(&batch, 1, 1, 1);
    assert_int_equal(read_batch(&reader, &batch), BATCH_READY);
    buffer_append(&batch.frame, "", 1); /* one byte more, and the size that says so */
    memcpy(batch.frame.data + MESSAGE_HEADER_SIZE + 18, "\0\40\0\0", 4);
    assert_int_equal(read_batch(&reader, &batch), BATCH_MALFORMED);
    batch_fini(&batch);
}

static void test_clear_releases_only_the_values_that_were_not_taken(void **state)
{
    (void)state;
    struct value *values[] = {value_of(VALUE_BY_REFERENCE, 'a'), value_of(VALUE_BY_REFERENCE, 'b')};
    struct batch batch = {0};
    for (size_t i = 0; i < 2; i++) {
        struct answer answer = {.status = STATUS_VALUE, .value = values[i]};
        batch_add_answer(&batch, i, &answer);
    }
    assert_int_equal(atomic_load(&values[0]->references), 2);
    struct value *taken = batch.values[0];
    batch.values[0] = NULL;
    batch_clear(&batch);
    assert_true(batch_is_empty(&batch));
    assert_int_equal(atomic_load(&values[0]->references), 2);
    assert_int_equal(atomic_load(&values[1]->references), 1);
    value_release(&taken);
    value_release(&values[0]);
    value_release(&values[1]);
    batch_fini(&batch);
}

static void test_full_batch_is_still_a_batch(void **state)
{
    (void)state;
    static char key[MESSAGE_MAX_KEY];
    struct batch_reader reader;
    for (size_t key_size = 0; key_size <= MESSAGE_MAX_KEY; key_size += MESSAGE_MAX_KEY) {
        struct batch batch = {0};
        while (!batch_is_full(&batch))
            batch_add_ask(&batch, batch.records, 1, 0, (struct bytes){key, key_size});
        batch_seal(&batch, 1, 1, 1);
        assert_int_equal(read_batch(&reader, &batch), BATCH_READY);
        assert_true(key_size > 0 || batch.records == MESSAGE_MAX_RECORDS);
        batch_fini(&batch);
    }
}

static void test_every_cut_and_every_addition_is_malformed(void **state)
{
    (void)state;
    struct batch batch = {0};
    struct batch_reader reader;
    fill_with_every_kind(&batch);

    for (size_t size = 0; size < batch.frame.size; size++) {
        char *cut = malloc(size + 1); /* so that a sanitizer sees a read beyond the end */
        memcpy(cut, batch.frame.data, size);
        char *exact = size > 0 ? realloc(cut, size) : cut;
        assert_int_equal(
            batch_read(&reader, (struct bytes){exact, size}, batch.values, batch.value_count),
            BATCH_MALFORMED);
        free(exact);
    }
    buffer_append(&batch.frame, "", 1);
    assert_int_equal(read_batch(&reader, &batch), BATCH_MALFORMED);
    batch_fini(&batch);
}

static void test_frames_must_match_the_records(void **state)
{
    (void)state;
    struct value *values[] = {value_of(VALUE_BY_REFERENCE, 'a'), value_of(VALUE_BY_REFERENCE, 'b'),
                              value_of(VALUE_BY_REFERENCE + 1, 'c')};
    struct answer answer = {.status = STATUS_VALUE, .value = values[0]};
    struct batch batch = {0};
    struct batch_reader reader;
    batch_add_answer(&batch, 1, &answer);
    batch_seal(&batch, 1, 1, 1);
    struct bytes frame = buffer_bytes(&batch.frame);

    assert_int_equal(batch_read(&reader, frame, values, 1), BATCH_READY);
    assert_int_equal(batch_read(&reader, frame, NULL, 0), BATCH_MALFORMED);       /* missing */
    assert_int_equal(batch_read(&reader, frame, values, 2), BATCH_MALFORMED);     /* left over */
    assert_int_equal(batch_read(&reader, frame, values + 2, 1), BATCH_MALFORMED); /* other size */

    /* A small value by reference: as a frame, it could pin a much larger buffer of the receiver. */
    values[0]->bytes.size = 3;
    memcpy(batch.frame.data + MESSAGE_HEADER_SIZE + 18, "\3\0\0\0", 4);
    assert_int_equal(batch_read(&reader, frame, values, 1), BATCH_MALFORMED);
    for (size_t i = 0; i < 3; i++)
        value_release(&values[i]);
    batch_fini(&batch);
}

/* Seals and takes the batch, sets one byte of it and returns the verdict. */
static enum batch_verdict with_byte(struct batch batch, size_t at, int byte)
{
    struct batch_reader reader;
    batch_seal(&batch, 1, 1, 1);
    batch.frame.data[at] = (char)byte;
    enum batch_verdict verdict = read_batch(&reader, &batch);
    batch_fini(&batch);
    return verdict;
}

static struct batch one_hello(void)
{
    struct batch batch = {0};
    batch_add_hello(&batch, 1, false, false);
    return batch;
}

static struct batch one_ask(void)
{
    struct batch batch = {0};
    batch_add_ask(&batch, 1, 1, 0, bytes_of_text("k"));
    return batch;
}

static struct batch one_answer(enum status status)
{
    struct answer answer = {.status = status};
    struct batch batch = {0};
    batch_add_answer(&batch, 1, &answer);
    return batch;
}

static void test_bytes_without_a_meaning_are_malformed(void **state)
{
    (void)state;
    enum { RECORD = MESSAGE_HEADER_SIZE };
    assert_int_equal(with_byte(one_hello(), 0, 'w'), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), 4, 2), BATCH_OTHER_VERSION);
    assert_int_equal(with_byte(one_hello(), 5, 1), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), 24, 2), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), 25, 0xFF), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), RECORD, 0), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), RECORD, 8), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), RECORD + 9, 2), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_ask(), RECORD + 1, 1), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_ask(), RECORD + 14, 2), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_ask(), RECORD + 17, 0xFF), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_answer(STATUS_VALUE), RECORD + 1, 2), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_answer(STATUS_VALUE), RECORD + 1, 1),
                     BATCH_MALFORMED); /* too small for it */
    assert_int_equal(with_byte(one_answer(STATUS_BUSY), RECORD + 1, STATUS_VALUE), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_answer(STATUS_BUSY), RECORD + 1, STATUS_NONE), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_answer(STATUS_BUSY), RECORD + 1, STATUS_COUNT), BATCH_MALFORMED);
}

static void test_key_beyond_the_limit_is_malformed(void **state)
{
    (void)state;
    static char key[MESSAGE_MAX_KEY];
    struct batch batch = {0};
    struct batch_reader reader;
    batch_add_ask(&batch, 1, 1, 0, (struct bytes){key, sizeof key});
    buffer_append(&batch.frame, "", 1);
    batch_seal(&batch, 1, 1, 1);
    batch.frame
        .data[MESSAGE_HEADER_SIZE + 14]++; /* the key's size: one more, and all of it there */
    assert_int_equal(read_batch(&reader, &batch), BATCH_MALFORMED);
    batch_fini(&batch);
}

static void test_value_beyond_the_limit_is_malformed(void **state)
{
    (void)state;
    struct value *value = value_of(VALUE_BY_REFERENCE, 'v');
    struct answer answer = {.status = STATUS_VALUE, .value = value};
    struct batch batch = {0};
    struct batch_reader reader;
    batch_add_answer(&batch, 1, &answer);
    batch_seal(&batch, 1, 1, 1);
    value->bytes.size = (size_t)MESSAGE_MAX_VALUE + 1; /* never read, only measured */
    memcpy(batch.frame.data + MESSAGE_HEADER_SIZE + 18, "\1\0\0\40", 4);
    assert_int_equal(read_batch(&reader, &batch), BATCH_MALFORMED);
    value_release(&value);
    batch_fini(&batch);
}

static void test_other_version_is_told_from_five_bytes(void **state)
{
    (void)state;
    struct batch_reader reader;
    assert_int_equal(batch_read(&reader, (struct bytes){"WEIR\2", 5}, NULL, 0),
                     BATCH_OTHER_VERSION);
    assert_int_equal(batch_read(&reader, (struct bytes){"WEIR\0and more", 13}, NULL, 0),
                     BATCH_OTHER_VERSION);
    assert_int_equal(batch_read(&reader, (struct bytes){"WEIR", 4}, NULL, 0), BATCH_MALFORMED);
    assert_int_equal(batch_read(&reader, (struct bytes){NULL, 0}, NULL, 0), BATCH_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_survives_the_wire),
        cmocka_unit_test(test_layout_is_as_documented),
        cmocka_unit_test(test_batch_without_records_is_a_header),
        cmocka_unit_test(test_size_alone_decides_whether_a_value_is_inline),
        cmocka_unit_test(test_large_value_inline_is_malformed),
        cmocka_unit_test(test_clear_releases_only_the_values_that_were_not_taken),
        cmocka_unit_test(test_full_batch_is_still_a_batch),
        cmocka_unit_test(test_every_cut_and_every_addition_is_malformed),
        cmocka_unit_test(test_frames_must_match_the_records),
        cmocka_unit_test(test_bytes_without_a_meaning_are_malformed),
        cmocka_unit_test(test_key_beyond_the_limit_is_malformed),
        cmocka_unit_test(test_value_beyond_the_limit_is_malformed),
        cmocka_unit_test(test_other_version_is_told_from_five_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
