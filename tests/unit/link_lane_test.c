/* The lane for huge values: an asker and a server with two connections between them. */
#include "common/link_asker.h"
#include "common/link_server.h"

#include "tests/support/moment.h"
#include "tests/support/unit.h"

#include <stdlib.h>

enum { MAIN = 5, LANE = 6 }; /* the asker's two connections, as the server's transport knows them */

struct fixture {
    struct link_asker *asker;
    struct link_server *server;
    int64_t now;
    uint64_t random;
    struct return_address from[64];
    size_t asks, answers, failures, lost;
    size_t huge_on_lane, huge_on_main; /* value frames that passed */
    size_t stop_lane_after;            /* batches that still pass on the lane to the asker */
    struct value *huge;
    size_t waiting; /* of those that did not */
};

static uint64_t count_up(void *owner)
{
    return ++((struct fixture *)owner)->random;
}

static void on_answer(void *owner, uint64_t token, const struct answer *answer)
{
    struct fixture *f = owner;
    (void)token;
    f->answers++;
    f->failures += answer->status != STATUS_VALUE;
}

static void on_asker_event(void *owner, enum link_event event, uint64_t theirs)
{
    (void)theirs;
    ((struct fixture *)owner)->lost += event == LINK_LOST;
}

static void on_ask(void *owner, const struct return_address *from, const struct ask *asked)
{
    struct fixture *f = owner;
    (void)asked;
    f->from[f->asks++] = *from;
}

static void on_server_event(void *owner, uint64_t peer, enum link_event event, uint64_t theirs)
{
    (void)owner, (void)peer, (void)event, (void)theirs;
}

static void pass_to_server(struct fixture *f, struct batch *batch, uint64_t peer)
{
    link_server_receive(f->server, f->now, peer, buffer_bytes(&batch->frame), batch->values,
                        batch->value_count);
    batch_clear(batch);
}

static void pass_to_asker(struct fixture *f, struct batch *batch, uint64_t peer)
{
    *(peer == LANE ? &f->huge_on_lane : &f->huge_on_main) += batch->value_count;
    if (peer == LANE && f->stop_lane_after == 0)
        f->waiting++; /* it stays on the way */
    else
        (peer == LANE ? link_asker_receive_lane : link_asker_receive)(
            f->asker, f->now, buffer_bytes(&batch->frame), batch->values, batch->value_count);
    f->stop_lane_after -= peer == LANE && f->stop_lane_after > 0;
    batch_clear(batch);
}

/* Until nobody has anything to say. */
static void talk(struct fixture *f)
{
    for (int i = 0; i < 8; i++) {
        struct batch *batch;
        uint64_t peer;
        link_asker_tick(f->asker, moment_at(f->now));
        while ((batch = link_asker_flush(f->asker, f->now)) != NULL)
            pass_to_server(f, batch, MAIN);
        while ((batch = link_asker_flush_lane(f->asker, f->now)) != NULL)
            pass_to_server(f, batch, LANE);
        link_server_tick(f->server, f->now);
        while ((batch = link_server_flush(f->server, moment_at(f->now), &peer)) != NULL)
            pass_to_asker(f, batch, peer);
    }
}

static void open_both(struct fixture *f)
{
    const struct link_asker_settings asker = {.heartbeat = true,
                                              .has_lane = true,
                                              .random = count_up,
                                              .owner = f,
                                              .on_answer = on_answer,
                                              .on_event = on_asker_event};
    const struct link_server_settings server = {
        .needs_heartbeat = true, .owner = f, .on_ask = on_ask, .on_event = on_server_event};
    *f = (struct fixture){.now = SECOND, .stop_lane_after = SIZE_MAX};
    f->asker = link_asker_create(&asker);
    f->server = link_server_create(&server);
    link_server_open(f->server);
    talk(f);
    assert_true(link_asker_is_open(f->asker));
    f->huge = value_create(LINK_BULK);
}

static void close_both(struct fixture *f)
{
    link_asker_destroy(&f->asker);
    link_server_destroy(&f->server);
    assert_int_equal(atomic_load(&f->huge->references), 1); /* no batch has kept it */
    value_release(&f->huge);
}

static void ask(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            link_asker_ask(f->asker, f->now, i,
                           &(struct ask){.key = bytes_of_text("key"), .deadline = f->now + SECOND}),
            STATUS_VALUE);
    talk(f);
    assert_int_equal(f->asks, count);
}

static void answer_huge(struct fixture *f, size_t count)
{
    const struct answer answer = {.status = STATUS_VALUE, .value = f->huge};
    for (size_t i = 0; i < count; i++)
        link_server_answer(f->server, &f->from[i], &answer);
}

static void test_a_huge_value_takes_the_lane(void **state)
{
    struct fixture f;

    (void)state;
    open_both(&f);
    ask(&f, 2);
    answer_huge(&f, 1);
    link_server_answer(f.server, &f.from[1], &(struct answer){.bytes = bytes_of_text("small")});
    talk(&f);
    assert_int_equal(f.answers, 2);
    assert_int_equal(f.failures, 0);
    assert_int_equal(f.huge_on_lane, 1);
    assert_int_equal(f.huge_on_main, 0);
    close_both(&f);
}

