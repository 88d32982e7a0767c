/* What becomes of a topology that is fine: names, shares, placement, overrides, the drawing. What
 * is refused: topology_refusal_test.c. */
#include "common/topology.h"

#include "common/clock.h"
#include "tests/support/topology_kinds.h"
#include "tests/support/unit.h"

#define HTTP "  http: {kind: http-frontend, listen: '127.0.0.1:8080', asks: cache}\n"
#define HTTP_2                                                                                     \
    "  http: {kind: http-frontend, listen: '127.0.0.1:8080', asks: cache, instances: 2}\n"
#define CACHE "  cache: {kind: cache, serves: inproc://cache, asks: redis}\n"
#define CACHE_3                                                                                    \
    "  cache:\n    kind: cache\n    serves: [inproc://a, inproc://b, inproc://c]\n    asks: "      \
    "redis\n"
#define REDIS "  redis: {kind: redis-fetcher, serves: inproc://redis, url: 'redis://h:1'}\n"

static struct topology_draft *parse(const char *text)
{
    struct error error = {""};
    struct topology_draft *draft =
        topology_parse("t.yml", text, strlen(text), topology_kinds, TOPOLOGY_KIND_COUNT, &error);

    assert_string_equal(error.text, "");
    assert_non_null(draft);
    return draft;
}

static struct topology *load(const char *text)
{
    struct error error = {""};
    struct topology_draft *draft = parse(text);
    struct topology *topology = topology_check(&draft, &error);

    assert_string_equal(error.text, "");
    assert_null(draft);
    return topology;
}

/* "http.0 cache / http.1": the reactors in order, with what runs in each. */
static void assert_placement(const struct topology *topology, const char *expected)
{
    struct buffer text = {0};

    for (size_t i = 0; i < topology->reactor_count; i++)
        for (size_t j = 0; j < topology->reactors[i].count; j++)
            buffer_format(&text, "%s%s",
                          j > 0   ? " "
                          : i > 0 ? " / "
                                  : "",
                          topology->instances[topology->reactors[i].instances[j]].name);
    buffer_append(&text, "", 1);
    assert_string_equal(text.data, expected);
    buffer_fini(&text);
}

static int64_t number(const struct topology *topology, size_t instance, const char *setting)
{
    return settings_number(&topology->instances[instance].settings, setting);
}

static void test_one_of_each_is_read_with_its_defaults(void **state)
{
    struct topology *topology = load("stages:\n" HTTP CACHE REDIS);

    (void)state;
    assert_string_equal(topology->file, "t.yml");
    assert_int_equal(topology->stage_count, 3);
    assert_int_equal(topology->instance_count, 3);
    assert_string_equal(topology->stages[0].name, "http");
    assert_ptr_equal(topology->stages[0].kind, &front_kind);
    assert_int_equal(topology->stages[0].line, 2);
    assert_string_equal(topology->stages[0].listen, "127.0.0.1:8080");
    assert_int_equal(topology->stages[0].asks, 1);
    assert_int_equal(topology->stages[1].asks, 2);
    assert_int_equal(topology->stages[2].asks, SIZE_MAX);
    assert_null(topology->stages[1].listen);
    assert_string_equal(topology->instances[1].name, "cache");
    assert_string_equal(topology->instances[1].serves, "inproc://cache");
    assert_null(topology->instances[0].serves);
    assert_int_equal(number(topology, 0, "timeout"), SECOND);
    assert_int_equal(number(topology, 1, "max_bytes"), 1 << 30);
    assert_string_equal(settings_text(&topology->instances[2].settings, "url"), "redis://h:1");
    assert_null(settings_text(&topology->instances[2].settings, "password"));
    assert_int_equal(topology->drain_timeout, 10 * SECOND);
    topology_destroy(&topology);
    assert_null(topology);
}

