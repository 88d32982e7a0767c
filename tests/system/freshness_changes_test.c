/* Redis announces what changes, and the next read after a moment is fresh: whatever the change was,
 * whoever made it, in one process and through a near and a far cache in two. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/temp_dir.h"
#include "../support/told.h"
#include "../support/trouble.h"
#include "../support/weir_fleet.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STALENESS 1000 /* ms, the default */
#define ROUNDING      20   /* ms, of what is counted in milliseconds on several clocks' ticks */

static const char broadcast[] = "timeout: 60s, invalidation: {mode: broadcast}";

/* ---- what changes a key, and what it is then ---- */

struct change {
    const char *before[3];   /* commands; NULL ends them */
    const char *held;        /* value of "key" then; NULL: there is none */
    const char *commands[4]; /* of another client; NULL ends them */
    const char *value;       /* of "key" afterwards; NULL: it is gone */
};

static const struct change changes[] = {
    {{"SET key old"}, "old", {"SET key new"}, "new"},
    {{"SET key old"}, "old", {"DEL key"}, NULL},
    {{"SET key old"}, "old", {"UNLINK key"}, NULL},
    {{"SET key old"}, "old", {"GETDEL key"}, NULL},
    {{"SET key old"}, "old", {"APPEND key er"}, "older"},
    {{"SET key 41"}, "41", {"INCR key"}, "42"},
    {{"SET key old"}, "old", {"SETRANGE key 1 x"}, "oxd"},
    {{"SET key old"}, "old", {"PEXPIRE key 10"}, NULL},
    {{"SET key old"}, "old", {"RENAME key other"}, NULL},
    {{"SET key old", "SET other new"}, "old", {"RENAME other key"}, "new"},
    {{"SET key old", "SET other new"}, "old", {"COPY other key REPLACE"}, "new"},
    {{"SET key old"}, "old", {"MULTI", "SET key new", "EXEC"}, "new"},
    {{"SET key old"}, "old", {"EVAL redis.call('set','key','new') 0"}, "new"},
    {{"SET key old"}, "old", {"FLUSHDB"}, NULL},
    {{"SET key old"}, "old", {"FLUSHALL"}, NULL},
    {{"DEL key"}, NULL, {"SET key new"}, "new"}, /* from being absent, which is remembered */
};

#define CHANGES (sizeof changes / sizeof *changes)

/* Splits at blanks: hiredis would do so too, but for a format of its own. */
static void run_words(struct redis_server *redis, const char *command)
{
    const char *words[8];
    size_t lengths[8];
    int count = 0;

    for (const char *at = command; *at; at += strspn(at, " ")) {
        words[count] = at;
        lengths[count] = strcspn(at, " ");
        at += lengths[count++];
    }
    redis_server_run_words(redis, count, words, lengths);
}

static void run_all(struct redis_server *redis, const char *const *commands, size_t most)
{
    for (size_t i = 0; i < most && commands[i]; i++)
        run_words(redis, commands[i]);
}

/* ---- reading ---- */

static bool shows(const struct told *told, const char *value)
{
    return value ? told->status == 200 && strcmp(told->body, value) == 0 : told->status == 404;
}

/* Asks for `target` until the answer's Cache-Status has this. */
static struct told wait_told(int port, const char *target, const char *has)
{
    int64_t deadline = deadline_in(PATIENCE);
    struct told told;

    do
        told = told_get(port, target, NULL);
    while (!told_has(&told, has) && deadline_left(deadline) > 0);
    if (!told_has(&told, has))
        fail_msg("no answer has \"%s\"; the last is %d, %s", has, told.status, told.caches);
    return told;
}

/* Reads until the value is there. Returns after how many ms that was; -1: never, or an answer that
 * said it was verified broke what max_staleness promises; `last` is that answer. */
static int64_t wait_value(int port, const char *value, struct told *last)
{
    int64_t changed = deadline_now(), deadline = deadline_in(PATIENCE);

    while (deadline_left(deadline) > 0) {
        int64_t asked = deadline_now();
        *last = told_get(port, "/key", NULL);
        if (shows(last, value))
            return deadline_now() - changed;
        if (told_is_verified(last) && asked > changed + MAX_STALENESS + ROUNDING)
            return -1;
    }
    return -1;
}

