/* Other settings while a stage runs: what is in force from then on, and what stays as it was. */
#include "common/server.h"
#include "tests/support/cache_stage.h"
#include "tests/support/http_stage.h"
#include "tests/support/redis_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ONE  "0123456789abcdef0123456789abcdef01234567"
#define HOUR (3600 * SECOND)

#define OPTIONS(...) (&(const struct cache_stage_options){__VA_ARGS__})

/* ---- cache ---- */

static void fill_many(struct cache_stage *stage, int first, int count)
{
    char key[16];

    for (int i = first; i < first + count; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cache_stage_fill(stage, key, "value");
    }
}

static int count_hits(struct cache_stage *stage, int first, int count)
{
    char key[16];
    int hits = 0;

    for (int i = first; i < first + count; i++) {
        snprintf(key, sizeof key, "k%d", i);
        hits += cache_stage_is_hit(stage, key);
    }
    return hits;
}

/* Turns until the stage has nothing left to do at once. */
static int settle(struct cache_stage *stage)
{
    int turns = 1;

    while (cache_stage_pass(stage, 0) == cache_stage_now(stage).mono)
        turns++;
    return turns;
}

/* R4: each entry lives for the time that was configured when it entered. */
static void test_expiry_counts_for_what_enters(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(OPTIONS(.expiry = 10 * SECOND));
    cache_stage_fill(stage, "before", "value");
    cache_stage_configure(stage, OPTIONS(.expiry = 2 * SECOND));
    cache_stage_fill(stage, "after", "value");
    cache_stage_pass(stage, 2 * SECOND);
    assert_false(cache_stage_is_hit(stage, "after"));
    assert_true(cache_stage_is_hit(stage, "before"));
    cache_stage_pass(stage, 8 * SECOND);
    assert_false(cache_stage_is_hit(stage, "before"));

    cache_stage_configure(stage, OPTIONS(.expiry = 1000 * HOUR)); /* beyond any life before */
    cache_stage_fill(stage, "long", "value");
    cache_stage_pass(stage, 999 * HOUR);
    assert_true(cache_stage_is_hit(stage, "long"));
    cache_stage_pass(stage, HOUR);
    assert_false(cache_stage_is_hit(stage, "long"));
    cache_stage_destroy(&stage);
}

static void test_capacity_lowered_is_kept_and_the_least_recently_read_go(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(OPTIONS(.capacity = 1000));
    fill_many(stage, 0, 1000);
    assert_true(cache_stage_is_hit(stage, "k0")); /* read last */
    cache_stage_configure(stage, OPTIONS(.capacity = 10));
    assert_true(settle(stage) > 1); /* a piece in each turn */
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 10);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_capacity_entries"), 10);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_evictions_total"), 990);
    assert_true(cache_stage_is_hit(stage, "k0"));
    assert_int_equal(count_hits(stage, 991, 9), 9);
    fill_many(stage, 2000, 20);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 10);
    cache_stage_configure(stage, OPTIONS(.capacity = 200000));
    fill_many(stage, 3000, 3000);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 3010);
    cache_stage_destroy(&stage);
}

static void test_max_bytes_lowered_is_kept(void **state)
{
    static const int64_t some[] = {16 << 20, 4 << 20, 256 << 10, 80 << 10};
    (void)state;
    struct cache_stage *stage = cache_stage_create(OPTIONS(.max_bytes = 1 << 30));
    fill_many(stage, 0, 20000);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        cache_stage_configure(stage, OPTIONS(.max_bytes = some[i]));
        settle(stage);
        assert_true(cache_stage_metric(stage, "weir_cache_bytes") <= some[i]);
        cache_stage_fill(stage, "key", "value"); /* there is room for something */
        assert_true(cache_stage_is_hit(stage, "key"));
        cache_stage_configure(stage, OPTIONS(.max_bytes = some[i])); /* the same again */
        assert_true(cache_stage_is_hit(stage, "key"));
        cache_stage_tell_key(stage, "key");
    }
    assert_int_equal(cache_stage_metric(stage, "weir_cache_evictions_total") +
                         cache_stage_metric(stage, "weir_cache_entries"),
                     20000);
    cache_stage_configure(stage, OPTIONS(.max_bytes = 64 << 20));
    fill_many(stage, 0, 20000);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 20000);
    cache_stage_destroy(&stage);
}