static void test_drain_timeout_is_read(void **state)
{
    struct topology *topology = load("drain_timeout: 250ms\nstages:\n" HTTP CACHE REDIS);

    (void)state;
    assert_int_equal(topology->drain_timeout, 250 * MILLISECOND);
    topology_destroy(&topology);
}

static void test_each_process_has_its_own_takeover(void **state)
{
    struct topology *topology = load("takeover: /run/a\nstages:\n" HTTP CACHE REDIS);
    struct buffer text = {0};

    (void)state;
    assert_string_equal(topology->processes[0].takeover, "/run/a");
    topology_print(topology, &text);
    buffer_append(&text, "", 1);
    assert_non_null(strstr(text.data, "\ntakeover /run/a\n"));
    topology_destroy(&topology);
    topology =
        load("stages:\n" HTTP "  cache: {kind: cache, serves: 'ipc:///c', asks: redis}\n" REDIS
             "processes: {a: {reactors: [[http]], takeover: /run/a},\n"
             "  b: {reactors: [[cache, redis]]}}\n");
    assert_string_equal(topology->processes[0].takeover, "/run/a");
    assert_null(topology->processes[1].takeover);
    text.size = 0;
    topology_print(topology, &text);
    buffer_append(&text, "", 1);
    assert_non_null(strstr(text.data, "\n    takeover    /run/a\n"));
    buffer_fini(&text);
    topology_destroy(&topology);
}

