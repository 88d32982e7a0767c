/* SIGTERM and SIGINT: stop accepting, finish what is in progress, exit 0; a second signal ends it.
 */
#include "../support/deadline.h"
#include "../support/net.h"
#include "../support/pipeline.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Waits until weir accepts nobody any more: it has heard the signal. */
static void wait_closed(const struct pipeline *p)
{
    int64_t deadline = deadline_in(PATIENCE);
    int descriptor;

    while ((descriptor = net_connect(weir_process_http_port(p->weir))) >= 0) {
        char byte;
        ssize_t count = net_receive(descriptor, &byte, 1, deadline_in(20));
        close(descriptor);
        if (count == 0)
            return;
        if (deadline_left(deadline) == 0)
            pipeline_fail(p, "weir still accepts connections");
    }
}

/* What answers to operators goes on, and says why weir is not ready. */
static void expect_draining(const struct pipeline *p)
{
    struct http_client *client = http_client_open(weir_process_admin_port(p->weir));
    struct http_response response;

    assert_true(http_client_request(client, HTTP_GET, "/readyz"));
    assert_int_equal(http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response),
                     HTTP_RESPONSE);
    assert_int_equal(response.status, 503);
    if (!strstr(blob_text(&response.body), "the process is to end"))
        pipeline_fail(p, "/readyz says %s", blob_text(&response.body));
    http_response_fini(&response);
    http_client_close(&client);
}

static void drain_on(struct pipeline *p, int signal)
{
    struct http_client *client, *idle;

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, NULL);
    idle = pipeline_connect(p); /* must not delay the end */
    redis_proxy_hold(p->proxy, true);
    client = pipeline_ask(p, "/key");
    pipeline_wait_gets(p, 1);
    weir_process_signal(p->weir, signal);
    wait_closed(p);
    expect_draining(p);
    redis_proxy_hold(p->proxy, false);
    pipeline_expect_response(p, client, 200, "value");
    assert_true(http_client_wait_close(client, deadline_in(PATIENCE)));
    assert_int_equal(weir_process_wait_exit(p->weir, deadline_in(PATIENCE)), 0);
    http_client_close(&client);
    http_client_close(&idle);
}

static void test_sigterm_drains(void **state)
{
    drain_on(*state, SIGTERM);
}

static void test_sigint_drains(void **state)
{
    drain_on(*state, SIGINT);
}

/* What does not finish within drain_timeout is cut off, and the exit code is 0 all the same. */
static void test_drain_is_bounded(void **state)
{
    struct pipeline *p = *state;
    struct http_client *client;
    int64_t begun;

    pipeline_start_recorded(p, SETTINGS(.drain_timeout = "500ms"));
    redis_proxy_hold(p->proxy, true);
    client = pipeline_ask(p, "/key");
    pipeline_wait_gets(p, 1);
    begun = deadline_now();
    weir_process_signal(p->weir, SIGTERM);
    assert_int_equal(weir_process_wait_exit(p->weir, deadline_in(PATIENCE)), 0);
    assert_true(deadline_now() - begun >= 490); /* the drain was waited for */
    http_client_close(&client);
}

/* Long before drain_timeout. Which exit code an impatient person gets is not promised. */
static void test_second_signal_exits_at_once(void **state)
{
    struct pipeline *p = *state;
    struct http_client *client;

    pipeline_start_recorded(p, SETTINGS(.drain_timeout = "1h", .http = "timeout: 1h"));
    redis_proxy_hold(p->proxy, true);
    client = pipeline_ask(p, "/key");
    pipeline_wait_gets(p, 1);
    weir_process_signal(p->weir, SIGTERM);
    wait_closed(p);
    weir_process_signal(p->weir, SIGTERM);
    assert_int_not_equal(weir_process_wait_exit(p->weir, deadline_in(PATIENCE)), -1);
    http_client_close(&client);
    weir_process_destroy(&p->weir);
}

/* Standing idle, with Redis there or not, weir ends as soon as it is told. */
static void test_sigterm_without_redis(void **state)
{
    struct pipeline *p = *state;

    redis_server_kill(p->redis);
    pipeline_start(p, NULL);
    pipeline_stop(p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_sigterm_drains),        PIPELINE_TEST(test_sigint_drains),
        PIPELINE_TEST(test_drain_is_bounded),      PIPELINE_TEST(test_second_signal_exits_at_once),
        PIPELINE_TEST(test_sigterm_without_redis),
    };

    return PIPELINE_RUN("shutdown", tests);
}
