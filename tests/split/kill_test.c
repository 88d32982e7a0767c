/* Any process of a split topology dies, or stands still for longer than the heartbeat, under a
 * steady load, and comes back: every request is answered rightly or with 503 or 504 in time, what
 * did not need that process is unharmed, and a second after its return all is normal. */
#include "../support/deadline.h"
#include "../support/split.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define WARM    200  /* keys that are cached before anything dies */
#define COLD    8000 /* keys that mostly are not */
#define TIMEOUT 1000 /* ms */
#define RETURN  1000 /* ms after which service is normal again */

/*  edge-a ─┬─▶ shard-0 ─┬─▶ origin ──▶ Redis
 *  edge-b ─┴─▶ shard-1 ─┘                      */
static const char topology[] =
    "# processes: edge-a edge-b shard-0 shard-1 origin\n"
    "stages:\n"
    "  http-a: {kind: http-frontend, listen: 127.0.0.1:0, asks: cache, timeout: 1s}\n"
    "  http-b: {kind: http-frontend, listen: 127.0.0.1:0, asks: cache, timeout: 1s}\n"
    "  cache:\n"
    "    kind: cache\n"
    "    serves: [\"@AT.cache-0@\", \"@AT.cache-1@\"]\n"
    "    asks: redis\n"
    "    expiry: 1h\n"
    "  redis: {kind: redis-fetcher, serves: \"@AT.redis@\"}\n"
    "processes:\n"
    "  edge-a: {reactors: [[http-a]]}\n"
    "  edge-b: {reactors: [[http-b]]}\n"
    "  shard-0: {reactors: [[cache.0]]}\n"
    "  shard-1: {reactors: [[cache.1]]}\n"
    "  origin: {reactors: [[redis]]}\n";

static void start(struct split *s)
{
    load_store(s->redis, "warm", WARM);
    split_start(s, topology, getenv("SPLIT_TRANSPORT"));
    for (int n = 0; n < WARM; n++) {
        char target[32], *value = load_value("warm", n);
        snprintf(target, sizeof target, "/warm%d", n);
        split_expect_value(s, "edge-a", target, value);
        free(value);
    }
}

static struct load *begin(const struct split *s, const char *name, const char *prefix,
                          const int *numbers, int keys)
{
    const struct load_plan plan = {.prefix = prefix,
                                   .numbers = numbers,
                                   .keys = keys,
                                   .clients = 8,
                                   .pause = 10,
                                   .timeout = TIMEOUT};
    struct load *load = load_start(split_port(s, name), &plan);

    if (!load_wait(load, 100, 0, deadline_in(PATIENCE)))
        split_fail(s, "%s gives no values of %s", name, prefix);
    return load;
}

/* Nothing but outages comes from now on, and that at once; for so long that who tries to connect
 * again does so at the slowest pace. */
static void expect_fast_failure(const struct split *s, struct load *load)
{
    struct load_tally tally;

    load_forget(load);
    if (!load_wait(load, 0, 2000, deadline_in(PATIENCE)))
        split_fail(s, "no outage shows");
    tally = load_tally(load);
    split_expect_right(s, load);
    if (tally.values > 0 || tally.median > 100000)
        split_fail(s, "%zu values from a process that is gone; half of the failures take %lld us",
                   tally.values, (long long)tally.median);
}

static void end(struct split *s, struct load **load)
{
    split_expect_right(s, *load);
    load_destroy(load);
}

static void report(const char *what, int milliseconds)
{
    print_message("%s over %s: normal after %d ms\n", what, getenv("SPLIT_TRANSPORT"),
                  milliseconds);
}

/* The numbers of the warm keys that shard-0 has, or those that it has not; returns how many. */
static int find_keys(const struct split *s, bool has, int *numbers)
{
    int found = 0;

    for (int n = 0; n < WARM / 2; n++) {
        double before = split_metric(s, "shard-0", "weir_cache_hits_total");
        char target[32], *value = load_value("warm", n);
        snprintf(target, sizeof target, "/warm%d", n);
        split_expect_value(s, "edge-a", target, value);
        free(value);
        if ((split_metric(s, "shard-0", "weir_cache_hits_total") > before) == has)
            numbers[found++] = n;
    }
    if (found < 10)
        split_fail(s, "only %d of %d keys are in one of two shards", found, WARM / 2);
    return found;
}

static void test_front_end_killed(void **state)
{
    struct split *s = *state;
    long long reads;

    start(s);
    reads = split_reads(s);
    struct load *a = begin(s, "edge-a", "warm", NULL, WARM);
    struct load *b = begin(s, "edge-b", "warm", NULL, WARM);
    split_kill(s, "edge-a");
    split_expect_unharmed(s, b, 300, "the other front end");
    weir_fleet_restart(s->fleet, "edge-a");
    weir_process_wait_ready(weir_fleet_process(s->fleet, "edge-a"), deadline_in(PATIENCE));
    load_move(a, split_port(s, "edge-a"));
    report("a killed front end", split_expect_normal_within(s, a, RETURN));
    split_expect_unharmed(s, b, 300, "the other front end");
    end(s, &a);
    end(s, &b);
    assert_int_equal(split_reads(s), reads);
}

