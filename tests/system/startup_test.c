/* R8: what is set at start, by file, environment and flag, and how a bad setting stops the start.
 */
#include "../support/deadline.h"
#include "../support/net.h"
#include "../support/pipeline.h"
#include "../support/temp_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How many of ten keys are cached once all ten were asked for. */
static int capacity_in_force(struct pipeline *p, const struct weir_settings *settings)
{
    int entries;

    pipeline_start(p, settings);
    for (int i = 0; i < 10; i++) {
        char target[16];
        snprintf(target, sizeof target, "/key%d", i);
        redis_server_run(p->redis, "SET key%d value", i);
        pipeline_expect_value(p, target, "value");
    }
    entries = (int)pipeline_metric(p, "weir_cache_entries", NULL);
    pipeline_stop(p);
    return entries;
}

/* A flag beats the environment, which beats the file. */
static void test_R8_configuration(void **state)
{
    static const char *const flags[] = {"--capacity", "3", NULL};
    static const char *const environment[] = {"WEIR_CAPACITY=4", NULL};
    struct pipeline *p = *state;

    assert_int_equal(capacity_in_force(p, SETTINGS(.cache = "capacity: 5")), 5);
    assert_int_equal(
        capacity_in_force(p, SETTINGS(.cache = "capacity: 5", .environment = environment)), 4);
    assert_int_equal(capacity_in_force(p, SETTINGS(.cache = "capacity: 5", .flags = flags,
                                                   .environment = environment)),
                     3);
}

/* Each flag reaches what it names: with one client and one request at a time, for a short life. */
static void test_R8_flags(void **state)
{
    static const char *const flags[] = {
        "--max-clients", "1",     "--expiry", "300ms", "--max-parallel", "1",
        "--log-level",   "debug", NULL};
    struct pipeline *p = *state;
    struct http_client *client;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.flags = flags));
    client = pipeline_ask(p, "/key");
    pipeline_expect_response(p, client, 200, "value");
    pipeline_expect_status(p, "/key", 503);
    http_client_close(&client);
    redis_server_run(p->redis, "DEL key");
    pipeline_wait_status(p, "/key", 404);
}

/* Runs weir, which must refuse to start and say all of `words` (ended by NULL). */
static void expect_refusal(const char *const *flags, const char *const *words)
{
    struct blob said = {0};
    int code = weir_process_run(flags, NULL, &said);

    if (code == 0 || code >= 126)
        fail_msg("weir %s ended with %d and said: %s", flags[0], code, blob_text(&said));
    for (; *words; words++)
        if (!strstr(blob_text(&said), *words))
            fail_msg("\"%s\" is not in what weir said: %s", *words, blob_text(&said));
    blob_fini(&said);
}

#define STAGES                                                                                     \
    "stages:\n"                                                                                    \
    "  http: {kind: http-frontend, listen: 127.0.0.1:0, asks: cache}\n"                            \
    "  cache:\n"                                                                                   \
    "    kind: cache\n"                                                                            \
    "    serves: inproc://cache\n"                                                                 \
    "    asks: redis\n"
#define REDIS "  redis: {kind: redis-fetcher, serves: inproc://redis}\n"

