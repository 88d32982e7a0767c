/* Replies of Redis, however the bytes are cut: what is read, and what is not the protocol. */
#include "stages/redis_fetcher/redis_reply.h"

#include "common/buffer.h"
#include "common/entity_tag.h"
#include "common/message.h"
#include "stages/redis_fetcher/redis_answer.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Gives `size` bytes to the reader, for which it has room. */
static void give(struct redis_reader *reader, const char *data, size_t size)
{
    size_t room;
    char *at = redis_reply_room(reader, &room);

    assert_true(size <= room);
    memcpy(at, data, size);
    redis_reply_receive(reader, size);
}

/* Writes down what the reader has: "bulk:hello nil integer:7 status:OK broken ". */
static void note_replies(struct redis_reader *reader, struct buffer *notes)
{
    static const char *const names[] = {"",      "bulk",  "nil",     "integer", "array", "status",
                                        "error", "other", "skipped", "huge",    "broken"};
    struct redis_reply reply;

    while (redis_reply_next(reader, &reply) != REPLY_MORE) {
        struct bytes bytes = reply.value ? reply.value->bytes : reply.text;
        buffer_append_text(notes, names[reply.kind]);
        if (reply.kind == REPLY_BULK || reply.kind == REPLY_STATUS || reply.kind == REPLY_ERROR) {
            buffer_append_text(notes, reply.value ? "!" : ":");
            buffer_append(notes, bytes.data, bytes.size);
        }
        if (reply.kind == REPLY_INTEGER || reply.kind == REPLY_ARRAY ||
            reply.kind == REPLY_SKIPPED || reply.kind == REPLY_HUGE)
            buffer_format(notes, ":%lld", (long long)reply.number);
        if (reply.value)
            assert_true(reply.tag == entity_tag_of(bytes));
        buffer_append_text(notes, " ");
        value_release(&reply.value);
        if (reply.kind == REPLY_BROKEN)
            break;
    }
}

static bool is_broken(const struct buffer *notes)
{
    return notes->size >= 7 && memcmp(notes->data + notes->size - 7, "broken ", 7) == 0;
}

/* As a connection does it: receive as much as there is room for, take what there is, go on. */
static void give_and_note(struct redis_reader *reader, const char *data, size_t size,
                          struct buffer *notes)
{
    while (size > 0 && !is_broken(notes)) {
        size_t room, part = size;
        redis_reply_room(reader, &room);
        assert_true(room > 0);
        part = part < room ? part : room;
        give(reader, data, part);
        note_replies(reader, notes);
        data += part;
        size -= part;
    }
}

/* The notes on `text`, given in two parts of which the first has `cut` bytes, and no part of more
 * than `step` bytes. */
static struct buffer notes_on(struct bytes text, size_t cut, size_t step)
{
    struct value_account *account = value_account_create(SIZE_MAX);
    struct redis_reader *reader = redis_reply_create_reader(account);
    struct buffer notes = {0};

    assert_non_null(reader);
    for (size_t at = 0; at < text.size;) {
        size_t part = at < cut ? cut - at : text.size - at;
        part = part < step ? part : step;
        give_and_note(reader, text.data + at, part, &notes);
        at += part;
    }
    redis_reply_destroy_reader(&reader);
    value_account_abandon(&account);
    assert_null(reader);
    return notes;
}

static void assert_notes(struct bytes text, size_t cut, size_t step, const char *expected)
{
    struct buffer notes = notes_on(text, cut, step);

    if (notes.size != strlen(expected) || memcmp(notes.data, expected, notes.size) != 0)
        fail_msg("%.*s, cut at %zu: %.*s", (int)text.size, text.data, cut, (int)notes.size,
                 notes.data);
    buffer_fini(&notes);
}