static void test_fetcher_killed(void **state)
{
    struct split *s = *state;

    load_store(s->redis, "cold", COLD);
    start(s);
    struct load *hits = begin(s, "edge-a", "warm", NULL, WARM);
    struct load *misses = begin(s, "edge-b", "cold", NULL, COLD);
    split_kill(s, "origin");
    split_wait_metric(s, "shard-0", "weir_link_away", 1);
    split_wait_metric(s, "shard-1", "weir_link_away", 1);
    load_forget(misses);
    if (!load_wait(misses, 0, 100, deadline_in(PATIENCE)))
        split_fail(s, "misses do not fail while the fetcher is gone");
    split_expect_unharmed(s, hits, 300, "hits");
    weir_fleet_restart(s->fleet, "origin");
    report("a killed fetcher", split_expect_normal_within(s, misses, RETURN));
    split_expect_unharmed(s, hits, 300, "hits");
    end(s, &hits);
    end(s, &misses);
}

static void lose_shard(struct split *s, void (*lose)(struct split *),
                       void (*bring_back)(struct split *), const char *what)
{
    int mine[WARM], others[WARM];

    start(s);
    int mine_count = find_keys(s, true, mine), other_count = find_keys(s, false, others);
    struct load *own = begin(s, "edge-a", "warm", mine, mine_count);
    struct load *other = begin(s, "edge-b", "warm", others, other_count);
    lose(s);
    split_wait_metric(s, "edge-a", "weir_link_away", 1);
    expect_fast_failure(s, own);
    split_expect_unharmed(s, other, 300, "the keys of the other shard");
    bring_back(s);
    report(what, split_expect_normal_within(s, own, RETURN));
    split_expect_unharmed(s, other, 300, "the keys of the other shard");
    end(s, &own);
    end(s, &other);
}

static void kill_shard(struct split *s)
{
    split_kill(s, "shard-0");
}

static void restart_shard(struct split *s)
{
    weir_fleet_restart(s->fleet, "shard-0");
}

static void test_cache_shard_killed(void **state)
{
    lose_shard(*state, kill_shard, restart_shard, "a killed shard");
}

static void stop_shard(struct split *s)
{
    split_signal(s, "shard-0", SIGSTOP);
}

static void continue_shard(struct split *s)
{
    split_signal(s, "shard-0", SIGCONT);
}

static void test_cache_shard_stands_still(void **state)
{
    lose_shard(*state, stop_shard, continue_shard, "a stopped shard");
}

static void test_fetcher_stands_still(void **state)
{
    struct split *s = *state;

    load_store(s->redis, "cold", COLD);
    start(s);
    struct load *hits = begin(s, "edge-a", "warm", NULL, WARM);
    struct load *misses = begin(s, "edge-b", "cold", NULL, COLD);
    split_signal(s, "origin", SIGSTOP);
    split_wait_metric(s, "shard-0", "weir_link_away", 1);
    split_wait_metric(s, "shard-1", "weir_link_away", 1);
    split_expect_unharmed(s, hits, 300, "hits");
    split_signal(s, "origin", SIGCONT);
    report("a stopped fetcher", split_expect_normal_within(s, misses, RETURN));
    split_expect_unharmed(s, hits, 300, "hits");
    end(s, &hits);
    end(s, &misses);
}

/* A front end that stands still answers nobody; the others and what comes after its return do. */
static void test_front_end_stands_still(void **state)
{
    struct split *s = *state;
    double lost;

    start(s);
    lost = split_metric(s, "shard-0", "weir_link_sessions_lost_total");
    struct load *b = begin(s, "edge-b", "warm", NULL, WARM);
    split_signal(s, "edge-a", SIGSTOP);
    split_wait_metric(s, "shard-0", "weir_link_sessions_lost_total", lost + 1);
    split_expect_unharmed(s, b, 300, "the other front end");
    split_signal(s, "edge-a", SIGCONT);
    struct load *a = begin(s, "edge-a", "warm", NULL, WARM);
    report("a stopped front end", split_expect_normal_within(s, a, RETURN));
    split_expect_unharmed(s, b, 300, "the other front end");
    end(s, &a);
    end(s, &b);
}

int main(void)
{
    static const char *const transports[] = {"ipc", "tcp"};
    static const struct CMUnitTest tests[] = {
        SPLIT_TEST(test_front_end_killed),     SPLIT_TEST(test_fetcher_killed),
        SPLIT_TEST(test_cache_shard_killed),   SPLIT_TEST(test_cache_shard_stands_still),
        SPLIT_TEST(test_fetcher_stands_still), SPLIT_TEST(test_front_end_stands_still),
    };
    int failed = 0;

    for (size_t i = 0; i < 2; i++) {
        setenv("SPLIT_TRANSPORT", transports[i], 1);
        failed += cmocka_run_group_tests_name(transports[i], tests, NULL, NULL);
    }
    return failed;
}
