/* Whoever reaches a tcp serve address says what he likes to it: bytes that are no ZeroMQ, batches
 * that are none, that are cut off, that are repeated, that ask for more than they may. It is
 * dropped and counted, and nobody else notices: a steady load on the same link has nothing but
 * values.
 *
 *     load ──HTTP──▶ edge ──tcp──┐
 *                     raw peer ──┴──▶ store ──▶ Redis */
#include "../support/deadline.h"
#include "../support/net.h"
#include "../support/raw_peer.h"
#include "../support/split.h"
#include "../support/trouble.h"
#include "common/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS    50
#define TIMEOUT 2000 /* ms */
#define SESSION UINT64_C(0x1122334455667788)
#define DROPPED "weir_link_batches_dropped_total"

static const char topology[] =
    "# processes: edge store\n"
    "stages:\n"
    "  http: {kind: http-frontend, listen: 127.0.0.1:0, asks: cache, timeout: 2s}\n"
    "  cache: {kind: cache, serves: \"@AT.cache@\", asks: redis, expiry: 1h,\n"
    "          max_waiting: 100000}\n"
    "  redis: {kind: redis-fetcher, serves: inproc://redis, timeout: 60s}\n"
    "processes:\n"
    "  edge:  {reactors: [[http]]}\n"
    "  store: {reactors: [[cache, redis]]}\n";

/* Where the cache serves: the only address of tcp in the file that the fleet runs. */
static void find_address(const struct split *s, char address[64])
{
    char path[256], line[256];
    const char *at = NULL;
    FILE *file;

    snprintf(path, sizeof path, "%s/topology.yml", weir_fleet_directory(s->fleet));
    file = fopen(path, "r");
    if (!file)
        trouble("cannot read %s", path);
    while (!at && fgets(line, sizeof line, file))
        at = strstr(line, "tcp://");
    if (!at)
        trouble("no address of tcp in %s", path);
    snprintf(address, 64, "%.*s", (int)strcspn(at, "\""), at);
    fclose(file);
}

/* Starts the fleet, and the load that must not notice; returns it. */
static struct load *start(struct split *s, char address[64])
{
    const struct load_plan plan = {
        .prefix = "key", .keys = KEYS, .clients = 8, .pause = 5, .timeout = TIMEOUT};
    struct load *load;

    load_store(s->redis, "key", KEYS);
    split_start(s, topology, "tcp");
    find_address(s, address);
    load = load_start(split_port(s, "edge"), &plan);
    if (!load_wait(load, 1000, 0, deadline_in(PATIENCE)))
        split_fail(s, "no values");
    return load;
}

/* Nobody noticed anything, and a peer that behaves is served. */
static void end(struct split *s, struct load *load, const char *address)
{
    struct raw_peer *peer = raw_peer_open(address);
    char *value = load_value("key", 1);

    if (!raw_peer_greet(peer, SESSION) || !raw_peer_ask(peer, SESSION, 2, "key1", value))
        split_fail(s, "a peer that behaves is not served");
    free(value);
    raw_peer_close(&peer);
    split_expect_unharmed(s, load, 300, "the edge");
    assert_true(split_metric(s, "edge", "weir_link_away") == 0);
    load_destroy(&load);
}

static void wait_dropped(const struct split *s, double wanted)
{
    double seen;
    int64_t deadline = deadline_in(PATIENCE);

    while ((seen = split_metric(s, "store", DROPPED)) < wanted)
        if (deadline_left(deadline) == 0)
            split_fail(s, "%g batches dropped, not %g", seen, wanted);
}

static unsigned next_random(unsigned *random)
{
    *random = *random * 1103515245U + 12345U;
    return *random >> 8;
}

/* ---- bytes that are no ZeroMQ ---- */

/* ZMTP 3: signature, version, mechanism NULL, as client; and READY. */
static const unsigned char greeting[64] = {0xff, 0,    0, 0, 0,   0,   0,   0,
                                           1,    0x7f, 3, 0, 'N', 'U', 'L', 'L'};
static const char ready[] = "\4\x19\5READY\vSocket-Type\0\0\0\6DEALER";

static void send_raw(int port, const void *data, size_t length, bool has_greeting)
{
    int descriptor = net_connect(port);

    if (has_greeting)
        net_send(descriptor, greeting, sizeof greeting, deadline_in(PATIENCE));
    if (has_greeting)
        net_send(descriptor, ready, sizeof ready - 1, deadline_in(PATIENCE));
    net_send(descriptor, data, length, deadline_in(PATIENCE));
    close(descriptor);
}