static void test_more_fetches_depart_when_they_may(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(OPTIONS(.max_fetches = 1, .max_waiting = 2));
    cache_stage_ask(stage, 0, "a");
    cache_stage_ask(stage, 1, "b");
    cache_stage_ask(stage, 2, "c");
    assert_int_equal(cache_stage_fetches(stage), 1);
    cache_stage_configure(stage, OPTIONS(.max_fetches = 2, .max_waiting = 1));
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_ask(stage, 3, "d"); /* one waits already */
    assert_true(cache_stage_got_status(stage, 3, STATUS_BUSY));
    cache_stage_configure(stage, OPTIONS(.max_fetches = 1, .max_waiting = 2));
    cache_stage_reply_text(stage, 0, "v");
    assert_int_equal(cache_stage_fetches(stage), 2);
    cache_stage_reply_text(stage, 1, "v");
    assert_int_equal(cache_stage_fetches(stage), 3);
    cache_stage_reply_text(stage, 2, "v");
    assert_true(cache_stage_got(stage, 2, "v"));
    cache_stage_destroy(&stage);
}

static bool is_absent(struct cache_stage *stage, const char *key)
{
    return cache_stage_is_hit(stage, key) && cache_stage_got_status(stage, 1, STATUS_NONE);
}

static void fill_absent(struct cache_stage *stage, const char *key)
{
    size_t fetch = cache_stage_fetches(stage);

    cache_stage_ask(stage, 0, key);
    cache_stage_reply(stage, fetch,
                      &(struct answer){.status = STATUS_NONE, .life_ms = MESSAGE_LIFE_UNBOUNDED});
}

static void test_absent_keys_come_to_be_remembered_and_forgotten(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(OPTIONS(0));
    fill_absent(stage, "a");
    assert_false(is_absent(stage, "a"));
    for (int i = 0; i < 2; i++) {
        cache_stage_configure(stage, OPTIONS(.negative_expiry = SECOND));
        fill_absent(stage, "a");
        assert_true(is_absent(stage, "a"));
        cache_stage_configure(stage, OPTIONS(0));
        assert_false(is_absent(stage, "a"));
        if (i == 0) /* back on before it was swept up, and behind that */
            settle(stage);
    }
    cache_stage_fill(stage, "a", "value");
    assert_true(cache_stage_is_hit(stage, "a"));
    cache_stage_destroy(&stage);
}

static void test_stale_windows_count_at_once(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(OPTIONS(.expiry = SECOND));
    cache_stage_fill(stage, "a", "value");
    cache_stage_configure(stage, OPTIONS(.expiry = SECOND, .stale_while_revalidate = SECOND));
    cache_stage_pass(stage, 1500 * MILLISECOND);
    cache_stage_ask(stage, 2, "a");
    assert_true(cache_stage_got(stage, 2, "value"));
    assert_int_equal(cache_stage_hop(stage, 2).outcome, HOP_STALE);
    cache_stage_reply_status(stage, 1, STATUS_AWAY); /* the renewal */
    cache_stage_configure(stage, OPTIONS(.expiry = SECOND));
    assert_false(cache_stage_is_hit(stage, "a"));
    cache_stage_destroy(&stage);
}

static bool is_verified_hit(struct cache_stage *stage, const char *key)
{
    return cache_stage_is_hit(stage, key) && cache_stage_hop(stage, 1).is_verified;
}

/* What was proven so far is about other keys: neither what is held nor an older proof that comes
 * late makes anything verified. */
