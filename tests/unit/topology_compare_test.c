/* What a topology that was read anew changes of the one that runs. */
#include "common/topology_compare.h"

#include "tests/support/topology_kinds.h"
#include "tests/support/unit.h"

#define HTTP  "  http: {kind: http-frontend, listen: '127.0.0.1:8080', asks: cache}\n"
#define CACHE "  cache: {kind: cache, serves: inproc://cache, asks: redis}\n"
#define REDIS "  redis: {kind: redis-fetcher, serves: inproc://redis, url: 'redis://h:1'}\n"
#define ALL   "stages:\n" HTTP CACHE REDIS

#define FIXED(place) "t.yml:" place ": cannot change while weir runs; restart it\n"

static struct topology *load(const char *text, const char *process)
{
    struct error error = {""};
    struct topology_draft *draft =
        topology_parse("t.yml", text, strlen(text), topology_kinds, TOPOLOGY_KIND_COUNT, &error);

    assert_string_equal(error.text, "");
    assert_true(topology_choose(draft, process, "--process", &error));
    struct topology *topology = topology_check(&draft, &error);
    assert_string_equal(error.text, "");
    return topology;
}

static void expect_as(const char *process, const char *before, const char *after, const char *fixed,
                      const char *changes)
{
    struct topology *running = load(before, process), *wanted = load(after, process);
    struct buffer found_fixed = {0}, found_changes = {0};

    topology_compare(running, wanted, &found_fixed, &found_changes);
    buffer_append(&found_fixed, "", 1);
    buffer_append(&found_changes, "", 1);
    assert_string_equal(found_fixed.data, fixed);
    assert_string_equal(found_changes.data, changes);
    buffer_fini(&found_fixed);
    buffer_fini(&found_changes);
    topology_destroy(&running);
    topology_destroy(&wanted);
}

static void expect(const char *before, const char *after, const char *fixed, const char *changes)
{
    expect_as(NULL, before, after, fixed, changes);
}

/* A cache of these further keys, in a file of its own line. */
#define WITH_CACHE(more)                                                                           \
    "stages:\n" HTTP "  cache: {kind: cache, serves: inproc://cache, asks: redis, " more "}"       \
    "\n" REDIS
#define WITH_REDIS(more)                                                                           \
    "stages:\n" HTTP CACHE                                                                         \
    "  redis: {kind: redis-fetcher, serves: inproc://redis, url: 'redis://h:1', " more "}\n"

static void test_the_same_is_no_difference(void **state)
{
    (void)state;
    expect(ALL, ALL, "", "");
    expect(ALL, "stages:\n" REDIS CACHE HTTP, "", "");                   /* in whatever order, */
    expect(WITH_CACHE("expiry: 60s"), WITH_CACHE("expiry: 1m"), "", ""); /* and written however */
    expect(ALL, WITH_CACHE("capacity: 100000"), "", "");
    expect(ALL, ALL "reactors: [[http, cache, redis]]\n", "", "");
    expect(ALL "reactors: [[http, redis], [cache]]\n", ALL "reactors: [[redis, http], [cache]]\n",
           "", "");
}

static void test_what_is_live_is_told(void **state)
{
    (void)state;
    expect(ALL, WITH_CACHE("expiry: 1s"), "", "cache.expiry: 60s -> 1s\n");
    expect(WITH_CACHE("capacity: 5"), ALL, "", "cache.capacity: 5 -> 100000\n");
    expect(ALL, "log_level: debug\ndrain_timeout: 1s\n" ALL, "",
           "log_level: info -> debug\ndrain_timeout: 10s -> 1s\n");
    expect(WITH_REDIS("names: [a, b]"), WITH_REDIS("names: [a, bc]"), "", "redis.names\n");
    expect(WITH_REDIS("names: [a, b]"), WITH_REDIS("names: [a]"), "", "redis.names\n");
    expect(WITH_REDIS("names: [a]"), ALL, "", "redis.names\n");
    expect(WITH_REDIS("names: [a, b]"), WITH_REDIS("names: ['a', \"b\"]"), "", "");
}

static void test_what_is_not_live_is_named(void **state)
{
    (void)state;
    expect(ALL, WITH_CACHE("max_bytes: 1MiB"), FIXED("3: cache.max_bytes"), "");
    expect(WITH_CACHE("max_bytes: 1MiB"), ALL, FIXED("3: cache.max_bytes"), "");
    expect(WITH_REDIS("password: a"), WITH_REDIS("password: b"), FIXED("4: redis.password"), "");
    expect(WITH_REDIS("watch: true"), ALL, FIXED("4: redis.watch"), "");
    expect(ALL, "hash_key_file: /f\n" ALL, FIXED("1: hash_key_file"), "");
    expect(WITH_REDIS("connections: 2"), WITH_REDIS("connections: 3, names: a"),
           FIXED("4: redis.connections"), "redis.names\n");
}

#define PLACED(edge, store)                                                                        \
    "processes:\n  edge: {reactors: " edge "}\n  store: {reactors: " store "}\n"
