/* The serving end alone: the test is every asker, the hostile ones too.
 *
 * Longer than a file should be, because one fixture serves many small cases. */
#include "common/link_server.h"
#include "tests/support/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING    7
#define SESSION 1000
#define PEER    5

struct fixture {
    struct link_server *server;
    int64_t now;
    uint32_t sent; /* sequence of the test's last batch */
    /* What the stage was asked. */
    struct return_address from[64];
    int64_t deadline; /* of the last */
    size_t asks;
    bool answers_at_once;
    enum link_event events[4096];
    size_t event_count;
    /* What was flushed last. */
    struct batch_header header;
    struct record record; /* the first of its records */
    uint64_t to;
};

static const struct answer none = {.status = STATUS_NONE};

static void on_ask(void *owner, const struct return_address *from, const struct ask *asked)
{
    struct fixture *f = owner;
    assert_true(bytes_are_equal(asked->key, bytes_of_text("key")));
    if (f->asks < 64)
        f->from[f->asks] = *from;
    f->asks++;
    f->deadline = asked->deadline;
    if (f->answers_at_once)
        link_server_answer(f->server, from, &none);
}

static void on_event(void *owner, uint64_t peer, enum link_event event, uint64_t theirs)
{
    (void)theirs;
    struct fixture *f = owner;
    (void)peer;
    f->events[f->event_count++] = event;
}

static void fixture_create(struct fixture *f)
{
    struct link_server_settings settings = {
        .ring = RING, .owner = f, .on_ask = on_ask, .on_event = on_event};
    *f = (struct fixture){.now = SECOND};
    f->server = link_server_create(&settings);
}

static void deliver_from(struct fixture *f, uint64_t peer, struct batch *batch, uint64_t session,
                         uint32_t sequence)
{
    batch_seal(batch, session, sequence, 0);
    link_server_receive(f->server, f->now, peer, buffer_bytes(&batch->frame), batch->values,
                        batch->value_count);
    batch_fini(batch);
}

static void hello_from(struct fixture *f, uint64_t peer, uint64_t session, bool heartbeat)
{
    struct batch batch = {0};
    batch_add_hello(&batch, RING, heartbeat, false);
    deliver_from(f, peer, &batch, session, 1);
}

static struct batch asks_of(uint32_t count)
{
    struct batch batch = {0};
    for (uint32_t i = 0; i < count; i++)
        batch_add_ask(&batch, i, 500, 0, bytes_of_text("key"));
    return batch;
}

static void ask(struct fixture *f, uint32_t count)
{
    struct batch batch = asks_of(count);
    deliver_from(f, PEER, &batch, SESSION, ++f->sent);
}

/* The next batch, noted in the fixture; false: there is none. */
static bool flush_one(struct fixture *f)
{
    struct batch_reader reader;
    struct batch *batch = link_server_flush(f->server, moment_at(f->now), &f->to);
    if (!batch)
        return false;
    assert_int_equal(
        batch_read(&reader, buffer_bytes(&batch->frame), batch->values, batch->value_count),
        BATCH_READY);
    f->header = reader.header;
    f->record = (struct record){0};
    batch_next(&reader, &f->record);
    batch_clear(batch);
    return true;
}

static void assert_reset(struct fixture *f, uint64_t peer, uint64_t session)
{
    assert_true(flush_one(f));
    assert_int_equal(f->to, peer);
    assert_int_equal(f->header.session, session);
    assert_int_equal(f->header.records, 1);
    assert_int_equal(f->record.kind, RECORD_RESET);
    assert_int_equal(f->record.version, MESSAGE_VERSION);
    assert_false(flush_one(f));
}

static void open_one(struct fixture *f, bool heartbeat)
{
    fixture_create(f);
    link_server_open(f->server);
    hello_from(f, PEER, SESSION, heartbeat);
    f->sent = 1;
    assert_true(flush_one(f));
    assert_int_equal(f->record.kind, RECORD_WELCOME);
    assert_false(flush_one(f));
    f->event_count = 0;
}

/* ---- sessions ---- */