static void test_other_prefixes_need_other_proofs(void **state)
{
    (void)state;
    struct cache_stage *stage =
        cache_stage_create(OPTIONS(.max_staleness = SECOND, .prefixes = "a\0b\0"));
    cache_stage_prove(stage, 500 * MILLISECOND);
    cache_stage_fill(stage, "a1", "value");
    cache_stage_fill(stage, "c1", "value");
    assert_true(is_verified_hit(stage, "a1"));
    const size_t announced = cache_stage_announced(stage);
    cache_stage_configure(stage, OPTIONS(.max_staleness = SECOND, .prefixes = "a\0b\0"));
    assert_true(is_verified_hit(stage, "a1"));
    assert_int_equal(cache_stage_announced(stage), announced);

    cache_stage_configure(stage, OPTIONS(.max_staleness = SECOND, .prefixes = "c\0"));
    assert_int_equal(cache_stage_announced(stage), announced + 1);
    assert_int_equal(cache_stage_announcement(stage, announced)->kind, NOTICE_LOST);
    assert_true(cache_stage_is_hit(stage, "a1"));
    assert_false(cache_stage_hop(stage, 1).is_announced);
    cache_stage_prove(stage, 1); /* as of before */
    assert_int_equal(cache_stage_announced(stage), announced + 1);
    cache_stage_fill(stage, "c2", "value");
    assert_false(is_verified_hit(stage, "c2"));
    cache_stage_pass(stage, MILLISECOND);
    cache_stage_prove(stage, 0);
    assert_true(is_verified_hit(stage, "c2"));
    assert_false(is_verified_hit(stage, "c1")); /* it is suspect, and so fetched anew */
    cache_stage_destroy(&stage);
}

static void test_proofs_are_asked_for_as_often_as_is_promised_now(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(OPTIONS(.max_staleness = SECOND));
    cache_stage_configure(stage, OPTIONS(.max_staleness = 80 * MILLISECOND));
    assert_int_equal(cache_stage_watched(stage), 10 * MILLISECOND);
    cache_stage_prove(stage, 100 * MILLISECOND);
    cache_stage_fill(stage, "a", "value");
    assert_false(is_verified_hit(stage, "a"));
    cache_stage_destroy(&stage);
}

/* ---- front ends ---- */

static void expect_served(struct http_stage *stage, int client)
{
    const size_t asks = http_stage_asks(stage);

    http_stage_get(stage, client, "key");
    http_stage_expect_asks(stage, asks + 1);
    http_stage_answer_text(stage, asks, "v");
    http_stage_expect(stage, client, 200, "v");
}

static void test_max_clients_lowered_keeps_the_connected(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){.max_clients = 3});
    int clients[3];
    for (int i = 0; i < 3; i++)
        expect_served(stage, clients[i] = http_stage_connect(stage));
    http_stage_configure(stage, (struct server_limits){.max_clients = 1});
    for (int i = 0; i < 3; i++)
        expect_served(stage, clients[i]);
    int refused = http_stage_connect(stage);
    http_stage_expect(stage, refused, 503, NULL);
    close(refused);
    http_stage_configure(stage, (struct server_limits){.max_clients = 4});
    int late = http_stage_connect(stage);
    expect_served(stage, late);
    close(late);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    http_stage_destroy(&stage);
}

static void test_max_parallel_counts_for_those_who_wait(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){.max_parallel = 2});
    int clients[4];
    for (int i = 0; i < 4; i++)
        http_stage_get(stage, clients[i] = http_stage_connect(stage), "key");
    http_stage_expect_asks(stage, 2);
    http_stage_configure(stage, (struct server_limits){.max_parallel = 1});
    http_stage_answer_text(stage, 0, "v");
    http_stage_expect_asks(stage, 2); /* one is in progress still */
    http_stage_configure(stage, (struct server_limits){.max_parallel = 3});
    http_stage_expect_asks(stage, 4);
    for (size_t i = 1; i < 4; i++)
        http_stage_answer_text(stage, i, "v");
    for (int i = 0; i < 4; i++) {
        http_stage_expect(stage, clients[i], 200, "v");
        close(clients[i]);
    }
    http_stage_destroy(&stage);
}

static void test_a_timeout_counts_for_the_next_request(void **state)
{
    (void)state;
    struct http_stage *stage = http_stage_create((struct server_limits){.timeout = HOUR});
    int before = http_stage_connect(stage), after = http_stage_connect(stage);
    http_stage_get(stage, before, "a");
    http_stage_expect_asks(stage, 1);
    http_stage_configure(stage, (struct server_limits){.timeout = SECOND, .idle_timeout = HOUR});
    http_stage_get(stage, after, "b");
    http_stage_expect_asks(stage, 2);
    http_stage_pass(stage, SECOND + SERVER_GRACE + MILLISECOND);
    http_stage_expect(stage, after, 504, NULL);
    http_stage_answer_text(stage, 0, "v");
    http_stage_expect(stage, before, 200, "v");
    close(before);
    close(after);
    http_stage_destroy(&stage);
}

