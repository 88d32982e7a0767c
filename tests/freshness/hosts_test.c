/* The link between a near cache and the cache it asks, on another host, is cut, slow or lossy, or
 * its connections are forgotten: no verified answer is older than max_staleness, and no connection
 * goes back. Skipped where network namespaces and TUN devices are not allowed. */
#include "../support/deadline.h"
#include "../support/pair.h"
#include "../support/trial.h"

#define KEYS 64
#define HITS 500 /* verified ones, after which service is normal again */

/* A writer beside Redis, and readers beside the edge. The fleet of this trial is the pair. */
static void begin(struct pair *p, struct trial *trial)
{
    p->is_fresh = true;
    pair_start(p, true);
    *trial = (struct trial){.plan = {.topology = "two hosts", .max_staleness = TRIAL_STALE},
                            .history = history_create(KEYS)};
    hosts_enter(p->hosts, HOST_FAR);
    trial->writer = writer_start(redis_server_port(p->redis), trial->history);
    hosts_enter(p->hosts, HOST_NEAR);
    const struct readers_front front = {.port = weir_process_http_port(p->edge)};
    trial->readers = readers_start(&front, 1, trial->history);
    hosts_leave(p->hosts);
    trial_wait_hits(trial, HITS);
}

static void end(struct pair *p, struct trial *trial)
{
    const struct readers_tally tally = readers_tally(trial->readers);
    const struct history_verdict verdict = trial_judge(trial, TRIAL_STALE * INT64_C(1000000));

    print_message(
        "%zu reads, %zu verified, %zu failed; verified and outdated for at most %.1f ms\n",
        verdict.reads, verdict.verified, tally.failures, (double)verdict.most / 1e6);
    if (verdict.outdated + verdict.backward + verdict.unknown > 0)
        pair_fail(p, "%zu beyond the bound, %zu went back, %zu of nobody's (%s)", verdict.outdated,
                  verdict.backward, verdict.unknown, verdict.first);
    history_destroy(&trial->history);
}

/* Some of these nobody notices, some end the session. */
static void test_link_is_cut_and_restored(void **state)
{
    static const int cuts[] = {100, 200, 400, 800, 1600, 3200}; /* ms */
    struct pair *p = *state;
    struct trial trial;

    PAIR_OR_SKIP(p);
    begin(p, &trial);
    for (size_t i = 0; i < 2 * sizeof cuts / sizeof cuts[0]; i++) {
        relay_set_weather(hosts_relay(p->hosts), (struct relay_weather){.is_cut = true});
        trial_pass(cuts[i / 2]);
        relay_set_weather(hosts_relay(p->hosts), (struct relay_weather){0});
        trial_wait_hits(&trial, HITS);
        trial_pass(2 * TRIAL_STALE);
    }
    end(p, &trial);
}

static void test_link_is_slow_and_lossy(void **state)
{
    struct pair *p = *state;
    struct trial trial;

    PAIR_OR_SKIP(p);
    begin(p, &trial);
    for (int delay = 10; delay <= 40; delay += 10) {
        relay_set_weather(hosts_relay(p->hosts),
                          (struct relay_weather){.delay = delay, .jitter = 20, .loss = 1});
        trial_wait_hits(&trial, HITS);
        trial_pass(4 * TRIAL_STALE);
    }
    relay_set_weather(hosts_relay(p->hosts), (struct relay_weather){0});
    end(p, &trial);
}

static void test_connections_are_forgotten(void **state)
{
    struct pair *p = *state;
    struct trial trial;

    PAIR_OR_SKIP(p);
    begin(p, &trial);
    for (int i = 0; i < 5; i++) {
        if (!relay_break_connection(hosts_relay(p->hosts), deadline_in(PATIENCE)))
            pair_fail(p, "no packet passes");
        trial_wait_hits(&trial, HITS);
        trial_pass(2 * TRIAL_STALE);
    }
    end(p, &trial);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PAIR_TEST(test_link_is_cut_and_restored),
        PAIR_TEST(test_link_is_slow_and_lossy),
        PAIR_TEST(test_connections_are_forgotten),
    };

    return trial_run_tests(tests);
}
