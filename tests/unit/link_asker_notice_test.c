/* What an asker makes of what is announced, and how it asks for proofs; the test is the server. */
#include "common/link_asker.h"

#include "tests/support/moment.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define EVERY (100 * MILLISECOND)

struct fixture {
    struct link_asker *asker;
    int64_t now;
    uint64_t session, last_session;
    uint32_t sent, acknowledges;
    bool wants_notices; /* as HELLO said */
    uint32_t question;  /* the number of the last PROVE flushed; 0: none since */
    uint64_t id;        /* of the last ask flushed */
    char text[512];     /* what the stage was told, in short */
    int64_t proven;     /* as it was told last */
};

static void note(struct fixture *f, const char *what)
{
    const size_t used = strlen(f->text);
    snprintf(f->text + used, sizeof f->text - used, "%s%s", used > 0 ? " " : "", what);
}

static uint64_t name_session(void *owner)
{
    return ++((struct fixture *)owner)->last_session;
}

static void on_answer(void *owner, uint64_t token, const struct answer *answer)
{
    char text[32];
    snprintf(text, sizeof text, "%d:%d", (int)token, (int)answer->status);
    note(owner, text);
}

static void on_notice(void *owner, const struct notice *notice)
{
    static const char *const names[] = {[NOTICE_KEY] = "key:",
                                        [NOTICE_ALL] = "all",
                                        [NOTICE_LOST] = "lost",
                                        [NOTICE_PROVEN] = "proven"};
    struct fixture *f = owner;
    char text[64];
    snprintf(text, sizeof text, "%s%.*s", names[notice->kind], (int)notice->key.size,
             notice->key.size > 0 ? notice->key.data : "");
    note(f, text);
    f->proven = notice->proven;
}

static void on_event(void *owner, enum link_event event, uint64_t theirs)
{
    (void)theirs;
    if (event == LINK_LOST)
        note(owner, "ended");
}

static void deliver(struct fixture *f, struct batch *batch)
{
    batch_seal(batch, f->session, ++f->sent, f->acknowledges);
    link_asker_receive(f->asker, f->now, buffer_bytes(&batch->frame), batch->values,
                       batch->value_count);
    batch_fini(batch);
}

/* Flushes all there is, and notes what it asks. */
static void flush(struct fixture *f)
{
    struct batch *batch;
    struct batch_reader reader;
    struct record record;
    f->question = 0;
    while ((batch = link_asker_flush(f->asker, f->now)) != NULL) {
        assert_int_equal(batch_read(&reader, buffer_bytes(&batch->frame), NULL, 0), BATCH_READY);
        f->session = reader.header.session;
        f->acknowledges = reader.header.sequence;
        while (batch_next(&reader, &record)) {
            if (record.kind == RECORD_HELLO)
                f->wants_notices = record.notices;
            if (record.kind == RECORD_ASK)
                f->id = record.id;
            if (record.kind == RECORD_PROVE)
                f->question = record.number;
        }
        batch_clear(batch);
    }
}

/* A turn `later` (ns) than the last; returns when the asker wants the next. */
static int64_t turn(struct fixture *f, int64_t later)
{
    f->now += later;
    const int64_t next = link_asker_tick(f->asker, moment_at(f->now));
    flush(f);
    return next;
}

static void welcome(struct fixture *f)
{
    struct batch batch = {0};
    turn(f, LINK_RETRY_MOST);
    f->sent = 0;
    batch_add_welcome(&batch, 0, 100);
    deliver(f, &batch);
    assert_true(link_asker_is_open(f->asker));
}

static void open_one(struct fixture *f, bool wants_notices)
{
    *f = (struct fixture){.now = 1000 * SECOND};
    f->asker = link_asker_create(&(struct link_asker_settings){
        .random = name_session,
        .owner = f,
        .on_answer = on_answer,
        .on_notice = wants_notices ? on_notice : NULL,
        .on_event = on_event,
    });
    welcome(f);
}

static void ask(struct fixture *f, uint64_t token)
{
    assert_int_equal(link_asker_ask(f->asker, f->now, token,
                                    &(struct ask){.key = bytes_of_text("k"), .deadline = NEVER}),
                     STATUS_VALUE);
    flush(f);
}

