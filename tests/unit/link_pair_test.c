/* An asker and a server, joined by a wire that can lose, repeat, cut and stand still, under a false
 * clock. Whatever happens, every ask that was taken is answered exactly once, and with its own
 * answer; notices arrive in their order, or a loss is told; and what is proven at one end was
 * proven at the other, all notices before it having arrived.
 *
 * Longer than a file should be, because the single cases and the schedules share one pair. */
#include "common/link_asker.h"
#include "common/link_server.h"
#include "common/memory.h"
#include "tests/support/fake_wire.h"
#include "tests/support/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST_ASKS   40000 /* of a pair that takes all credit */
#define SCHEDULE    2048  /* of a schedule: a few in each of its steps */
#define MOST_PROOFS 4096
#define PEER        77
#define WATCH       (30 * MILLISECOND)

struct held_ask {
    struct return_address from;
    char key[16];
};

struct given_proof {
    int64_t proven;   /* boot ns */
    uint64_t notices; /* given before it */
};

struct pair {
    uint64_t seed;
    int64_t now;
    /* What each end believes the time to be, where it reads the clock only now and then. */
    bool is_slow;
    int64_t asker_now, server_now;
    struct link_asker *asker;
    struct link_server *server;
    struct fake_wire to_server, to_asker;

    /* The stage that asks: what it took and was answered, by token. */
    uint32_t asks, most_asks;
    unsigned char *answers;
    enum status *statuses;
    uint32_t opened, lost;
    /* What it was told. */
    uint64_t noticed;  /* the number of the last notice */
    bool knows_loss;   /* since then it was told LOST, or it has heard nothing yet */
    uint32_t overtold; /* LOST without a session's end */
    int64_t proven;

    /* The stage that serves. */
    uint64_t notices; /* it has given */
    size_t key_size;  /* bytes, of their keys: they begin with the notice's number */
    struct given_proof proofs[MOST_PROOFS];
    size_t proof_count;
    bool answers_at_once;
    struct held_ask *held;
    uint32_t held_count;
    struct value *large;
};

static uint64_t next_random(void *owner)
{
    struct pair *pair = owner;
    pair->seed ^= pair->seed << 13; /* xorshift64 */
    pair->seed ^= pair->seed >> 7;
    pair->seed ^= pair->seed << 17;
    return pair->seed;
}

static bool chance(struct pair *pair, unsigned percent)
{
    return next_random(pair) % 100 < percent;
}

static int64_t asker_now(struct pair *pair)
{
    if (!pair->is_slow)
        pair->asker_now = pair->now;
    return pair->asker_now;
}

static int64_t server_now(struct pair *pair)
{
    if (!pair->is_slow)
        pair->server_now = pair->now;
    return pair->server_now;
}

/* ---- the stages ---- */

static void on_answer(void *owner, uint64_t token, const struct answer *answer)
{
    struct pair *pair = owner;
    assert_true(token < pair->asks);
    assert_int_equal(pair->answers[token], 0);
    pair->answers[token]++;
    pair->statuses[token] = answer->status;
    if (answer->status != STATUS_VALUE)
        return;
    struct bytes bytes = answer_bytes(answer);
    if (token % 16 == 0) {
        assert_ptr_equal(answer->value, pair->large);
        return;
    }
    char key[16] = {0};
    memcpy(key, &token, sizeof token);
    assert_true(bytes_are_equal(bytes, (struct bytes){key, sizeof key}));
}

static void check_proof(struct pair *pair, int64_t proven)
{
    for (size_t i = 0; i < pair->proof_count; i++)
        if (pair->proofs[i].proven >= proven) {
            assert_true(pair->noticed >= pair->proofs[i].notices || pair->knows_loss);
            pair->proven = proven;
            return;
        }
    fail(); /* nothing so young was ever proven at the other end */
}

static void on_notice(void *owner, const struct notice *notice)
{
    struct pair *pair = owner;
    uint64_t number;
    switch (notice->kind) {
    case NOTICE_KEY:
        assert_int_equal(notice->key.size, pair->key_size);
        memcpy(&number, notice->key.data, sizeof number);
        assert_true(number == pair->noticed + 1 || (number > pair->noticed && pair->knows_loss));
        pair->noticed = number;
        pair->knows_loss = false;
        break;
    case NOTICE_LOST:
        pair->knows_loss = true;
        pair->overtold += link_asker_is_open(pair->asker);
        break;
    case NOTICE_PROVEN:
        check_proof(pair, notice->proven);
        break;
    case NOTICE_ALL:
        fail();
    }
}

