/* The asking end alone: the test is the server, and says whatever a server might.
 *
 * Longer than a file should be, because one fixture serves many small cases. */
#include "common/link_asker.h"
#include "tests/support/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING   7
#define NOBODY UINT64_MAX

struct fixture {
    struct link_asker *asker;
    int64_t now;
    uint64_t session;      /* as its HELLO named it */
    uint32_t sent;         /* sequence of the test's last batch */
    uint32_t acknowledges; /* what the test's batches acknowledge */
    uint64_t ids[64];      /* of asks, as they came */
    size_t id_count;
    enum status statuses[64]; /* of answers, by token */
    unsigned answers[64];
    size_t answer_count;
    enum link_event events[64];
    size_t event_count;
    uint64_t random;
    bool asks_again; /* from within on_answer */
    enum status asked_again;
};

static enum status ask(struct fixture *f, uint64_t token)
{
    return link_asker_ask(
        f->asker, f->now, token,
        &(struct ask){.key = bytes_of_text("key"), .deadline = f->now + 500 * MILLISECOND});
}

static uint64_t count_up(void *owner)
{
    return ++((struct fixture *)owner)->random;
}

static void on_answer(void *owner, uint64_t token, const struct answer *answer)
{
    struct fixture *f = owner;
    f->answers[token]++;
    f->statuses[token] = answer->status;
    f->answer_count++;
    if (f->asks_again)
        f->asked_again = ask(f, token + 1);
}

static void on_event(void *owner, enum link_event event, uint64_t theirs)
{
    (void)theirs;
    struct fixture *f = owner;
    f->events[f->event_count++] = event;
}

static void fixture_create(struct fixture *f, bool heartbeat)
{
    struct link_asker_settings settings = {.ring = RING,
                                           .heartbeat = heartbeat,
                                           .random = count_up,
                                           .owner = f,
                                           .on_answer = on_answer,
                                           .on_event = on_event};
    *f = (struct fixture){.now = SECOND};
    f->asker = link_asker_create(&settings);
}

/* Flushes all, and notes what was said; returns the number of batches. */
static size_t flush(struct fixture *f)
{
    size_t batches = 0;
    for (struct batch *batch; (batch = link_asker_flush(f->asker, f->now)) != NULL; batches++) {
        struct batch_reader reader;
        struct record record;
        assert_int_equal(batch_read(&reader, buffer_bytes(&batch->frame), NULL, 0), BATCH_READY);
        while (batch_next(&reader, &record)) {
            if (record.kind == RECORD_HELLO) {
                f->session = reader.header.session;
                f->sent = 0;
            } else if (f->id_count < 64) {
                f->ids[f->id_count++] = record.id;
            }
        }
        f->acknowledges = reader.header.sequence;
        batch_clear(batch);
    }
    return batches;
}

static void deliver(struct fixture *f, struct batch *batch, uint64_t session, uint32_t sequence)
{
    batch_seal(batch, session, sequence, f->acknowledges);
    link_asker_receive(f->asker, f->now, buffer_bytes(&batch->frame), batch->values,
                       batch->value_count);
    batch_fini(batch);
}

static void welcome(struct fixture *f, uint64_t ring, uint32_t credit)
{
    struct batch batch = {0};
    link_asker_tick(f->asker, moment_at(f->now));
    flush(f);
    batch_add_welcome(&batch, ring, credit);
    deliver(f, &batch, f->session, ++f->sent);
}

static void open_one(struct fixture *f, bool heartbeat)
{
    fixture_create(f, heartbeat);
    welcome(f, RING, 100);
    assert_true(link_asker_is_open(f->asker));
    f->event_count = 0;
}

static void answer(struct fixture *f, uint64_t id)
{
    static const struct answer none = {.status = STATUS_NONE};
    struct batch batch = {0};
    batch_add_answer(&batch, id, &none);
    deliver(f, &batch, f->session, ++f->sent);
}

static void reset(struct fixture *f, uint64_t session)
{
    struct batch batch = {0};
    batch_add_reset(&batch);
    deliver(f, &batch, session, 0);
}