static void test_replies_cut_at_every_byte(void **state)
{
    static const char *const cases[][2] = {
        {"$5\r\nhello\r\n", "bulk:hello "},
        {"$0\r\n\r\n", "bulk: "},
        {"$4\r\n\r\n\r\n\r\n", "bulk:\r\n\r\n "},
        {"$-1\r\n", "nil "},
        {"*-1\r\n", "nil "},
        {"+OK\r\n", "status:OK "},
        {"+\r\n", "status: "},
        {"-ERR no\r\n", "error:ERR no "},
        {":-12\r\n", "integer:-12 "},
        {"*0\r\n", "array:0 "},
        {"*3\r\n$3\r\na\nb\r\n:1\r\n$-1\r\n", "array:3 bulk:a\nb integer:1 nil "},
        {"*2\r\n*2\r\n+a\r\n-b\r\n*1\r\n*1\r\n$2\r\n\r\n\r\n",
         "array:2 array:2 status:a error:b array:1 array:1 bulk:\r\n "},
        {"$2\r\nab\r\n+PONG\r\n$1\r\nc\r\n*1\r\n+x\r\n-E\r\n$-1\r\n$2\r\nef\r\n",
         "bulk:ab status:PONG bulk:c array:1 status:x error:E nil bulk:ef "},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes text = bytes_of_text(cases[i][0]);
        for (size_t cut = 0; cut <= text.size; cut++)
            assert_notes(text, cut, SIZE_MAX, cases[i][1]);
        assert_notes(text, 0, 1, cases[i][1]);
    }
}

static void test_what_is_not_the_protocol_is_broken(void **state)
{
    static const char *const cases[] = {
        "hello\r\n",
        "\r\n",
        "HTTP/1.1 400 Bad Request\r\n",
        "$\r\n",
        "$a\r\n",
        "$1a\r\n",
        "$01\r\na\r\n",
        "$+1\r\na\r\n",
        "$ 1\r\na\r\n",
        "$-2\r\n",
        "$--1\r\n",
        "$1\n",
        "$1\ra",
        "$1\r\nab\r\n",
        "$1\r\na\n\n",
        "$1152921504606846976\r\n",
        "$9223372036854775807\r\n",
        "$18446744073709551616\r\n",
        "$99999999999999999999999999",
        "*-2\r\n",
        "*a\r\n",
        "*99999999999999999999\r\n",
        "*01\r\n",
        "*1\ra",
        "$3\r\nab\0\n\r\n",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes text = bytes_of_text(cases[i]);
        if (i + 1 == sizeof(cases) / sizeof(cases[0]))
            text.size += 4; /* the one that holds a zero byte */
        for (size_t cut = 0; cut <= text.size; cut++)
            assert_notes(text, cut, SIZE_MAX, "broken ");
        assert_notes(text, 0, 1, "broken ");
    }
}

static void test_broken_stays_broken(void **state)
{
    struct value_account *account = value_account_create(SIZE_MAX);
    struct redis_reader *reader = redis_reply_create_reader(account);
    struct redis_reply reply;
    (void)state;

    give(reader, "!\r\n$1\r\na\r\n", 10);
    assert_int_equal(redis_reply_next(reader, &reply), REPLY_BROKEN);
    assert_int_equal(redis_reply_next(reader, &reply), REPLY_BROKEN);
    redis_reply_destroy_reader(&reader);
    value_account_abandon(&account);
}

/* `size` bytes of a pattern as a bulk string, with a short reply on both sides. */
static struct buffer bulk_between(size_t size)
{
    struct buffer text = {0};

    buffer_format(&text, "$1\r\na\r\n$%zu\r\n", size);
    for (size_t i = 0; i < size; i++)
        buffer_reserve(&text, 1)[0] = (char)(i * 7 + i / 251), text.size++;
    buffer_append_text(&text, "\r\n+OK\r\n");
    return text;
}

