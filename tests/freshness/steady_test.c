/* How stale a verified answer is when nothing fails, on every topology: within 50 ms, beside what a
 * bare subscriber of Redis sees in the same run. Prints a row of docs/measurements.md for each. */
#include "../support/stall.h"
#include "../support/trial.h"

#include <stdio.h>

#define READS  200000                  /* of each topology */
#define BOUND  (50 * INT64_C(1000000)) /* ns */
#define STALE  1000                    /* ms: max_staleness */
#define ROUNDS 3                       /* of which one must keep the bound */

static void print_row(const struct trial *trial, const struct history_verdict *verdict,
                      const struct readers_tally *tally, int64_t stall)
{
    print_message("| %s | %zu | %zu | %zu | %.2f | %.2f | %.2f | %.2f | %.2f |\n",
                  trial->plan.topology, verdict->reads, verdict->verified, tally->hits,
                  verdict->median / 1e6, verdict->p99 / 1e6, verdict->p999 / 1e6,
                  verdict->most / 1e6, stall / 1e6);
}

/* Whether the bound was kept. What holds however busy the machine is must hold in every round. */
static bool run_round(const char *topology)
{
    struct trial trial;

    trial_start(&trial, &(struct trial_plan){.topology = topology, .max_staleness = STALE});
    struct stall *stall = stall_start(redis_server_port(trial.redis));
    while (readers_tally(trial.readers).values < READS)
        trial_wait_hits(&trial, 1000);
    const int64_t stalled = stall_finish(&stall);
    const struct readers_tally tally = readers_tally(trial.readers);
    const struct history_verdict verdict = trial_judge(&trial, STALE * INT64_C(1000000));
    print_row(&trial, &verdict, &tally, stalled);
    trial_finish(&trial, &verdict);
    assert_int_equal(tally.failures + tally.lost, 0);
    return verdict.most <= BOUND + stalled;
}

static void run_topology(const char *topology)
{
    for (int round = 0; round < ROUNDS; round++)
        if (run_round(topology))
            return;
    fail_msg("%s: in none of %d rounds within the bound", topology, ROUNDS);
}

#define STEADY(function, topology)                                                                 \
    static void function(void **state)                                                             \
    {                                                                                              \
        (void)state;                                                                               \
        run_topology(topology);                                                                    \
    }

STEADY(test_one_reactor, "one-reactor")
STEADY(test_thread_per_stage, "thread-per-stage")
STEADY(test_sharded, "sharded")
STEADY(test_process_per_stage, "process-per-stage")
STEADY(test_chained, "chained")

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_reactor), cmocka_unit_test(test_thread_per_stage),
        cmocka_unit_test(test_sharded),     cmocka_unit_test(test_process_per_stage),
        cmocka_unit_test(test_chained),
    };

    print_message("| topology | reads | verified | hits | p50 | p99 | p99.9 | max | bare |\n");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