static void assert_lost_once(const struct fixture *f)
{
    assert_false(link_asker_is_open(f->asker));
    assert_int_equal(f->event_count, 1);
    assert_int_equal(f->events[0], LINK_LOST);
    assert_int_equal(link_asker_counters(f->asker)->sessions_lost, 1);
    assert_int_equal(link_asker_outstanding(f->asker), 0);
}

/* ---- the session ---- */

static void test_opens_with_hello_and_is_away_until_welcome(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f, false);
    assert_int_equal(ask(&f, 0), STATUS_AWAY);
    assert_null(link_asker_flush(f.asker, f.now));
    assert_int_equal(link_asker_tick(f.asker, moment_at(f.now)), NEVER);

    struct batch *hello = link_asker_flush(f.asker, f.now);
    struct batch_reader reader;
    struct record record;
    assert_int_equal(batch_read(&reader, buffer_bytes(&hello->frame), NULL, 0), BATCH_READY);
    assert_int_equal(reader.header.sequence, 1);
    assert_int_equal(reader.header.acknowledged, 0);
    assert_int_equal(reader.header.records, 1);
    assert_true(batch_next(&reader, &record));
    assert_int_equal(record.kind, RECORD_HELLO);
    assert_true(record.ring == RING && !record.heartbeat);
    f.session = reader.header.session;
    f.acknowledges = 1;
    assert_int_equal(ask(&f, 0), STATUS_AWAY);

    welcome(&f, RING, 100);
    assert_int_equal(f.event_count, 1);
    assert_int_equal(f.events[0], LINK_OPENED);
    assert_int_equal(ask(&f, 0), STATUS_VALUE);
    link_asker_destroy(&f.asker);
    assert_null(f.asker);
    assert_int_equal(f.answer_count, 0);
}

static void test_other_ring_is_told_and_accepted(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f, false);
    welcome(&f, RING + 1, 100);
    assert_true(link_asker_is_open(f.asker));
    assert_int_equal(f.event_count, 2);
    assert_int_equal(f.events[1], LINK_OTHER_RING);
    link_asker_destroy(&f.asker);
}

static void test_answer_reaches_its_ask_once(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 3);
    ask(&f, 4);
    assert_int_equal(flush(&f), 1);
    answer(&f, f.ids[1]);
    answer(&f, f.ids[1]);
    answer(&f, f.ids[0]);
    answer(&f, 99);
    answer(&f, UINT64_MAX);
    assert_int_equal(f.answers[3], 1);
    assert_int_equal(f.answers[4], 1);
    assert_int_equal(f.answer_count, 2);
    assert_int_equal(link_asker_counters(f.asker)->late_answers, 3);
    link_asker_destroy(&f.asker);
}

static void test_late_answer_does_not_reach_the_next_ask_in_its_place(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 0);
    flush(&f);
    answer(&f, f.ids[0]);
    ask(&f, 1);
    flush(&f);
    assert_int_equal((uint32_t)f.ids[0], (uint32_t)f.ids[1]);
    answer(&f, f.ids[0]);
    assert_int_equal(f.answers[1], 0);
    answer(&f, f.ids[1]);
    assert_int_equal(f.answers[1], 1);
    answer(&f, f.ids[1] + (UINT64_C(1) << 32)); /* as the next ask in that place will be named */
    assert_int_equal(f.answer_count, 2);
    link_asker_destroy(&f.asker);
}

static void test_stage_may_ask_again_from_an_answer(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 0);
    flush(&f);
    f.asks_again = true;
    answer(&f, f.ids[0]);
    assert_int_equal(f.asked_again, STATUS_VALUE);
    assert_int_equal(link_asker_outstanding(f.asker), 1);
    link_asker_destroy(&f.asker);
}