static void test_hello_is_answered_welcome(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    assert_int_equal(f.to, PEER);
    assert_int_equal(f.header.session, SESSION);
    assert_int_equal(f.header.sequence, 1);
    assert_int_equal(f.header.acknowledged, 1);
    assert_true(f.record.ring == RING && f.record.credit == LINK_CREDIT);
    assert_int_equal(link_server_peers(f.server), 1);
    link_server_destroy(&f.server);
    assert_null(f.server);
}

static void test_hello_is_kept_until_the_server_opens(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    hello_from(&f, PEER, SESSION - 1, false);
    hello_from(&f, PEER, SESSION, false); /* the asker has begun anew: only this one counts */
    assert_false(flush_one(&f));
    assert_int_equal(link_server_peers(f.server) + f.event_count, 0);
    link_server_open(f.server);
    assert_int_equal(f.event_count, 1);
    assert_int_equal(f.events[0], LINK_OPENED);
    assert_true(flush_one(&f));
    assert_int_equal(f.record.kind, RECORD_WELCOME);
    assert_int_equal(f.header.session, SESSION);
    assert_false(flush_one(&f));
    link_server_destroy(&f.server);
}

static void test_ask_before_the_server_opens_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    hello_from(&f, PEER, SESSION, false);
    f.sent = 1;
    ask(&f, 1);
    assert_int_equal(f.asks, 0);
    assert_reset(&f, PEER, SESSION);
    link_server_destroy(&f.server);
}

static void test_stranger_is_told_reset(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    ask(&f, 1);
    ask(&f, 1);
    assert_int_equal(f.asks, 0);
    assert_reset(&f, PEER, SESSION); /* once for both */
    assert_int_equal(link_server_counters(f.server)->batches_dropped, 2);
    link_server_destroy(&f.server);
}

static void test_other_ring_is_told_and_accepted(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    link_server_open(f.server);
    struct batch batch = {0};
    batch_add_hello(&batch, RING + 1, false, false);
    deliver_from(&f, PEER, &batch, SESSION, 1);
    assert_int_equal(f.event_count, 2);
    assert_int_equal(f.events[1], LINK_OTHER_RING);
    assert_int_equal(link_server_peers(f.server), 1);
    link_server_destroy(&f.server);
}

static void test_other_version_is_refused_in_ours(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    link_server_open(f.server);
    link_server_receive(f.server, f.now, PEER, bytes_of_text("WEIR\2 and more"), NULL, 0);
    assert_int_equal(f.event_count, 1);
    assert_int_equal(f.events[0], LINK_OTHER_VERSION);
    assert_reset(&f, PEER, 0);
    link_server_destroy(&f.server);
}

static void test_new_session_takes_the_place_of_the_old_one(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 1);
    hello_from(&f, PEER, SESSION + 1, false);
    assert_int_equal(f.event_count, 2);
    assert_int_equal(f.events[0], LINK_LOST);
    assert_int_equal(f.events[1], LINK_OPENED);
    link_server_answer(f.server, &f.from[0], &none);
    assert_int_equal(link_server_counters(f.server)->late_answers, 1);
    ask(&f, 1); /* still of the old session: dropped, and the new one stays */
    assert_int_equal(f.asks, 1);
    assert_true(flush_one(&f));
    assert_int_equal(f.header.session, SESSION + 1);
    assert_int_equal(f.header.records, 1);
    assert_false(flush_one(&f));
    assert_int_equal(link_server_peers(f.server), 1);
    link_server_destroy(&f.server);
}

static void test_lost_peer_is_forgotten(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 1);
    link_server_answer(f.server, &f.from[0], &none);
    link_server_lose(f.server, PEER);
    link_server_lose(f.server, PEER);
    assert_false(flush_one(&f));
    assert_int_equal(f.event_count, 1);
    assert_int_equal(f.events[0], LINK_LOST);
    assert_int_equal(link_server_peers(f.server), 0);
    link_server_destroy(&f.server);
}

static void test_answer_to_a_lost_peer_does_not_reach_who_took_its_place(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 1);
    link_server_lose(f.server, PEER);
    hello_from(&f, PEER + 1, SESSION + 1, false);
    assert_true(flush_one(&f));
    link_server_answer(f.server, &f.from[0], &none);
    assert_false(flush_one(&f));
    assert_int_equal(link_server_counters(f.server)->late_answers, 1);
    link_server_destroy(&f.server);
}

