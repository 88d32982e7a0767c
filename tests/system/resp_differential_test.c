/* Random read commands with random binary keys over random data, to a real redis-server and to weir
 * before it, pipelined as deep as it falls: equal bytes. A failure prints the seed that repeats it,
 * as RESP_SEED=n. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/resp_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS     60
#define ROUNDS   40
#define COMMANDS 30 /* a round: few enough for both servers to take before they are read from */

struct random_source {
    uint64_t state;
};

/* splitmix64 */
static uint64_t random_next(struct random_source *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static size_t random_below(struct random_source *random, size_t limit)
{
    return (size_t)(random_next(random) % limit);
}

static void append_random(struct blob *blob, struct random_source *random, size_t length)
{
    static const char special[] = {'\0', '\r', '\n', '$', '*', '"', '\\', ' ', '\xff', 'a'};

    for (size_t i = 0; i < length; i++) {
        char byte = random_below(random, 2) ? (char)random_next(random)
                                            : special[random_below(random, sizeof special)];
        blob_append(blob, &byte, 1);
    }
}

struct world {
    unsigned long long seed;
    struct random_source random;
    struct blob keys[KEYS];
};

/* Most sizes are small, some above that from which on values travel by reference. */
static size_t random_size(struct random_source *random)
{
    switch (random_below(random, 8)) {
    case 0:
        return 0;
    case 1:
        return 8000 + random_below(random, 400);
    case 2:
        return random_below(random, 30000);
    default:
        return random_below(random, 60);
    }
}

/* Strings, some of another type, some that are not there. */
static void store(struct world *world, struct redis_server *redis)
{
    for (size_t i = 0; i < KEYS; i++) {
        struct blob *key = &world->keys[i], value = {0};
        append_random(key, &world->random, random_below(&world->random, 40));
        append_random(&value, &world->random, random_size(&world->random));
        const size_t kind = random_below(&world->random, 6);
        const char *words[] = {kind == 0 ? "RPUSH" : "SET", blob_text(key), blob_text(&value)};
        const size_t lengths[] = {strlen(words[0]), key->length, value.length};
        if (kind < 5) {
            redis_server_run(redis, "DEL %b", blob_text(key), key->length);
            redis_server_run_words(redis, 3, words, lengths);
        }
        blob_fini(&value);
    }
}

static void append_word(struct blob *command, const char *word, size_t length)
{
    blob_append_format(command, "$%zu\r\n", length);
    blob_append(command, word, length);
    blob_append_text(command, "\r\n");
}

static void append_key(struct world *world, struct blob *command)
{
    const struct blob *key = &world->keys[random_below(&world->random, KEYS)];

    append_word(command, blob_text(key), key->length);
}

static void append_number(struct world *world, struct blob *command)
{
    char text[32];
    long long number = (long long)random_below(&world->random, 200) - 100;

    if (random_below(&world->random, 4) == 0)
        number *= 1000;
    if (random_below(&world->random, 20) == 0)
        snprintf(text, sizeof text, "%llx!", number);
    else
        snprintf(text, sizeof text, "%lld", number);
    append_word(command, text, strlen(text));
}

static void append_command(struct world *world, struct blob *command)
{
    static const char *const names[] = {"GET",      "get",    "Mget", "EXISTS",
                                        "getrange", "SUBSTR", "GET",  "strlen"};
    const size_t chosen = random_below(&world->random, sizeof names / sizeof *names);
    const bool has_many = chosen == 2 || chosen == 3, is_range = chosen == 4 || chosen == 5;
    size_t keys = has_many ? 1 + random_below(&world->random, 100) : 1;

    blob_append_format(command, "*%zu\r\n", 1 + keys + (is_range ? 2 : 0));
    append_word(command, names[chosen], strlen(names[chosen]));
    while (keys-- > 0)
        append_key(world, command);
    if (is_range) {
        append_number(world, command);
        append_number(world, command);
    }
}

/* Replies of the same commands, one by one, so that what differs first is what is shown. */
static void compare_replies(const struct pipeline *p, struct resp_client *redis,
                            struct resp_client *weir, const struct world *world, size_t round)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        struct blob wanted = {0}, got = {0};
        bool is_whole = resp_client_take(redis, &wanted) && resp_client_take(weir, &got);
        if (!is_whole || !blob_is(&got, wanted.data, wanted.length)) {
            struct blob readable = {0};
            blob_append_readable(&readable, wanted.data, wanted.length < 300 ? wanted.length : 300);
            blob_append_text(&readable, "\n  ");
            blob_append_readable(&readable, got.data, got.length < 300 ? got.length : 300);
            pipeline_fail(p, "RESP_SEED=%llu: command %zu of round %zu is answered\n  %s",
                          world->seed, i, round, blob_text(&readable));
        }
        blob_fini(&wanted);
        blob_fini(&got);
    }
}

/* `settings`: of a weir with a small cache, so that keys come and go. */
static void compare(struct pipeline *p, const struct weir_settings *settings)
{
    const char *seed = getenv("RESP_SEED");
    struct world world = {.seed =
                              seed ? strtoull(seed, NULL, 10) : (unsigned long long)deadline_now()};
    struct resp_client *redis, *weir;

    world.random.state = world.seed;
    store(&world, p->redis);
    pipeline_start(p, settings);
    redis = resp_client_open(redis_server_port(p->redis));
    weir = resp_client_open(weir_process_resp_port(p->weir));
    for (size_t round = 0; round < ROUNDS; round++) {
        struct blob commands = {0};
        for (size_t i = 0; i < COMMANDS; i++)
            append_command(&world, &commands);
        assert_true(resp_client_send(redis, commands.data, commands.length));
        assert_true(resp_client_send(weir, commands.data, commands.length));
        compare_replies(p, redis, weir, &world, round);
        blob_fini(&commands);
    }
    resp_client_close(&redis);
    resp_client_close(&weir);
    for (size_t i = 0; i < KEYS; i++)
        blob_fini(&world.keys[i]);
}

static void test_equal_bytes(void **state)
{
    compare(*state, SETTINGS(.resp = "", .cache = "capacity: 40"));
}

/* The keys of one command lie in several shards, which answer in any order. */
static void test_equal_bytes_from_shards(void **state)
{
    static const char *const flags[] = {"--resp", "127.0.0.1:0", "--capacity", "40", NULL};
    const char *directory = getenv("WEIR_TOPOLOGIES");
    char path[512];

    snprintf(path, sizeof path, "%s/sharded.yml", directory ? directory : "tests/topologies");
    compare(*state, SETTINGS(.topology = path, .has_resp = true, .flags = flags));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_equal_bytes),
        PIPELINE_TEST(test_equal_bytes_from_shards),
    };

    return PIPELINE_RUN("resp differential", tests);
}