static void test_bytes_that_are_no_zeromq(void **state)
{
    static const unsigned char endless[] = {2, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    struct split *s = *state;
    unsigned char noise[4096];
    char address[64];
    unsigned random = 1;
    int open[20], port;
    struct load *load = start(s, address);

    port = atoi(strrchr(address, ':') + 1);
    for (int i = 0; i < 20; i++) {
        open[i] = net_connect(port);
        net_send(open[i], greeting, (size_t)i * 3, deadline_in(PATIENCE));
    }
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (unsigned char)next_random(&random);
        send_raw(port, noise, next_random(&random) % sizeof noise, round % 2 == 1);
        send_raw(port, endless, sizeof endless, true);
    }
    end(s, load, address);
    for (int i = 0; i < 20; i++)
        close(open[i]);
}

/* ---- batches that are none ---- */

static void test_every_truncation_is_counted_and_dropped(void **state)
{
    struct split *s = *state;
    struct batch batch = {0};
    char address[64];
    struct load *load = start(s, address);
    struct raw_peer *peer = raw_peer_open(address);
    double before = split_metric(s, "store", DROPPED);

    batch_add_ask(&batch, 1, 1000, 0, bytes_of_text("key1"));
    batch_add_ask(&batch, 2, 1000, 0, bytes_of_text("key2"));
    batch_seal(&batch, SESSION, 2, 1);
    size_t whole = batch.frame.size;
    for (size_t length = 1; length < whole; length++)
        raw_peer_send(peer, batch.frame.data, length, false);
    wait_dropped(s, before + (double)(whole - 1));
    batch_fini(&batch);
    raw_peer_close(&peer);
    end(s, load, address);
}

/* One of each record, each in a batch of its own. */
static void fill(struct batch *batch, int which)
{
    static const char small[] = "value", large[VALUE_BY_REFERENCE] = "";
    struct answer answer = {.status = STATUS_VALUE, .bytes = {small, sizeof small}};

    switch (which) {
    case 0:
        batch_add_hello(batch, 1, true, false);
        break;
    case 1:
        batch_add_welcome(batch, 1, 5);
        break;
    case 2:
        batch_add_lane(batch, SESSION);
        break;
    case 3:
        batch_add_reset(batch);
        break;
    case 4:
        answer.bytes = (struct bytes){large, sizeof large};
        batch_add_answer(batch, 7, &answer);
        break;
    case 5:
        batch_add_answer(batch, 7, &answer);
        break;
    default:
        for (int i = 0; i < 10; i++)
            batch_add_ask(batch, (uint64_t)i, 1000, 0, bytes_of_text("key3"));
    }
}

static void test_damaged_batches_harm_nobody(void **state)
{
    struct split *s = *state;
    struct batch batch = {0};
    char address[64];
    unsigned random = 1;
    struct load *load = start(s, address);
    double before = split_metric(s, "store", DROPPED);

    for (int round = 0; round < 10; round++) {
        struct raw_peer *peer = raw_peer_open(address);
        for (int i = 0; i < 500; i++) {
            fill(&batch, i % 7);
            batch_seal(&batch, SESSION, 1 + next_random(&random) % 3, next_random(&random) % 3);
            for (unsigned hits = next_random(&random) % 4; hits > 0; hits--)
                batch.frame.data[next_random(&random) % batch.frame.size] ^=
                    (char)(1 << next_random(&random) % 8);
            raw_peer_send(peer, batch.frame.data, batch.frame.size, i % 5 == 0);
            if (i % 5 == 0)
                raw_peer_send(peer, batch.frame.data, next_random(&random) % batch.frame.size,
                              false);
            batch_clear(&batch);
        }
        raw_peer_close(&peer);
    }
    wait_dropped(s, before + 1000);
    batch_fini(&batch);
    end(s, load, address);
}

static void test_noise_in_frames(void **state)
{
    struct split *s = *state;
    unsigned char noise[2000];
    char address[64];
    unsigned random = 7;
    struct load *load = start(s, address);
    struct raw_peer *peer = raw_peer_open(address);
    double before = split_metric(s, "store", DROPPED);

    for (int i = 0; i < 1000; i++) {
        for (size_t b = 0; b < sizeof noise; b++)
            noise[b] = (unsigned char)next_random(&random);
        memcpy(noise, "WEIR\1", i % 2 ? 5 : 0);
        for (int frames = i % 3; frames > 0; frames--)
            raw_peer_send(peer, noise, next_random(&random) % sizeof noise, true);
        raw_peer_send(peer, noise, 1 + next_random(&random) % (sizeof noise - 1), false);
    }
    wait_dropped(s, before + 1000);
    raw_peer_close(&peer);
    end(s, load, address);
}

/* ---- batches at the wrong time ---- */