static void announce(struct pair *pair, uint64_t count)
{
    static char key[MESSAGE_MAX_KEY];
    while (count-- > 0) {
        pair->notices++;
        memcpy(key, &pair->notices, sizeof pair->notices);
        link_server_notify(pair->server,
                           &(struct notice){.kind = NOTICE_KEY, .key = {key, pair->key_size}});
    }
}

static void prove(struct pair *pair)
{
    const int64_t proven = moment_boot(server_now(pair));
    assert_true(pair->proof_count < MOST_PROOFS);
    pair->proofs[pair->proof_count++] = (struct given_proof){proven, pair->notices};
    link_server_notify(pair->server, &(struct notice){.kind = NOTICE_PROVEN, .proven = proven});
}

static void on_asker_event(void *owner, enum link_event event, uint64_t theirs)
{
    (void)theirs;
    struct pair *pair = owner;
    pair->opened += event == LINK_OPENED;
    pair->lost += event == LINK_LOST;
}

static void answer_held(struct pair *pair, uint32_t at)
{
    struct held_ask held = pair->held[at];
    pair->held[at] = pair->held[--pair->held_count];
    uint64_t token;
    memcpy(&token, held.key, sizeof token);
    struct answer answer = {.status = STATUS_VALUE};
    if (token % 16 == 0)
        answer.value = pair->large;
    else
        answer.bytes = (struct bytes){held.key, sizeof held.key};
    link_server_answer(pair->server, &held.from, &answer);
}

static void on_ask(void *owner, const struct return_address *from, const struct ask *asked)
{
    struct pair *pair = owner;
    assert_true(asked->deadline >= server_now(pair));
    assert_true(pair->held_count < pair->most_asks);
    struct held_ask *held = &pair->held[pair->held_count++];
    assert_int_equal(asked->key.size, sizeof held->key);
    held->from = *from;
    memcpy(held->key, asked->key.data, sizeof held->key);
    if (pair->answers_at_once)
        answer_held(pair, pair->held_count - 1);
}

static void on_server_event(void *owner, uint64_t peer, enum link_event event, uint64_t theirs)
{
    (void)theirs;
    (void)owner;
    (void)event;
    assert_int_equal(peer, PEER);
}

static enum status ask(struct pair *pair)
{
    char key[16] = {0};
    uint64_t token = pair->asks;
    memcpy(key, &token, sizeof token);
    pair->asks++; /* first: an answer may not come during the call, and is checked against this */
    enum status status = link_asker_ask(
        pair->asker, asker_now(pair), token,
        &(struct ask){.key = (struct bytes){key, sizeof key}, .deadline = pair->now + SECOND});
    if (status != STATUS_VALUE)
        pair->asks--;
    return status;
}

/* ---- the pair ---- */

static void start_server(struct pair *pair)
{
    struct link_server_settings settings = {
        .owner = pair, .on_ask = on_ask, .on_event = on_server_event};
    pair->server = link_server_create(&settings);
    link_server_open(pair->server);
    pair->held_count = 0;
}

/* No larger than it must be: an instrumented allocation costs as much as it is large. */
static struct pair *pair_create_for(uint32_t most_asks, uint64_t seed, bool heartbeat)
{
    struct pair *pair = memory_alloc(1, sizeof *pair);
    pair->most_asks = most_asks;
    pair->answers = memory_alloc(most_asks, sizeof *pair->answers);
    pair->statuses = memory_alloc(most_asks, sizeof *pair->statuses);
    pair->held = memory_alloc(most_asks, sizeof *pair->held);
    pair->seed = seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
    pair->now = 1000 * SECOND;
    pair->large = value_create(VALUE_BY_REFERENCE);
    memset(value_writable(pair->large), 0, VALUE_BY_REFERENCE);
    struct link_asker_settings settings = {.heartbeat = heartbeat,
                                           .random = next_random,
                                           .owner = pair,
                                           .on_answer = on_answer,
                                           .on_notice = on_notice,
                                           .on_event = on_asker_event};
    pair->key_size = sizeof pair->notices;
    pair->knows_loss = true;
    pair->asker = link_asker_create(&settings);
    start_server(pair);
    return pair;
}