static void test_silent_peer_is_dropped_only_if_it_promised_heartbeats(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, true);
    hello_from(&f, PEER + 1, SESSION + 1, false);
    assert_true(flush_one(&f));
    f.now += LINK_HEARTBEAT;
    assert_int_equal(link_server_tick(f.server, f.now), f.now + LINK_HEARTBEAT);
    assert_true(flush_one(&f)); /* the server's own heartbeat */
    assert_int_equal(f.to, PEER);
    assert_int_equal(f.header.records, 0);
    assert_false(flush_one(&f));
    f.now += LINK_SILENCE - LINK_HEARTBEAT;
    assert_int_equal(link_server_tick(f.server, f.now), NEVER);
    assert_int_equal(link_server_peers(f.server), 1);
    assert_false(flush_one(&f));
    ask(&f, 1); /* it comes back, and must begin anew */
    assert_reset(&f, PEER, SESSION);
    link_server_destroy(&f.server);
}

/* ---- asks and answers ---- */

static void test_remaining_time_becomes_a_deadline_of_our_own_clock(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 1);
    assert_int_equal(f.deadline, f.now + 500 * MILLISECOND);
    link_server_destroy(&f.server);
}

static void test_answers_of_a_turn_leave_in_one_batch_at_once_or_later(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    ask(&f, 3);
    assert_false(flush_one(&f));
    for (int i = 2; i >= 0; i--)
        link_server_answer(f.server, &f.from[i], &none);
    f.answers_at_once = true;
    ask(&f, 5);
    assert_true(flush_one(&f));
    assert_int_equal(f.header.records, 8);
    assert_int_equal(f.header.acknowledged, 3);
    assert_int_equal(f.record.id, 2);
    assert_false(flush_one(&f));
    link_server_destroy(&f.server);
}

static void test_each_peer_gets_its_own_answers(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    link_server_open(f.server);
    for (uint64_t peer = 0; peer < 10; peer++) {
        hello_from(&f, peer, SESSION + peer, false);
        assert_true(flush_one(&f));
        struct batch batch = {0};
        batch_add_ask(&batch, 100 + peer, 1, 0, bytes_of_text("key"));
        deliver_from(&f, peer, &batch, SESSION + peer, 2);
    }
    for (int i = 9; i >= 0; i--)
        link_server_answer(f.server, &f.from[i], &none);
    for (int i = 0; i < 10; i++) {
        assert_true(flush_one(&f));
        assert_int_equal(f.record.id, 100 + f.to);
        assert_int_equal(f.header.session, SESSION + f.to);
    }
    assert_false(flush_one(&f));
    link_server_destroy(&f.server);
}

static void test_full_window_gathers_the_answers(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    f.answers_at_once = true;
    for (int i = 1; i < LINK_WINDOW; i++) { /* WELCOME was the first */
        ask(&f, 1);
        assert_true(flush_one(&f));
    }
    ask(&f, 2);
    ask(&f, 3);
    assert_false(flush_one(&f));
    struct batch empty = {0};
    batch_seal(&empty, SESSION, f.sent, 1);
    link_server_receive(f.server, f.now, PEER, buffer_bytes(&empty.frame), NULL, 0);
    batch_fini(&empty);
    assert_true(flush_one(&f));
    assert_int_equal(f.header.records, 5);
    assert_false(flush_one(&f));
    link_server_destroy(&f.server);
}

static void test_answer_beyond_the_backlog_is_busy(void **state)
{
    (void)state;
    static char bytes[VALUE_BY_REFERENCE - 1];
    const struct answer large = {.status = STATUS_VALUE, .bytes = {bytes, sizeof bytes}};
    struct fixture f;
    open_one(&f, false);
    for (uint32_t asks = 0; asks < LINK_CREDIT / 2; asks += MESSAGE_MAX_RECORDS) {
        ask(&f, MESSAGE_MAX_RECORDS);
        while (flush_one(&f)) /* acknowledges */
            ;
    }
    struct return_address to = f.from[0];
    for (int i = 0; i < LINK_CREDIT / 2; i++)
        link_server_answer(f.server, &to, &large);
    assert_in_range(link_server_counters(f.server)->refused_busy, 1, LINK_CREDIT / 2 - 1);
    link_server_destroy(&f.server);
}

