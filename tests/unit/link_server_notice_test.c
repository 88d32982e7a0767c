/* What a server announces, and to whom; the test is every asker.
 *
 * Longer than a file should be, because one fixture serves many small cases. */
#include "common/link_server.h"

#include "tests/support/moment.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define SESSION 1000 /* of a peer: and the peer's number */

struct fixture {
    struct link_server *server;
    int64_t now;
    struct return_address from; /* of the last ask */
    size_t asks;
    /* What was flushed last: the records in short, as in "welcome", "key:a none proven:1:25". */
    char text[65536];
    struct batch_header header;
};

static void on_ask(void *owner, const struct return_address *from, const struct ask *asked)
{
    struct fixture *f = owner;
    (void)asked;
    f->from = *from;
    f->asks++;
}

static void on_event(void *owner, uint64_t peer, enum link_event event, uint64_t theirs)
{
    (void)owner, (void)peer, (void)event, (void)theirs;
}

static void fixture_create(struct fixture *f)
{
    *f = (struct fixture){.now = 1000 * SECOND};
    f->server = link_server_create(
        &(struct link_server_settings){.owner = f, .on_ask = on_ask, .on_event = on_event});
}

/* As batch `sequence` of the peer, which has seen `acknowledged` of ours. */
static void deliver(struct fixture *f, uint64_t peer, struct batch *batch, uint32_t sequence,
                    uint32_t acknowledged)
{
    batch_seal(batch, SESSION + peer, sequence, acknowledged);
    link_server_receive(f->server, f->now, peer, buffer_bytes(&batch->frame), batch->values,
                        batch->value_count);
    batch_fini(batch);
}

static void hello(struct fixture *f, uint64_t peer, bool notices)
{
    struct batch batch = {0};
    batch_add_hello(&batch, 0, false, notices);
    deliver(f, peer, &batch, 1, 0);
}

static void prove(struct fixture *f, uint32_t number, uint32_t sequence)
{
    struct batch batch = {0};
    batch_add_prove(&batch, number);
    deliver(f, 0, &batch, sequence, 0);
}

static void acknowledge(struct fixture *f, uint32_t sequence)
{
    struct batch batch = {0};
    deliver(f, 0, &batch, sequence, f->header.sequence);
}

static void announce(struct fixture *f, enum notice_kind kind, const char *key)
{
    link_server_notify(f->server, &(struct notice){.kind = kind, .key = bytes_of_text(key)});
}

static void prove_to_server(struct fixture *f, int64_t proven)
{
    link_server_notify(f->server, &(struct notice){.kind = NOTICE_PROVEN, .proven = proven});
}

static void write_record(char *out, size_t room, const struct record *record)
{
    switch (record->kind) {
    case RECORD_WELCOME:
        snprintf(out, room, "welcome");
        break;
    case RECORD_RESET:
        snprintf(out, room, "reset");
        break;
    case RECORD_NONE:
        snprintf(out, room, "none");
        break;
    case RECORD_KEY:
        snprintf(out, room, "key:%.*s", record->key.size < 32 ? (int)record->key.size : 32,
                 record->key.data);
        break;
    case RECORD_ALL:
        snprintf(out, room, "all");
        break;
    case RECORD_LOST:
        snprintf(out, room, "lost");
        break;
    case RECORD_PROVEN:
        snprintf(out, room, "proven:%d:%d", (int)record->number, (int)record->proof_ms);
        break;
    default:
        fail();
    }
}

/* The next batch and whom it is for; -1, and an empty text: there is none. */
static int flush(struct fixture *f)
{
    uint64_t peer;
    struct batch_reader reader;
    struct record record;
    size_t used = 0;
    struct batch *batch = link_server_flush(f->server, moment_at(f->now), &peer);
    f->text[0] = '\0';
    if (batch == NULL)
        return -1;
    assert_int_equal(
        batch_read(&reader, buffer_bytes(&batch->frame), batch->values, batch->value_count),
        BATCH_READY);
    f->header = reader.header;
    while (batch_next(&reader, &record)) {
        char *at = f->text + used;
        if (used > 0)
            *at++ = ' ';
        write_record(at, sizeof f->text - used - 1, &record);
        used += strlen(f->text + used);
    }
    batch_clear(batch);
    return (int)peer;
}

