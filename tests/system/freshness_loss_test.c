/* Where nothing proves that no change was missed: what is answered then, and what after it. And a
 * hundred thousand changes a second, of which none is missed. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/told.h"
#include "../support/trouble.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_STALENESS 1000 /* ms, the default */
#define ROUNDING      20   /* ms */

static const char broadcast[] = "timeout: 60s, invalidation: {mode: broadcast}";

static struct told get(const struct pipeline *p, const char *target)
{
    return told_get(weir_process_http_port(p->weir), target, NULL);
}

/* Reads until the value is answered from memory and verified. Whatever else comes, nothing that is
 * said to be verified is older than it may be, `changed` being when the value was set. */
static void wait_verified(const struct pipeline *p, const char *target, const char *value,
                          int64_t changed)
{
    int64_t deadline = deadline_in(PATIENCE), asked;
    struct told told;

    for (;;) {
        asked = deadline_now();
        told = get(p, target);
        bool is_right = told.status == 200 && strcmp(told.body, value) == 0;
        if (told_is_verified(&told) && !is_right && asked > changed + MAX_STALENESS + ROUNDING)
            pipeline_fail(p, "verified %lld ms after the change: %d \"%s\", %s",
                          (long long)(asked - changed), told.status, told.body, told.caches);
        if (told_is_verified(&told) && is_right && told_has(&told, "weir.cache; hit; ttl="))
            return;
        if (deadline_left(deadline) == 0)
            pipeline_fail(p, "%s is not verified: %d \"%s\", %s", target, told.status, told.body,
                          told.caches);
    }
}

/* ---- the control connection is lost, and cannot come back ---- */

/* weir's own user, whose rights are taken and given; the tests have others. */
static void start_as_user(struct pipeline *p, const char *cache, char url[96])
{
    snprintf(url, 96, "redis://weir:secret@127.0.0.1:%d/0", redis_server_port(p->redis));
    redis_server_run(p->redis, "ACL SETUSER weir on >secret ~* &* +@all");
    redis_server_run(p->redis, "SET key old");
    pipeline_start(p, SETTINGS(.url = url, .cache = cache, .redis = broadcast, .resp = ""));
    wait_verified(p, "/key", "old", deadline_now());
}

/* Returns once the cache knows. */
static void lose_control(struct pipeline *p)
{
    int64_t deadline = deadline_in(PATIENCE);
    struct told told;

    redis_server_run(p->redis, "ACL SETUSER weir -client");
    redis_server_run(p->redis, "CLIENT KILL TYPE pubsub");
    do
        told = get(p, "/key");
    while ((!told_has(&told, "; detail=unverified") || told_has(&told, "weir-proof")) &&
           deadline_left(deadline) > 0);
    if (deadline_left(deadline) == 0)
        pipeline_fail(p, "without a control connection: %s", told.caches);
    assert_true(pipeline_metric(p, "weir_redis_control_up", NULL) == 0);
    assert_true(pipeline_metric(p, "weir_redis_epochs_total", NULL) == 2);
}

static void give_control_back(struct pipeline *p)
{
    redis_server_run(p->redis, "ACL SETUSER weir +client");
    pipeline_wait_metric(p, "weir_redis_control_up", NULL, 1);
}

/* Over the Redis protocol nothing can be marked: so there every read goes to Redis. */
static void test_on_disconnect_expire_asks_Redis_each_time(void **state)
{
    enum { READS = 10 };
    struct pipeline *p = *state;
    struct resp_client *client;
    char url[96], reply[32];
    long long calls;

    start_as_user(p, "expiry: 1h, on_disconnect: expire", url);
    client = pipeline_connect_resp(p);
    lose_control(p);
    calls = redis_server_calls(p->redis, "get");
    for (int i = 0; i < READS; i++) {
        redis_server_run(p->redis, "SET key %d", i);
        RESP_CLIENT_SAY(client, "GET", "key");
        snprintf(reply, sizeof reply, "$1\r\n%d\r\n", i);
        pipeline_expect_reply(p, client, reply);
    }
    assert_int_equal(redis_server_calls(p->redis, "get") - calls, READS);
    give_control_back(p);
    wait_verified(p, "/key", "9", deadline_now());
    RESP_CLIENT_SAY(client, "GET", "key");
    pipeline_expect_reply(p, client, "$1\r\n9\r\n");
    resp_client_close(&client);
}