#define SPLIT(http, cache)                                                                         \
    "stages:\n  http: {kind: http-frontend, asks: cache, " http "}\n"                              \
    "  cache: {kind: cache, serves: 'ipc:///tmp/c', asks: redis, " cache                           \
    "}\n  redis: {kind: redis-fetcher, serves: 'ipc:///tmp/r', url: 'redis://h:1'}\n"
#define SPLIT_AS(edge, store) SPLIT("listen: '127.0.0.1:1'", "expiry: 1s") PLACED(edge, store)

static void test_how_stages_are_linked_and_placed_stays(void **state)
{
    static const char other_address[] =
        "stages:\n  http:\n    kind: http-frontend\n    asks: cache\n    listen: '127.0.0.1:1'\n"
        "  cache:\n    kind: cache\n    asks: redis\n    serves: inproc://other\n" REDIS;

    (void)state;
    expect(ALL, other_address, FIXED("5: http.listen") FIXED("9: cache.serves"), "");
    expect(ALL,
           "stages:\n  http: {kind: http-frontend, listen: '127.0.0.1:8080', asks: redis}\n" CACHE
               REDIS,
           FIXED("2: http.asks"), "");
    expect(ALL,
           "stages:\n  http: {kind: resp-frontend, listen: '127.0.0.1:8080', asks: cache}\n" CACHE
               REDIS,
           FIXED("2: http.kind"), "");
    expect(ALL,
           "stages:\n  http: {kind: http-frontend, listen: '127.0.0.1:8080', asks: cache, "
           "instances: 2}\n" CACHE REDIS "reactors: [[http, cache, redis]]\n",
           FIXED("2: http.instances"), "");
    expect_as("edge", SPLIT_AS("[[http]]", "[[cache, redis]]"),
              SPLIT_AS("[[http, cache]]", "[[redis]]"), FIXED("6: edge.reactors"), "");
    expect(ALL "reactors: [[http, cache, redis]]\n", ALL "reactors: [[http, cache], [redis]]\n",
           FIXED("5: reactors"), "");
}

static void test_stages_neither_come_nor_go(void **state)
{
    static const char more[] = ALL "  admin: {kind: admin, listen: '127.0.0.1:9'}\n";

    (void)state;
    expect(ALL, more, "t.yml:5: admin: cannot be added while weir runs; restart it\n", "");
    expect(more, ALL, "t.yml: admin: cannot be taken away while weir runs; restart it\n", "");
}

/* What is about other processes alone is theirs to say. */
static void test_other_processes_are_none_of_its_business(void **state)
{
    static const char before[] = SPLIT_AS("[[http]]", "[[cache, redis]]");
    static const char after[] =
        SPLIT("listen: '127.0.0.1:2'", "expiry: 2s") PLACED("[[http]]", "[[cache, redis]]");

    (void)state;
    expect_as("edge", before, after, FIXED("2: http.listen"), "cache.expiry: 1s -> 2s\n");
    expect_as("store", before, after, "", "cache.expiry: 1s -> 2s\n");
}

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEYED(name, reactors, key)                                                                 \
    "  " name ": {reactors: " reactors ", public_key: " key ", key_file: /k, allow_file: /a}\n"
#define ENCRYPTED(stores)                                                                          \
    "stages:\n" HTTP "  cache: {kind: cache, serves: 'tcp://127.0.0.1:5', asks: redis}\n" REDIS    \
    "processes:\n" KEYED("edge", "[[http]]", KEY_A) stores

/* Who asks it knows it by the key of where it was at the start. */
static void test_a_stage_does_not_change_its_key(void **state)
{
    static const char before[] = ENCRYPTED(KEYED("store", "[[cache, redis]]", KEY_A));

    (void)state;
    expect_as("edge", before, ENCRYPTED(KEYED("store", "[[cache, redis]]", KEY_B)),
              FIXED("7: store.public_key"), "");
    expect_as("edge", before, ENCRYPTED(KEYED("other", "[[cache, redis]]", KEY_B)),
              FIXED("7: other.public_key"), "");
    expect_as("edge", before, ENCRYPTED(KEYED("other", "[[cache, redis]]", KEY_A)), "", "");
}

/* Settings that do not go together stop a topology as it is read, whoever reads it. */
static void test_a_kind_checks_its_settings_together(void **state)
{
    static const char text[] = WITH_CACHE("max_bytes: 10");
    struct error error = {""};
    struct topology_draft *draft =
        topology_parse("t.yml", text, strlen(text), topology_kinds, TOPOLOGY_KIND_COUNT, &error);

    (void)state;
    assert_non_null(draft);
    assert_null(topology_check(&draft, &error));
    assert_string_equal(error.text, "t.yml:3: cache.max_bytes: is too small");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_is_no_difference),
        cmocka_unit_test(test_what_is_live_is_told),
        cmocka_unit_test(test_what_is_not_live_is_named),
        cmocka_unit_test(test_how_stages_are_linked_and_placed_stays),
        cmocka_unit_test(test_stages_neither_come_nor_go),
        cmocka_unit_test(test_other_processes_are_none_of_its_business),
        cmocka_unit_test(test_a_stage_does_not_change_its_key),
        cmocka_unit_test(test_a_kind_checks_its_settings_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