/* As the next turn: time passes, and what it brings is flushed. */
static int turn(struct fixture *f)
{
    f->now += MILLISECOND;
    link_server_tick(f->server, f->now);
    return flush(f);
}

/* Peer 0 has a session, and wants notices. */
static void open_one(struct fixture *f)
{
    fixture_create(f);
    link_server_open(f->server);
    hello(f, 0, true);
    assert_int_equal(flush(f), 0);
    assert_string_equal(f->text, "welcome");
    assert_int_equal(flush(f), -1);
}

/* ---- notices ---- */

static void test_notices_and_answers_leave_in_the_order_they_were_given(void **state)
{
    (void)state;
    struct fixture f;
    struct batch batch = {0};
    open_one(&f);
    batch_add_ask(&batch, 1, 1000, 0, bytes_of_text("a"));
    deliver(&f, 0, &batch, 2, 1);
    announce(&f, NOTICE_KEY, "a");
    link_server_answer(f.server, &f.from, &(struct answer){.status = STATUS_NONE});
    announce(&f, NOTICE_ALL, "");
    announce(&f, NOTICE_LOST, "");
    announce(&f, NOTICE_KEY, "");
    assert_int_equal(flush(&f), 0);
    assert_string_equal(f.text, "key:a none all lost key:");
    assert_int_equal(link_server_counters(f.server)->notices_sent, 4);
    link_server_destroy(&f.server);
}

static void test_notices_go_to_those_who_want_them_and_have_a_session(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    hello(&f, 0, true);
    hello(&f, 1, false);
    announce(&f, NOTICE_KEY, "early"); /* nobody can have asked for anything yet */
    link_server_open(f.server);
    announce(&f, NOTICE_KEY, "k");
    hello(&f, 2, true);
    announce(&f, NOTICE_KEY, "l");
    assert_int_equal(flush(&f), 0);
    assert_string_equal(f.text, "welcome key:k key:l");
    assert_int_equal(flush(&f), 1);
    assert_string_equal(f.text, "welcome");
    assert_int_equal(flush(&f), 2);
    assert_string_equal(f.text, "welcome key:l");
    assert_int_equal(link_server_counters(f.server)->notices_sent, 3);
    link_server_destroy(&f.server);
}

static void test_next_session_says_itself_whether_it_wants_notices(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f);
    announce(&f, NOTICE_KEY, "k");
    link_server_lose(f.server, 0);
    hello(&f, 0, false);
    announce(&f, NOTICE_KEY, "l");
    assert_int_equal(flush(&f), 0);
    assert_string_equal(f.text, "welcome");
    assert_int_equal(flush(&f), -1);
    link_server_destroy(&f.server);
}

/* ---- proofs ---- */

static void test_proof_is_told_in_a_later_turn_as_an_age_rounded_up(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f);
    prove_to_server(&f, moment_boot(f.now) - 24 * MILLISECOND + 1);
    assert_int_equal(flush(&f), -1); /* not unasked */
    prove(&f, 7, 2);
    assert_int_equal(link_server_tick(f.server, f.now), f.now + 1);
    assert_int_equal(flush(&f), -1); /* the clock was read before the question came */
    assert_int_equal(turn(&f), 0);
    assert_string_equal(f.text, "proven:7:25");
    assert_int_equal(turn(&f), -1); /* once */
    assert_int_equal(link_server_tick(f.server, f.now), NEVER);
    link_server_destroy(&f.server);
}

static void test_there_is_no_proof_before_one_was_given_and_after_a_loss(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f);
    prove(&f, 1, 2);
    turn(&f);
    assert_string_equal(f.text, "proven:1:-1");
    prove_to_server(&f, moment_boot(f.now));
    announce(&f, NOTICE_LOST, "");
    prove(&f, 2, 3);
    turn(&f);
    assert_string_equal(f.text, "lost proven:2:-1");
    prove_to_server(&f, moment_boot(f.now));
    prove(&f, 3, 4);
    turn(&f);
    assert_string_equal(f.text, "proven:3:1");
    link_server_destroy(&f.server);
}

