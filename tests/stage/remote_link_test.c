/* Links that leave the process, over real ipc and tcp sockets: what is asked, what is huge, what is
 * lost with a peer, and what a stranger sends. */
#include "common/link_server.h"
#include "common/memory.h"
#include "common/reactor.h"
#include "common/transport.h"

#include "tests/support/deadline.h"
#include "tests/support/net.h"
#include "tests/support/scene.h"
#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define ASKS 100
#define HUGE ((size_t)4 * 1024 * 1024) /* bytes */

static const struct bytes some_key = {"some key", 8};

/* No ask of these tests is ever late, however busy the machine. */
static int64_t in_good_time(const struct fake *fake)
{
    return clock_read(fake->setup.clock).mono + 60 * SECOND;
}

static enum status ask(struct fake *fake, uint64_t token)
{
    return port_ask(fake->setup.asks, token,
                    &(struct ask){.key = some_key, .deadline = in_good_time(fake)});
}

/* An address of its own for each test: "ipc://DIRECTORY/socket", or a free port. */
static const char *make_address(const char *directory, char out[128])
{
    if (directory != NULL)
        snprintf(out, 128, "ipc://%s/socket", directory);
    else
        snprintf(out, 128, "tcp://127.0.0.1:%d", net_free_port());
    return out;
}

/* ---- asks, answers, huge values ---- */

/* Once the link is there, which a client of another process has to wait for. */
static int64_t ask_when_possible(struct fake *fake, struct moment now)
{
    if (fake->kept.id == 0 && ask(fake, 0) == STATUS_VALUE) {
        fake->kept.id = 1;
        for (uint64_t i = 1; i < ASKS; i++)
            fake->failures += ask(fake, i) != STATUS_VALUE;
    }
    return fake->kept.id == 0 ? now.mono + MILLISECOND : NEVER;
}

static void inspect_after_all(struct fake *fake, uint64_t token, const struct answer *answer)
{
    (void)token, (void)answer;
    if (fake->answers == ASKS)
        scene_inspect_and_end(fake->scene, "metrics");
}

static void run_over(const char *directory, size_t reactors)
{
    char address[128];
    struct scene *scene = scene_create(reactors);
    scene_serve_at(scene, RELAY, make_address(directory, address));
    scene->fakes[CLIENT].script =
        (struct script){.on_turn = ask_when_possible, .on_answer = inspect_after_all};
    assert_true(scene_run(scene));
    assert_int_equal(scene->fakes[CLIENT].answers, ASKS);
    assert_int_equal(scene->fakes[CLIENT].failures, 0);
    assert_int_equal(scene_metric(scene, "fake_asks_total", "stage=\"origin\""), ASKS);
    scene_destroy(&scene);
}

static void test_asks_are_answered_over_ipc(void **state)
{
    char *directory = temp_dir_create();
    (void)state;
    run_over(directory, 1);
    run_over(directory, 2);
    temp_dir_destroy(&directory);
}

static void test_asks_are_answered_over_tcp(void **state)
{
    (void)state;
    run_over(NULL, 1);
    run_over(NULL, 2);
}

static void answer_huge(struct fake *fake, const struct return_address *from, struct bytes key)
{
    (void)key;
    port_answer(fake->setup.serves, from,
                &(struct answer){.status = STATUS_VALUE, .value = fake->scene->value});
}

/* Where a busy machine was silent for so long that the session ended, asks once more. */
static void check_huge(struct fake *fake, uint64_t token, const struct answer *answer)
{
    const struct bytes bytes = answer_bytes(answer);
    (void)token;
    if (answer->status == STATUS_AWAY && fake->failures < 80) {
        fake->kept.id--;
        return;
    }
    bool is_whole = bytes.size == HUGE && bytes.data[0] == 'h' && bytes.data[HUGE - 1] == 'h';
    scene_note(fake->scene, is_whole ? "whole" : "broken");
    if (!is_whole || fake->answers - fake->failures == 8)
        scene_end(fake->scene);
}

static int64_t ask_for_huge(struct fake *fake, struct moment now)
{
    for (; fake->kept.id < 8; fake->kept.id++)
        if (ask(fake, fake->kept.id) != STATUS_VALUE)
            return now.mono + MILLISECOND;
    return NEVER;
}

static void test_huge_values_arrive_whole_over_tcp(void **state)
{
    char address[128];
    struct scene *scene = scene_create(2);
    (void)state;
    scene_serve_at(scene, RELAY, make_address(NULL, address));
    scene->value = value_create(HUGE);
    memset(value_writable(scene->value), 'h', HUGE);
    scene->fakes[CLIENT].script = (struct script){.on_turn = ask_for_huge, .on_answer = check_huge};
    scene->fakes[ORIGIN].script = (struct script){.on_ask = answer_huge};
    assert_true(scene_run(scene));
    assert_string_equal(scene->order, "whole whole whole whole whole whole whole whole");
    scene_destroy(&scene);
}

