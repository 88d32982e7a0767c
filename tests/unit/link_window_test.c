/* The half of a session that both ends share: sequences, acknowledgements, what is gathered. */
#include "common/link_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define SESSION 42

static struct batch_header header_of(const struct batch *batch)
{
    struct batch_reader reader;
    assert_int_equal(batch_read(&reader, buffer_bytes(&batch->frame), NULL, 0), BATCH_READY);
    return reader.header;
}

static void gather_one(struct link_window *window)
{
    static const struct answer none = {.status = STATUS_NONE};
    batch_add_answer(link_window_gather(window), 1, &none);
}

/* Whether a batch with such a header is accepted. */
static bool accept(struct link_window *window, uint32_t sequence, uint32_t acknowledged,
                   uint32_t records)
{
    struct batch_header header = {SESSION, sequence, acknowledged, records};
    return link_window_accept(window, 0, &header);
}

static void test_batches_with_records_are_numbered_from_one(void **state)
{
    (void)state;
    struct link_window window = {0};
    link_window_open(&window, SESSION, false, 0);
    for (uint32_t sequence = 1; sequence <= 3; sequence++) {
        gather_one(&window);
        struct batch_header header = header_of(link_window_flush(&window, 0));
        assert_int_equal(header.session, SESSION);
        assert_int_equal(header.sequence, sequence);
        assert_int_equal(header.records, 1);
        assert_null(link_window_flush(&window, 0));
    }
    link_window_fini(&window);
}

static void test_full_window_gathers_until_acknowledged(void **state)
{
    (void)state;
    struct link_window window = {0};
    link_window_open(&window, SESSION, false, 0);
    for (int i = 0; i < LINK_WINDOW; i++) {
        gather_one(&window);
        assert_non_null(link_window_flush(&window, 0));
    }
    for (int i = 0; i < 5; i++) {
        gather_one(&window);
        assert_null(link_window_flush(&window, 0));
    }
    assert_true(accept(&window, 0, 1, 0));
    struct batch_header header = header_of(link_window_flush(&window, 0));
    assert_int_equal(header.sequence, LINK_WINDOW + 1);
    assert_int_equal(header.records, 5);
    assert_null(link_window_flush(&window, 0));
    link_window_fini(&window);
}

static void test_half_a_window_received_is_acknowledged_by_an_empty_batch(void **state)
{
    (void)state;
    struct link_window window = {0};
    link_window_open(&window, SESSION, false, 0);
    for (uint32_t i = 1; i < LINK_WINDOW / 2; i++) {
        assert_true(accept(&window, i, 0, 1));
        assert_null(link_window_flush(&window, 0));
    }
    assert_true(accept(&window, LINK_WINDOW / 2, 0, 1));
    struct batch_header header = header_of(link_window_flush(&window, 0));
    assert_int_equal(header.records, 0);
    assert_int_equal(header.sequence, 0);
    assert_int_equal(header.acknowledged, LINK_WINDOW / 2);
    assert_null(link_window_flush(&window, 0));
    link_window_fini(&window);
}

static void test_full_window_still_acknowledges(void **state)
{
    (void)state;
    struct link_window window = {0};
    link_window_open(&window, SESSION, false, 0);
    for (int i = 0; i <= LINK_WINDOW; i++) {
        gather_one(&window);
        link_window_flush(&window, 0);
    }
    for (uint32_t i = 1; i <= LINK_WINDOW; i++)
        assert_true(accept(&window, i, 0, 1));
    struct batch_header header = header_of(link_window_flush(&window, 0));
    assert_int_equal(header.records, 0);
    assert_int_equal(header.acknowledged, LINK_WINDOW);
    link_window_fini(&window);
}

static void test_what_is_out_of_sequence_is_not_accepted(void **state)
{
    (void)state;
    struct link_window window = {0};
    link_window_open(&window, SESSION, false, 0);
    gather_one(&window);
    link_window_flush(&window, 0);

    assert_false(accept(&window, 2, 0, 1)); /* a gap */
    assert_false(accept(&window, 1, 0, 0)); /* a gap that a heartbeat shows */
    assert_false(accept(&window, 1, 2, 1)); /* acknowledges what was not sent */
    assert_true(accept(&window, 1, 1, 1));
    assert_false(accept(&window, 1, 1, 1)); /* repeated */
    assert_false(accept(&window, 0, 1, 0)); /* an old heartbeat */
    assert_false(accept(&window, 2, 0, 1)); /* takes an acknowledgement back */
    assert_true(accept(&window, 1, 1, 0));
    for (uint32_t i = 2; i <= LINK_WINDOW; i++)
        assert_true(accept(&window, i, 1, 1));
    assert_false(accept(&window, LINK_WINDOW + 1, 1, 1)); /* more than a window unacknowledged */
    link_window_fini(&window);
}