static void test_older_proof_does_not_take_the_place_of_a_younger_one(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f);
    prove_to_server(&f, moment_boot(f.now));
    prove_to_server(&f, moment_boot(f.now) - SECOND);
    prove(&f, 1, 2);
    turn(&f);
    assert_string_equal(f.text, "proven:1:1");
    link_server_destroy(&f.server);
}

static void test_very_old_proof_is_not_mistaken_for_none(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f);
    f.now += INT64_C(60) * 24 * 3600 * SECOND;
    prove_to_server(&f, 0);
    prove(&f, 1, 2);
    turn(&f);
    assert_string_equal(f.text, "proven:1:-2"); /* the greatest age there is */
    link_server_destroy(&f.server);
}

static void test_proof_stands_behind_every_notice_given_before(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f);
    prove_to_server(&f, moment_boot(f.now));
    prove(&f, 1, 2);
    for (int i = 0; i < MESSAGE_MAX_RECORDS + 1; i++)
        announce(&f, NOTICE_KEY, "k");
    assert_int_equal(turn(&f), 0); /* a full batch of notices */
    assert_int_equal(f.header.records, MESSAGE_MAX_RECORDS);
    assert_null(strstr(f.text, "proven"));
    assert_int_equal(flush(&f), 0);
    assert_string_equal(f.text, "key:k proven:1:1");
    link_server_destroy(&f.server);
}

static void fill_window(struct fixture *f)
{
    for (int i = 1; i < LINK_WINDOW; i++) { /* WELCOME was the first */
        announce(f, NOTICE_KEY, "k");
        assert_int_equal(flush(f), 0);
    }
    announce(f, NOTICE_KEY, "last");
    assert_int_equal(flush(f), -1);
}

static void test_flood_of_questions_gathers_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct batch batch = {0};
    open_one(&f);
    fill_window(&f);
    for (uint32_t i = 2; i < 1000; i++) { /* by a peer that acknowledges nothing */
        prove(&f, i, i);
        turn(&f);
        assert_true(f.text[0] == '\0'); /* an acknowledgement, or nothing */
    }
    batch_add_prove(&batch, 1000);
    batch_add_prove(&batch, 1001);
    deliver(&f, 0, &batch, 1000, LINK_WINDOW);
    turn(&f);
    assert_string_equal(f.text, "key:last proven:1001:-1");
    assert_int_equal(flush(&f), -1);
    link_server_destroy(&f.server);
}

static void test_question_of_who_wants_no_notices_ends_its_session(void **state)
{
    (void)state;
    struct fixture f;
    fixture_create(&f);
    link_server_open(f.server);
    hello(&f, 0, false);
    flush(&f);
    prove(&f, 1, 2);
    assert_int_equal(flush(&f), 0);
    assert_string_equal(f.text, "reset");
    assert_int_equal(link_server_peers(f.server), 0);
    link_server_destroy(&f.server);
}

static void test_question_needs_no_credit_and_gives_none(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f);
    uint32_t sequence = 1;
    while (f.asks < LINK_CREDIT) {
        struct batch batch = {0};
        for (int i = 0; i < MESSAGE_MAX_RECORDS; i++)
            batch_add_ask(&batch, 1, 1000, 0, bytes_of_text("a"));
        deliver(&f, 0, &batch, ++sequence, 0);
        flush(&f);
    }
    prove(&f, 1, ++sequence);
    turn(&f);
    assert_string_equal(f.text, "proven:1:-1");
    struct batch batch = {0};
    batch_add_prove(&batch, 1);
    batch_add_ask(&batch, 1, 1000, 0, bytes_of_text("a"));
    deliver(&f, 0, &batch, ++sequence, 0);
    assert_int_equal(f.asks, LINK_CREDIT);
    flush(&f);
    assert_string_equal(f.text, "reset");
    link_server_destroy(&f.server);
}

/* ---- too much ---- */

static char long_key[MESSAGE_MAX_KEY + 1];

/* Peer 0 takes nothing more; as much is gathered for it as may be. */
static void fill_backlog(struct fixture *f)
{
    memset(long_key, 'k', MESSAGE_MAX_KEY);
    open_one(f);
    fill_window(f);
    while (link_server_counters(f->server)->notices_overflowed == 0)
        announce(f, NOTICE_KEY, long_key);
    assert_in_range(link_server_counters(f->server)->notices_sent * MESSAGE_MAX_KEY,
                    LINK_NOTICE_BACKLOG, 2 * LINK_NOTICE_BACKLOG + MESSAGE_MAX_FIRST_FRAME);
}

