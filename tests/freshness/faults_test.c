/* No verified answer is older than max_staleness, and no connection goes back in versions, whatever
 * fails: connections, Redis, and weir's own processes. Readers go on through all of it; between two
 * faults the service becomes normal again. */
#include "../support/deadline.h"
#include "../support/trial.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define STALE  250 /* ms: max_staleness */
#define NORMAL 200 /* verified hits */
#define TIMES  5   /* that most faults come */

typedef void fault(struct trial *trial);

static void pass(int milliseconds)
{
    const struct timespec time = {.tv_sec = milliseconds / 1000,
                                  .tv_nsec = milliseconds % 1000 * 1000000L};

    nanosleep(&time, NULL); /* how long a fault lasts is what is tested */
}

/* Has the fault come so often, and judges. */
static void run(const struct trial_plan *plan, int times, fault *come)
{
    struct trial trial;

    trial_start(&trial, plan);
    for (int i = 0; i < times; i++) {
        come(&trial);
        trial_wait_hits(&trial, NORMAL);
    }
    const struct readers_tally tally = readers_tally(trial.readers);
    const struct history_verdict verdict = trial_judge(&trial, STALE * INT64_C(1000000));
    print_message("%s: %zu reads, %zu verified, %zu failed; verified and outdated for at most "
                  "%.1f ms\n",
                  plan->topology, verdict.reads, verdict.verified, tally.failures,
                  (double)verdict.most / 1e6);
    trial_finish(&trial, &verdict);
}

/* On one process, on several, and where the Redis protocol has the promise too. */
static void run_everywhere(int times, fault *come)
{
    run(&(struct trial_plan){"thread-per-stage", STALE, false, true}, times, come);
    run(&(struct trial_plan){"chained", STALE, true, true}, times, come);
}

/* ---- connections ---- */

static void kill_control(struct trial *trial)
{
    redis_server_run(trial->redis, "CLIENT KILL TYPE pubsub");
}

static void delay_control(struct trial *trial)
{
    redis_proxy_hold_control(trial->proxy, true);
    pass(STALE * 4 / 5);
    redis_proxy_hold_control(trial->proxy, false);
}

/* Until weir itself gives it up. */
static void cut_control(struct trial *trial)
{
    redis_proxy_hold_control(trial->proxy, true);
    pass(STALE * 4);
    redis_proxy_hold_control(trial->proxy, false);
}

static void sever_data(struct trial *trial)
{
    redis_proxy_sever_data(trial->proxy);
}

static void test_control_connection_killed(void **state)
{
    (void)state;
    run_everywhere(TIMES, kill_control);
}

static void test_control_connection_delayed(void **state)
{
    (void)state;
    run_everywhere(TIMES, delay_control);
}

static void test_control_connection_silently_cut(void **state)
{
    (void)state;
    run_everywhere(TIMES, cut_control);
}

static void test_data_connections_killed(void **state)
{
    (void)state;
    run_everywhere(TIMES, sever_data);
}

/* ---- Redis ---- */

static void kill_redis(struct trial *trial)
{
    const int64_t begun = writer_clock();

    redis_server_kill(trial->redis);
    history_wipe(trial->history, begun, writer_clock());
}

static void restart_redis(struct trial *trial)
{
    kill_redis(trial);
    redis_server_restart(trial->redis, NULL);
}

static void replace_redis(struct trial *trial)
{
    struct redis_server *other = redis_server_start();

    redis_proxy_redirect(trial->proxy, redis_server_port(other));
    writer_move(trial->writer, redis_server_port(other));
    kill_redis(trial);
    redis_server_destroy(&trial->redis);
    trial->redis = other;
}

static void flush(struct trial *trial)
{
    const int64_t begun = writer_clock();

    redis_server_run(trial->redis, "FLUSHALL");
    history_wipe(trial->history, begun, writer_clock());
}

static void test_redis_restarted(void **state)
{
    (void)state;
    run_everywhere(TIMES, restart_redis);
}

static void test_redis_replaced(void **state)
{
    (void)state;
    run_everywhere(TIMES, replace_redis);
}

static void test_flushall(void **state)
{
    (void)state;
    run_everywhere(4 * TIMES, flush);
}

/* ---- processes ---- */

static void stop(struct trial *trial, const char *name, int milliseconds)
{
    struct weir_process *weir = weir_fleet_process(trial->fleet, name);

    weir_process_signal(weir, SIGSTOP);
    pass(milliseconds);
    weir_process_signal(weir, SIGCONT);
}

/* Long ones end sessions; short ones come at many places of a turn. */
static void stop_often(struct trial *trial, const char *name)
{
    stop(trial, name, 2000);
    for (int i = 0; i < 4 * TIMES; i++) {
        trial_wait_hits(trial, NORMAL);
        stop(trial, name, 2 * STALE);
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

static const struct trial_plan one = {"thread-per-stage", STALE, true, false};
static const struct trial_plan three = {"process-per-stage", STALE, true, false};
static const struct trial_plan near_and_far = {"chained", STALE, false, false};

static void test_process_stopped(void **state)
{
    (void)state;
    run(&one, 1, stop_only);
}

static void test_front_end_stopped(void **state)
{
    (void)state;
    run(&three, 1, stop_edge);
}

static void test_cache_stopped(void **state)
{
    (void)state;
    run(&three, 1, stop_store);
}

static void test_fetcher_stopped(void **state)
{
    (void)state;
    run(&three, 1, stop_origin);
}

static void test_near_cache_stopped(void **state)
{
    (void)state;
    run(&near_and_far, 1, stop_edge);
}

static void test_far_cache_stopped(void **state)
{
    (void)state;
    run(&near_and_far, 1, stop_store);
}

static void test_cache_killed(void **state)
{
    (void)state;
    run(&three, TIMES, kill_store);
}

static void test_fetcher_killed(void **state)
{
    (void)state;
    run(&three, TIMES, kill_origin);
}

static void test_far_cache_killed(void **state)
{
    (void)state;
    run(&near_and_far, TIMES, kill_store);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_connection_killed),
        cmocka_unit_test(test_control_connection_delayed),
        cmocka_unit_test(test_control_connection_silently_cut),
        cmocka_unit_test(test_data_connections_killed),
        cmocka_unit_test(test_redis_restarted),
        cmocka_unit_test(test_redis_replaced),
        cmocka_unit_test(test_flushall),
        cmocka_unit_test(test_process_stopped),
        cmocka_unit_test(test_front_end_stopped),
        cmocka_unit_test(test_cache_stopped),
        cmocka_unit_test(test_fetcher_stopped),
        cmocka_unit_test(test_near_cache_stopped),
        cmocka_unit_test(test_far_cache_stopped),
        cmocka_unit_test(test_cache_killed),
        cmocka_unit_test(test_fetcher_killed),
        cmocka_unit_test(test_far_cache_killed),
    };
    const char *only = getenv("FAULT");

    if (only)
        cmocka_set_test_filter(only);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