static void test_small_ones_pass_while_the_lane_stands_still(void **state)
{
    struct fixture f;

    (void)state;
    open_both(&f);
    ask(&f, 20);
    f.stop_lane_after = 0;
    answer_huge(&f, 19);
    link_server_answer(f.server, &f.from[19], &(struct answer){.bytes = bytes_of_text("small")});
    talk(&f);
    assert_int_equal(f.answers, 1);
    assert_int_equal(f.huge_on_lane, LINK_BULK_WINDOW); /* more are not on their way at once */
    close_both(&f);
}

static void test_many_huge_ones_all_come(void **state)
{
    struct fixture f;

    (void)state;
    open_both(&f);
    ask(&f, 20);
    answer_huge(&f, 20);
    for (int i = 0; i < 5; i++)
        talk(&f);
    assert_int_equal(f.answers, 20);
    assert_int_equal(f.failures, 0);
    assert_int_equal(f.huge_on_lane, 20);
    close_both(&f);
}

static void test_without_a_lane_they_take_the_session_itself(void **state)
{
    struct fixture f;

    (void)state;
    open_both(&f);
    link_server_lose(f.server, LANE);
    link_server_lose(f.server, MAIN);
    talk(&f);
    ask(&f, 0);
    link_asker_lose(f.asker, f.now);
    f.now += SECOND;
    f.stop_lane_after = 0; /* its WELCOME is still on the way */
    talk(&f);
    ask(&f, 1);
    link_server_answer(f.server, &f.from[0], &(struct answer){.value = f.huge});
    talk(&f);
    assert_true(link_asker_is_open(f.asker));
    close_both(&f);
}

static void test_a_lane_that_is_lost_ends_the_session(void **state)
{
    struct fixture f;

    (void)state;
    open_both(&f);
    ask(&f, 3);
    link_asker_lose_lane(f.asker, f.now);
    talk(&f);
    assert_int_equal(f.lost, 1);
    assert_int_equal(f.failures, 3);
    f.now += SECOND;
    talk(&f);
    assert_true(link_asker_is_open(f.asker));
    assert_int_equal(link_server_peers(f.server), 1);
    close_both(&f);
}

static void test_the_server_ends_both_when_it_loses_one(void **state)
{
    static const uint64_t connections[] = {MAIN, LANE};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        open_both(&f);
        ask(&f, 1);
        link_server_lose(f.server, connections[i]);
        assert_int_equal(link_server_peers(f.server), 0);
        talk(&f); /* the other connection says so */
        assert_int_equal(f.lost, 1);
        assert_int_equal(f.failures, 1);
        close_both(&f);
    }
}

/* Lanes come and go with their sessions; none of them must stay in the server's table. */
static void test_lanes_that_end_leave_nothing_behind(void **state)
{
    struct fixture f;

    (void)state;
    open_both(&f);
    for (int i = 0; i < 2 * LINK_MAX_PEERS; i++) {
        link_asker_lose(f.asker, f.now);
        link_server_lose(f.server, i % 2 ? MAIN : LANE);
        f.now += LINK_RETRY_MOST;
        talk(&f);
        assert_true(link_asker_is_open(f.asker));
    }
    assert_int_equal(link_server_peers(f.server), 1);
    close_both(&f);
}

static void say_lane(struct fixture *f, uint64_t peer, uint64_t whose)
{
    struct batch batch = {0};
    batch_add_lane(&batch, whose);
    batch_seal(&batch, 4711, 1, 0);
    link_server_receive(f->server, f->now, peer, buffer_bytes(&batch.frame), NULL, 0);
    batch_fini(&batch);
}

static void test_a_lane_of_nobody_is_refused(void **state)
{
    struct fixture f;
    uint64_t peer;

    (void)state;
    open_both(&f);
    say_lane(&f, 99, 123456);
    struct batch *batch = link_server_flush(f.server, moment_at(f.now), &peer);
    assert_non_null(batch);
    assert_int_equal(peer, 99);
    batch_clear(batch);
    say_lane(&f, 98, 1); /* somebody's, but that one has a lane */
    batch = link_server_flush(f.server, moment_at(f.now), &peer);
    assert_non_null(batch);
    assert_int_equal(peer, 98);
    batch_clear(batch);
    talk(&f);
    assert_int_equal(f.lost, 0);
    assert_int_equal(link_server_counters(f.server)->batches_dropped, 2);
    close_both(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_huge_value_takes_the_lane),
        cmocka_unit_test(test_small_ones_pass_while_the_lane_stands_still),
        cmocka_unit_test(test_many_huge_ones_all_come),
        cmocka_unit_test(test_without_a_lane_they_take_the_session_itself),
        cmocka_unit_test(test_a_lane_that_is_lost_ends_the_session),
        cmocka_unit_test(test_the_server_ends_both_when_it_loses_one),
        cmocka_unit_test(test_lanes_that_end_leave_nothing_behind),
        cmocka_unit_test(test_a_lane_of_nobody_is_refused),
    };
    return cmocka_run_group_tests_name("link_lane", tests, NULL, NULL);
}
