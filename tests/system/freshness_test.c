/* Verified answers are never older than max_staleness and never go back, on every placement, also
 * where the control connection breaks; and they say what they are. In short: `make test-freshness`
 * has more of all. */
#include "../support/trial.h"

#include <stdlib.h>
#include <string.h>

#define STALE 1000 /* ms: max_staleness */
#define HITS  5000 /* before the control connection breaks, and behind */

static void run(const char *topology)
{
    struct trial trial;

    trial_start(&trial, &(struct trial_plan){.topology = topology, .max_staleness = STALE});
    trial_wait_hits(&trial, HITS);
    redis_server_run(trial.redis, "CLIENT KILL TYPE pubsub");
    trial_wait_hits(&trial, HITS);
    const struct readers_tally tally = readers_tally(trial.readers);
    const struct history_verdict verdict = trial_judge(&trial, STALE * INT64_C(1000000));
    trial_finish(&trial, &verdict);
    assert_int_equal(tally.failures + tally.lost, 0);
    assert_true(tally.marked >= tally.values - tally.values / 100); /* 404s that nobody keeps */
}

#define ON(function, topology)                                                                     \
    static void function(void **state)                                                             \
    {                                                                                              \
        (void)state;                                                                               \
        run(topology);                                                                             \
    }

ON(test_one_reactor, "one-reactor")
ON(test_thread_per_stage, "thread-per-stage")
ON(test_sharded, "sharded")
ON(test_process_per_stage, "process-per-stage")
ON(test_chained, "chained")

int main(void)
{
    static const struct CMUnitTest all[] = {
        cmocka_unit_test(test_one_reactor), cmocka_unit_test(test_thread_per_stage),
        cmocka_unit_test(test_sharded),     cmocka_unit_test(test_process_per_stage),
        cmocka_unit_test(test_chained),
    };
    static const struct CMUnitTest sanitized[] = {cmocka_unit_test(test_thread_per_stage)};
    const char *variant = getenv("WEIR_VARIANT");

    if (variant && strcmp(variant, "plain") != 0)
        return cmocka_run_group_tests(sanitized, NULL, NULL);
    return cmocka_run_group_tests(all, NULL, NULL);
}