static void test_end_of_session_answers_every_ask_away_before_it_is_told(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    for (uint64_t token = 0; token < 10; token += 2)
        ask(&f, token);
    flush(&f);
    f.asks_again = true; /* of which none may be taken, or it would never be answered */
    reset(&f, f.session);
    for (uint64_t token = 0; token < 10; token++) {
        assert_int_equal(f.answers[token], token % 2 == 0);
        assert_true(token % 2 != 0 || f.statuses[token] == STATUS_AWAY);
    }
    assert_int_equal(f.asked_again, STATUS_AWAY);
    assert_lost_once(&f);
    link_asker_destroy(&f.asker);
}

static void test_loss_seen_by_the_transport_is_told_in_the_next_tick(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 0);
    assert_non_null(link_asker_flush(f.asker, f.now));
    link_asker_lose(f.asker, f.now);
    link_asker_lose(f.asker, f.now);
    assert_int_equal(ask(&f, 1), STATUS_AWAY);
    assert_int_equal(f.answer_count + f.event_count, 0);
    link_asker_tick(f.asker, moment_at(f.now));
    assert_int_equal(f.answers[0], 1);
    assert_lost_once(&f);
    link_asker_destroy(&f.asker);
}

/* ---- what ends a session, and what does not ---- */

static void test_foreign_session_is_dropped_and_harmless(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    struct batch batch = {0};
    batch_add_answer(&batch, 0, &(struct answer){.status = STATUS_NONE});
    deliver(&f, &batch, f.session + 1, 1);
    reset(&f, f.session - 1);
    assert_true(link_asker_is_open(f.asker));
    assert_int_equal(link_asker_counters(f.asker)->batches_dropped, 2);
    link_asker_destroy(&f.asker);
}

static void test_gap_ends_the_session_and_its_answers_are_not_taken(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 0);
    flush(&f);
    f.sent++;
    answer(&f, f.ids[0]);
    assert_int_equal(f.statuses[0], STATUS_AWAY);
    assert_lost_once(&f);
    link_asker_destroy(&f.asker);
}

static void test_record_of_the_wrong_direction_drops_its_whole_batch(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 0);
    flush(&f);
    struct batch batch = {0};
    batch_add_answer(&batch, f.ids[0], &(struct answer){.status = STATUS_NONE});
    batch_add_ask(&batch, 1, 1, 0, bytes_of_text("key"));
    deliver(&f, &batch, f.session, ++f.sent);
    assert_int_equal(f.statuses[0], STATUS_AWAY);
    assert_lost_once(&f);
    link_asker_destroy(&f.asker);
}

static void test_second_welcome_and_early_answer_end_the_session(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    struct batch batch = {0};
    batch_add_welcome(&batch, RING, 100);
    deliver(&f, &batch, f.session, ++f.sent);
    assert_lost_once(&f);
    link_asker_destroy(&f.asker);

    fixture_create(&f, false);
    link_asker_tick(f.asker, moment_at(f.now));
    flush(&f);
    for (int i = 0; i < 2; i++)
        batch_add_welcome(&batch, RING, 100);
    deliver(&f, &batch, f.session, ++f.sent);
    assert_false(link_asker_is_open(f.asker));
    link_asker_destroy(&f.asker);

    fixture_create(&f, false);
    link_asker_tick(f.asker, moment_at(f.now));
    flush(&f);
    answer(&f, 0);
    assert_int_equal(f.answer_count + f.event_count, 0); /* it never was open */
    welcome(&f, RING, 100);
    assert_false(link_asker_is_open(f.asker));
    link_asker_destroy(&f.asker);
}

static void test_malformed_batch_ends_the_session(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    link_asker_receive(f.asker, f.now, bytes_of_text("not a batch"), NULL, 0);
    assert_lost_once(&f);
    link_asker_receive(f.asker, f.now, bytes_of_text("not a batch"), NULL, 0);
    assert_int_equal(link_asker_counters(f.asker)->batches_dropped, 2);
    link_asker_destroy(&f.asker);
}