/* Each change in turn, with /key in memory before it. `where` is for the reports. */
static void expect_changes_seen(struct redis_server *redis, int port, const char *where)
{
    int64_t most = 0;

    for (size_t i = 0; i < CHANGES; i++) {
        const struct change *change = &changes[i];
        struct told told;
        int64_t delay;
        run_all(redis, change->before, 3);
        int64_t deadline = deadline_in(PATIENCE);
        do
            told = told_get(port, "/key", NULL);
        while (!(shows(&told, change->held) && told_has(&told, "; hit; ttl=") &&
                 told_is_verified(&told)) &&
               deadline_left(deadline) > 0);
        if (deadline_left(deadline) == 0)
            fail_msg("%s: after %s %d \"%s\", %s", where, change->before[0], told.status, told.body,
                     told.caches);
        run_all(redis, change->commands, 4);
        delay = wait_value(port, change->value, &told);
        if (delay < 0)
            fail_msg("%s: after %s still %d \"%s\", %s", where, change->commands[0], told.status,
                     told.body, told.caches);
        most = delay > most ? delay : most;
    }
    print_message("%s: a change was seen after %lld ms at most\n", where, (long long)most);
}

static void test_every_change_is_seen(void **state)
{
    struct pipeline *p = *state;

    pipeline_start(p, SETTINGS(.cache = "expiry: 1h, negative_expiry: 1h", .redis = broadcast));
    pipeline_wait_metric(p, "weir_redis_control_up", NULL, 1);
    expect_changes_seen(p->redis, weir_process_http_port(p->weir), "one cache");
}

/* Everything is read again, and in vain no fetch: what did not change is answered from memory. */
static void test_only_what_changed_is_fetched_again(void **state)
{
    struct pipeline *p = *state;
    int64_t deadline = deadline_in(PATIENCE);
    struct told told;
    long long before;

    redis_server_run(p->redis, "MSET key old quiet same");
    pipeline_start(p, SETTINGS(.cache = "expiry: 1h", .redis = broadcast));
    pipeline_wait_metric(p, "weir_redis_control_up", NULL, 1);
    /* What was read before the first proof is fetched anew. */
    do
        told = told_get(weir_process_http_port(p->weir), "/quiet", NULL);
    while (!(told_has(&told, "; hit") && told_is_verified(&told)) && deadline_left(deadline) > 0);
    pipeline_expect_value(p, "/key", "old");
    before = redis_server_calls(p->redis, "get");
    redis_server_run(p->redis, "SET key new");
    pipeline_wait_metric(p, "weir_cache_invalidations_total", NULL, 1);
    pipeline_expect_value(p, "/quiet", "same");
    pipeline_expect_value(p, "/key", "new");
    assert_int_equal(redis_server_calls(p->redis, "get"), before + 1);
}

/* Only what begins with a prefix is announced, and only that is said to be verified. */
static void test_prefixes_limit_what_is_announced(void **state)
{
    struct pipeline *p = *state;
    int port;
    struct told told;

    redis_server_run(p->redis, "MSET user:1 old other old");
    pipeline_start(p, SETTINGS(.cache = "expiry: 1h",
                               .redis = "timeout: 60s, max_staleness: 10s, "
                                        "invalidation: {mode: broadcast, prefixes: [\"user:\"]}"));
    port = weir_process_http_port(p->weir);
    pipeline_wait_metric(p, "weir_redis_control_up", NULL, 1);
    told_get(port, "/user:1", NULL);
    told_get(port, "/other", NULL);
    redis_server_run(p->redis, "MSET other new user:1 new");
    pipeline_wait_metric(p, "weir_cache_invalidations_total", NULL, 1);
    told = told_get(port, "/other", NULL);
    assert_string_equal(told.body, "old");
    assert_false(told_has(&told, "verified"));
    pipeline_expect_value(p, "/user:1", "new");
    wait_told(port, "/user:1", "; detail=verified; weir-proof=");
}

