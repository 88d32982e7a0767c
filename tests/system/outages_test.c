/* Redis is away, comes back, stands still, refuses or talks rubbish: what a client is told, and
 * that weir finds its way back each time without a restart. */
#include "../support/deadline.h"
#include "../support/pipeline.h"

#include <stdio.h>

static void test_redis_down_at_start(void **state)
{
    struct pipeline *p = *state;

    redis_server_kill(p->redis);
    pipeline_start(p, NULL);
    pipeline_expect_status(p, "/uncached", 503);
    redis_server_restart(p->redis, NULL);
    redis_server_run(p->redis, "SET key value");
    pipeline_wait_status(p, "/key", 200);
    pipeline_expect_value(p, "/key", "value");
}

static void test_redis_killed_and_restarted(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET cached value");
    pipeline_start(p, NULL);
    pipeline_expect_value(p, "/cached", "value");
    redis_server_kill(p->redis);
    pipeline_wait_metric(p, "weir_redis_connections_up", NULL, 0);
    pipeline_expect_status(p, "/uncached", 503);
    pipeline_expect_value(p, "/cached", "value");
    redis_server_restart(p->redis, NULL);
    redis_server_run(p->redis, "SET uncached again");
    pipeline_wait_status(p, "/uncached", 200);
    pipeline_expect_value(p, "/uncached", "again");
    assert_true(pipeline_metric(p, "weir_redis_reconnects_total", NULL) >= 1);
}

/* Asked and not answered in time is 504, not 503; a stopped Redis that goes on is found again. */
static void test_redis_stands_still(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "MSET cached 1 uncached 2");
    pipeline_start(p, SETTINGS(.redis = "timeout: 300ms"));
    pipeline_wait_status(p, "/cached", 200); /* a busy machine may take longer a few times */
    redis_server_freeze(p->redis);
    pipeline_expect_status(p, "/uncached", 504);
    pipeline_expect_value(p, "/cached", "1");
    redis_server_thaw(p->redis);
    pipeline_wait_status(p, "/uncached", 200);
    pipeline_expect_value(p, "/uncached", "2");
}

/* The front end's own deadline is the shorter one: 504 as well. */
static void test_request_outlives_its_deadline(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, SETTINGS(.http = "timeout: 300ms"));
    redis_proxy_hold(p->proxy, true);
    pipeline_expect_status(p, "/key", 504);
    redis_proxy_hold(p->proxy, false);
    pipeline_wait_status(p, "/key", 200);
}

/* A Redis that loads its data answers -LOADING: away for now. The load is slowed down by Redis's
 * own test setting until the test has seen it. */
static void test_redis_is_loading(void **state)
{
    static const char *const slowly[] = {"--key-load-delay", "50000",
                                         "--loading-process-events-interval-bytes", "1024", NULL};
    struct pipeline *p = *state;

    for (int i = 0; i < 40; i++)
        redis_server_run(p->redis, "SETRANGE filler%d 2047 x", i);
    redis_server_run(p->redis, "SET key value");
    redis_server_run(p->redis, "CONFIG SET rdbcompression no");
    redis_server_run(p->redis, "SAVE");
    redis_server_kill(p->redis);
    redis_server_restart(p->redis, slowly);
    pipeline_start(p, NULL);
    pipeline_expect_status(p, "/uncached", 503);
    pipeline_wait_status(p, "/key", 200);
    pipeline_expect_value(p, "/key", "value");
}

static void test_redis_wrong_password(void **state)
{
    struct pipeline *p = *state;
    char url[96];

    snprintf(url, sizeof url, "redis://:wrong@127.0.0.1:%d/0", redis_server_port(p->redis));
    redis_server_run(p->redis, "SET uncached value");
    redis_server_run(p->redis, "CONFIG SET requirepass right");
    pipeline_start(p, SETTINGS(.url = url));
    pipeline_expect_status(p, "/uncached", 503);
    redis_server_run(p->redis, "AUTH right");
    redis_server_run(p->redis, "CONFIG SET requirepass wrong");
    pipeline_wait_status(p, "/uncached", 200);
}

static void test_redis_user_and_password(void **state)
{
    struct pipeline *p = *state;
    char url[96];

    snprintf(url, sizeof url, "redis://reader:se%%40cret@127.0.0.1:%d/0",
             redis_server_port(p->redis));
    redis_server_run(p->redis, "SET key value");
    redis_server_run(p->redis, "ACL SETUSER reader on >se@cret ~* +get +ping +select");
    pipeline_start(p, SETTINGS(.url = url));
    pipeline_expect_value(p, "/key", "value");
}

/* Redis answers with an error of its own: 502, and never stored. */
static void test_redis_error_is_502(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET key value");
    redis_server_run(p->redis, "ACL SETUSER default resetkeys ~other*");
    pipeline_start(p, NULL);
    pipeline_expect_status(p, "/key", 502);
    redis_server_run(p->redis, "ACL SETUSER default allkeys");
    pipeline_expect_value(p, "/key", "value");
}

static void test_broken_protocol_is_502(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, NULL);
    redis_proxy_replace(p->proxy, "?this is no RESP\r\n");
    pipeline_expect_status(p, "/key", 502);
    redis_proxy_replace(p->proxy, NULL);
    pipeline_wait_status(p, "/key", 200);
    pipeline_expect_value(p, "/key", "value");
}

/* A connection that breaks under a GET: the GET is asked once more elsewhere, or fails as an
 * outage; the client is answered in either case. */
static void test_connection_breaks_under_a_get(void **state)
{
    struct pipeline *p = *state;
    struct http_client *client;
    int status;

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, NULL);
    for (int i = 0; i < 10; i++) {
        char target[16];
        snprintf(target, sizeof target, "/key%d", i);
        redis_server_run(p->redis, "SET key%d value", i);
        pipeline_wait_metric(p, "weir_redis_connections_up", NULL, 2);
        redis_proxy_forget(p->proxy);
        redis_proxy_hold(p->proxy, true);
        client = pipeline_ask(p, target);
        pipeline_wait_gets(p, 1);
        redis_proxy_sever(p->proxy);
        redis_proxy_hold(p->proxy, false);
        status = pipeline_take_status(p, &client);
        if (status != 200 && status != 503)
            pipeline_fail(p, "a GET under which the connection broke is answered %d", status);
    }
    pipeline_wait_status(p, "/key", 200);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_redis_down_at_start),
        PIPELINE_TEST(test_redis_killed_and_restarted),
        PIPELINE_TEST(test_redis_stands_still),
        PIPELINE_TEST(test_request_outlives_its_deadline),
        PIPELINE_TEST(test_redis_is_loading),
        PIPELINE_TEST(test_redis_wrong_password),
        PIPELINE_TEST(test_redis_user_and_password),
        PIPELINE_TEST(test_redis_error_is_502),
        PIPELINE_TEST(test_broken_protocol_is_502),
        PIPELINE_TEST(test_connection_breaks_under_a_get),
    };

    return PIPELINE_RUN("outages", tests);
}
