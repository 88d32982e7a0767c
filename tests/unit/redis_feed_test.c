/* What the feed makes of a key that could not be received. What comes byte by byte:
 * tests/stage/redis_feed_test.c. */
#include "stages/redis_fetcher/redis_feed.h"

#include "stages/redis_fetcher/redis_connection_inner.h"
#include "tests/support/unit.h"

struct fixture {
    struct serve_port serves; /* first */
    unsigned keys, losses;
    struct redis_feed feed;
    struct redis_url url;
    struct clock clock;
    struct log log;
    struct redis_counters counters;
    struct redis_connection_setup setup;
    struct redis_connection connection; /* without a socket */
};

static void notify(struct serve_port *port, const struct notice *notice)
{
    struct fixture *fixture = (struct fixture *)port;

    fixture->keys += notice->kind == NOTICE_KEY;
    fixture->losses += notice->kind == NOTICE_LOST;
}

/* In the middle of an announcement of two keys. */
static void begin(struct fixture *fixture)
{
    struct error error;

    *fixture = (struct fixture){.serves.notify = notify, .clock.state = CLOCK_HELD};
    assert_true(redis_url_parse(&fixture->url, "redis://127.0.0.1", &error));
    log_init(&fixture->log, -1, LOG_ERROR, false);
    redis_feed_init(&fixture->feed, &fixture->serves, "");
    fixture->feed.is_subscribed = true;
    fixture->feed.part = FEED_KEY;
    fixture->feed.keys = 2;
    fixture->setup = (struct redis_connection_setup){.url = &fixture->url,
                                                     .feed = &fixture->feed,
                                                     .clock = &fixture->clock,
                                                     .log = &fixture->log,
                                                     .name = "redis",
                                                     .counters = &fixture->counters};
    fixture->connection.setup = &fixture->setup;
}

static void take(struct fixture *fixture, enum redis_reply_kind kind, int64_t size)
{
    const struct redis_reply key = {.kind = kind, .number = size};

    redis_feed_take(&fixture->connection, &key);
}

static void test_a_key_without_memory_is_a_loss(void **state)
{
    static const int64_t sizes[] = {VALUE_BY_REFERENCE, MESSAGE_MAX_KEY};
    struct fixture fixture;
    (void)state;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        begin(&fixture);
        take(&fixture, REPLY_SKIPPED, sizes[i]);
        assert_int_equal(fixture.losses, 1);
        assert_int_equal(fixture.keys, 0);
        assert_int_equal(fixture.counters.reconnects, 1);
        redis_url_fini(&fixture.url);
    }
}

static void test_a_key_that_nobody_can_have_asked_for_is_none(void **state)
{
    struct fixture fixture;
    (void)state;

    begin(&fixture);
    take(&fixture, REPLY_SKIPPED, MESSAGE_MAX_KEY + 1);
    take(&fixture, REPLY_HUGE, MESSAGE_MAX_VALUE + INT64_C(1));
    assert_int_equal(fixture.losses + fixture.keys, 0);
    assert_int_equal(fixture.counters.reconnects, 0);
    assert_int_equal(fixture.feed.part, FEED_BETWEEN);
    redis_url_fini(&fixture.url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_without_memory_is_a_loss),
        cmocka_unit_test(test_a_key_that_nobody_can_have_asked_for_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