/* ---- hostile askers ---- */

static void test_peer_beyond_its_credit_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    for (uint32_t asks = 0; asks < LINK_CREDIT; asks += MESSAGE_MAX_RECORDS) {
        ask(&f, MESSAGE_MAX_RECORDS);
        while (flush_one(&f)) /* acknowledges, so that only the credit stands in the way */
            ;
    }
    assert_int_equal(f.asks, LINK_CREDIT);
    link_server_answer(f.server, &f.from[0], &none);
    assert_true(flush_one(&f));
    ask(&f, 1);
    assert_int_equal(f.asks, LINK_CREDIT + 1);
    ask(&f, 1);
    assert_int_equal(f.asks, LINK_CREDIT + 1);
    assert_reset(&f, PEER, SESSION);
    assert_int_equal(f.events[0], LINK_LOST);
    link_server_destroy(&f.server);
}

static void test_repeated_ids_are_asks_like_others(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    struct batch batch = {0};
    for (int i = 0; i < 2; i++)
        batch_add_ask(&batch, 9, 1, 0, bytes_of_text("key"));
    deliver_from(&f, PEER, &batch, SESSION, 2);
    assert_int_equal(f.asks, 2);
    link_server_answer(f.server, &f.from[0], &none);
    link_server_answer(f.server, &f.from[1], &none);
    assert_true(flush_one(&f));
    assert_int_equal(f.header.records, 2);
    link_server_destroy(&f.server);
}

static void test_record_of_the_wrong_direction_drops_its_whole_batch(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    struct batch batch = asks_of(2);
    batch_add_answer(&batch, 1, &none);
    deliver_from(&f, PEER, &batch, SESSION, 2);
    assert_int_equal(f.asks, 0);
    assert_reset(&f, PEER, SESSION);
    link_server_destroy(&f.server);
}

static void test_gap_repetition_and_too_large_a_window_are_refused(void **state)
{
    (void)state;
    static const uint32_t wrong[] = {0, 1, 3, UINT32_MAX};
    struct fixture f;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        open_one(&f, false);
        struct batch batch = asks_of(1);
        deliver_from(&f, PEER, &batch, SESSION, wrong[i]);
        assert_int_equal(f.asks, 0);
        assert_reset(&f, PEER, SESSION);
        link_server_destroy(&f.server);
    }
    open_one(&f, false);
    for (int i = 0; i < LINK_WINDOW; i++)
        ask(&f, 1);
    assert_int_equal(f.asks, LINK_WINDOW);
    ask(&f, 1);
    assert_int_equal(f.asks, LINK_WINDOW);
    assert_reset(&f, PEER, SESSION);
    link_server_destroy(&f.server);
}

static void test_repeated_or_crowded_hello_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    hello_from(&f, PEER, SESSION, false);
    assert_reset(&f, PEER, SESSION);

    struct batch batch = {0};
    batch_add_hello(&batch, RING, false, false);
    batch_add_hello(&batch, RING, false, false);
    deliver_from(&f, PEER, &batch, SESSION, 1);
    assert_reset(&f, PEER, SESSION);

    batch = asks_of(1);
    batch_add_hello(&batch, RING, false, false);
    deliver_from(&f, PEER, &batch, SESSION, 1);
    assert_reset(&f, PEER, SESSION);

    batch = (struct batch){0};
    batch_add_hello(&batch, RING, false, false);
    deliver_from(&f, PEER, &batch, SESSION, 2); /* a session begins with 1 */
    assert_reset(&f, PEER, SESSION);
    assert_int_equal(link_server_peers(f.server), 0);
    link_server_destroy(&f.server);
}

