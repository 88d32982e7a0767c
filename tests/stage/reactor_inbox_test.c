#include "common/reactor_inbox.h"

#include "tests/support/unit.h"

#include <poll.h>
#include <pthread.h>

#define ROUNDS 5000

static bool is_rung(const struct reactor_bell *bell)
{
    struct pollfd watched = {.fd = reactor_bell_descriptor(bell), .events = POLLIN};
    return poll(&watched, 1, 0) == 1;
}

static struct reactor_bell open_bell(void)
{
    struct reactor_bell bell;
    struct error error;
    assert_true(reactor_bell_open(&bell, &error));
    return bell;
}

static void test_a_bell_is_rung_only_while_somebody_waits(void **state)
{
    (void)state;
    struct reactor_bell bell = open_bell();
    reactor_bell_ring(&bell);
    assert_false(is_rung(&bell));
    reactor_bell_await(&bell);
    assert_false(is_rung(&bell));
    reactor_bell_ring(&bell);
    reactor_bell_ring(&bell);
    assert_true(is_rung(&bell));
    reactor_bell_clear(&bell); /* the second was none */
    assert_false(is_rung(&bell));
    reactor_bell_await(&bell);
    reactor_bell_cease(&bell);
    reactor_bell_ring(&bell);
    assert_false(is_rung(&bell));
    reactor_bell_close(&bell);
}

static void test_messages_are_counted_before_their_reader_is_there(void **state)
{
    (void)state;
    struct reactor_inboxes *inboxes = reactor_inboxes_create();
    struct reactor_bell own = open_bell(), other = open_bell();
    struct reactor_inbox *server = reactor_inbox_of_server(inboxes, "inproc://a");
    assert_ptr_equal(reactor_inbox_of_server(inboxes, "inproc://a"), server);
    assert_ptr_not_equal(reactor_inbox_of_server(inboxes, "inproc://b"), server);

    assert_false(reactor_inbox_count(server, &own));
    assert_int_equal(atomic_load(&server->sent), 1);
    reactor_inbox_open(server, &own, &own);
    reactor_bell_await(&own);
    assert_true(reactor_inbox_count(server, &own));
    assert_false(is_rung(&own)); /* it was its own reactor's thread */
    assert_false(reactor_inbox_count(server, &other));
    assert_true(is_rung(&own));
    assert_int_equal(atomic_load(&server->sent), 3);
    reactor_bell_close(&own);
    reactor_bell_close(&other);
    reactor_inboxes_destroy(&inboxes);
}

static void test_an_asker_is_found_by_its_name(void **state)
{
    (void)state;
    struct reactor_inboxes *inboxes = reactor_inboxes_create();
    struct reactor_inbox *server = reactor_inbox_of_server(inboxes, "inproc://a");
    struct reactor_inbox *first = reactor_inbox_add_asker(inboxes, server, 7);
    struct reactor_inbox *second = reactor_inbox_add_asker(inboxes, server, 8);
    reactor_inbox_add_asker(inboxes, reactor_inbox_of_server(inboxes, "inproc://b"), 9);
    assert_ptr_equal(reactor_inbox_of_asker(server, 7), first);
    assert_ptr_equal(reactor_inbox_of_asker(server, 8), second);
    assert_null(reactor_inbox_of_asker(server, 9));
    reactor_inboxes_destroy(&inboxes);
}

/* ---- two threads, each of which waits for the other ---- */

struct player {
    struct reactor_bell bell;
    struct reactor_inbox *inbox, *others;
    bool begins, has_waited_in_vain;
};

/* As a reactor waits. */
static bool wait_for(struct player *player, unsigned count)
{
    while (atomic_load(&player->inbox->sent) < count) {
        reactor_bell_await(&player->bell);
        if (atomic_load(&player->inbox->sent) < count) {
            struct pollfd watched = {.fd = reactor_bell_descriptor(&player->bell),
                                     .events = POLLIN};
            if (poll(&watched, 1, 60 * 1000) != 1)
                return false;
            reactor_bell_clear(&player->bell);
        }
        reactor_bell_cease(&player->bell);
    }
    return true;
}

static void *play(void *argument)
{
    struct player *player = argument;
    for (unsigned round = 1; round <= ROUNDS && !player->has_waited_in_vain; round++) {
        if (player->begins)
            reactor_inbox_count(player->others, &player->bell);
        player->has_waited_in_vain = !wait_for(player, round);
        if (!player->begins)
            reactor_inbox_count(player->others, &player->bell);
    }
    return NULL;
}

static void test_nobody_sleeps_over_a_message(void **state)
{
    (void)state;
    struct reactor_inboxes *inboxes = reactor_inboxes_create();
    struct reactor_inbox *server = reactor_inbox_of_server(inboxes, "inproc://a"),
                         *asker = reactor_inbox_add_asker(inboxes, server, 1);
    struct player asking = {.bell = open_bell(), .inbox = asker, .others = server, .begins = true},
                  serving = {.bell = open_bell(), .inbox = server, .others = asker};
    reactor_inbox_open(asker, NULL, &asking.bell);
    reactor_inbox_open(server, NULL, &serving.bell);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, play, &serving), 0);
    play(&asking);
    pthread_join(thread, NULL);
    assert_false(asking.has_waited_in_vain);
    assert_false(serving.has_waited_in_vain);
    reactor_bell_close(&asking.bell);
    reactor_bell_close(&serving.bell);
    reactor_inboxes_destroy(&inboxes);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bell_is_rung_only_while_somebody_waits),
        cmocka_unit_test(test_messages_are_counted_before_their_reader_is_there),
        cmocka_unit_test(test_an_asker_is_found_by_its_name),
        cmocka_unit_test(test_nobody_sleeps_over_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