/* By default what is held is answered, and marked; once there is proof again it is fetched anew on
 * its first read, and only then. */
static void test_on_disconnect_serve_answers_unverified(void **state)
{
    struct pipeline *p = *state;
    struct told told;
    char url[96];
    long long calls;
    int64_t changed;

    start_as_user(p, "expiry: 1h", url);
    lose_control(p);
    calls = redis_server_calls(p->redis, "get");
    redis_server_run(p->redis, "SET key new");
    changed = deadline_now();
    told = get(p, "/key");
    assert_string_equal(told.body, "old");
    assert_true(told_has(&told, "; detail=unverified"));
    assert_false(told_has(&told, "weir-proof")); /* there is none */
    assert_int_equal(redis_server_calls(p->redis, "get"), calls);
    give_control_back(p);
    wait_verified(p, "/key", "new", changed);
    assert_true(pipeline_metric(p, "weir_cache_unverified_total", NULL) >= 1);
}

/* A proof that is late marks answers, and drops nothing. */
static void test_a_late_proof_marks_and_drops_nothing(void **state)
{
    struct pipeline *p = *state;
    int64_t deadline = deadline_in(PATIENCE);
    const char *proof;
    struct told told;
    long long calls;

    redis_server_run(p->redis, "SET key value");
    pipeline_start_recorded(p, SETTINGS(.cache = "expiry: 1h", .redis = broadcast));
    wait_verified(p, "/key", "value", deadline_now());
    calls = redis_server_calls(p->redis, "get");
    redis_proxy_hold(p->proxy, true);
    do
        told = get(p, "/key");
    while (told_is_verified(&told) && deadline_left(deadline) > 0);
    assert_string_equal(told.body, "value");
    assert_true(told_has(&told, "; detail=unverified; weir-proof="));
    proof = strstr(told.caches, "proof=") + strlen("proof=");
    if (strtod(proof, NULL) <= 1)
        pipeline_fail(p, "without a proof for a second: %s", told.caches);
    redis_proxy_hold(p->proxy, false);
    wait_verified(p, "/key", "value", deadline_now());
    assert_int_equal(redis_server_calls(p->redis, "get"), calls);
    assert_true(pipeline_metric(p, "weir_redis_epochs_total", NULL) == 1);
}

/* ---- many writes ---- */

static redisContext *connect_writer(const struct pipeline *p)
{
    redisContext *writer = redisConnectUnix(redis_server_socket(p->redis));

    if (!writer || writer->err)
        trouble("a writer cannot connect to Redis");
    return writer;
}

/* Sets `count` keys, from number `first`, and waits until Redis has acknowledged all of them. */
static void write_keys(redisContext *writer, int first, int count, const char *padding)
{
    void *reply;

    for (int i = first; i < first + count; i++)
        if (redisAppendCommand(writer, "SET other:%d%s x", i, padding) != REDIS_OK)
            trouble("a writer cannot write");
    for (int i = 0; i < count; i++) {
        if (redisGetReply(writer, &reply) != REDIS_OK)
            trouble("Redis does not acknowledge a write");
        freeReplyObject(reply);
    }
}

/* Writes at a hundred thousand keys a second, or as fast as the machine lets it, for so long.
 * Returns how many. */
static int write_for(redisContext *writer, int first, int64_t milliseconds)
{
    const int batch = pipeline_is_sanitized() ? 100 : 1000; /* keys at once */
    const int64_t every = 10;                               /* ms */
    int64_t begun = deadline_now(), due = begun;
    int count = 0;

    for (; deadline_now() < begun + milliseconds; due += every) {
        struct timespec pause = {.tv_nsec = deadline_left(due) * 1000000L};
        nanosleep(&pause, NULL); /* this is the load's own rhythm */
        write_keys(writer, first + count, batch, "");
        count += batch;
    }
    return count;
}

/* What others write costs no fetch, and nothing is missed: the announcements of all of it have been
 * taken soon after the last write, and memory is what it was. */
