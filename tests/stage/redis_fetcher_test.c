/* The redis-fetcher stage and what Redis answers it, byte by byte. What happens when Redis does not
 * answer is in redis_fetcher_loss_test.c. */
#include "tests/support/redis_stage.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

#define PING "*1\r\n$4\r\nPING\r\n"

static void assert_value(const struct answer *answer, const char *text)
{
    struct bytes bytes = answer_bytes(answer);

    assert_int_equal(answer->status, STATUS_VALUE);
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.size);
    assert_int_equal(answer->life_ms, MESSAGE_LIFE_UNBOUNDED);
    assert_int_equal(answer->age_ms, 0);
}

static void test_each_reply_has_its_status(void **state)
{
    static const struct {
        const char *reply;
        enum status status;
    } cases[] = {
        {"$-1\r\n", STATUS_NONE},
        {"$0\r\n\r\n", STATUS_VALUE},
        {"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
         STATUS_WRONG_TYPE},
        {"-LOADING Redis is loading the dataset in memory\r\n", STATUS_AWAY},
        {"-MASTERDOWN Link with MASTER is down\r\n", STATUS_AWAY},
        {"-BUSY Redis is busy running a script\r\n", STATUS_AWAY},
        {"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", STATUS_AWAY},
        {"-CLUSTERDOWN The cluster is down\r\n", STATUS_AWAY},
        {"-NOAUTH Authentication required.\r\n", STATUS_AWAY},
        {"-NOPERM this user has no permissions\r\n", STATUS_ORIGIN_ERROR},
        {"-ERR something else\r\n", STATUS_ORIGIN_ERROR},
        {"-\r\n", STATUS_ORIGIN_ERROR},
    };
    struct redis_stage *stage = redis_stage_create(NULL, NULL, 1);
    int redis = redis_stage_greet(stage);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        redis_stage_ask(stage, i, "key");
        redis_stage_expect_get(stage, redis, "key");
        redis_stage_say(stage, redis, cases[i].reply);
        assert_int_equal(redis_stage_await_status(stage, i), cases[i].status);
    }
    assert_int_equal(redis_stage_metric(stage, "weir_redis_errors_total"), 10);
    assert_null(strstr(redis_stage_log(stage), "key"));
    redis_stage_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_reply_has_its_status),
    };
    (void)assert_value;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
