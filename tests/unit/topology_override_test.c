/* What a flag or a variable does to a topology, and how it is refused. */
#include "common/topology.h"

#include "common/clock.h"
#include "tests/support/topology_kinds.h"
#include "tests/support/unit.h"

#define CACHE "  cache: {kind: cache, serves: inproc://cache, asks: redis}\n"
#define REDIS "  redis: {kind: redis-fetcher, serves: inproc://redis, url: 'redis://h:1'}\n"
#define BOTH  "stages:\n" CACHE REDIS

static struct topology_draft *parse(const char *text)
{
    const struct kind_spec *kinds[TOPOLOGY_KIND_COUNT]; /* gone when an override looks for a kind */
    struct error error = {""};
    struct topology_draft *draft;

    memcpy(kinds, topology_kinds, sizeof kinds);
    draft = topology_parse("t.yml", text, strlen(text), kinds, TOPOLOGY_KIND_COUNT, &error);
    memset(kinds, 0, sizeof kinds);

    assert_string_equal(error.text, "");
    assert_non_null(draft);
    return draft;
}

static void override(struct topology_draft *draft, const char *kind, const char *setting,
                     const char *value)
{
    struct error error;

    assert_true(topology_override(draft, kind, setting, value, "--flag", true, &error));
}

static struct topology *check(struct topology_draft *draft)
{
    struct error error = {""};
    struct topology *topology = topology_check(&draft, &error);

    assert_string_equal(error.text, "");
    return topology;
}

static void test_a_flag_sets_the_only_stage_of_its_kind(void **state)
{
    struct topology_draft *draft = parse(BOTH "  admin: {kind: admin, listen: '127.0.0.1:8080'}\n");
    struct topology *topology;

    (void)state;
    override(draft, "admin", "listen", "127.0.0.1:0");
    override(draft, "cache", "expiry", "5m");
    override(draft, "redis-fetcher", "url", "redis://other:2");
    topology = check(draft);
    assert_int_equal(topology->stage_count, 3);
    assert_string_equal(topology->stages[2].listen, "127.0.0.1:0");
    assert_int_equal(settings_number(&topology->instances[0].settings, "expiry"), 300 * SECOND);
    assert_string_equal(settings_text(&topology->instances[1].settings, "url"), "redis://other:2");
    topology_destroy(&topology);
}

static void test_a_flag_adds_a_stage_to_the_first_reactor(void **state)
{
    struct topology_draft *draft = parse(BOTH "reactors: [[cache], [redis]]\n");
    struct topology *topology;

    (void)state;
    override(draft, "admin", "listen", "127.0.0.1:8081");
    override(draft, "admin", "listen", "127.0.0.1:8082");
    topology = check(draft);
    assert_int_equal(topology->stages[2].line, 0);
    assert_string_equal(topology->stages[2].name, "admin");
    assert_string_equal(topology->stages[2].listen, "127.0.0.1:8082");
    assert_int_equal(topology->reactors[0].count, 2);
    assert_int_equal(topology->reactors[0].instances[1], 2);
    assert_int_equal(topology->reactors[1].count, 1);
    topology_destroy(&topology);

    draft = parse(BOTH);
    override(draft, "admin", "listen", "127.0.0.1:8081");
    topology = check(draft);
    assert_int_equal(topology->reactor_count, 1);
    assert_int_equal(topology->reactors[0].count, 3);
    topology_destroy(&topology);
}

static void test_an_added_front_end_asks_what_the_others_ask(void **state)
{
    struct topology_draft *draft =
        parse("stages:\n"
              "  http: {kind: http-frontend, listen: '127.0.0.1:1', asks: cache}\n"
              "  cache: {kind: cache, serves: inproc://c, asks: redis}\n"
              "  redis: {kind: redis-fetcher, serves: inproc://r, url: redis://h}\n");
    struct topology *topology;

    (void)state;
    override(draft, "resp-frontend", "listen", "127.0.0.1:2");
    topology = check(draft);
    assert_string_equal(topology->stages[3].name, "resp-frontend");
    assert_int_equal(topology->stages[3].asks, 1);
    topology_destroy(&topology);
}

