/* The wire: what goes in comes out, and the bytes are the documented ones. */
#include "message_fixture.h"

/* Reads the next record, which must be of this kind. */
static struct record next(struct batch_reader *reader, enum record_kind kind)
{
    struct record record = {0};
    assert_true(batch_next(reader, &record));
    assert_int_equal(record.kind, kind);
    return record;
}

static void check_links_own(struct batch_reader *reader)
{
    struct record record = next(reader, RECORD_HELLO);
    assert_true(record.ring == 0x1122334455667788 && record.heartbeat && !record.notices);
    record = next(reader, RECORD_WELCOME);
    assert_true(record.ring == 99 && record.credit == 32768);
    record = next(reader, RECORD_RESET);
    assert_int_equal(record.version, MESSAGE_VERSION);
}

static void check_ask_and_answers(struct batch_reader *reader, const struct batch *batch)
{
    char room[TRAIL_MOST * TRAIL_HOP];
    const struct bytes trail = make_trail(room);
    struct record record = next(reader, RECORD_ASK);
    assert_true(record.id == UINT64_MAX && record.remaining_ms == 500);
    assert_int_equal(record.flags, ASK_RENEW);
    assert_true(bytes_are_equal(record.key, (struct bytes){"k\0y", 3}));

    record = next(reader, RECORD_VALUE);
    assert_true(record.id == 1 && record.answer.life_ms == 60000 && record.answer.age_ms == 7);
    assert_true(record.answer.tag == 0xFEDCBA9876543210);
    assert_null(record.answer.value);
    assert_true(bytes_are_equal(record.answer.trail, trail));
    assert_true(bytes_are_equal(record.answer.bytes, bytes_of_text("small\r\nvalue")));

    record = next(reader, RECORD_VALUE);
    assert_ptr_equal(record.answer.value, batch->values[0]);
    assert_int_equal(record.answer.life_ms, MESSAGE_LIFE_UNBOUNDED);
    assert_true(bytes_are_equal(record.answer.trail, trail));

    record = next(reader, RECORD_NONE);
    assert_true(record.id == 3 && record.answer.status == STATUS_NONE);
    assert_true(record.answer.life_ms == 1000 && record.answer.age_ms == 8);
    assert_true(bytes_are_equal(record.answer.trail, trail));

    record = next(reader, RECORD_FAIL);
    assert_true(record.id == 4 && record.answer.status == STATUS_TIMEOUT);
    assert_int_equal(record.answer.trail.size, 0);
}

static void check_notices(struct batch_reader *reader)
{
    struct record record = next(reader, RECORD_LANE);
    assert_int_equal(record.session, 77);
    record = next(reader, RECORD_KEY);
    assert_true(bytes_are_equal(record.key, (struct bytes){"\0\n", 2}));
    next(reader, RECORD_ALL);
    next(reader, RECORD_LOST);
    record = next(reader, RECORD_PROVE);
    assert_true(record.number == UINT32_MAX);
    record = next(reader, RECORD_PROVEN);
    assert_true(record.number == 5 && record.proof_ms == MESSAGE_NO_PROOF);
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
    assert_int_equal(reader.header.records, 14);
    assert_int_equal(reader.kinds, RECORD_BIT(RECORD_PROVEN + 1) - RECORD_BIT(RECORD_HELLO));
    check_links_own(&reader);
    check_ask_and_answers(&reader, &batch);
    check_notices(&reader);
    assert_false(batch_next(&reader, &record));
    batch_fini(&batch);
}

static void test_notices_wanted_or_not_survive_the_wire(void **state)
{
    (void)state;
    for (int bits = 0; bits < 4; bits++) {
        struct batch batch = {0};
        struct batch_reader reader;
        batch_add_hello(&batch, 1, bits & 1, bits & 2);
        batch_seal(&batch, 1, 1, 1);
        assert_int_equal(read_batch(&reader, &batch), BATCH_READY);
        const struct record record = next(&reader, RECORD_HELLO);
        assert_int_equal(record.heartbeat, bits & 1);
        assert_int_equal(record.notices, bits >> 1);
        batch_fini(&batch);
    }
}

static void assert_layout(struct batch *batch, const unsigned char *records, size_t size)
{
    batch_seal(batch, 1, 1, 1);
    assert_int_equal(batch->frame.size, MESSAGE_HEADER_SIZE + size);
    assert_memory_equal(batch->frame.data + MESSAGE_HEADER_SIZE, records, size);
    batch_fini(batch);
}

static void test_header_is_as_documented(void **state)
{
    (void)state;
    static const unsigned char expected[] = {
        'W', 'E', 'I', 'R', 1, 0, 0, 0,             /* magic, version, reserved */
        8,   7,   6,   5,   4, 3, 2, 1,             /* session */
        9,   0,   0,   0,   2, 1, 0, 0, 1, 0, 0, 0, /* sequence, acknowledged, records */
        11,                                         /* LOST */
    };
    struct batch batch = {0};
    batch_add_lost(&batch);
    batch_seal(&batch, 0x0102030405060708, 9, 0x102);
    assert_int_equal(batch.frame.size, sizeof expected);
    assert_memory_equal(batch.frame.data, expected, sizeof expected);
    batch_fini(&batch);
}