/* ---- redis-fetcher ---- */

#define TRACKING_BEGIN                                                                             \
    "$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n$8\r\nREDIRECT\r\n$1\r\n7\r\n$5\r\nBCAST\r\n"

static void test_redis_is_told_of_other_prefixes(void **state)
{
    struct redis_stage_options options = {.is_invalidated = true, .prefixes = "a:\0"};
    (void)state;
    struct redis_stage *stage = redis_stage_create(&options);
    int data = redis_stage_greet_data(stage, ONE);
    int control = redis_stage_greet_control(stage, ONE,
                                            "*8\r\n" TRACKING_BEGIN "$6\r\nPREFIX\r\n$2\r\na:\r\n");
    redis_stage_expect_events(stage, "lost\nproven 0\n");
    redis_stage_configure(stage, &options);
    redis_stage_turn(stage);
    redis_stage_expect_events(stage, "");

    char others[] = "b:\0c:\0"; /* the texts of before may be gone */
    options.prefixes = others;
    redis_stage_configure(stage, &options);
    redis_stage_expect_events(stage, "lost\n"); /* at once */
    redis_stage_expect_end(stage, control);
    redis_stage_greet_control(stage, ONE,
                              "*10\r\n" TRACKING_BEGIN
                              "$6\r\nPREFIX\r\n$2\r\nb:\r\n$6\r\nPREFIX\r\n$2\r\nc:\r\n");
    redis_stage_expect_events(stage, "lost\nproven 0\n");
    redis_stage_ask(stage, 0, "key"); /* all the while the others go on */
    redis_stage_expect_next(stage, data, "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
    redis_stage_destroy(&stage);
}

static void test_respect_ttl_and_timeout_count_for_the_next_get(void **state)
{
    struct redis_stage_options options = {0};
    (void)state;
    struct redis_stage *stage = redis_stage_create(&options);
    int redis = redis_stage_greet(stage);
    redis_stage_ask(stage, 0, "a");
    redis_stage_turn(stage);
    options.respect_ttl = true;
    options.timeout = REDIS_STAGE_DEADLINE;
    redis_stage_configure(stage, &options);
    redis_stage_ask(stage, 1, "b");
    redis_stage_expect(stage, redis,
                       "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n"
                       "*2\r\n$4\r\nPTTL\r\n$1\r\nb\r\n");
    redis_stage_pass(stage, 2 * REDIS_STAGE_TIMEOUT);
    redis_stage_say(stage, redis, "$1\r\nv\r\n$1\r\nw\r\n:5000\r\n");
    assert_int_equal(redis_stage_await(stage, 0)->life_ms, MESSAGE_LIFE_UNBOUNDED);
    assert_int_equal(redis_stage_await(stage, 1)->life_ms, 5000);
    redis_stage_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expiry_counts_for_what_enters),
        cmocka_unit_test(test_capacity_lowered_is_kept_and_the_least_recently_read_go),
        cmocka_unit_test(test_max_bytes_lowered_is_kept),
        cmocka_unit_test(test_more_fetches_depart_when_they_may),
        cmocka_unit_test(test_absent_keys_come_to_be_remembered_and_forgotten),
        cmocka_unit_test(test_stale_windows_count_at_once),
        cmocka_unit_test(test_other_prefixes_need_other_proofs),
        cmocka_unit_test(test_proofs_are_asked_for_as_often_as_is_promised_now),
        cmocka_unit_test(test_max_clients_lowered_keeps_the_connected),
        cmocka_unit_test(test_max_parallel_counts_for_those_who_wait),
        cmocka_unit_test(test_a_timeout_counts_for_the_next_request),
        cmocka_unit_test(test_redis_is_told_of_other_prefixes),
        cmocka_unit_test(test_respect_ttl_and_timeout_count_for_the_next_get),
    };

    return cmocka_run_group_tests_name("configure", tests, NULL, NULL);
}