static void test_malformed_batch_ends_a_session_and_a_stranger_is_not_answered(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, false);
    link_server_receive(f.server, f.now, PEER + 1, bytes_of_text("WEIR\1 garbage"), NULL, 0);
    assert_false(flush_one(&f));
    assert_int_equal(link_server_peers(f.server), 1);
    link_server_receive(f.server, f.now, PEER, bytes_of_text("WEIR\1 garbage"), NULL, 0);
    assert_reset(&f, PEER, SESSION);
    assert_int_equal(link_server_counters(f.server)->batches_dropped, 2);
    link_server_destroy(&f.server);
}

static void test_flood_of_hellos_leaves_one_session(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    link_server_open(f.server);
    for (uint64_t session = 1; session <= 1000; session++)
        hello_from(&f, PEER, session, true);
    assert_int_equal(link_server_peers(f.server), 1);
    assert_true(flush_one(&f));
    assert_int_equal(f.header.session, 1000);
    assert_false(flush_one(&f));
    link_server_destroy(&f.server);
}

static void test_peers_beyond_the_limit_are_dropped_unanswered(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    link_server_open(f.server);
    for (uint64_t peer = 0; peer < LINK_MAX_PEERS; peer++)
        hello_from(&f, peer, SESSION, false);
    while (flush_one(&f))
        ;
    hello_from(&f, LINK_MAX_PEERS, SESSION, false);
    struct batch batch = asks_of(1);
    deliver_from(&f, LINK_MAX_PEERS, &batch, SESSION, 1);
    assert_false(flush_one(&f));
    assert_int_equal(link_server_peers(f.server), LINK_MAX_PEERS);
    assert_int_equal(link_server_counters(f.server)->batches_dropped, 2);

    link_server_lose(f.server, 3); /* makes room */
    hello_from(&f, LINK_MAX_PEERS, SESSION, false);
    assert_true(flush_one(&f));
    assert_int_equal(f.to, LINK_MAX_PEERS);
    link_server_destroy(&f.server);
}

static void test_strangers_that_were_refused_take_no_place(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    link_server_open(f.server);
    for (uint64_t peer = 0; peer < 2 * LINK_MAX_PEERS; peer++) {
        struct batch batch = asks_of(1);
        deliver_from(&f, peer, &batch, SESSION, 2);
        assert_reset(&f, peer, SESSION);
    }
    link_server_destroy(&f.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello_is_answered_welcome),
        cmocka_unit_test(test_hello_is_kept_until_the_server_opens),
        cmocka_unit_test(test_ask_before_the_server_opens_is_refused),
        cmocka_unit_test(test_stranger_is_told_reset),
        cmocka_unit_test(test_other_ring_is_told_and_accepted),
        cmocka_unit_test(test_other_version_is_refused_in_ours),
        cmocka_unit_test(test_new_session_takes_the_place_of_the_old_one),
        cmocka_unit_test(test_lost_peer_is_forgotten),
        cmocka_unit_test(test_answer_to_a_lost_peer_does_not_reach_who_took_its_place),
        cmocka_unit_test(test_silent_peer_is_dropped_only_if_it_promised_heartbeats),
        cmocka_unit_test(test_remaining_time_becomes_a_deadline_of_our_own_clock),
        cmocka_unit_test(test_answers_of_a_turn_leave_in_one_batch_at_once_or_later),
        cmocka_unit_test(test_each_peer_gets_its_own_answers),
        cmocka_unit_test(test_full_window_gathers_the_answers),
        cmocka_unit_test(test_answer_beyond_the_backlog_is_busy),
        cmocka_unit_test(test_peer_beyond_its_credit_is_refused),
        cmocka_unit_test(test_repeated_ids_are_asks_like_others),
        cmocka_unit_test(test_record_of_the_wrong_direction_drops_its_whole_batch),
        cmocka_unit_test(test_gap_repetition_and_too_large_a_window_are_refused),
        cmocka_unit_test(test_repeated_or_crowded_hello_is_refused),
        cmocka_unit_test(test_malformed_batch_ends_a_session_and_a_stranger_is_not_answered),
        cmocka_unit_test(test_flood_of_hellos_leaves_one_session),
        cmocka_unit_test(test_peers_beyond_the_limit_are_dropped_unanswered),
        cmocka_unit_test(test_strangers_that_were_refused_take_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