static struct pair *pair_create(uint64_t seed, bool heartbeat)
{
    return pair_create_for(MOST_ASKS, seed, heartbeat);
}

static void pair_destroy(struct pair *pair)
{
    link_asker_destroy(&pair->asker);
    link_server_destroy(&pair->server);
    fake_wire_fini(&pair->to_server);
    fake_wire_fini(&pair->to_asker);
    assert_int_equal(atomic_load(&pair->large->references), 1); /* none is kept, none given twice */
    value_release(&pair->large);
    free(pair->answers);
    free(pair->statuses);
    free(pair->held);
    free(pair);
}

static void flush_asker(struct pair *pair)
{
    struct batch *batch;
    while ((batch = link_asker_flush(pair->asker, asker_now(pair))) != NULL)
        fake_wire_send(&pair->to_server, batch, PEER);
}

static void flush_server(struct pair *pair)
{
    struct batch *batch;
    uint64_t peer;
    while ((batch = link_server_flush(pair->server, moment_at(server_now(pair)), &peer)) != NULL)
        fake_wire_send(&pair->to_asker, batch, peer);
}

static void deliver_to_server(struct pair *pair)
{
    struct fake_message message = fake_wire_take(&pair->to_server);
    link_server_receive(pair->server, server_now(pair), message.peer, buffer_bytes(&message.frame),
                        message.values, message.value_count);
    fake_message_fini(&message);
}

static void deliver_to_asker(struct pair *pair)
{
    struct fake_message message = fake_wire_take(&pair->to_asker);
    link_asker_receive(pair->asker, asker_now(pair), buffer_bytes(&message.frame), message.values,
                       message.value_count);
    fake_message_fini(&message);
}

/* A turn of each end; what was sent is delivered in the next. */
static void turn(struct pair *pair)
{
    for (size_t left = pair->to_server.count; left > 0; left--)
        deliver_to_server(pair);
    link_server_tick(pair->server, pair->now);
    flush_server(pair);
    for (size_t left = pair->to_asker.count; left > 0; left--)
        deliver_to_asker(pair);
    link_asker_tick(pair->asker, moment_at(pair->now));
    flush_asker(pair);
}

static void turn_until_open(struct pair *pair)
{
    for (int i = 0; i < 1000 && !link_asker_is_open(pair->asker); i++) {
        turn(pair);
        pair->now += 10 * MILLISECOND;
    }
    assert_true(link_asker_is_open(pair->asker));
}

static void assert_all_answered(const struct pair *pair, enum status status)
{
    for (uint32_t i = 0; i < pair->asks; i++) {
        assert_int_equal(pair->answers[i], 1);
        assert_int_equal(pair->statuses[i], status);
    }
    assert_int_equal(link_asker_outstanding(pair->asker), 0);
}

/* ---- one thing at a time ---- */

static void test_ask_is_answered_in_the_same_turn_without_further_batches(void **state)
{
    (void)state;
    struct pair *pair = pair_create(1, false);
    pair->answers_at_once = true;
    turn_until_open(pair);
    uint64_t sent_before = link_asker_counters(pair->asker)->batches_sent;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(ask(pair), STATUS_VALUE);
        flush_asker(pair);
        turn(pair);
    }
    assert_all_answered(pair, STATUS_VALUE);
    assert_int_equal(link_asker_counters(pair->asker)->batches_sent - sent_before, 1000);
    assert_int_equal(link_server_counters(pair->server)->batches_sent, 1001); /* and WELCOME */
    assert_int_equal(pair->to_server.count + pair->to_asker.count, 0);
    pair_destroy(pair);
}

static void test_lost_batch_of_asks_ends_the_session(void **state)
{
    (void)state;
    struct pair *pair = pair_create(2, true);
    turn_until_open(pair);
    ask(pair);
    flush_asker(pair);
    fake_wire_lose(&pair->to_server, pair->to_server.count - 1);
    ask(pair);
    flush_asker(pair);
    turn(pair); /* the server sees the gap and says RESET */
    turn(pair);
    assert_false(link_asker_is_open(pair->asker));
    assert_int_equal(pair->held_count, 0);
    assert_all_answered(pair, STATUS_AWAY);
    turn_until_open(pair);
    assert_int_equal(pair->opened, 2);
    pair_destroy(pair);
}

