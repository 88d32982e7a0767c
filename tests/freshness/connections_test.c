/* No verified answer is older than max_staleness, and no connection goes back in versions, while
 * the connections between weir and Redis break, stand still, or are cut without a word. Readers go
 * on through all of it; between two faults the service becomes normal again. */
#include "../support/trial.h"

#define TIMES 5 /* that a fault comes */

static void kill_control(struct trial *trial)
{
    redis_server_run(trial->redis, "CLIENT KILL TYPE pubsub");
}

static void delay_control(struct trial *trial)
{
    redis_proxy_hold_control(trial->proxy, true);
    trial_pass(TRIAL_STALE * 4 / 5);
    redis_proxy_hold_control(trial->proxy, false);
}

/* Until weir itself gives it up. */
static void cut_control(struct trial *trial)
{
    redis_proxy_hold_control(trial->proxy, true);
    trial_pass(TRIAL_STALE * 4);
    redis_proxy_hold_control(trial->proxy, false);
}

/* Announcements overtake what they are about. */
static void delay_data(struct trial *trial)
{
    redis_proxy_hold_data(trial->proxy, true);
    trial_pass(TRIAL_STALE);
    redis_proxy_hold_data(trial->proxy, false);
}

static void sever_data(struct trial *trial)
{
    redis_proxy_sever_data(trial->proxy);
}

static void test_control_connection_killed(void **state)
{
    (void)state;
    trial_run_everywhere(TIMES, kill_control);
}

static void test_control_connection_delayed(void **state)
{
    (void)state;
    trial_run_everywhere(TIMES, delay_control);
}

static void test_control_connection_silently_cut(void **state)
{
    (void)state;
    trial_run_everywhere(TIMES, cut_control);
}

static void test_data_connections_delayed(void **state)
{
    (void)state;
    trial_run_everywhere(TIMES, delay_data);
}

static void test_data_connections_killed(void **state)
{
    (void)state;
    trial_run_everywhere(TIMES, sever_data);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_connection_killed),
        cmocka_unit_test(test_control_connection_delayed),
        cmocka_unit_test(test_control_connection_silently_cut),
        cmocka_unit_test(test_data_connections_delayed),
        cmocka_unit_test(test_data_connections_killed),
    };

    return trial_run_tests(tests);
}