/* Nothing is guessed. */
static void test_no_front_end_is_added_that_has_nothing_to_ask(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {BOTH, "--flag: no front end says what to ask; write a stage of kind resp-frontend that "
               "does"},
        {BOTH "  a: {kind: http-frontend, listen: '127.0.0.1:1', asks: cache}\n"
              "  b: {kind: http-frontend, listen: '127.0.0.1:2', asks: redis}\n",
         "--flag: the front ends ask several stages, cache and redis; write a stage of kind "
         "resp-frontend that says what it asks"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {""};
        struct topology_draft *draft = parse(cases[i].text);
        assert_false(topology_override(draft, "resp-frontend", "listen", "127.0.0.1:3", "--flag",
                                       true, &error));
        assert_string_equal(error.text, cases[i].expected);
        topology_draft_destroy(&draft);
    }
}

struct refusal {
    const char *value;    /* of the flag */
    const char *expected; /* the error */
};

static void assert_override_refused(const char *text, const struct refusal *given, const char *kind,
                                    const char *setting)
{
    struct error error = {""};
    struct topology_draft *draft = parse(text);

    if (topology_override(draft, kind, setting, given->value, "--flag", false, &error))
        assert_null(topology_check(&draft, &error));
    assert_string_equal(error.text, given->expected);
    topology_draft_destroy(&draft);
}

static void test_a_refusal_names_the_flag(void **state)
{
    static const struct refusal expiry = {"0",
                                          "--flag: cache.expiry: \"0\" is not a duration, such "
                                          "as 250ms, 60s, 5m or 1h"};
    static const struct refusal url = {"tcp://me:s3cret@h",
                                       "--flag: redis.url: must begin with redis://"};
    static const struct refusal empty = {"", "--flag: redis.url: has no value"};
    static const struct refusal none = {"1s", "--flag: there is no stage of kind cache in t.yml"};
    static const struct refusal several = {
        "1s", "--flag: there are several stages of kind cache; set it in the file, for each of: "
              "cache, near"};

    (void)state;
    assert_override_refused(BOTH, &expiry, "cache", "expiry");
    assert_override_refused(BOTH, &url, "redis-fetcher", "url");
    assert_override_refused(BOTH, &empty, "redis-fetcher", "url");
    assert_override_refused("stages:\n" REDIS, &none, "cache", "expiry");
    assert_override_refused(BOTH "  near: {kind: cache, serves: inproc://near, asks: cache}\n",
                            &several, "cache", "expiry");
}

static void test_a_stage_to_be_added_finds_its_name_taken(void **state)
{
    static const char text[] = "stages:\n  admin: {kind: cache, serves: inproc://a, asks: redis}\n";
    struct topology_draft *draft = parse(text);
    struct error error;

    (void)state;
    assert_false(
        topology_override(draft, "admin", "listen", "127.0.0.1:1", "--admin", true, &error));
    assert_string_equal(
        error.text,
        "--admin: the stage to be added would be called admin, and there is one already");
    topology_draft_destroy(&draft);
}

/* Two processes, each with a front end of its own. */
#define TWO_PROCESSES                                                                              \
    "stages:\n"                                                                                    \
    "  a: {kind: http-frontend, listen: '127.0.0.1:1', asks: cache}\n"                             \
    "  b: {kind: http-frontend, listen: '127.0.0.1:2', asks: cache}\n"                             \
    "  cache: {kind: cache, serves: 'ipc:///c', asks: redis}\n" REDIS "processes:\n"               \
    "  left: {reactors: [[a]]}\n"                                                                  \
    "  right: {reactors: [[b], [cache, redis]]}\n"