static void test_lost_batch_of_answers_is_missed_at_the_next_heartbeat(void **state)
{
    (void)state;
    struct pair *pair = pair_create(3, true);
    pair->answers_at_once = true;
    turn_until_open(pair);
    ask(pair);
    flush_asker(pair);
    while (pair->to_server.count > 0)
        deliver_to_server(pair);
    flush_server(pair);
    fake_wire_lose(&pair->to_asker, pair->to_asker.count - 1);
    pair->now += LINK_HEARTBEAT;
    turn(pair);
    assert_all_answered(pair, STATUS_AWAY);
    pair_destroy(pair);
}

static void test_repeated_batch_answers_nothing_twice(void **state)
{
    (void)state;
    struct pair *pair = pair_create(4, true);
    pair->answers_at_once = true;
    turn_until_open(pair);
    ask(pair);
    flush_asker(pair);
    while (pair->to_server.count > 0)
        deliver_to_server(pair);
    flush_server(pair);
    fake_wire_repeat(&pair->to_asker, pair->to_asker.count - 1);
    turn(pair);
    assert_all_answered(pair, STATUS_VALUE);
    assert_int_equal(pair->lost, 1);
    pair_destroy(pair);
}

static void test_restarted_server_says_reset_and_is_found_again(void **state)
{
    (void)state;
    struct pair *pair = pair_create(5, false); /* no heartbeat: RESET alone must do it */
    turn_until_open(pair);
    ask(pair);
    flush_asker(pair);
    turn(pair);
    assert_int_equal(pair->held_count, 1);
    link_server_destroy(&pair->server);
    start_server(pair);
    ask(pair);
    flush_asker(pair);
    turn(pair);
    assert_all_answered(pair, STATUS_AWAY);
    turn_until_open(pair);
    pair->answers_at_once = true;
    ask(pair);
    flush_asker(pair);
    turn(pair);
    assert_int_equal(pair->statuses[2], STATUS_VALUE);
    pair_destroy(pair);
}

static void test_silent_wire_ends_both_ends(void **state)
{
    (void)state;
    struct pair *pair = pair_create(6, true);
    turn_until_open(pair);
    ask(pair);
    flush_asker(pair);
    deliver_to_server(pair);
    pair->now += LINK_SILENCE;
    link_asker_tick(pair->asker, moment_at(pair->now));
    link_server_tick(pair->server, pair->now);
    assert_all_answered(pair, STATUS_AWAY);
    assert_int_equal(link_server_peers(pair->server), 0);
    answer_held(pair, 0); /* late, and reaches nobody */
    assert_int_equal(link_server_counters(pair->server)->late_answers, 1);
    pair_destroy(pair);
}

static void test_heartbeats_keep_an_idle_session(void **state)
{
    (void)state;
    struct pair *pair = pair_create(7, true);
    turn_until_open(pair);
    for (int i = 0; i < 100; i++) {
        pair->now += LINK_HEARTBEAT;
        turn(pair);
    }
    assert_int_equal(pair->opened, 1);
    assert_int_equal(pair->lost, 0);
    pair_destroy(pair);
}

static void test_server_that_opens_late_keeps_the_asker_waiting(void **state)
{
    (void)state;
    struct pair *pair = pair_create(8, true);
    struct link_server_settings settings = {
        .owner = pair, .on_ask = on_ask, .on_event = on_server_event};
    link_server_destroy(&pair->server);
    pair->server = link_server_create(&settings);
    for (int i = 0; i < 100; i++) {
        turn(pair);
        pair->now += 100 * MILLISECOND;
    }
    assert_false(link_asker_is_open(pair->asker));
    link_server_open(pair->server);
    turn(pair);
    assert_true(link_asker_is_open(pair->asker));
    pair_destroy(pair);
}

static void test_all_credit_is_taken_and_comes_back(void **state)
{
    (void)state;
    struct pair *pair = pair_create(9, false);
    turn_until_open(pair);
    for (int i = 0; i < LINK_CREDIT; i++)
        assert_int_equal(ask(pair), STATUS_VALUE);
    assert_int_equal(ask(pair), STATUS_BUSY);
    for (int i = 0; i < 20; i++) {
        flush_asker(pair);
        assert_true(pair->to_server.count <= LINK_WINDOW);
        turn(pair);
    }
    assert_int_equal(pair->held_count, LINK_CREDIT);
    assert_int_equal(ask(pair), STATUS_BUSY);
    while (pair->held_count > 0)
        answer_held(pair, pair->held_count - 1);
    for (int i = 0; i < 20; i++) {
        flush_server(pair);
        assert_true(pair->to_asker.count <= LINK_WINDOW);
        turn(pair);
    }
    assert_all_answered(pair, STATUS_VALUE);
    assert_int_equal(ask(pair), STATUS_VALUE);
    assert_int_equal(pair->lost, 0);
    pair_destroy(pair);
}