static void tell_proven(struct fixture *f, uint32_t number, uint32_t age_ms)
{
    struct batch batch = {0};
    batch_add_proven(&batch, number, age_ms);
    deliver(f, &batch);
}

/* ---- notices ---- */

static void test_hello_says_whether_notices_are_wanted(void **state)
{
    (void)state;
    for (int wants = 0; wants < 2; wants++) {
        struct fixture f;
        open_one(&f, wants);
        assert_int_equal(f.wants_notices, wants);
        link_asker_destroy(&f.asker);
    }
}

static void test_notices_and_answers_reach_the_stage_in_their_order(void **state)
{
    (void)state;
    struct fixture f;
    struct batch batch = {0};
    open_one(&f, true);
    ask(&f, 7);
    batch_add_key(&batch, bytes_of_text("a"));
    batch_add_answer(&batch, f.id, &(struct answer){.status = STATUS_NONE});
    batch_add_key(&batch, bytes_of_text("b"));
    batch_add_all(&batch);
    batch_add_lost(&batch);
    deliver(&f, &batch);
    assert_string_equal(f.text, "key:a 7:1 key:b all lost");
    assert_int_equal(link_asker_counters(f.asker)->notices_received, 4);
    assert_true(link_asker_is_open(f.asker)); /* the server lost something, and not the session */
    link_asker_destroy(&f.asker);
}

static void test_end_of_a_session_is_a_loss_after_its_asks_were_answered(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, true);
    ask(&f, 7);
    link_asker_lose(f.asker, f.now);
    assert_string_equal(f.text, "");
    link_asker_tick(f.asker, moment_at(f.now));
    assert_string_equal(f.text, "7:5 lost ended");
    link_asker_tick(f.asker, moment_at(f.now));
    assert_string_equal(f.text, "7:5 lost ended");
    link_asker_destroy(&f.asker);
}

static void test_notices_that_nobody_wanted_end_the_session(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct fixture f;
        struct batch batch = {0};
        open_one(&f, false);
        if (kind == 0)
            batch_add_key(&batch, bytes_of_text("k"));
        else if (kind == 1)
            batch_add_all(&batch);
        else if (kind == 2)
            batch_add_lost(&batch);
        else
            batch_add_proven(&batch, 0, 0);
        deliver(&f, &batch);
        assert_string_equal(f.text, "ended");
        link_asker_destroy(&f.asker);
    }
}

static void test_notice_before_welcome_ends_the_session(void **state)
{
    (void)state;
    struct fixture f;
    struct batch batch = {0};
    open_one(&f, true);
    link_asker_lose(f.asker, f.now);
    turn(&f, 0);
    turn(&f, LINK_RETRY_MOST);
    f.sent = 0;
    f.text[0] = '\0';
    batch_add_key(&batch, bytes_of_text("k"));
    deliver(&f, &batch);
    assert_string_equal(f.text, "");
    batch_add_welcome(&batch, 0, 100);
    deliver(&f, &batch);
    assert_false(link_asker_is_open(f.asker));
    link_asker_destroy(&f.asker);
}

static void test_notices_may_follow_welcome_in_its_batch(void **state)
{
    (void)state;
    struct fixture f;
    struct batch batch = {0};
    open_one(&f, true);
    link_asker_lose(f.asker, f.now);
    turn(&f, 0);
    turn(&f, LINK_RETRY_MOST);
    f.sent = 0;
    f.text[0] = '\0';
    batch_add_welcome(&batch, 0, 100);
    batch_add_key(&batch, bytes_of_text("k"));
    deliver(&f, &batch);
    assert_true(link_asker_is_open(f.asker));
    assert_string_equal(f.text, "key:k");
    link_asker_destroy(&f.asker);
}

/* ---- proofs ---- */

static void open_watching(struct fixture *f)
{
    open_one(f, true);
    link_asker_watch(f->asker, EVERY);
    turn(f, 0);
    assert_int_not_equal(f->question, 0); /* at once */
}

