/* The wire: whatever is not exactly a batch is refused whole. */
#include "message_fixture.h"

#include <stdlib.h>

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
    memcpy(batch.frame.data + MESSAGE_HEADER_SIZE + 27, "\0\40\0\0", 4);
    assert_int_equal(read_batch(&reader, &batch), BATCH_MALFORMED);
    batch_fini(&batch);
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
    memcpy(batch.frame.data + MESSAGE_HEADER_SIZE + 27, "\3\0\0\0", 4);
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

static struct batch one_notice(void)
{
    struct batch batch = {0};
    batch_add_key(&batch, bytes_of_text("k"));
    return batch;
}

/* A VALUE or NONE with a trail of one hop. */
static struct batch one_hop(enum status status)
{
    static const struct hop hop = {.outcome = HOP_HIT};
    char room[TRAIL_MOST * TRAIL_HOP];
    struct answer answer = {.status = status, .trail = trail_add(room, (struct bytes){0}, &hop)};
    struct batch batch = {0};
    batch_add_answer(&batch, 1, &answer);
    return batch;
}

enum { RECORD = MESSAGE_HEADER_SIZE };

static void test_bytes_without_a_meaning_are_malformed(void **state)
{
    (void)state;
    assert_int_equal(with_byte(one_hello(), 0, 'w'), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), 4, 2), BATCH_OTHER_VERSION);
    assert_int_equal(with_byte(one_hello(), 5, 1), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), 24, 2), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), 25, 0xFF), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), RECORD, 0), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), RECORD, RECORD_PROVEN + 1), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), RECORD, 0xFF), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), RECORD + 9, 2), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_hello(), RECORD + 10, 2), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_ask(), RECORD + 1, ASK_FLAGS), BATCH_READY);
    assert_int_equal(with_byte(one_ask(), RECORD + 1, ASK_FLAGS + 1), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_ask(), RECORD + 14, 2), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_ask(), RECORD + 17, 0xFF), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_notice(), RECORD + 1, 2), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_notice(), RECORD + 1, 0), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_notice(), RECORD + 4, 0xFF), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_answer(STATUS_VALUE), RECORD + 1, 2), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_answer(STATUS_VALUE), RECORD + 1, 1),
                     BATCH_MALFORMED); /* too small for it */
    assert_int_equal(with_byte(one_answer(STATUS_BUSY), RECORD + 1, STATUS_VALUE), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_answer(STATUS_BUSY), RECORD + 1, STATUS_NONE), BATCH_MALFORMED);
    assert_int_equal(with_byte(one_answer(STATUS_BUSY), RECORD + 1, STATUS_COUNT), BATCH_MALFORMED);
}

static void test_trail_that_is_none_is_malformed(void **state)
{
    (void)state;
    const struct {
        enum status status;
        size_t hops, trail; /* where they lie in the record */
    } kinds[] = {{STATUS_VALUE, 26, 31}, {STATUS_NONE, 17, 18}};
    for (size_t i = 0; i < 2; i++) {
        const enum status status = kinds[i].status;
        const size_t hops = RECORD + kinds[i].hops, trail = RECORD + kinds[i].trail;
        assert_int_equal(with_byte(one_hop(status), hops, 1), BATCH_READY);
        assert_int_equal(with_byte(one_hop(status), hops, 0), BATCH_MALFORMED);
        assert_int_equal(with_byte(one_hop(status), hops, 2), BATCH_MALFORMED);
        assert_int_equal(with_byte(one_hop(status), hops, 0xFF), BATCH_MALFORMED);
        assert_int_equal(with_byte(one_hop(status), trail, 31), BATCH_READY);
        assert_int_equal(with_byte(one_hop(status), trail, 32), BATCH_MALFORMED);
        assert_int_equal(with_byte(one_hop(status), trail, 0x80), BATCH_MALFORMED);
    }
}

/* All of it is there, and it still is one hop too many. */
static void test_trail_beyond_the_limit_is_malformed(void **state)
{
    (void)state;
    static const char hops[(TRAIL_MOST + 1) * TRAIL_HOP];
    for (uint8_t count = TRAIL_MOST; count <= TRAIL_MOST + 1; count++) {
        struct batch batch = one_answer(STATUS_NONE);
        struct batch_reader reader;
        buffer_append(&batch.frame, hops, (size_t)count * TRAIL_HOP);
        batch_seal(&batch, 1, 1, 1);
        batch.frame.data[RECORD + 17] = (char)count;
        assert_int_equal(read_batch(&reader, &batch),
                         count == TRAIL_MOST ? BATCH_READY : BATCH_MALFORMED);
        batch_fini(&batch);
    }
}

static void test_key_beyond_the_limit_is_malformed(void **state)
{
    (void)state;
    static char key[MESSAGE_MAX_KEY];
    struct batch_reader reader;
    for (int is_notice = 0; is_notice < 2; is_notice++) {
        struct batch batch = {0};
        if (is_notice)
            batch_add_key(&batch, (struct bytes){key, sizeof key});
        else
            batch_add_ask(&batch, 1, 1, 0, (struct bytes){key, sizeof key});
        buffer_append(&batch.frame, "", 1);
        batch_seal(&batch, 1, 1, 1);
        batch.frame.data[RECORD + (is_notice ? 1 : 14)]++; /* one more, and all of it there */
        assert_int_equal(read_batch(&reader, &batch), BATCH_MALFORMED);
        batch_fini(&batch);
    }
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
    memcpy(batch.frame.data + MESSAGE_HEADER_SIZE + 27, "\1\0\0\40", 4);
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
        cmocka_unit_test(test_large_value_inline_is_malformed),
        cmocka_unit_test(test_every_cut_and_every_addition_is_malformed),
        cmocka_unit_test(test_frames_must_match_the_records),
        cmocka_unit_test(test_bytes_without_a_meaning_are_malformed),
        cmocka_unit_test(test_trail_that_is_none_is_malformed),
        cmocka_unit_test(test_trail_beyond_the_limit_is_malformed),
        cmocka_unit_test(test_key_beyond_the_limit_is_malformed),
        cmocka_unit_test(test_value_beyond_the_limit_is_malformed),
        cmocka_unit_test(test_other_version_is_told_from_five_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