static void test_bad_topology_stops_the_start(void **state)
{
    /* A file, and what must be said of it: the place, and the key or the stage. */
    static const struct {
        const char *text, *place, *name;
    } cases[] = {
        {STAGES "    expiry: 0s\n" REDIS, "bad.yml:7", "expiry"},
        {STAGES "    expiry: -1s\n" REDIS, "bad.yml:7", "expiry"},
        {STAGES "    expiry: soon\n" REDIS, "bad.yml:7", "expiry"},
        {STAGES "    expiry: 60\n" REDIS, "bad.yml:7", "expiry"},
        {STAGES "    capacity: 0\n" REDIS, "bad.yml:7", "capacity"},
        {STAGES "    capacity: many\n" REDIS, "bad.yml:7", "capacity"},
        {STAGES "    capacity: 99999999999999999999\n" REDIS, "bad.yml:7", "capacity"},
        {STAGES "    max_bytes: 10XB\n" REDIS, "bad.yml:7", "max_bytes"},
        {STAGES "    capcity: 10\n" REDIS, "bad.yml:7", "capcity"},
        {STAGES "    capacity: 1\n    capacity: 2\n" REDIS, "bad.yml:8", "capacity"},
        {STAGES "  redis: {kind: memcached, serves: inproc://redis}\n", "bad.yml:7", "memcached"},
        {STAGES, "bad.yml:6", "redis"},
        {STAGES "  redis: {kind: redis-fetcher, serves: inproc://cache}\n", "bad.yml:7",
         "inproc://cache"},
        {STAGES REDIS "reactors:\n  - [http, cache]\n", "bad.yml:", "redis"},
        {STAGES REDIS "reactors:\n  - [http, cache, redis]\n  - [cache]\n", "bad.yml:10", "cache"},
        {STAGES REDIS "reactors:\n  - [http, cache, redis, valkey]\n", "bad.yml:9", "valkey"},
        {STAGES REDIS "stage:\n", "bad.yml:8", "stage"},
        {"stages: [\n", "bad.yml:", ""},
        {"", "bad.yml", "stages"},
    };
    char *directory = temp_dir_create();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = temp_dir_write(directory, "bad.yml", cases[i].text);
        const char *flags[] = {"--topology", path, NULL};
        const char *words[] = {cases[i].place, cases[i].name, NULL};
        expect_refusal(flags, words);
        free(path);
    }
    temp_dir_destroy(&directory);
}

static void test_cycle_of_asks_stops_the_start(void **state)
{
    static const char text[] = "stages:\n"
                               "  http: {kind: http-frontend, listen: 127.0.0.1:0, asks: one}\n"
                               "  one: {kind: cache, serves: inproc://one, asks: two}\n"
                               "  two: {kind: cache, serves: inproc://two, asks: one}\n";
    char *directory = temp_dir_create(), *path = temp_dir_write(directory, "bad.yml", text);
    const char *flags[] = {"--topology", path, NULL}, *words[] = {"bad.yml", "one", "two", NULL};

    (void)state;
    expect_refusal(flags, words);
    free(path);
    temp_dir_destroy(&directory);
}

static void test_bad_flags_stop_the_start(void **state)
{
    static const char *const cases[][2] = {{"--expiry", "0s"},        {"--expiry", "soon"},
                                           {"--capacity", "0"},       {"--capacity", "-1"},
                                           {"--max-clients", "none"}, {"--http", "nowhere"},
                                           {"--http", "1.2.3.4"},     {"--redis", "http://x"},
                                           {"--log-level", "loud"},   {"--no-such-flag", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *flags[] = {cases[i][0], cases[i][1], NULL};
        const char *words[] = {cases[i][0], NULL};
        expect_refusal(flags, words);
    }
}

static void test_missing_topology_stops_the_start(void **state)
{
    static const char *const flags[] = {"--topology", "/no/such/file.yml", NULL};
    static const char *const words[] = {"/no/such/file.yml", NULL};

    (void)state;
    expect_refusal(flags, words);
}

static void test_address_in_use_stops_the_start(void **state)
{
    char address[32];
    int port, listener = net_listen(&port);
    const char *flags[] = {"--http", address, NULL}, *words[] = {address, NULL};

    (void)state;
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    expect_refusal(flags, words);
    close(listener);
}

/* Not the same weir twice either, although SO_REUSEPORT would let it. */
static void test_second_weir_on_the_same_address_stops(void **state)
{
    struct pipeline *p = *state;
    char address[32];
    const char *flags[] = {"--http", address, NULL}, *words[] = {address, NULL};

    pipeline_start(p, NULL);
    snprintf(address, sizeof address, "127.0.0.1:%d", weir_process_http_port(p->weir));
    expect_refusal(flags, words);
}

/* Served where there is IPv6, by every instance; where there is none, the start is refused. */
static void test_listening_on_ipv6(void **state)
{
    static const char *const flags[] = {"--http", "[::1]:0", NULL};
    struct pipeline *p = *state;
    char address[32];

    if (!net_has_ipv6()) {
        expect_refusal(flags, (const char *const[]){"[::1]:0", NULL});
        return;
    }
    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.http = "instances: 2, timeout: 20s", .flags = flags));
    snprintf(address, sizeof address, "address=[::1]:%d", weir_process_http_port(p->weir));
    assert_true(weir_process_wait_log(p->weir, address, deadline_in(PATIENCE)));
    for (int i = 0; i < 20; i++) {
        int descriptor = net_connect_ipv6(weir_process_http_port(p->weir));
        assert_true(descriptor >= 0);
        struct http_client *client = http_client_adopt(descriptor);
        assert_true(http_client_request(client, HTTP_GET, "/key"));
        pipeline_expect_response(p, client, 200, "value");
        http_client_close(&client);
    }
}