/* What was recorded is played again: by the same peer, whose session ends, and by another. */
static void test_replayed_batches(void **state)
{
    struct split *s = *state;
    struct batch batch = {0};
    struct blob frame = {0};
    char address[64], *value = load_value("key", 3);
    struct load *load = start(s, address);
    struct raw_peer *peer = raw_peer_open(address), *thief = raw_peer_open(address);

    assert_true(raw_peer_greet(peer, SESSION));
    assert_true(raw_peer_ask(peer, SESSION, 2, "key3", value));
    batch_add_ask(&batch, 2, 1000, 0, bytes_of_text("key3"));
    raw_peer_send_batch(thief, &batch, SESSION, 2);
    assert_true(raw_peer_receive(thief, &frame, deadline_in(PATIENCE)));
    assert_true(raw_peer_is(&frame, RECORD_RESET));
    if (!raw_peer_ask(peer, SESSION, 3, "key3", value) && /* or the machine let it fall silent: */
        !(raw_peer_greet(peer, SESSION + 1) && raw_peer_ask(peer, SESSION + 1, 2, "key3", value)))
        split_fail(s, "a replay by another peer has ended this one's session");
    assert_true(raw_peer_greet(peer, SESSION + 2));
    assert_true(raw_peer_ask(peer, SESSION + 2, 2, "key3", value));
    batch_add_ask(&batch, 2, 1000, 0, bytes_of_text("key3"));
    raw_peer_send_batch(peer, &batch, SESSION + 2, 2);
    assert_true(raw_peer_receive(peer, &frame, deadline_in(PATIENCE)));
    assert_true(raw_peer_is(&frame, RECORD_RESET));
    batch_fini(&batch);
    blob_fini(&frame);
    free(value);
    raw_peer_close(&peer);
    raw_peer_close(&thief);
    end(s, load, address);
}

/* It is told so in ours, and the log says what differs. */
static void test_peer_of_another_version(void **state)
{
    struct split *s = *state;
    struct batch batch = {0};
    struct blob frame = {0};
    char address[64], versions[128];
    struct load *load = start(s, address);
    struct raw_peer *peer = raw_peer_open(address);

    batch_add_hello(&batch, 1, true, false);
    batch_seal(&batch, SESSION, 1, 0);
    batch.frame.data[4] = MESSAGE_VERSION + 1;
    raw_peer_send(peer, batch.frame.data, batch.frame.size, false);
    assert_true(raw_peer_receive(peer, &frame, deadline_in(PATIENCE)));
    assert_true(raw_peer_is(&frame, RECORD_RESET));
    snprintf(versions, sizeof versions, "version-differs link=%s theirs=%d ours=%d", address,
             MESSAGE_VERSION + 1, MESSAGE_VERSION);
    if (!weir_process_wait_log(weir_fleet_process(s->fleet, "store"), versions,
                               deadline_in(PATIENCE)))
        split_fail(s, "the log does not say \"%s\"", versions);
    split_wait_metric(s, "store", "weir_link_other_version_total", 1);
    batch_fini(&batch);
    blob_fini(&frame);
    raw_peer_close(&peer);
    end(s, load, address);
}

/* While Redis stands still a peer asks for more than its credit: its session ends, and what is
 * cached is served to all others as before. */
static void test_peer_that_asks_beyond_its_credit(void **state)
{
    struct split *s = *state;
    struct batch batch = {0};
    struct blob frame = {0};
    char address[64], key[32];
    bool is_reset = false;
    struct load *load = start(s, address);
    struct raw_peer *peer = raw_peer_open(address);

    redis_server_freeze(s->redis);
    assert_true(raw_peer_greet(peer, SESSION));
    for (uint32_t i = 0, sequence = 2; i < LINK_CREDIT + MESSAGE_MAX_RECORDS; i++) {
        int length = snprintf(key, sizeof key, "cold%u", (unsigned)i);
        batch_add_ask(&batch, i, 60000, 0, (struct bytes){key, (size_t)length});
        if (batch_is_full(&batch))
            raw_peer_send_batch(peer, &batch, SESSION, sequence++);
    }
    while (!is_reset && raw_peer_receive(peer, &frame, deadline_in(PATIENCE)))
        is_reset = raw_peer_is(&frame, RECORD_RESET);
    assert_true(is_reset);
    split_expect_unharmed(s, load, 300, "the edge");
    redis_server_thaw(s->redis);
    batch_fini(&batch);
    blob_fini(&frame);
    raw_peer_close(&peer);
    end(s, load, address);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        SPLIT_TEST(test_bytes_that_are_no_zeromq),
        SPLIT_TEST(test_every_truncation_is_counted_and_dropped),
        SPLIT_TEST(test_damaged_batches_harm_nobody),
        SPLIT_TEST(test_noise_in_frames),
        SPLIT_TEST(test_replayed_batches),
        SPLIT_TEST(test_peer_of_another_version),
        SPLIT_TEST(test_peer_that_asks_beyond_its_credit),
    };

    return cmocka_run_group_tests_name("garbage", tests, NULL, NULL);
}