static void test_a_flag_is_about_the_stages_of_the_chosen_process(void **state)
{
    struct topology_draft *draft = parse(TWO_PROCESSES);
    struct error error;

    (void)state;
    assert_true(topology_choose(draft, "right", "--process", &error));
    override(draft, "http-frontend", "listen", "127.0.0.1:3");
    override(draft, "cache", "expiry", "5s");
    override(draft, "admin", "listen", "127.0.0.1:4");
    struct topology *topology = check(draft);
    assert_string_equal(topology->stages[0].listen, "127.0.0.1:1");
    assert_string_equal(topology->stages[1].listen, "127.0.0.1:3");
    assert_int_equal(topology->process, 1);
    assert_int_equal(topology->reactor_count, 2);
    assert_int_equal(topology->instances[4].process, 1);
    topology_destroy(&topology);
}

static void test_a_flag_for_a_stage_of_another_process_does_nothing(void **state)
{
    struct topology_draft *draft = parse(TWO_PROCESSES);
    struct error error;

    (void)state;
    assert_true(topology_choose(draft, "left", "--process", &error));
    assert_true(topology_override(draft, "cache", "capacity", "5", "--capacity", false, &error));
    struct topology *topology = check(draft);
    assert_int_equal(settings_number(&topology->instances[2].settings, "capacity"), 100000);
    topology_destroy(&topology);
}

/* One set of variables does for all processes: no second front end appears, but each gets an admin
 * stage of its own. */
static void test_a_flag_adds_no_front_end_that_another_process_has(void **state)
{
    struct topology_draft *draft =
        parse("stages:\n"
              "  resp: {kind: resp-frontend, listen: '127.0.0.1:1', asks: cache}\n"
              "  ops: {kind: admin, listen: '127.0.0.1:2'}\n"
              "  cache: {kind: cache, serves: 'ipc:///c', asks: redis}\n" REDIS "processes:\n"
              "  left: {reactors: [[resp, ops]]}\n"
              "  right: {reactors: [[cache, redis]]}\n");
    struct error error;

    (void)state;
    assert_true(topology_choose(draft, "right", "--process", &error));
    override(draft, "resp-frontend", "listen", "127.0.0.1:3");
    override(draft, "admin", "listen", "127.0.0.1:4");
    struct topology *topology = check(draft);
    assert_int_equal(topology->stage_count, 5);
    assert_string_equal(topology->stages[0].listen, "127.0.0.1:1");
    assert_string_equal(topology->stages[4].listen, "127.0.0.1:4");
    topology_destroy(&topology);
}

static void test_which_process_must_be_said(void **state)
{
    struct topology_draft *draft = parse(TWO_PROCESSES);
    struct error error;

    (void)state;
    assert_false(topology_choose(draft, NULL, NULL, &error));
    assert_string_equal(error.text, "t.yml:6: --process must say which of the processes to run: "
                                    "left, right");
    assert_false(topology_choose(draft, "middle", "--process", &error));
    assert_string_equal(error.text, "--process: there is no such process; there are: left, right");
    topology_draft_destroy(&draft);
    draft = parse(BOTH);
    assert_true(topology_choose(draft, NULL, NULL, &error));
    assert_false(topology_choose(draft, "left", "WEIR_PROCESS", &error));
    assert_string_equal(error.text, "WEIR_PROCESS: there are no processes in t.yml");
    topology_draft_destroy(&draft);
    draft = parse(BOTH "processes: {all: {reactors: [[cache, redis]]}}\n");
    assert_true(topology_choose(draft, NULL, NULL, &error));
    topology_draft_destroy(&draft);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flag_sets_the_only_stage_of_its_kind),
        cmocka_unit_test(test_a_flag_adds_a_stage_to_the_first_reactor),
        cmocka_unit_test(test_an_added_front_end_asks_what_the_others_ask),
        cmocka_unit_test(test_no_front_end_is_added_that_has_nothing_to_ask),
        cmocka_unit_test(test_a_refusal_names_the_flag),
        cmocka_unit_test(test_a_stage_to_be_added_finds_its_name_taken),
        cmocka_unit_test(test_a_flag_is_about_the_stages_of_the_chosen_process),
        cmocka_unit_test(test_a_flag_for_a_stage_of_another_process_does_nothing),
        cmocka_unit_test(test_a_flag_adds_no_front_end_that_another_process_has),
        cmocka_unit_test(test_which_process_must_be_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
