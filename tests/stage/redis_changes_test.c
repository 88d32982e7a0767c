/* The redis-fetcher stage beside a real Redis: which changes Redis announces, and what is made of
 * every way in which it may stop to. */
#include "tests/support/blob.h"
#include "tests/support/deadline.h"
#include "tests/support/redis_proxy.h"
#include "tests/support/redis_server.h"
#include "tests/support/redis_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

struct scene {
    struct redis_server *server;
    struct redis_stage *stage;
};

/* A stage that watches for the changes of a Redis of its own; `url` may hold one "%d", its port. */
static struct scene begin(struct redis_stage_options options, const char *url)
{
    struct scene scene = {.server = redis_server_start()};
    char text[128];

    snprintf(text, sizeof(text), url, redis_server_port(scene.server));
    options.url = text;
    options.is_real = options.is_invalidated = true;
    if (options.timeout == 0)
        options.timeout = PATIENCE * MILLISECOND;
    scene.stage = redis_stage_create(&options);
    redis_stage_await_event(scene.stage, "proven");
    redis_stage_await_up(scene.stage, 1);
    return scene;
}

#define AT_PORT "redis://127.0.0.1:%d"

static void end(struct scene *scene)
{
    redis_stage_destroy(&scene->stage);
    redis_server_destroy(&scene->server);
}

/* What has been announced since, in order, but for proofs: "key a;all;". */
static struct blob announced(struct scene *scene)
{
    int64_t deadline = deadline_in(PATIENCE);
    struct blob result = {0};
    const char *line;

    redis_server_run(scene->server, "SET marker 1");
    while (!strstr(redis_stage_events(scene->stage), "key marker\n")) {
        assert_true(deadline_left(deadline) > 0);
        redis_stage_turn(scene->stage);
    }
    line = redis_stage_events(scene->stage);
    for (; strncmp(line, "key marker\n", 11) != 0; line = strchr(line, '\n') + 1) {
        if (strncmp(line, "proven", 6) == 0)
            continue;
        blob_append(&result, line, strcspn(line, "\n"));
        blob_append_text(&result, ";");
    }
    redis_stage_await_event(scene->stage, "key marker");
    return result;
}

static void assert_announced(struct scene *scene, const char *command, const char *expected)
{
    struct blob seen = announced(scene);

    if (strcmp(blob_text(&seen), expected) != 0)
        fail_msg("%s announces %s", command, blob_text(&seen));
    blob_fini(&seen);
}

static void test_every_change_is_announced(void **state)
{
    static const struct {
        const char *command, *announced;
    } cases[] = {
        {"SET a 1", "key a;"},
        {"GET a", ""},
        {"SET a 1", "key a;"}, /* the same value */
        {"SET a 1 NX", ""},
        {"INCR a", "key a;"},
        {"APPEND a x", "key a;"},
        {"SETRANGE a 0 y", "key a;"},
        {"SETBIT a 0 1", "key a;"},
        {"GETSET a z", "key a;"},
        {"MSET a 1 b 2", "key a;key b;"},
        {"RENAME a c", "key a;key c;"},
        {"COPY c d", "key d;"},
        {"EXPIRE d 100", "key d;"},
        {"PERSIST d", "key d;"},
        {"GETEX d EX 100", "key d;"},
        {"GETDEL d", "key d;"},
        {"DEL c nothing", "key c;"},
        {"UNLINK b", "key b;"},
        {"LPUSH list x", "key list;"},
        {"SET list x", "key list;"},
        {"HSET hash f v", "key hash;"},
        {"SADD set x", "key set;"},
        {"SORT set ALPHA STORE list", "key list;"},
        {"MOVE list 1", "key list;"},
        {"SET %b 1", "key two words;"},
        {"SELECT 1", ""},
        {"SET elsewhere 1", "key elsewhere;"}, /* in another database: announced all the same */
        {"SELECT 0", ""},
        {"FLUSHDB", "all;"},
        {"FLUSHALL", "all;"},
    };
    struct scene scene = begin((struct redis_stage_options){0}, AT_PORT);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        redis_server_run(scene.server, cases[i].command, "two words", (size_t)9);
        assert_announced(&scene, cases[i].command, cases[i].announced);
    }
    end(&scene);
}

static void test_scripts_and_transactions_are_announced(void **state)
{
    struct scene scene = begin((struct redis_stage_options){0}, AT_PORT);
    (void)state;

    redis_server_run(scene.server, "EVAL %s 0", "redis.call('set', 'a', 1) redis.call('del', 'a')");
    assert_announced(&scene, "EVAL", "key a;");
    redis_server_run(scene.server, "MULTI");
    redis_server_run(scene.server, "SET a 1");
    redis_server_run(scene.server, "SET b 1");
    redis_server_run(scene.server, "EXEC");
    assert_announced(&scene, "EXEC", "key a;key b;");
    end(&scene);
}

