/* The link between two hosts is cut, slow, lossy, or its connections are forgotten: what clients
 * see of it. Skipped where network namespaces and TUN devices are not allowed. */
#include "../support/deadline.h"
#include "../support/load.h"
#include "../support/pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEYS   100
#define HUGE   (32 * 1024 * 1024) /* bytes; on a wire of RATE they take more than two seconds */
#define RATE   8000               /* bytes in a millisecond */
#define RETURN 1000               /* ms after which service is normal again */
#define LONG   20000 /* ms: a timeout of the front end that a busy machine never reaches */

static struct load *begin(const struct pair *p)
{
    const struct load_plan plan = {
        .prefix = "key", .keys = KEYS, .clients = 8, .pause = 5, .timeout = p->timeout};
    struct load *load;

    load_store(p->redis, "key", KEYS);
    hosts_enter(p->hosts, HOST_NEAR);
    load = load_start(weir_process_http_port(p->edge), &plan);
    if (!load_wait(load, 100, 0, deadline_in(PATIENCE)))
        pair_fail(p, "no values");
    hosts_leave(p->hosts);
    return load;
}

static void expect_right(const struct pair *p, struct load *load)
{
    char *wrong = load_copy_wrong(load);

    if (wrong)
        pair_fail(p, "%s", wrong);
}

/* So many more values and outages come, and nothing is wrong with any. */
static struct load_tally expect_more(const struct pair *p, struct load *load, size_t values,
                                     size_t outages)
{
    load_forget(load);
    if (!load_wait(load, values, outages, deadline_in(PATIENCE)))
        pair_fail(p, "not %zu more values and %zu outages", values, outages);
    expect_right(p, load);
    return load_tally(load);
}

/* Returns after how many milliseconds service is normal again. */
static int expect_normal(const struct pair *p, struct load *load)
{
    int took = load_wait_normal(load, deadline_in(PATIENCE));

    expect_right(p, load);
    if (took < 0)
        pair_fail(p, "service is not normal again");
    return took;
}

static void end(const struct pair *p, struct load **load)
{
    expect_right(p, *load);
    load_destroy(load);
}

/* However long it was cut: TCP by itself would wait about as long again before its next try, and so
 * would its handshake. */
static void test_link_is_cut_and_restored(void **state)
{
    static const int cuts[] = {1500, 2200, 4300, 6000}; /* ms */
    struct pair *p = *state;

    PAIR_OR_SKIP(p);
    pair_start(p, true);
    struct load *load = begin(p);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        const struct timespec cut = {.tv_sec = cuts[i] / 1000, .tv_nsec = cuts[i] % 1000 * 1000000};
        relay_set_weather(hosts_relay(p->hosts), (struct relay_weather){.is_cut = true});
        nanosleep(&cut, NULL); /* is what is tested: how long it is cut */
        assert_int_equal(expect_more(p, load, 0, 100).values, 0);
        relay_set_weather(hosts_relay(p->hosts), (struct relay_weather){0});
        int took = expect_normal(p, load);
        print_message("a link cut for %d ms: normal %d ms after its return\n", cuts[i], took);
        if (took > RETURN)
            pair_fail(p, "normal after %d ms, not within %d", took, RETURN);
    }
    end(p, &load);
}

static void test_link_is_slow(void **state)
{
    struct pair *p = *state;

    PAIR_OR_SKIP(p);
    p->timeout = LONG;
    pair_start(p, true);
    struct load *load = begin(p);
    double lost = pair_metric(p, p->edge, "weir_link_sessions_lost_total");
    relay_set_weather(hosts_relay(p->hosts), (struct relay_weather){.delay = 100});
    expect_more(p, load, 16, 0); /* those that were on their way */
    struct load_tally tally = expect_more(p, load, 200, 0);
    assert_int_equal(tally.unavailable + tally.late, 0);
    assert_true(tally.median >= 200000);
    assert_true(pair_metric(p, p->edge, "weir_link_sessions_lost_total") == lost);
    end(p, &load);
}

static void test_link_is_lossy_and_packets_overtake(void **state)
{
    struct pair *p = *state;

    PAIR_OR_SKIP(p);
    pair_start(p, true);
    struct load *load = begin(p);
    relay_set_weather(hosts_relay(p->hosts),
                      (struct relay_weather){.delay = 2, .jitter = 10, .loss = 5});
    struct load_tally tally = expect_more(p, load, 1000, 0);
    print_message("a lossy link: %zu values, %zu 503, %zu 504\n", tally.values, tally.unavailable,
                  tally.late);
    relay_set_weather(hosts_relay(p->hosts), (struct relay_weather){0});
    expect_normal(p, load);
    end(p, &load);
}