static void test_ask_and_answers_are_as_documented(void **state)
{
    (void)state;
    static const unsigned char expected[] = {
        4,    2, 5, 0, 0, 0, 0, 0, 0,   0,              /* ASK, flags, id */
        0xF4, 1, 0, 0, 3, 0, 0, 0, 'k', 'e', 'y',       /* remaining, key */
        5,    0, 5, 0, 0, 0, 0, 0, 0,   0,              /* VALUE, inline, id */
        1,    0, 0, 0, 2, 0, 0, 0,                      /* life, age */
        8,    7, 6, 5, 4, 3, 2, 1, 1,   1,   0,   0, 0, /* tag, hops, size */
        26,   3, 0, 0, 0, 4, 0, 0, 0,   'v',            /* MISS, announced, verified; bytes */
        6,    6, 0, 0, 0, 0, 0, 0, 0,                   /* NONE, id */
        3,    0, 0, 0, 4, 0, 0, 0, 0,                   /* life, age, hops */
        7,    8, 7, 0, 0, 0, 0, 0, 0,   0,              /* FAIL, status, id */
    };
    static const struct hop hop = {
        .outcome = HOP_MISS, .is_announced = true, .is_verified = true, .ttl_ms = 3, .proof_ms = 4};
    char room[TRAIL_MOST * TRAIL_HOP];
    struct batch batch = {0};
    batch_add_ask(&batch, 5, 500, ASK_REFRESH, bytes_of_text("key"));
    batch_add_answer(&batch, 5,
                     &(struct answer){.status = STATUS_VALUE,
                                      .life_ms = 1,
                                      .age_ms = 2,
                                      .tag = 0x0102030405060708,
                                      .trail = trail_add(room, (struct bytes){0}, &hop),
                                      .bytes = bytes_of_text("v")});
    batch_add_answer(&batch, 6, &(struct answer){.status = STATUS_NONE, .life_ms = 3, .age_ms = 4});
    batch_add_answer(&batch, 7, &(struct answer){.status = STATUS_TIMEOUT});
    assert_layout(&batch, expected, sizeof expected);
}

static void test_links_own_records_are_as_documented(void **state)
{
    (void)state;
    static const unsigned char expected[] = {
        1,  2, 0, 0, 0, 0, 0, 0, 0, 0, 1, /* HELLO, ring, heartbeat, notices */
        2,  3, 0, 0, 0, 0, 0, 0, 0,       /* WELCOME, ring */
        4,  0, 0, 0,                      /* credit */
        3,  1,                            /* RESET, version */
        8,  5, 0, 0, 0, 0, 0, 0, 0,       /* LANE, session */
        12, 6, 0, 0, 0,                   /* PROVE, number */
    };
    struct batch batch = {0};
    batch_add_hello(&batch, 2, false, true);
    batch_add_welcome(&batch, 3, 4);
    batch_add_reset(&batch);
    batch_add_lane(&batch, 5);
    batch_add_prove(&batch, 6);
    assert_layout(&batch, expected, sizeof expected);
}

static void test_notices_are_as_documented(void **state)
{
    (void)state;
    static const unsigned char expected[] = {
        9,  1,  0, 0, 0, 'k',          /* KEY, size */
        9,  0,  0, 0, 0,               /* the empty one */
        10, 11,                        /* ALL, LOST */
        13, 1,  0, 0, 0, 2,   1, 0, 0, /* PROVEN, number, age */
    };
    struct batch batch = {0};
    batch_add_key(&batch, bytes_of_text("k"));
    batch_add_key(&batch, (struct bytes){0});
    batch_add_all(&batch);
    batch_add_lost(&batch);
    batch_add_proven(&batch, 1, 0x102);
    assert_layout(&batch, expected, sizeof expected);
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

static void test_full_batch_of_the_longest_trails_is_still_a_batch(void **state)
{
    (void)state;
    static char bytes[VALUE_BY_REFERENCE - 1];
    static const struct hop hop = {.outcome = HOP_HIT};
    char room[TRAIL_MOST * TRAIL_HOP];
    struct bytes trail = {0};
    for (int i = 0; i < TRAIL_MOST; i++)
        trail = trail_add(room, trail, &hop);
    const struct answer answer = {
        .status = STATUS_VALUE, .trail = trail, .bytes = {bytes, sizeof bytes}};
    struct batch batch = {0};
    struct batch_reader reader;
    while (!batch_is_full(&batch))
        batch_add_answer(&batch, 1, &answer);
    batch_seal(&batch, 1, 1, 1);
    assert_int_equal(batch.records, MESSAGE_MAX_RECORDS);
    assert_int_equal(read_batch(&reader, &batch), BATCH_READY);
    batch_fini(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_survives_the_wire),
        cmocka_unit_test(test_notices_wanted_or_not_survive_the_wire),
        cmocka_unit_test(test_header_is_as_documented),
        cmocka_unit_test(test_ask_and_answers_are_as_documented),
        cmocka_unit_test(test_links_own_records_are_as_documented),
        cmocka_unit_test(test_notices_are_as_documented),
        cmocka_unit_test(test_batch_without_records_is_a_header),
        cmocka_unit_test(test_size_alone_decides_whether_a_value_is_inline),
        cmocka_unit_test(test_clear_releases_only_the_values_that_were_not_taken),
        cmocka_unit_test(test_full_batch_is_still_a_batch),
        cmocka_unit_test(test_full_batch_of_the_longest_trails_is_still_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