static void test_every_size_around_the_threshold(void **state)
{
    static const size_t sizes[] = {
        VALUE_BY_REFERENCE - 1, VALUE_BY_REFERENCE, VALUE_BY_REFERENCE + 1, 32760, 32768, 100000};
    static const size_t steps[] = {1, 2, 13, 4096, 8192, SIZE_MAX};
    (void)state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct buffer text = bulk_between(sizes[i]);
        struct buffer expected = {0};
        size_t header = (size_t)((char *)memchr(text.data + 7, '\n', 20) - text.data) + 1;
        buffer_append_text(&expected,
                           sizes[i] < VALUE_BY_REFERENCE ? "bulk:a bulk:" : "bulk:a bulk!");
        buffer_append(&expected, text.data + header, sizes[i]);
        buffer_append_text(&expected, " status:OK ");
        for (size_t j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
            struct buffer notes = notes_on(buffer_bytes(&text), 0, steps[j]);
            assert_int_equal(notes.size, expected.size);
            assert_memory_equal(notes.data, expected.data, notes.size);
            buffer_fini(&notes);
        }
        buffer_fini(&expected);
        buffer_fini(&text);
    }
}

/* A large value is received where it will live: the reader offers all the room that it lacks. */
static void test_a_large_value_is_received_in_place(void **state)
{
    struct value_account *account = value_account_create(SIZE_MAX);
    struct redis_reader *reader = redis_reply_create_reader(account);
    struct redis_reply reply;
    size_t room;
    (void)state;

    give(reader, "$536870912\r\nab", 14);
    assert_int_equal(redis_reply_next(reader, &reply), REPLY_MORE);
    assert_int_equal(redis_reply_missing(reader), MESSAGE_MAX_VALUE - 2);
    memcpy(redis_reply_room(reader, &room), "cd", 2);
    assert_int_equal(room, MESSAGE_MAX_VALUE - 2);
    redis_reply_receive(reader, 2);
    assert_int_equal(redis_reply_missing(reader), MESSAGE_MAX_VALUE - 4);
    redis_reply_destroy_reader(&reader); /* gives the half-received value back */
    value_account_abandon(&account);
}

static void test_an_abandoned_value_is_skipped(void **state)
{
    struct buffer text = bulk_between(300000);
    struct value_account *account = value_account_create(SIZE_MAX);
    struct redis_reader *reader = redis_reply_create_reader(account);
    struct buffer notes = {0};
    (void)state;

    give(reader, text.data, 10000);
    note_replies(reader, &notes);
    redis_reply_abandon(reader);
    give_and_note(reader, text.data + 10000, text.size - 10000, &notes);
    assert_int_equal(notes.size, strlen("bulk:a skipped:300000 status:OK "));
    assert_memory_equal(notes.data, "bulk:a skipped:300000 status:OK ", notes.size);
    redis_reply_destroy_reader(&reader);
    value_account_abandon(&account);
    buffer_fini(&notes);
    buffer_fini(&text);
}

/* Beyond the account's bound nothing is received, and there is room again once a value has gone. */
static void test_a_value_that_there_is_no_room_for_is_skipped(void **state)
{
    struct value_account *account = value_account_create(500000);
    struct redis_reader *reader = redis_reply_create_reader(account);
    struct buffer text = bulk_between(300000), notes = {0};
    struct redis_reply reply;
    struct value *first = value_create_for(300000, account);
    (void)state;

    assert_non_null(first);
    give_and_note(reader, text.data, text.size, &notes);
    assert_memory_equal(notes.data, "bulk:a skipped:300000 status:OK ", notes.size);
    value_release(&first);
    assert_int_equal(atomic_load(&account->bytes), 0);
    give(reader, text.data, 10000);
    assert_int_equal(redis_reply_next(reader, &reply), REPLY_BULK);
    assert_int_equal(redis_reply_next(reader, &reply), REPLY_MORE);
    assert_true(atomic_load(&account->bytes) >= 300000);
    redis_reply_abandon(reader);
    assert_int_equal(atomic_load(&account->bytes), 0);
    redis_reply_destroy_reader(&reader);
    value_account_abandon(&account);
    buffer_fini(&notes);
    buffer_fini(&text);
}

