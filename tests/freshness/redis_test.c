/* No verified answer is older than max_staleness, and no connection goes back in versions, while
 * Redis is restarted, replaced or emptied. Readers go on through all of it; between two faults the
 * service becomes normal again. */
#include "../support/trial.h"

#define TIMES 5 /* that a fault comes */

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
    trial_run_everywhere(TIMES, restart_redis);
}

static void test_redis_replaced(void **state)
{
    (void)state;
    trial_run_everywhere(TIMES, replace_redis);
}

static void test_flushall(void **state)
{
    (void)state;
    trial_run_everywhere(2 * TIMES, flush);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_restarted),
        cmocka_unit_test(test_redis_replaced),
        cmocka_unit_test(test_flushall),
    };

    return trial_run_tests(tests);
}