static void test_shards_and_instances_are_numbered(void **state)
{
    struct topology *topology = load("stages:\n" HTTP_2 CACHE_3 REDIS);
    static const char *const names[] = {"http.0",  "http.1",  "cache.0",
                                        "cache.1", "cache.2", "redis"};

    (void)state;
    assert_int_equal(topology->instance_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(topology->instances[i].name, names[i]);
    assert_int_equal(topology->stages[1].first_instance, 2);
    assert_int_equal(topology->stages[1].instance_count, 3);
    assert_int_equal(topology->instances[4].number, 2);
    assert_int_equal(topology->instances[4].stage, 1);
    assert_string_equal(topology->instances[4].serves, "inproc://c");
    topology_destroy(&topology);
}

static void test_limits_are_divided_the_remainder_to_the_first(void **state)
{
    struct topology *topology = load("stages:\n" HTTP_2 CACHE_3 "    capacity: 11\n" REDIS);

    (void)state;
    assert_int_equal(number(topology, 0, "max_clients"), 5000);
    assert_int_equal(number(topology, 1, "max_clients"), 5000);
    assert_int_equal(number(topology, 2, "capacity"), 5);
    assert_int_equal(number(topology, 3, "capacity"), 3);
    assert_int_equal(number(topology, 4, "capacity"), 3);
    assert_int_equal(number(topology, 2, "max_bytes"), (1 << 30) / 3 + (1 << 30) % 3);
    assert_int_equal(number(topology, 3, "expiry"), 60 * SECOND); /* a life is not divided */
    topology_destroy(&topology);
}

static void test_anchors_share_settings(void **state)
{
    struct topology *topology = load("stages:\n"
                                     "  near-a: &near\n"
                                     "    kind: cache\n"
                                     "    serves: inproc://a\n"
                                     "    asks: redis\n"
                                     "    capacity: 7\n"
                                     "    expiry: 1s\n"
                                     "  near-b:\n"
                                     "    <<: *near\n"
                                     "    serves: inproc://b\n"
                                     "    expiry: 2s\n"
                                     "  near-c:\n"
                                     "    serves: inproc://c\n"
                                     "    <<: [{expiry: 3s}, *near]\n" REDIS);

    (void)state;
    assert_int_equal(number(topology, 1, "capacity"), 7);
    assert_int_equal(number(topology, 1, "expiry"), 2 * SECOND);
    assert_string_equal(topology->instances[1].serves, "inproc://b");
    assert_int_equal(number(topology, 2, "expiry"), 3 * SECOND);
    assert_int_equal(number(topology, 2, "capacity"), 7);
    topology_destroy(&topology);
}

/* The way of an answer to each stage: in Cache-Status, the one nearest the origin comes first. */
static void test_rfc9211_2_caches_are_named_from_the_origin_on(void **state)
{
    struct topology *topology =
        load("stages:\n" HTTP "  bare: {kind: resp-frontend, listen: '127.0.0.1:1', asks: redis}\n"
             "  cache: {kind: cache, serves: [inproc://a, inproc://b], asks: far}\n"
             "  far: {kind: cache, serves: inproc://far, asks: redis}\n" REDIS
             "  admin: {kind: admin, listen: '127.0.0.1:2'}\n");
    const char *caches[TRAIL_MOST];

    (void)state;
    assert_int_equal(topology_caches(topology, 0, caches), 2);
    assert_string_equal(caches[0], "far");
    assert_string_equal(caches[1], "cache");
    assert_int_equal(topology_caches(topology, 1, caches), 0);
    assert_int_equal(topology_caches(topology, 2, caches), 1);
    assert_string_equal(caches[0], "far");
    for (size_t stage = 3; stage < 6; stage++) /* nothing stands between these and the origin */
        assert_int_equal(topology_caches(topology, stage, caches), 0);
    topology_destroy(&topology);
}

static void test_reactors_hold_what_is_written(void **state)
{
    struct topology *topology =
        load("stages:\n" HTTP_2 CACHE_3 REDIS "reactors: [[http.1, cache.2, redis], [http.0],\n"
             "           [cache.1, cache.0]]\n");

    (void)state;
    assert_placement(topology, "http.1 cache.2 redis / http.0 / cache.1 cache.0");
    topology_destroy(&topology);
}

static void test_a_stage_in_a_reactor_means_all_its_instances(void **state)
{
    struct topology *topology =
        load("stages:\n" HTTP_2 CACHE_3 REDIS "reactors: [[cache], [redis, http]]\n");

    (void)state;
    assert_placement(topology, "cache.0 cache.1 cache.2 / redis http.0 http.1");
    topology_destroy(&topology);
}

static void test_without_reactors_each_number_has_its_own(void **state)
{
    struct topology *topology = load("stages:\n" HTTP_2 CACHE_3 REDIS);

    (void)state;
    assert_placement(topology, "http.0 cache.0 redis / http.1 cache.1 / cache.2");
    topology_destroy(&topology);
}

static void test_without_reactors_a_plain_pipeline_has_one(void **state)
{
    struct topology *topology = load("stages:\n" HTTP CACHE REDIS);

    (void)state;
    assert_placement(topology, "http cache redis");
    topology_destroy(&topology);
}

static void test_port_0_may_be_used_twice(void **state)
{
    struct topology *topology = load("stages:\n  a: {kind: admin, listen: '127.0.0.1:0'}\n"
                                     "  b: {kind: admin, listen: '127.0.0.1:0'}\n");

    (void)state;
    topology_destroy(&topology);
}

static void test_the_drawing_shows_all_and_no_password(void **state)
{
    struct topology *topology = load(
        "stages:\n" HTTP "  cache: {kind: cache, serves: [inproc://a, inproc://b], asks: redis,\n"
        "          capacity: 11}\n"
        "  redis: {kind: redis-fetcher, serves: inproc://redis, password: s3cret,\n"
        "          url: 'redis://me:s3cret@h:1', watch: true, names: one,\n"
        "          news: {mode: some, topics: [a, 'b,c']}}\n"
        "reactors: [[http, cache.0], [cache.1, redis]]\n");
    struct buffer text = {0};

    (void)state;
    topology_print(topology, &text);
    buffer_append(&text, "", 1);
    assert_string_equal(text.data, "t.yml: 3 stages in 2 reactors, drain_timeout 10s\n"
                                   "\n"
                                   "reactor 0\n"
                                   "    http (http-frontend)\n"
                                   "        listen       127.0.0.1:8080\n"
                                   "        asks         cache.0, at inproc://a\n"
                                   "                     cache.1, at inproc://b\n"
                                   "        max_clients  10000\n"
                                   "        timeout      1s\n"
                                   "    cache.0 (cache)\n"
                                   "        serves     inproc://a\n"
                                   "        asks       redis, at inproc://redis\n"
                                   "        capacity   6 of 11\n"
                                   "        max_bytes  512MiB of 1GiB\n"
                                   "        expiry     1m\n"
                                   "\n"
                                   "reactor 1\n"
                                   "    cache.1 (cache)\n"
                                   "        serves     inproc://b\n"
                                   "        asks       redis, at inproc://redis\n"
                                   "        capacity   5 of 11\n"
                                   "        max_bytes  512MiB of 1GiB\n"
                                   "        expiry     1m\n"
                                   "    redis (redis-fetcher)\n"
                                   "        serves       inproc://redis\n"
                                   "        url          redis://***@h:1\n"
                                   "        password     (not shown)\n"
                                   "        connections  2\n"
                                   "        watch        true\n"
                                   "        names        one\n"
                                   "        news.mode    some\n"
                                   "        news.topics  a, b,c\n");
    buffer_fini(&text);
    topology_destroy(&topology);
}

static void test_flags_lists_and_nested_settings(void **state)
{
    struct topology *topology =
        load("stages:\n  near: &near {kind: redis-fetcher, serves: inproc://a, url: 'redis://h',\n"
             "    watch: true, news: {topics: [a, \"b c\"], mode: some}}\n"
             "  far: {<<: *near, serves: inproc://b, watch: false, news: {mode: none}}\n");
    const struct settings *near = &topology->instances[0].settings;
    const struct settings *far = &topology->instances[1].settings;
    const char *item = settings_list(near, "news.topics");

    (void)state;
    assert_int_equal(settings_number(near, "watch"), 1);
    assert_int_equal(settings_number(far, "watch"), 0);
    assert_string_equal(settings_text(near, "news.mode"), "some");
    assert_int_equal(settings_number(near, "news.topics"), 2);
    assert_string_equal(item, "a");
    assert_string_equal(item = settings_list_next(item), "b c");
    assert_string_equal(settings_list_next(item), "");
    assert_string_equal(settings_list(near, "names"), "");
    /* A mapping of one's own takes the place of a merged one as a whole. */
    assert_string_equal(settings_text(far, "news.mode"), "none");
    assert_string_equal(settings_list(far, "news.topics"), "");
    topology_destroy(&topology);
}

static void test_destroying_nothing_is_allowed(void **state)
{
    struct topology *topology = NULL;
    struct topology_draft *draft = NULL;

    (void)state;
    topology_destroy(&topology);
    topology_draft_destroy(&draft);
    draft = parse("stages:\n" HTTP);
    topology_draft_destroy(&draft);
    assert_null(draft);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_each_is_read_with_its_defaults),
        cmocka_unit_test(test_drain_timeout_is_read),
        cmocka_unit_test(test_each_process_has_its_own_takeover),
        cmocka_unit_test(test_shards_and_instances_are_numbered),
        cmocka_unit_test(test_limits_are_divided_the_remainder_to_the_first),
        cmocka_unit_test(test_anchors_share_settings),
        cmocka_unit_test(test_rfc9211_2_caches_are_named_from_the_origin_on),
        cmocka_unit_test(test_reactors_hold_what_is_written),
        cmocka_unit_test(test_a_stage_in_a_reactor_means_all_its_instances),
        cmocka_unit_test(test_without_reactors_each_number_has_its_own),
        cmocka_unit_test(test_without_reactors_a_plain_pipeline_has_one),
        cmocka_unit_test(test_port_0_may_be_used_twice),
        cmocka_unit_test(test_the_drawing_shows_all_and_no_password),
        cmocka_unit_test(test_flags_lists_and_nested_settings),
        cmocka_unit_test(test_destroying_nothing_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