/* Until nothing comes any more; how many batches came. */
static int drain(struct fixture *f, uint32_t sequence, char *last, size_t room)
{
    int batches = 0;
    for (;; batches++) {
        acknowledge(f, sequence);
        if (turn(f) < 0)
            return batches;
        const size_t size = strlen(f->text);
        snprintf(last, room, "%s", f->text + (size < room ? 0 : size - room + 1));
    }
}

static void test_notices_beyond_the_bound_become_one_lost_when_the_peer_has_caught_up(void **state)
{
    (void)state;
    struct fixture f;
    char last[64];
    fill_backlog(&f);
    prove_to_server(&f, moment_boot(f.now));
    prove(&f, 1, 2);
    announce(&f, NOTICE_ALL, "");
    announce(&f, NOTICE_KEY, "dropped");
    assert_int_equal(link_server_counters(f.server)->notices_overflowed, 3);
    turn(&f);
    assert_string_equal(f.text, ""); /* no proof while it does not know */
    drain(&f, 2, last, sizeof last);
    assert_non_null(strstr(last, " lost proven:1:"));
    assert_null(strstr(last, "dropped"));

    announce(&f, NOTICE_KEY, "then all is as before");
    flush(&f);
    assert_string_equal(f.text, "key:then all is as before");
    link_server_destroy(&f.server);
}

static void test_one_peer_that_takes_nothing_costs_the_others_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fill_backlog(&f);
    hello(&f, 1, true);
    announce(&f, NOTICE_KEY, "k");
    assert_int_equal(flush(&f), 1);
    assert_string_equal(f.text, "welcome key:k");
    link_server_destroy(&f.server);
}

static void test_lost_that_is_owed_ends_with_its_session(void **state)
{
    (void)state;
    struct fixture f;
    fill_backlog(&f);
    link_server_lose(f.server, 0);
    hello(&f, 0, true);
    flush(&f);
    assert_string_equal(f.text, "welcome");
    announce(&f, NOTICE_KEY, "k");
    flush(&f);
    assert_string_equal(f.text, "key:k");
    link_server_destroy(&f.server);
}

static void test_notices_alone_make_no_answer_busy(void **state)
{
    (void)state;
    struct fixture f;
    struct batch batch = {0};
    fill_backlog(&f);
    batch_add_ask(&batch, 1, 1000, 0, bytes_of_text("a"));
    deliver(&f, 0, &batch, 2, 1);
    link_server_answer(f.server, &f.from, &(struct answer){.status = STATUS_NONE});
    assert_int_equal(link_server_counters(f.server)->refused_busy, 0);
    link_server_destroy(&f.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notices_and_answers_leave_in_the_order_they_were_given),
        cmocka_unit_test(test_notices_go_to_those_who_want_them_and_have_a_session),
        cmocka_unit_test(test_next_session_says_itself_whether_it_wants_notices),
        cmocka_unit_test(test_proof_is_told_in_a_later_turn_as_an_age_rounded_up),
        cmocka_unit_test(test_there_is_no_proof_before_one_was_given_and_after_a_loss),
        cmocka_unit_test(test_older_proof_does_not_take_the_place_of_a_younger_one),
        cmocka_unit_test(test_very_old_proof_is_not_mistaken_for_none),
        cmocka_unit_test(test_proof_stands_behind_every_notice_given_before),
        cmocka_unit_test(test_flood_of_questions_gathers_nothing),
        cmocka_unit_test(test_question_of_who_wants_no_notices_ends_its_session),
        cmocka_unit_test(test_question_needs_no_credit_and_gives_none),
        cmocka_unit_test(test_notices_beyond_the_bound_become_one_lost_when_the_peer_has_caught_up),
        cmocka_unit_test(test_one_peer_that_takes_nothing_costs_the_others_nothing),
        cmocka_unit_test(test_lost_that_is_owed_ends_with_its_session),
        cmocka_unit_test(test_notices_alone_make_no_answer_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