/* ---- a peer that dies, and its successor ---- */

/* A server in a thread of the test's: each of its lives ends at its first ask, but the last, which
 * answers. */
struct mortal {
    const char *address;
    int listener; /* -1, or where another kind of server stands in front of the first life */
    size_t lives; /* to be ended */
    size_t asks;  /* of all lives */
    struct link_server *server;
    bool is_dying;
    atomic_bool is_over;
};

static void take_ask(void *owner, const struct return_address *from, const struct ask *asked)
{
    struct mortal *mortal = owner;
    mortal->asks++;
    if (mortal->lives > 0)
        mortal->is_dying = true;
    else
        link_server_answer(mortal->server, from,
                           &(struct answer){.status = STATUS_VALUE, .bytes = asked->key});
}

static void ignore_event(void *owner, uint64_t peer, enum link_event event, uint64_t theirs)
{
    (void)owner, (void)peer, (void)event, (void)theirs;
}

static void live(struct mortal *mortal, struct transport *transport)
{
    struct transport_message message;
    struct batch *batch;
    uint64_t peer;
    while (!mortal->is_dying && !atomic_load(&mortal->is_over)) {
        const struct moment now = clock_now();
        while (transport_receive(transport, &message)) {
            link_server_receive(mortal->server, now.mono, message.peer, message.first_frame,
                                message.values, message.value_count);
            transport_release(transport);
        }
        link_server_tick(mortal->server, now.mono);
        while (!mortal->is_dying &&
               (batch = link_server_flush(mortal->server, now, &peer)) != NULL) {
            if (transport_send(transport, peer, batch) != TRANSPORT_SENT)
                link_server_lose(mortal->server, peer);
            batch_clear(batch);
        }
        poll(&(struct pollfd){transport_descriptor(transport), POLLIN, 0}, 1, 5);
    }
}

/* Greets as ZMTP 3 does, but wants passwords: then its peer breaks off, and ZeroMQ leaves it at
 * that. Both connections of a link meet it. */
static void repel(int listener)
{
    static const unsigned char greeting[64] = {0xff, 0,    0, 0, 0,   0,   0,   0,   0,
                                               1,    0x7f, 3, 0, 'P', 'L', 'A', 'I', 'N'};
    for (int i = 0; i < 2; i++) {
        char data[256];
        int peer = net_accept(listener);
        net_send(peer, greeting, sizeof greeting, deadline_in(PATIENCE));
        while (net_receive(peer, data, sizeof data, deadline_in(PATIENCE)) > 0)
            ;
        close(peer);
    }
    close(listener);
}

static void *live_and_die(void *argument)
{
    struct mortal *mortal = argument;
    if (mortal->listener >= 0)
        repel(mortal->listener);
    const struct transport_setup setup = {.side = TRANSPORT_SERVES, .address = mortal->address};
    const struct link_server_settings settings = {
        .needs_heartbeat = true, .owner = mortal, .on_ask = take_ask, .on_event = ignore_event};
    do {
        void *context = zmq_ctx_new();
        struct error error;
        struct transport *transport = transport_open(context, &setup, &error);
        mortal->server = link_server_create(&settings);
        link_server_open(mortal->server);
        mortal->lives -= mortal->is_dying;
        mortal->is_dying = false;
        live(mortal, transport);
        link_server_destroy(&mortal->server);
        transport_close(&transport);
        zmq_ctx_term(context);
    } while (!atomic_load(&mortal->is_over));
    return NULL;
}

static int64_t ask_one_when_possible(struct fake *fake, struct moment now)
{
    if (fake->kept.id == 0 && ask(fake, 7) == STATUS_VALUE)
        fake->kept.id = 1;
    return fake->kept.id == 0 ? now.mono + MILLISECOND : NEVER;
}

static void note_answer(struct fake *fake, uint64_t token, const struct answer *answer)
{
    char text[32];
    snprintf(text, sizeof text, "%d:%d", (int)token, (int)answer->status);
    scene_note(fake->scene, text);
    scene_end(fake->scene);
}

/* Returns how often the server was asked. */
static size_t outlive(int listener, const char *address, size_t lives, const char *expected)
{
    struct mortal mortal = {.listener = listener, .address = address, .lives = lives};
    struct scene *scene = scene_create(1);
    pthread_t thread;
    atomic_init(&mortal.is_over, false);
    scene_leave_client_alone(scene);
    scene_serve_at(scene, RELAY, address);
    scene->fakes[CLIENT].script =
        (struct script){.on_turn = ask_one_when_possible, .on_answer = note_answer};
    assert_int_equal(pthread_create(&thread, NULL, live_and_die, &mortal), 0);
    assert_true(scene_run(scene));
    atomic_store(&mortal.is_over, true);
    pthread_join(thread, NULL);
    assert_string_equal(scene->order, expected);
    assert_int_equal(scene->fakes[CLIENT].notices, lives);
    scene_destroy(&scene);
    return mortal.asks;
}