static void test_sequences_wrap(void **state)
{
    (void)state;
    struct link_window window = {0};
    link_window_open(&window, SESSION, false, 0);
    const uint32_t start = UINT32_MAX - LINK_WINDOW / 2;
    window.sent = window.acknowledged = window.received = window.told = start;

    for (uint32_t i = 1; i <= LINK_WINDOW; i++) {
        gather_one(&window);
        assert_int_equal(header_of(link_window_flush(&window, 0)).sequence, (uint32_t)(start + i));
    }
    gather_one(&window);
    assert_null(link_window_flush(&window, 0));
    assert_false(accept(&window, start, start + LINK_WINDOW + 1, 0));
    assert_false(accept(&window, start, start - 1, 0));
    for (uint32_t i = 1; i <= LINK_WINDOW; i++)
        assert_true(accept(&window, start + i, start + i, 1));
    assert_false(accept(&window, start + LINK_WINDOW + 1, start + LINK_WINDOW, 1));
    struct batch_header header = header_of(link_window_flush(&window, 0));
    assert_int_equal(header.sequence, (uint32_t)(start + LINK_WINDOW + 1));
    assert_int_equal(header.acknowledged, (uint32_t)(start + LINK_WINDOW));
    link_window_fini(&window);
}

static void test_full_batches_queue_and_are_counted(void **state)
{
    (void)state;
    static char key[MESSAGE_MAX_KEY];
    struct link_window window = {0};
    link_window_open(&window, SESSION, false, 0);
    size_t keys = 0;
    while (!link_window_is_crowded(&window)) {
        batch_add_ask(link_window_gather(&window), 1, 1, 0, (struct bytes){key, sizeof key});
        keys++;
    }
    assert_in_range(keys * sizeof key, LINK_BACKLOG, LINK_BACKLOG + 2 * MESSAGE_MAX_FIRST_FRAME);
    for (struct batch *batch; (batch = link_window_flush(&window, 0)) != NULL;)
        keys -= batch->records;
    assert_int_equal(keys, 0);
    assert_int_equal(window.backlog, 0);
    link_window_fini(&window);
}

static void test_lent_batch_survives_the_close(void **state)
{
    (void)state;
    struct link_window window = {0};
    link_window_open(&window, SESSION, false, 0);
    gather_one(&window);
    struct batch *lent = link_window_flush(&window, 0);
    link_window_close(&window);
    batch_clear(lent);
    assert_true(batch_is_empty(lent));
    assert_null(link_window_flush(&window, 0));
    link_window_fini(&window);
}

static void test_heartbeat_and_silence(void **state)
{
    (void)state;
    struct link_window window = {0};
    link_window_open(&window, SESSION, true, 0);
    assert_int_equal(link_window_next(&window, 0), LINK_HEARTBEAT);
    assert_null(link_window_flush(&window, LINK_HEARTBEAT - 1));
    assert_int_equal(header_of(link_window_flush(&window, LINK_HEARTBEAT)).records, 0);
    assert_null(link_window_flush(&window, LINK_HEARTBEAT));
    assert_false(link_window_is_silent(&window, LINK_SILENCE - 1));
    assert_true(link_window_is_silent(&window, LINK_SILENCE));
    assert_int_equal(link_window_next(&window, LINK_SILENCE - 1), LINK_SILENCE);

    link_window_close(&window);
    link_window_open(&window, SESSION, false, 0);
    assert_int_equal(link_window_next(&window, 0), NEVER);
    assert_null(link_window_flush(&window, 10 * LINK_SILENCE));
    assert_false(link_window_is_silent(&window, 10 * LINK_SILENCE));
    link_window_fini(&window);
}

/* A huge value may be on its way for longer than silence lasts: its lane must not ask to be called
 * at once, again and again, all that time. */
static void test_a_lane_does_not_wait_for_silence(void **state)
{
    (void)state;
    const int64_t now = LINK_SILENCE + LINK_HEARTBEAT / 2;
    struct link_window window = {0};
    link_window_open(&window, SESSION, true, 0);
    window.is_bulk = true;
    assert_non_null(link_window_flush(&window, LINK_SILENCE));
    assert_false(link_window_is_silent(&window, now));
    assert_int_equal(link_window_next(&window, now), LINK_SILENCE + LINK_HEARTBEAT);
    link_window_fini(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_with_records_are_numbered_from_one),
        cmocka_unit_test(test_full_window_gathers_until_acknowledged),
        cmocka_unit_test(test_half_a_window_received_is_acknowledged_by_an_empty_batch),
        cmocka_unit_test(test_full_window_still_acknowledges),
        cmocka_unit_test(test_what_is_out_of_sequence_is_not_accepted),
        cmocka_unit_test(test_sequences_wrap),
        cmocka_unit_test(test_full_batches_queue_and_are_counted),
        cmocka_unit_test(test_lent_batch_survives_the_close),
        cmocka_unit_test(test_heartbeat_and_silence),
        cmocka_unit_test(test_a_lane_does_not_wait_for_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