/* TCP makes good what a short cut loses: nobody notices, not even the session. */
static void test_link_is_cut_for_a_moment(void **state)
{
    struct pair *p = *state;
    struct timespec moment = {.tv_nsec = 50000000}; /* is what is tested: how long it is cut */

    PAIR_OR_SKIP(p);
    p->timeout = LONG;
    pair_start(p, true);
    struct load *load = begin(p);
    double lost = pair_metric(p, p->edge, "weir_link_sessions_lost_total");
    load_forget(load);
    for (int i = 0; i < 5; i++) {
        relay_set_weather(hosts_relay(p->hosts), (struct relay_weather){.is_cut = true});
        nanosleep(&moment, NULL);
        relay_set_weather(hosts_relay(p->hosts), (struct relay_weather){0});
        load_wait(load, load_tally(load).values + 100, 0, deadline_in(PATIENCE));
    }
    expect_right(p, load);
    assert_int_equal(load_tally(load).unavailable + load_tally(load).late, 0);
    assert_true(pair_metric(p, p->edge, "weir_link_sessions_lost_total") == lost);
    end(p, &load);
}

/* A connection that is reset loses what was on its way, and ZeroMQ connects again without a word:
 * the session must notice, and what was lost be asked again or fail in time. */
static void test_connections_are_forgotten_under_the_link(void **state)
{
    struct pair *p = *state;

    PAIR_OR_SKIP(p);
    pair_start(p, true);
    struct load *load = begin(p);
    double lost = pair_metric(p, p->edge, "weir_link_sessions_lost_total");
    int slowest = 0, took;
    for (int i = 0; i < 5; i++) {
        if (!relay_break_connection(hosts_relay(p->hosts), deadline_in(PATIENCE)))
            pair_fail(p, "no packet to break a connection at");
        took = expect_normal(p, load);
        slowest = took > slowest ? took : slowest;
    }
    print_message("a forgotten connection: normal after %d ms at most\n", slowest);
    assert_true(slowest <= RETURN);
    assert_true(pair_metric(p, p->edge, "weir_link_sessions_lost_total") >= lost + 5);
    end(p, &load);
}

/* A huge value takes longer on the wire than a heartbeat may stay out: it arrives, and neither the
 * session nor anything small on the same link suffers. */
static void test_huge_value_on_a_narrow_link(void **state)
{
    struct pair *p = *state;
    struct blob body = {0};

    PAIR_OR_SKIP(p);
    redis_server_run(p->redis, "SETRANGE huge %d x", HUGE - 1);
    p->timeout = LONG;
    pair_start(p, true);
    struct load *load = begin(p);
    double lost = pair_metric(p, p->edge, "weir_link_sessions_lost_total");
    relay_set_weather(hosts_relay(p->hosts), (struct relay_weather){.rate = RATE});
    load_forget(load);
    int64_t begun = deadline_now();
    int status = pair_get(p, p->edge, "/huge", &body), took = (int)(deadline_now() - begun);
    if (status != 200 || body.length != HUGE)
        pair_fail(p, "%d and %zu bytes after %d ms", status, body.length, took);
    print_message("%d bytes in %d ms\n", HUGE, took);
    assert_true(took > 2000);
    expect_right(p, load);
    struct load_tally tally = load_tally(load);
    double losses = pair_metric(p, p->edge, "weir_link_sessions_lost_total") - lost;
    if (tally.unavailable + tally.late > 0 || losses > 0)
        pair_fail(p, "%zu 503, %zu 504, %g sessions lost", tally.unavailable, tally.late, losses);
    end(p, &load);
    blob_fini(&body);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PAIR_TEST(test_link_is_cut_and_restored),
        PAIR_TEST(test_link_is_slow),
        PAIR_TEST(test_link_is_lossy_and_packets_overtake),
        PAIR_TEST(test_link_is_cut_for_a_moment),
        PAIR_TEST(test_connections_are_forgotten_under_the_link),
        PAIR_TEST(test_huge_value_on_a_narrow_link),
    };

    return cmocka_run_group_tests_name("two hosts", tests, NULL, NULL);
}