static void test_silence_ends_the_session_only_where_heartbeats_are_on(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, true);
    f.now += LINK_SILENCE - 1;
    link_asker_tick(f.asker, moment_at(f.now));
    assert_true(link_asker_is_open(f.asker));
    f.now++;
    link_asker_tick(f.asker, moment_at(f.now));
    assert_lost_once(&f);
    link_asker_destroy(&f.asker);

    open_one(&f, false);
    f.now += 1000 * LINK_SILENCE;
    assert_int_equal(link_asker_tick(f.asker, moment_at(f.now)), NEVER);
    assert_int_equal(flush(&f), 0);
    assert_true(link_asker_is_open(f.asker));
    link_asker_destroy(&f.asker);
}

static void test_idle_asker_sends_a_heartbeat_on_time(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, true);
    int64_t opened_at = f.now;
    assert_int_equal(link_asker_tick(f.asker, moment_at(f.now)), opened_at + LINK_HEARTBEAT);
    f.now = opened_at + LINK_HEARTBEAT - 1;
    assert_int_equal(flush(&f), 0);
    f.now++;
    assert_int_equal(link_asker_tick(f.asker, moment_at(f.now)), opened_at + 2 * LINK_HEARTBEAT);
    assert_int_equal(flush(&f), 1);
    link_asker_destroy(&f.asker);
}

/* ---- opening again ---- */

static void test_retries_double_to_the_most_and_start_anew_after_a_welcome(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    int64_t pause = LINK_RETRY_FIRST;
    for (int i = 0; i < 8; i++) {
        reset(&f, f.session);
        int64_t retry_at = link_asker_tick(f.asker, moment_at(f.now));
        assert_in_range(retry_at - f.now, pause - pause / 4, pause);
        assert_int_equal(flush(&f), 0);
        uint64_t session = f.session;
        f.now = retry_at;
        link_asker_tick(f.asker, moment_at(f.now));
        assert_int_equal(flush(&f), 1);
        assert_int_not_equal(f.session, session);
        pause = clock_earlier(2 * pause, LINK_RETRY_MOST);
    }
    welcome(&f, RING, 100);
    reset(&f, f.session);
    assert_true(link_asker_tick(f.asker, moment_at(f.now)) - f.now <= LINK_RETRY_FIRST);
    link_asker_destroy(&f.asker);
}

static void test_unanswered_hello_is_given_up_after_the_silence(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f, true);
    link_asker_tick(f.asker, moment_at(f.now));
    flush(&f);
    f.now += LINK_SILENCE;
    assert_in_range(link_asker_tick(f.asker, moment_at(f.now)), f.now, f.now + LINK_RETRY_FIRST);
    assert_int_equal(f.event_count, 0);
    link_asker_destroy(&f.asker);
}

static void test_other_version_is_told_and_tried_again_at_the_slowest_pace(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 0);
    link_asker_receive(f.asker, f.now, bytes_of_text("WEIR\2 whatever comes then"), NULL, 0);
    assert_int_equal(f.statuses[0], STATUS_AWAY);
    assert_int_equal(f.event_count, 2);
    assert_int_equal(f.events[0], LINK_LOST);
    assert_int_equal(f.events[1], LINK_OTHER_VERSION);
    int64_t retry_at = link_asker_tick(f.asker, moment_at(f.now));
    assert_in_range(retry_at - f.now, LINK_RETRY_MOST * 3 / 4, LINK_RETRY_MOST);
    f.now = retry_at;
    link_asker_tick(f.asker, moment_at(f.now));
    flush(&f);

    struct batch batch = {0}; /* a later version that can say so in our layout */
    batch_add_reset(&batch);
    batch.frame.data[MESSAGE_HEADER_SIZE + 1] = MESSAGE_VERSION + 1;
    deliver(&f, &batch, f.session, 0);
    assert_int_equal(f.event_count, 3);
    assert_int_equal(f.events[2], LINK_OTHER_VERSION);
    link_asker_destroy(&f.asker);
}

/* ---- limits ---- */

