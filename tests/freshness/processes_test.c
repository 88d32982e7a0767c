/* No verified answer is older than max_staleness, and no connection goes back in versions, while
 * processes of weir are stopped and go on, or die.
 * Readers go on through all of it; between two faults the service becomes normal again. */
#include "../support/trial.h"

#include <signal.h>

#define TIMES 5   /* that a fault comes */
#define HITS  200 /* verified ones, between two stops */

static void stop(struct trial *trial, const char *name, int milliseconds)
{
    struct weir_process *weir = weir_fleet_process(trial->fleet, name);

    weir_process_signal(weir, SIGSTOP);
    trial_pass(milliseconds);
    weir_process_signal(weir, SIGCONT);
}

/* Long ones end sessions; short ones come at many places of a turn. */
static void stop_often(struct trial *trial, const char *name)
{
    stop(trial, name, 2000);
    for (int i = 0; i < 3 * TIMES; i++) {
        trial_wait_hits(trial, HITS);
        stop(trial, name, 2 * TRIAL_STALE);
    }
}

static void stop_only(struct trial *trial)
{
    stop_often(trial, NULL);
}

static void stop_edge(struct trial *trial)
{
    stop_often(trial, "edge");
}

static void stop_store(struct trial *trial)
{
    stop_often(trial, "store");
}

static void stop_origin(struct trial *trial)
{
    stop_often(trial, "origin");
}

static void kill_store(struct trial *trial)
{
    weir_fleet_restart(trial->fleet, "store");
}

static void kill_origin(struct trial *trial)
{
    weir_fleet_restart(trial->fleet, "origin");
}

static void kill_shard(struct trial *trial)
{
    weir_fleet_restart(trial->fleet, "store-b");
}

static void kill_shard_and_fetcher(struct trial *trial)
{
    weir_fleet_restart(trial->fleet, "store-a");
}

static const struct trial_plan ones[] = {
    {"one-reactor", TRIAL_STALE, true, false},
    {"thread-per-stage", TRIAL_STALE, true, false},
    {"sharded", TRIAL_STALE, true, false},
};
static const struct trial_plan three = {"process-per-stage", TRIAL_STALE, true, false};
static const struct trial_plan two_shards = {"hosts", TRIAL_STALE, true, false};
static const struct trial_plan near_and_far = {"chained", TRIAL_STALE, true, false};

static void test_process_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ones / sizeof ones[0]; i++)
        trial_run(&ones[i], 1, stop_only);
}

static void test_front_end_stopped(void **state)
{
    (void)state;
    trial_run(&three, 1, stop_edge);
}

static void test_cache_stopped(void **state)
{
    (void)state;
    trial_run(&three, 1, stop_store);
}

static void test_fetcher_stopped(void **state)
{
    (void)state;
    trial_run(&three, 1, stop_origin);
}

static void test_near_cache_stopped(void **state)
{
    (void)state;
    trial_run(&near_and_far, 1, stop_edge);
}

static void test_far_cache_stopped(void **state)
{
    (void)state;
    trial_run(&near_and_far, 1, stop_store);
}

static void test_cache_killed(void **state)
{
    (void)state;
    trial_run(&three, TIMES, kill_store);
}

static void test_fetcher_killed(void **state)
{
    (void)state;
    trial_run(&three, TIMES, kill_origin);
}

static void test_far_cache_killed(void **state)
{
    (void)state;
    trial_run(&near_and_far, TIMES, kill_store);
}

static void test_shard_killed(void **state)
{
    (void)state;
    trial_run(&two_shards, TIMES, kill_shard);
}

static void test_shard_and_fetcher_killed(void **state)
{
    (void)state;
    trial_run(&two_shards, TIMES, kill_shard_and_fetcher);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process_stopped),
        cmocka_unit_test(test_front_end_stopped),
        cmocka_unit_test(test_cache_stopped),
        cmocka_unit_test(test_fetcher_stopped),
        cmocka_unit_test(test_near_cache_stopped),
        cmocka_unit_test(test_far_cache_stopped),
        cmocka_unit_test(test_cache_killed),
        cmocka_unit_test(test_fetcher_killed),
        cmocka_unit_test(test_far_cache_killed),
        cmocka_unit_test(test_shard_killed),
        cmocka_unit_test(test_shard_and_fetcher_killed),
    };

    return trial_run_tests(tests);
}