static void test_proof_arrives_behind_the_notices_before_it(void **state)
{
    (void)state;
    struct pair *pair = pair_create(10, false);
    turn_until_open(pair);
    link_asker_watch(pair->asker, WATCH);
    announce(pair, 20 * MESSAGE_MAX_RECORDS); /* more than a window holds */
    prove(pair);
    for (int i = 0; i < 100; i++) {
        turn(pair);
        pair->now += MILLISECOND;
    }
    assert_int_equal(pair->noticed, pair->notices);
    assert_in_range(pair->proven, pair->proofs[0].proven - 10 * MILLISECOND,
                    pair->proofs[0].proven);
    assert_int_equal(pair->overtold + pair->lost, 0);
    pair_destroy(pair);
}

static void test_notices_too_many_for_the_wire_become_a_loss(void **state)
{
    (void)state;
    struct pair *pair = pair_create(11, false);
    turn_until_open(pair);
    pair->key_size = MESSAGE_MAX_KEY;
    announce(pair, 3000);
    for (int i = 0; i < 30; i++)
        turn(pair);
    assert_int_equal(pair->overtold, 1);
    assert_true(pair->knows_loss && pair->noticed < pair->notices);
    announce(pair, 1);
    turn(pair);
    assert_int_equal(pair->noticed, pair->notices);
    pair_destroy(pair);
}

/* ---- everything at once ---- */

static void cut_message(struct pair *pair, struct fake_wire *wire)
{
    struct fake_message *message = &wire->messages[next_random(pair) % wire->count];
    message->frame.size = next_random(pair) % (message->frame.size + 1);
}

static void break_wire(struct pair *pair, struct fake_wire *wire)
{
    if (wire->count == 0)
        return;
    switch (next_random(pair) % 3) {
    case 0:
        fake_wire_lose(wire, next_random(pair) % wire->count);
        break;
    case 1:
        fake_wire_repeat(wire, next_random(pair) % wire->count);
        break;
    default:
        cut_message(pair, wire);
    }
}

static void break_something(struct pair *pair)
{
    switch (next_random(pair) % 6) {
    case 0:
    case 1:
        break_wire(pair, &pair->to_server);
        break;
    case 2:
    case 3:
        break_wire(pair, &pair->to_asker);
        break;
    case 4:
        link_server_destroy(&pair->server);
        start_server(pair);
        break;
    default:
        if (chance(pair, 50))
            link_asker_lose(pair->asker, pair->now);
        else
            link_server_lose(pair->server, PEER);
    }
}

/* An end begins a turn, and reads the clock. */
static void read_clocks(struct pair *pair)
{
    if (chance(pair, 50))
        pair->asker_now = pair->now;
    pair->now += (int64_t)(next_random(pair) % 10) * MILLISECOND;
    if (chance(pair, 50))
        pair->server_now = pair->now;
}

static void step(struct pair *pair, unsigned faults)
{
    read_clocks(pair);
    if (chance(pair, 30))
        announce(pair, next_random(pair) % (chance(pair, 5) ? 600 : 5));
    if (chance(pair, 20))
        prove(pair);
    if (chance(pair, 1))
        link_server_notify(pair->server, &(struct notice){.kind = NOTICE_LOST});
    for (uint64_t n = next_random(pair) % 8; n > 0 && pair->asks + 1 < pair->most_asks; n--)
        ask(pair);
    if (chance(pair, 60))
        flush_asker(pair);
    if (chance(pair, faults))
        break_something(pair);
    for (uint64_t n = next_random(pair) % 4; n > 0 && pair->to_server.count > 0; n--)
        deliver_to_server(pair);
    pair->answers_at_once = chance(pair, 30);
    for (uint64_t n = next_random(pair) % 8; n > 0 && pair->held_count > 0; n--)
        answer_held(pair, (uint32_t)(next_random(pair) % pair->held_count));
    link_server_tick(pair->server, server_now(pair));
    if (chance(pair, 60))
        flush_server(pair);
    for (uint64_t n = next_random(pair) % 4; n > 0 && pair->to_asker.count > 0; n--)
        deliver_to_asker(pair);
    link_asker_tick(pair->asker, moment_at(asker_now(pair)));
    pair->now += (int64_t)(next_random(pair) % 10) * MILLISECOND;
    if (chance(pair, 1))
        pair->now += 2 * SECOND; /* both stood still */
}