/* ---- a near and a far cache ---- */

static const char chain[] =
    "# processes: edge store\n"
    "stages:\n"
    "  http: {kind: http-frontend, listen: 127.0.0.1:0, asks: near, timeout: 60s,\n"
    "         allow_refresh: true}\n"
    "  resp: {kind: resp-frontend, listen: 127.0.0.1:0, asks: near, timeout: 60s}\n"
    "  near: {kind: cache, serves: inproc://near, asks: far, expiry: 1h, negative_expiry: 1h}\n"
    "  far: {kind: cache, serves: tcp://127.0.0.1:@PORT.far@, asks: redis, expiry: 1h,\n"
    "        negative_expiry: 1h}\n"
    "  redis: {kind: redis-fetcher, serves: inproc://redis, timeout: 60s,\n"
    "          invalidation: {mode: broadcast}}\n"
    "processes:\n"
    "  edge: {reactors: [[http, resp, near]]}\n"
    "  store: {reactors: [[far, redis]]}\n";

static struct weir_fleet *start_chain(const struct pipeline *p)
{
    char *directory = temp_dir_create(), *path = temp_dir_write(directory, "chain.yml", chain);
    struct weir_fleet *fleet;
    char url[64];

    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", redis_server_port(p->redis));
    fleet = weir_fleet_start(url, path, NULL);
    free(path);
    temp_dir_destroy(&directory);
    return fleet;
}

static void stop_chain(struct weir_fleet **fleet)
{
    assert_int_equal(weir_fleet_stop(*fleet), 0);
    weir_fleet_destroy(fleet);
}

static void test_every_change_is_seen_through_two_caches(void **state)
{
    struct pipeline *p = *state;
    struct weir_fleet *fleet = start_chain(p);

    expect_changes_seen(p->redis, weir_fleet_http_port(fleet), "two caches");
    stop_chain(&fleet);
}

/* Each cache has its member, the far one first, with its own proof; what the near one does not have
 * comes from the far one's memory with its age; a refresh goes through both. */
static void test_two_caches_each_tell_what_they_did(void **state)
{
    struct pipeline *p = *state;
    struct weir_fleet *fleet = start_chain(p);
    int port = weir_fleet_http_port(fleet);
    struct told told;

    redis_server_run(p->redis, "SET key value");
    told = wait_told(port, "/key", "weir.near; hit; ttl=");
    assert_false(told_has(&told, "weir.far"));
    wait_told(port, "/key", "; detail=verified; weir-proof=");
    while (told.age < 1)
        told = told_get(port, "/key", NULL);
    weir_fleet_restart(fleet, "edge");
    assert_true(weir_fleet_wait_ready(fleet, deadline_in(PATIENCE)));
    port = weir_fleet_http_port(fleet);
    told = told_get(port, "/key", NULL);
    if (strncmp(told.caches, "weir.far; hit; ttl=", 19) != 0 ||
        !told_has(&told, ", weir.near; fwd=miss") || told.age < 1)
        fail_msg("from the far cache: age %ld, %s", told.age, told.caches);
    told = told_get(port, "/key", "Cache-Control: no-cache\r\n");
    if (strncmp(told.caches, "weir.far; fwd=miss; stored", 26) != 0 ||
        !told_has(&told, ", weir.near; fwd=miss") || told.age != 0)
        fail_msg("anew: age %ld, %s", told.age, told.caches);
    stop_chain(&fleet);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_every_change_is_seen),
        PIPELINE_TEST(test_only_what_changed_is_fetched_again),
        PIPELINE_TEST(test_prefixes_limit_what_is_announced),
    };
    /* Their placement is their own. */
    static const struct CMUnitTest chained[] = {
        PIPELINE_TEST(test_every_change_is_seen_through_two_caches),
        PIPELINE_TEST(test_two_caches_each_tell_what_they_did),
    };

    return PIPELINE_RUN("freshness, changes", tests) +
           cmocka_run_group_tests_name("freshness, changes, two caches", chained, NULL, NULL);
}