static void test_expiry_and_eviction_are_announced(void **state)
{
    struct scene scene = begin((struct redis_stage_options){0}, AT_PORT);
    (void)state;

    redis_server_run(scene.server, "SET brief 1 PX 20");
    redis_stage_await_event(scene.stage, "key brief"); /* it is set */
    redis_stage_await_event(scene.stage, "key brief"); /* it is gone, with nobody asking */
    redis_server_run(scene.server, "SET old 1");
    redis_stage_await_event(scene.stage, "key old");
    redis_server_run(scene.server, "CONFIG SET maxmemory-policy allkeys-lru maxmemory 1");
    redis_stage_await_event(scene.stage, "key old");
    end(&scene);
}

/* As docs/topology.md says: Redis tells nobody. */
static void test_swapdb_is_not_announced(void **state)
{
    struct scene scene = begin((struct redis_stage_options){0}, AT_PORT);
    (void)state;

    redis_server_run(scene.server, "SET a 1");
    assert_announced(&scene, "SET", "key a;");
    redis_server_run(scene.server, "SWAPDB 0 1");
    assert_announced(&scene, "SWAPDB", "");
    end(&scene);
}

static void test_only_the_prefixes_are_announced(void **state)
{
    struct scene scene =
        begin((struct redis_stage_options){.prefixes = "user:\0item \0marker\0"}, AT_PORT);
    (void)state;

    redis_server_run(scene.server, "MSET user:1 x other x item:1 x User:1 x user x");
    assert_announced(&scene, "MSET", "key user:1;");
    redis_server_run(scene.server, "SET %s x", "item 1");
    assert_announced(&scene, "SET", "key item 1;");
    redis_server_run(scene.server, "FLUSHALL");
    assert_announced(&scene, "FLUSHALL", "all;");
    end(&scene);
}

static void test_a_password_and_a_database(void **state)
{
    struct redis_server *server = redis_server_start();
    char url[128];
    (void)state;

    redis_server_run(server, "CONFIG SET requirepass hunter2");
    snprintf(url, sizeof(url), "redis://:hunter2@127.0.0.1:%d/3", redis_server_port(server));
    struct scene scene = {server, redis_stage_create(&(struct redis_stage_options){
                                      .url = url,
                                      .is_real = true,
                                      .is_invalidated = true,
                                      .timeout = PATIENCE * MILLISECOND})};
    redis_stage_await_event(scene.stage, "proven");
    redis_stage_await_up(scene.stage, 1);
    redis_server_run(server, "SELECT 3");
    redis_server_run(server, "SET a 1 PX 100000");
    assert_announced(&scene, "SET", "key a;");
    redis_stage_ask(scene.stage, 0, "a");
    assert_int_equal(redis_stage_await_status(scene.stage, 0), STATUS_VALUE);
    assert_in_range(redis_stage_await(scene.stage, 0)->life_ms, 1, 100000);
    end(&scene);
}

/* ---- loss ---- */

/* After a loss and a new beginning, changes are announced as before. */
static void assert_recovered(struct scene *scene)
{
    struct blob seen;

    redis_stage_await_event(scene->stage, "lost");
    redis_stage_await_event(scene->stage, "proven");
    seen = announced(scene);
    redis_server_run(scene->server, "SET again 1");
    assert_announced(scene, "SET", "key again;");
    blob_fini(&seen);
}

static void test_a_killed_control_connection(void **state)
{
    struct scene scene = begin((struct redis_stage_options){0}, AT_PORT);
    (void)state;

    assert_int_equal(redis_server_run(scene.server, "CLIENT KILL TYPE pubsub"), 1);
    redis_stage_await_event(scene.stage, "lost");
    assert_recovered(&scene);
    assert_int_equal(redis_stage_metric(scene.stage, "weir_redis_epochs_total"), 3);
    end(&scene);
}

static void test_a_restarted_redis(void **state)
{
    struct scene scene = begin((struct redis_stage_options){0}, AT_PORT);
    (void)state;

    redis_server_kill(scene.server);
    redis_stage_await_event(scene.stage, "lost");
    redis_server_restart(scene.server, NULL);
    assert_recovered(&scene);
    redis_stage_await_up(scene.stage, 1);
    end(&scene);
}

/* Nothing comes any more, and nobody says so. */
static void test_a_connection_that_is_cut_silently(void **state)
{
    struct redis_server *server = redis_server_start();
    struct redis_proxy *proxy = redis_proxy_start(redis_server_port(server));
    char url[64];
    (void)state;

    snprintf(url, sizeof(url), AT_PORT, redis_proxy_port(proxy));
    struct scene scene = {server, redis_stage_create(&(struct redis_stage_options){
                                      .url = url, .is_real = true, .is_invalidated = true})};
    redis_stage_await_event(scene.stage, "proven");
    redis_proxy_hold(proxy, true);
    redis_server_run(server, "SET unseen 1");
    redis_stage_await_event(scene.stage, "lost");
    assert_null(strstr(redis_stage_events(scene.stage), "key unseen"));
    redis_proxy_hold(proxy, false);
    assert_recovered(&scene);
    redis_stage_destroy(&scene.stage);
    redis_proxy_destroy(&proxy);
    redis_server_destroy(&server);
}