/* Appends what weir says on `flags`, which must succeed. */
static void say(struct blob *said, const char *const *flags, const char *const *environment)
{
    if (weir_process_run(flags, environment, said) != 0)
        fail_msg("weir %s failed and said: %s", flags[0], blob_text(said));
}

static void test_help_names_every_option(void **state)
{
    static const char *const options[] = {"--topology",
                                          "--process",
                                          "--redis",
                                          "--redis-password-file",
                                          "--http",
                                          "--resp",
                                          "--resp-password-file",
                                          "--admin",
                                          "--expiry",
                                          "--capacity",
                                          "--max-clients",
                                          "--max-parallel",
                                          "--log-level",
                                          "--log-format",
                                          "--check",
                                          "--print-topology",
                                          "--print-dot",
                                          "--make-keys",
                                          "--version",
                                          "--help",
                                          "WEIR_"};
    static const char *const flags[] = {"--help", NULL};
    struct blob said = {0};

    (void)state;
    say(&said, flags, NULL);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!strstr(blob_text(&said), options[i]))
            fail_msg("--help does not name %s", options[i]);
    blob_fini(&said);
}

/* --check accepts what starts, and --print-topology shows what would run, with no password in it.
 */
static void test_check_and_print_topology(void **state)
{
    static const char *const printing[] = {"--redis", "redis://user:hunter2@localhost:6379/0",
                                           "--print-topology", NULL};
    static const char *const environment[] = {"WEIR_REDIS=redis://:hunter2@localhost:6379/0", NULL};
    static const char *const names[] = {"one-reactor", "thread-per-stage", "sharded"};
    const char *topologies = getenv("WEIR_TOPOLOGIES");
    struct blob said = {0};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        const char *flags[] = {"--topology", path, "--check", NULL};
        snprintf(path, sizeof path, "%s/%s.yml", topologies ? topologies : "tests/topologies",
                 names[i]);
        say(&said, flags, NULL);
    }
    say(&said, printing, NULL);
    say(&said, &printing[2], environment);
    assert_non_null(strstr(blob_text(&said), "cache"));
    assert_null(strstr(blob_text(&said), "hunter2"));
    blob_fini(&said);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_R8_configuration),
        PIPELINE_TEST(test_R8_flags),
        cmocka_unit_test(test_bad_topology_stops_the_start),
        cmocka_unit_test(test_cycle_of_asks_stops_the_start),
        cmocka_unit_test(test_bad_flags_stop_the_start),
        cmocka_unit_test(test_missing_topology_stops_the_start),
        cmocka_unit_test(test_address_in_use_stops_the_start),
        PIPELINE_TEST(test_second_weir_on_the_same_address_stops),
        PIPELINE_TEST(test_listening_on_ipv6),
        cmocka_unit_test(test_help_names_every_option),
        cmocka_unit_test(test_check_and_print_topology),
    };

    return PIPELINE_RUN("startup", tests);
}