static void settle(struct pair *pair)
{
    pair->is_slow = false;
    pair->answers_at_once = true;
    while (pair->held_count > 0)
        answer_held(pair, 0);
    for (int i = 0; i < 500 && (i < 2 || link_asker_outstanding(pair->asker) > 0); i++) {
        turn(pair);
        pair->now += 10 * MILLISECOND;
    }
    turn_until_open(pair);
}

/* In the end all is known at both ends: what was announced, or that some was lost, and a proof as
 * young as the way and the questions allow. */
static void settle_notices(struct pair *pair)
{
    prove(pair);
    const int64_t proven = moment_boot(pair->now);
    for (int i = 0; i < 100; i++) {
        turn(pair);
        pair->now += 10 * MILLISECOND;
    }
    assert_true(pair->noticed == pair->notices || pair->knows_loss);
    assert_in_range(pair->proven, proven - 100 * MILLISECOND, proven);
}

static struct pair *play_schedule(uint64_t seed, unsigned faults, bool heartbeat, size_t key_size)
{
    struct pair *pair = pair_create_for(SCHEDULE, seed, heartbeat);
    pair->key_size = key_size;
    pair->asker_now = pair->server_now = pair->now;
    pair->is_slow = true;
    link_asker_watch(pair->asker, WATCH);
    for (int i = 0; i < 200; i++)
        step(pair, faults);
    settle(pair);
    settle_notices(pair);
    return pair;
}

static void run_schedule(uint64_t seed, unsigned faults, bool heartbeat)
{
    struct pair *pair = play_schedule(seed, faults, heartbeat, sizeof pair->notices);
    assert_int_equal(link_asker_outstanding(pair->asker), 0);
    for (uint32_t i = 0; i < pair->asks; i++)
        assert_int_equal(pair->answers[i], 1);
    if (faults == 0 && !heartbeat) {
        assert_int_equal(pair->lost, 0);
        assert_all_answered(pair, STATUS_VALUE);
        assert_int_equal(link_asker_counters(pair->asker)->batches_dropped, 0);
        assert_int_equal(link_server_counters(pair->server)->batches_dropped, 0);
    }
    pair_destroy(pair);
}

static void test_every_ask_is_answered_once_in_a_thousand_schedules_with_faults(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++)
        run_schedule(seed, seed % 2 ? 5 : 20, true);
}

static void test_no_ask_fails_in_a_thousand_schedules_without_faults(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++)
        run_schedule(seed, 0, false);
}

static void test_a_loss_is_told_in_schedules_with_more_notices_than_can_wait(void **state)
{
    (void)state;
    uint32_t overtold = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct pair *pair = play_schedule(seed, seed % 2 ? 0 : 5, true, MESSAGE_MAX_KEY);
        overtold += link_server_counters(pair->server)->notices_overflowed > 0;
        pair_destroy(pair);
    }
    assert_true(overtold > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask_is_answered_in_the_same_turn_without_further_batches),
        cmocka_unit_test(test_lost_batch_of_asks_ends_the_session),
        cmocka_unit_test(test_lost_batch_of_answers_is_missed_at_the_next_heartbeat),
        cmocka_unit_test(test_repeated_batch_answers_nothing_twice),
        cmocka_unit_test(test_restarted_server_says_reset_and_is_found_again),
        cmocka_unit_test(test_silent_wire_ends_both_ends),
        cmocka_unit_test(test_heartbeats_keep_an_idle_session),
        cmocka_unit_test(test_server_that_opens_late_keeps_the_asker_waiting),
        cmocka_unit_test(test_all_credit_is_taken_and_comes_back),
        cmocka_unit_test(test_proof_arrives_behind_the_notices_before_it),
        cmocka_unit_test(test_notices_too_many_for_the_wire_become_a_loss),
        cmocka_unit_test(test_every_ask_is_answered_once_in_a_thousand_schedules_with_faults),
        cmocka_unit_test(test_no_ask_fails_in_a_thousand_schedules_without_faults),
        cmocka_unit_test(test_a_loss_is_told_in_schedules_with_more_notices_than_can_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