static size_t outlive_over_ipc(size_t lives, const char *expected)
{
    char address[128], *directory = temp_dir_create();
    const size_t asks = outlive(-1, make_address(directory, address), lives, expected);
    temp_dir_destroy(&directory);
    return asks;
}

static void test_what_was_in_flight_when_the_peer_died_is_asked_once_more(void **state)
{
    (void)state;
    assert_int_equal(outlive_over_ipc(1, "7:0"), 2);
}

static void test_but_not_twice(void **state)
{
    char expected[16];
    (void)state;
    snprintf(expected, sizeof expected, "7:%d", STATUS_AWAY);
    assert_int_equal(outlive_over_ipc(2, expected), 2);
}

/* A peer that is started before its file says that it is encrypted, or another program. */
static void test_a_server_is_found_where_another_kind_stood(void **state)
{
    char address[128];
    int port, listener = net_listen(&port);
    (void)state;
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
    assert_int_equal(outlive(listener, address, 0, "7:0"), 1);
}

/* ---- strangers ---- */

#define GARBAGE 7 /* messages */

static void send_bytes(void *stranger, const void *bytes, size_t size)
{
    assert_int_equal(zmq_send(stranger, bytes, size, 0), (int)size);
}

/* The last of them is well-formed, and of a session that nobody knows: its RESET tells that all
 * before it have been read. */
static void send_garbage(struct fake *fake, void *stranger)
{
    struct batch batch = {0};
    char noise[4096];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * 131 + 7);
    (void)fake;
    send_bytes(stranger, "", 0);
    send_bytes(stranger, noise, sizeof noise);
    send_bytes(stranger, "WEIR\1", 5);
    zmq_send(stranger, "WEIR", 4, ZMQ_SNDMORE);
    send_bytes(stranger, noise, 9000 % sizeof noise);
    batch_add_ask(&batch, 1, 1000, 0, some_key);
    batch_seal(&batch, 99, 1, 0);
    send_bytes(stranger, batch.frame.data, batch.frame.size - 3);
    send_bytes(stranger, batch.frame.data, batch.frame.size); /* no session */
    batch_clear(&batch);
    batch_add_hello(&batch, 1, false, false); /* no heartbeats, over tcp */
    batch_seal(&batch, 100, 1, 0);
    send_bytes(stranger, batch.frame.data, batch.frame.size);
    batch_fini(&batch);
}

static void *meet_stranger(struct fake *fake)
{
    void *stranger = zmq_socket(fake->scene->context, ZMQ_DEALER);
    const int patience = 10000, linger = 0;
    zmq_setsockopt(stranger, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(stranger, ZMQ_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(zmq_connect(stranger, fake->scene->instances[RELAY].serves), 0);
    send_garbage(fake, stranger);
    return stranger;
}

static int64_t wait_for_resets(struct fake *fake, struct moment now)
{
    char reset[256];
    if (fake->own == NULL)
        fake->own = meet_stranger(fake);
    if (fake->kept.id < 2 && zmq_recv(fake->own, reset, sizeof reset, ZMQ_DONTWAIT) > 0)
        fake->kept.id++;
    if (fake->kept.id == 2 && ask(fake, 0) == STATUS_VALUE) { /* the link may come up later */
        fake->kept.id = 3;
        zmq_close(fake->own);
        for (uint64_t i = 1; i < ASKS; i++)
            fake->failures += ask(fake, i) != STATUS_VALUE;
    }
    return fake->kept.id < 3 ? now.mono + MILLISECOND : NEVER;
}

static void test_what_strangers_send_is_counted_and_dropped(void **state)
{
    char address[128], labels[160];
    struct scene *scene = scene_create(1);
    (void)state;
    scene_serve_at(scene, RELAY, make_address(NULL, address));
    scene->fakes[CLIENT].script =
        (struct script){.on_turn = wait_for_resets, .on_answer = inspect_after_all};
    assert_true(scene_run(scene));
    assert_int_equal(scene->fakes[CLIENT].answers, ASKS);
    assert_int_equal(scene->fakes[CLIENT].failures, 0);
    assert_int_equal(scene->fakes[CLIENT].notices, 0);
    snprintf(labels, sizeof labels, "stage=\"relay\",link=\"%s\"", address);
    assert_int_equal(scene_metric(scene, "weir_link_batches_dropped_total", labels), GARBAGE);
    scene_destroy(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_are_answered_over_ipc),
        cmocka_unit_test(test_asks_are_answered_over_tcp),
        cmocka_unit_test(test_huge_values_arrive_whole_over_tcp),
        cmocka_unit_test(test_what_was_in_flight_when_the_peer_died_is_asked_once_more),
        cmocka_unit_test(test_but_not_twice),
        cmocka_unit_test(test_a_server_is_found_where_another_kind_stood),
        cmocka_unit_test(test_what_strangers_send_is_counted_and_dropped),
    };
    return cmocka_run_group_tests_name("remote_link", tests, NULL, NULL);
}