static void test_age_of_the_proof_is_counted_back_from_the_question(void **state)
{
    (void)state;
    struct fixture f;
    open_watching(&f);
    const int64_t asked_at = f.now;
    f.now += 3 * SECOND; /* however long it was on its way */
    tell_proven(&f, f.question, 25);
    assert_string_equal(f.text, "proven");
    assert_int_equal(f.proven, moment_boot(asked_at) - 25 * MILLISECOND);
    assert_int_equal(link_asker_counters(f.asker)->notices_received, 0);
    link_asker_destroy(&f.asker);
}

static void test_one_question_is_under_way_at_a_time(void **state)
{
    (void)state;
    struct fixture f;
    open_watching(&f);
    const uint32_t first = f.question;
    const int64_t asked_at = f.now;
    assert_int_equal(turn(&f, 10 * EVERY), NEVER);
    assert_int_equal(f.question, 0);
    tell_proven(&f, first, 0);
    turn(&f, 0);
    assert_int_equal(f.question, first + 1); /* it is overdue */
    tell_proven(&f, f.question, 0);
    assert_int_equal(f.proven, moment_boot(asked_at) + 10 * EVERY);
    const int64_t due_at = f.now + EVERY;
    assert_int_equal(turn(&f, EVERY - 1), due_at);
    assert_int_equal(f.question, 0);
    turn(&f, 1);
    assert_int_equal(f.question, first + 2);
    link_asker_destroy(&f.asker);
}

static void test_no_proof_is_no_news_and_asked_again(void **state)
{
    (void)state;
    struct fixture f;
    open_watching(&f);
    tell_proven(&f, f.question, MESSAGE_NO_PROOF);
    assert_string_equal(f.text, "");
    turn(&f, EVERY);
    assert_int_not_equal(f.question, 0);
    link_asker_destroy(&f.asker);
}

static void test_answer_to_another_question_is_ignored(void **state)
{
    (void)state;
    struct fixture f;
    open_watching(&f);
    const uint32_t question = f.question;
    tell_proven(&f, question - 1, 0);
    tell_proven(&f, question + 1, 0);
    assert_string_equal(f.text, "");
    tell_proven(&f, question, 0);
    tell_proven(&f, question, 0); /* twice: that would prove what was not asked for */
    assert_string_equal(f.text, "proven");
    assert_true(link_asker_is_open(f.asker));
    link_asker_destroy(&f.asker);
}

static void test_question_of_an_older_session_is_forgotten(void **state)
{
    (void)state;
    struct fixture f;
    open_watching(&f);
    const uint32_t old = f.question;
    link_asker_lose(f.asker, f.now);
    turn(&f, 0);
    welcome(&f);
    tell_proven(&f, old, 0);
    assert_string_equal(f.text, "lost ended");
    turn(&f, 0);
    assert_int_equal(f.question, old + 1); /* at once, and by another number */
    link_asker_destroy(&f.asker);
}

static void test_who_does_not_watch_asks_for_no_proof(void **state)
{
    (void)state;
    struct fixture f;
    open_one(&f, true);
    assert_int_equal(turn(&f, 10 * EVERY), NEVER);
    assert_int_equal(f.question, 0);
    tell_proven(&f, 0, 0);
    assert_string_equal(f.text, "");
    link_asker_destroy(&f.asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello_says_whether_notices_are_wanted),
        cmocka_unit_test(test_notices_and_answers_reach_the_stage_in_their_order),
        cmocka_unit_test(test_end_of_a_session_is_a_loss_after_its_asks_were_answered),
        cmocka_unit_test(test_notices_that_nobody_wanted_end_the_session),
        cmocka_unit_test(test_notice_before_welcome_ends_the_session),
        cmocka_unit_test(test_notices_may_follow_welcome_in_its_batch),
        cmocka_unit_test(test_age_of_the_proof_is_counted_back_from_the_question),
        cmocka_unit_test(test_one_question_is_under_way_at_a_time),
        cmocka_unit_test(test_no_proof_is_no_news_and_asked_again),
        cmocka_unit_test(test_answer_to_another_question_is_ignored),
        cmocka_unit_test(test_question_of_an_older_session_is_forgotten),
        cmocka_unit_test(test_who_does_not_watch_asks_for_no_proof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