/* Redis gives up on who does not read its announcements: a loss. */
static void test_redis_cuts_off_a_slow_reader(void **state)
{
    struct redis_server *server = redis_server_start();
    struct redis_proxy *proxy = redis_proxy_start(redis_server_port(server));
    int64_t deadline = deadline_in(PATIENCE);
    char url[64];
    (void)state;

    redis_server_run(server, "CONFIG SET client-output-buffer-limit %s", "pubsub 100000 0 0");
    snprintf(url, sizeof(url), AT_PORT, redis_proxy_port(proxy));
    struct scene scene = {server, redis_stage_create(&(struct redis_stage_options){
                                      .url = url,
                                      .is_real = true,
                                      .is_invalidated = true,
                                      .timeout = PATIENCE * MILLISECOND})};
    redis_stage_await_event(scene.stage, "proven");
    redis_proxy_hold(proxy, true);
    while (redis_server_run(server, "EVAL %s 0",
                            "for i = 1, 20000 do redis.call('set', 'a longer name ' .. i, 1) end "
                            "return redis.call('pubsub', 'numsub', '__redis__:invalidate')[2]") > 0)
        assert_true(deadline_left(deadline) > 0);
    redis_proxy_hold(proxy, false);
    redis_stage_await_event(scene.stage, "lost");
    assert_recovered(&scene);
    redis_stage_destroy(&scene.stage);
    redis_proxy_destroy(&proxy);
    redis_server_destroy(&server);
}

/* The address leads to another Redis now. The data connection that is made anew finds out, and the
 * control connection follows, which had noticed nothing. */
static void test_another_redis_behind_the_address(void **state)
{
    struct redis_server *first = redis_server_start(), *second = redis_server_start();
    struct redis_proxy *proxy = redis_proxy_start(redis_server_port(first));
    char url[64];
    (void)state;

    snprintf(url, sizeof(url), AT_PORT, redis_proxy_port(proxy));
    struct scene scene = {second, redis_stage_create(&(struct redis_stage_options){
                                      .url = url,
                                      .is_real = true,
                                      .is_invalidated = true,
                                      .timeout = PATIENCE * MILLISECOND})};
    redis_stage_await_event(scene.stage, "proven");
    redis_stage_await_up(scene.stage, 1);
    redis_proxy_redirect(proxy, redis_server_port(second));
    redis_server_run(first, "CLIENT KILL TYPE normal SKIPME yes");
    redis_stage_await_event(scene.stage, "lost");
    assert_recovered(&scene);
    redis_stage_await_up(scene.stage, 1);
    redis_server_run(second, "SET which second");
    redis_stage_ask(scene.stage, 0, "which");
    redis_stage_await(scene.stage, 0);
    assert_true(
        bytes_are_equal(answer_bytes(redis_stage_await(scene.stage, 0)), bytes_of_text("second")));
    redis_stage_destroy(&scene.stage);
    redis_proxy_destroy(&proxy);
    redis_server_destroy(&first);
    redis_server_destroy(&second);
}

/* ---- load ---- */

static size_t allocated_bytes(void)
{
#ifdef __GLIBC__
    return mallinfo2().uordblks;
#else
    return 0; /* only the order is tested there */
#endif
}

/* A hundred thousand keys written at once, and again: all are announced, and nothing grows. */
static void write_many(struct scene *scene)
{
    for (int i = 0; i < 100; i++)
        redis_server_run(scene->server, "EVAL %s 0 %d",
                         "for i = 1, 1000 do "
                         "redis.call('set', 'key:' .. (ARGV[1] * 1000 + i), i) end",
                         i);
    redis_server_run(scene->server, "SET marker 1");
    redis_stage_await_event(scene->stage, "key marker");
}

static void test_a_hundred_thousand_writes(void **state)
{
    struct scene scene = begin((struct redis_stage_options){0}, AT_PORT);
    int64_t before;
    size_t used;
    (void)state;

    write_many(&scene);
    before = redis_stage_metric(scene.stage, "weir_redis_invalidations_total");
    used = allocated_bytes();
    for (int i = 0; i < 5; i++)
        write_many(&scene);
    assert_int_equal(redis_stage_metric(scene.stage, "weir_redis_invalidations_total") - before,
                     5 * 100001);
    assert_in_range(allocated_bytes(), 0, used + 100000);
    assert_int_equal(redis_stage_metric(scene.stage, "weir_redis_epochs_total"), 1);
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_change_is_announced),
        cmocka_unit_test(test_scripts_and_transactions_are_announced),
        cmocka_unit_test(test_expiry_and_eviction_are_announced),
        cmocka_unit_test(test_swapdb_is_not_announced),
        cmocka_unit_test(test_only_the_prefixes_are_announced),
        cmocka_unit_test(test_a_password_and_a_database),
        cmocka_unit_test(test_a_killed_control_connection),
        cmocka_unit_test(test_a_restarted_redis),
        cmocka_unit_test(test_a_connection_that_is_cut_silently),
        cmocka_unit_test(test_redis_cuts_off_a_slow_reader),
        cmocka_unit_test(test_another_redis_behind_the_address),
        cmocka_unit_test(test_a_hundred_thousand_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