/* A Redis with a raised proto-max-bulk-len: no memory is taken, and the connection lives on. */
static void test_a_value_above_the_largest_is_skipped(void **state)
{
    struct value_account *account = value_account_create(SIZE_MAX);
    struct redis_reader *reader = redis_reply_create_reader(account);
    struct buffer notes = {0};
    size_t missing, room;
    (void)state;

    give(reader, "$536870913\r\nab", 14);
    note_replies(reader, &notes);
    assert_int_equal(atomic_load(&account->bytes), 0);
    while ((missing = redis_reply_missing(reader)) > 0) {
        redis_reply_room(reader, &room); /* what was there before passes for the value */
        assert_in_range(room, 1, missing);
        redis_reply_receive(reader, room);
    }
    give(reader, "\r\n+OK\r\n", 7);
    note_replies(reader, &notes);
    assert_int_equal(notes.size, strlen("huge:536870913 status:OK "));
    assert_memory_equal(notes.data, "huge:536870913 status:OK ", notes.size);
    redis_reply_destroy_reader(&reader);
    value_account_abandon(&account);
    buffer_fini(&notes);
}

static void test_a_value_that_was_skipped_is_no_value(void **state)
{
    struct answer busy = redis_answer_to_get(&(struct redis_reply){.kind = REPLY_SKIPPED});
    struct answer error = redis_answer_to_get(&(struct redis_reply){.kind = REPLY_HUGE});
    (void)state;

    assert_int_equal(busy.status, STATUS_BUSY);
    assert_int_equal(error.status, STATUS_ORIGIN_ERROR);
}

/* No line gathers without end. */
static void test_other_replies_are_bounded(void **state)
{
    static const char *const beginnings[] = {"+", "-", ":"};
    char part[1024];
    (void)state;

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        struct value_account *account = value_account_create(SIZE_MAX);
        struct redis_reader *reader = redis_reply_create_reader(account);
        struct redis_reply reply = {.kind = REPLY_MORE};
        size_t given = 0;
        give(reader, beginnings[i], strlen(beginnings[i]));
        memset(part, '1', sizeof(part));
        while (redis_reply_next(reader, &reply) == REPLY_MORE) {
            give(reader, part, sizeof(part));
            given += sizeof(part);
            assert_true(given <= REPLY_MAX_OTHER + sizeof(part));
        }
        assert_int_equal(reply.kind, REPLY_BROKEN);
        redis_reply_destroy_reader(&reader);
        value_account_abandon(&account);
    }
}

static void test_a_long_error_is_cut(void **state)
{
    struct value_account *account = value_account_create(SIZE_MAX);
    struct redis_reader *reader = redis_reply_create_reader(account);
    struct redis_reply reply;
    char text[1000];
    (void)state;

    memset(text, 'x', sizeof(text));
    text[0] = '-';
    text[sizeof(text) - 2] = '\r';
    text[sizeof(text) - 1] = '\n';
    give(reader, text, sizeof(text));
    assert_int_equal(redis_reply_next(reader, &reply), REPLY_ERROR);
    assert_int_equal(reply.text.size, 128);
    assert_memory_equal(reply.text.data, text + 1, 128);
    redis_reply_destroy_reader(&reader);
    value_account_abandon(&account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_cut_at_every_byte),
        cmocka_unit_test(test_what_is_not_the_protocol_is_broken),
        cmocka_unit_test(test_broken_stays_broken),
        cmocka_unit_test(test_every_size_around_the_threshold),
        cmocka_unit_test(test_a_large_value_is_received_in_place),
        cmocka_unit_test(test_an_abandoned_value_is_skipped),
        cmocka_unit_test(test_a_value_that_there_is_no_room_for_is_skipped),
        cmocka_unit_test(test_a_value_above_the_largest_is_skipped),
        cmocka_unit_test(test_a_value_that_was_skipped_is_no_value),
        cmocka_unit_test(test_other_replies_are_bounded),
        cmocka_unit_test(test_a_long_error_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