static void test_ask_without_credit_is_busy_until_an_answer_comes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f, false);
    welcome(&f, RING, 2);
    assert_int_equal(ask(&f, 0), STATUS_VALUE);
    assert_int_equal(ask(&f, 1), STATUS_VALUE);
    assert_int_equal(ask(&f, 2), STATUS_BUSY);
    assert_int_equal(link_asker_counters(f.asker)->refused_busy, 1);
    flush(&f);
    answer(&f, f.ids[0]);
    assert_int_equal(ask(&f, 2), STATUS_VALUE);
    assert_int_equal(ask(&f, 3), STATUS_BUSY);
    link_asker_destroy(&f.asker);
}

static void test_credit_beyond_our_own_limit_is_not_used(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f, false);
    welcome(&f, RING, UINT32_MAX);
    for (uint32_t i = 0; i < LINK_CREDIT; i++)
        assert_int_equal(ask(&f, NOBODY), STATUS_VALUE);
    assert_int_equal(ask(&f, NOBODY), STATUS_BUSY);
    link_asker_destroy(&f.asker);
}

static void test_key_that_is_too_long_is_busy(void **state)
{
    (void)state;
    static char key[MESSAGE_MAX_KEY + 1];
    struct fixture f;
    open_one(&f, false);
    assert_int_equal(
        link_asker_ask(f.asker, f.now, 0,
                       &(struct ask){.key = (struct bytes){key, sizeof key}, .deadline = NEVER}),
        STATUS_BUSY);
    assert_int_equal(link_asker_ask(f.asker, f.now, 0,
                                    &(struct ask){.key = (struct bytes){key, MESSAGE_MAX_KEY},
                                                  .deadline = NEVER}),
                     STATUS_VALUE);
    link_asker_destroy(&f.asker);
}

static void test_asks_of_a_turn_leave_in_as_few_batches_as_the_wire_allows(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f, false);
    welcome(&f, RING, LINK_CREDIT);
    for (int i = 0; i < MESSAGE_MAX_RECORDS; i++)
        ask(&f, NOBODY);
    assert_int_equal(flush(&f), 1);
    for (int i = 0; i < MESSAGE_MAX_RECORDS + 1; i++)
        ask(&f, NOBODY);
    assert_int_equal(flush(&f), 2);
    link_asker_destroy(&f.asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_with_hello_and_is_away_until_welcome),
        cmocka_unit_test(test_other_ring_is_told_and_accepted),
        cmocka_unit_test(test_answer_reaches_its_ask_once),
        cmocka_unit_test(test_late_answer_does_not_reach_the_next_ask_in_its_place),
        cmocka_unit_test(test_stage_may_ask_again_from_an_answer),
        cmocka_unit_test(test_end_of_session_answers_every_ask_away_before_it_is_told),
        cmocka_unit_test(test_loss_seen_by_the_transport_is_told_in_the_next_tick),
        cmocka_unit_test(test_foreign_session_is_dropped_and_harmless),
        cmocka_unit_test(test_gap_ends_the_session_and_its_answers_are_not_taken),
        cmocka_unit_test(test_record_of_the_wrong_direction_drops_its_whole_batch),
        cmocka_unit_test(test_second_welcome_and_early_answer_end_the_session),
        cmocka_unit_test(test_malformed_batch_ends_the_session),
        cmocka_unit_test(test_silence_ends_the_session_only_where_heartbeats_are_on),
        cmocka_unit_test(test_idle_asker_sends_a_heartbeat_on_time),
        cmocka_unit_test(test_retries_double_to_the_most_and_start_anew_after_a_welcome),
        cmocka_unit_test(test_unanswered_hello_is_given_up_after_the_silence),
        cmocka_unit_test(test_other_version_is_told_and_tried_again_at_the_slowest_pace),
        cmocka_unit_test(test_ask_without_credit_is_busy_until_an_answer_comes),
        cmocka_unit_test(test_credit_beyond_our_own_limit_is_not_used),
        cmocka_unit_test(test_key_that_is_too_long_is_busy),
        cmocka_unit_test(test_asks_of_a_turn_leave_in_as_few_batches_as_the_wire_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