static void test_100000_writes_a_second_to_other_keys(void **state)
{
    const long most = 4L * 1024; /* KiB that the second half of the writes may add */
    struct pipeline *p = *state;
    redisContext *writer;
    int first_half, second_half;
    long size;
    long long calls;
    int64_t changed, delay;

    redis_server_run(p->redis, "MSET quiet same probe old");
    pipeline_start(p, SETTINGS(.cache = "expiry: 1h", .redis = broadcast));
    wait_verified(p, "/probe", "old", deadline_now());
    wait_verified(p, "/quiet", "same", deadline_now());
    calls = redis_server_calls(p->redis, "get");
    writer = connect_writer(p);
    first_half = write_for(writer, 0, 1500);
    size = pipeline_memory(p) / 1024;
    second_half = write_for(writer, first_half, 1500);
    size = pipeline_memory(p) / 1024 - size;
    redis_server_run(p->redis, "SET probe new");
    changed = deadline_now();
    wait_verified(p, "/probe", "new", changed);
    delay = deadline_now() - changed;
    wait_verified(p, "/quiet", "same", changed);
    print_message("%d writes in 3 s; the next was seen after %lld ms; %ld KiB more\n",
                  first_half + second_half, (long long)delay, size);
    pipeline_wait_metric(p, "weir_redis_invalidations_total", NULL, first_half + second_half + 1);
    assert_true(pipeline_metric(p, "weir_redis_epochs_total", NULL) == 1);
    assert_int_equal(redis_server_calls(p->redis, "get"), calls + 1); /* for the probe */
    if (size > most && !pipeline_is_sanitized())
        pipeline_fail(p, "the second half of the writes took %ld KiB", size);
    redisFree(writer);
}

/* Whether anybody is subscribed to anything. */
static bool has_subscriber(redisContext *client)
{
    redisReply *reply = redisCommand(client, "CLIENT LIST TYPE pubsub");
    bool is_there;

    if (!reply || reply->type != REDIS_REPLY_STRING)
        trouble("Redis does not list its clients");
    is_there = reply->len > 0;
    freeReplyObject(reply);
    return is_there;
}

/* weir stands still while much is written, until Redis cuts the connection on which it would say
 * so. That is a loss: nothing from before is called verified when weir goes on. */
static void test_a_connection_that_Redis_cuts_for_being_slow_is_a_loss(void **state)
{
    static char padding[1024];
    struct pipeline *p = *state;
    int64_t deadline, changed;
    redisContext *writer;

    redis_server_run(p->redis, "SET key old");
    redis_server_run(p->redis, "CONFIG SET client-output-buffer-limit %s", "pubsub 65536 0 0");
    pipeline_start(p, SETTINGS(.cache = "expiry: 1h", .redis = broadcast));
    wait_verified(p, "/key", "old", deadline_now());
    memset(padding, 'x', sizeof padding - 1);
    writer = connect_writer(p);
    weir_process_signal(p->weir, SIGSTOP);
    deadline = deadline_in(PATIENCE);
    for (int written = 0; has_subscriber(writer); written += 1000) {
        write_keys(writer, written, 1000, padding);
        if (deadline_left(deadline) == 0)
            pipeline_fail(p, "%d writes, and Redis has not cut the connection", written);
    }
    redis_server_run(p->redis, "SET key new");
    changed = deadline_now();
    weir_process_signal(p->weir, SIGCONT);
    wait_verified(p, "/key", "new", changed);
    if (pipeline_metric(p, "weir_redis_epochs_total", NULL) < 2)
        pipeline_fail(p, "no loss was noticed");
    redisFree(writer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_on_disconnect_expire_asks_Redis_each_time),
        PIPELINE_TEST(test_on_disconnect_serve_answers_unverified),
        PIPELINE_TEST(test_a_late_proof_marks_and_drops_nothing),
        PIPELINE_TEST(test_100000_writes_a_second_to_other_keys),
        PIPELINE_TEST(test_a_connection_that_Redis_cuts_for_being_slow_is_a_loss),
    };

    return PIPELINE_RUN("freshness, losses", tests);
}
