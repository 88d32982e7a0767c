/* What clients of the HTTP front end see of freshness, and what they may ask for: answers of the
 * stage behind it carry tag, trail, life and age. How the lines look is in freshness_test.c, which
 * lists of tags there are in http_none_match_test.c. */
#include "common/trail.h"
#include "tests/support/http_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOST   "Host: weir\r\n"
#define TAG    UINT64_C(0x0123456789abcdef)
#define QUOTED "\"0123456789abcdef\""

static const char *const caches[] = {"far", "near"};

static struct http_stage *create(bool allows_refresh)
{
    return http_stage_create_behind(caches, 2, allows_refresh);
}

static void say(struct http_stage *stage, int client, const char *method, const char *fields)
{
    char text[1024];
    snprintf(text, sizeof(text), "%s /key HTTP/1.1\r\n" HOST "%s\r\n", method, fields);
    http_stage_say(stage, client, text);
}

/* An answer that the far cache gave from its store, and the near one has kept. */
static struct answer known(char room[TRAIL_MOST * TRAIL_HOP])
{
    struct bytes trail = {0};
    trail = trail_add(room, trail, &(struct hop){.outcome = HOP_HIT, .ttl_ms = 12000});
    trail = trail_add(room, trail, &(struct hop){.outcome = HOP_MISS, .is_stored = true});
    return (struct answer){.life_ms = 12000,
                           .age_ms = 3000,
                           .tag = TAG,
                           .trail = trail,
                           .bytes = bytes_of_text("value")};
}

static void expect_freshness(const char *head)
{
    assert_non_null(strstr(head, "\r\nAge: 3\r\n"));
    assert_non_null(strstr(head, "\r\nCache-Control: max-age=15\r\n"));
    assert_non_null(strstr(head, "\r\nETag: " QUOTED "\r\n"));
    assert_non_null(
        strstr(head, "\r\nCache-Status: weir.far; hit; ttl=12, weir.near; fwd=miss; stored\r\n"));
}

static void expect_none_of_it(const char *head)
{
    assert_null(strstr(head, "\r\nAge:"));
    assert_null(strstr(head, "\r\nCache-Control:"));
    assert_null(strstr(head, "\r\nETag:"));
    assert_null(strstr(head, "\r\nCache-Status:"));
}

static void test_get_and_head_say_how_fresh_it_is(void **state)
{
    char room[TRAIL_MOST * TRAIL_HOP];
    struct answer answer = known(room);
    struct http_stage *stage = create(false);
    int client = http_stage_connect(stage);
    (void)state;
    say(stage, client, "GET", "");
    http_stage_expect_asks(stage, 1);
    http_stage_answer(stage, 0, &answer);
    expect_freshness(http_stage_expect(stage, client, 200, "value"));
    say(stage, client, "HEAD", "");
    http_stage_expect_asks(stage, 2);
    http_stage_answer(stage, 1, &answer);
    expect_freshness(http_stage_expect_head(stage, client, 200));
    close(client);
    http_stage_destroy(&stage);
}

/* RFC 9110, 15.4.5: what the 200 would have said, and nothing of a body. */
static void expect_not_modified(const char *fields)
{
    char room[TRAIL_MOST * TRAIL_HOP];
    struct answer answer = known(room);
    struct http_stage *stage = create(false);
    int client = http_stage_connect(stage);
    static const char *const methods[] = {"GET", "HEAD"};
    for (size_t i = 0; i < 2; i++) {
        say(stage, client, methods[i], fields);
        http_stage_expect_asks(stage, i + 1);
        http_stage_answer(stage, i, &answer);
        const char *head = http_stage_expect_head(stage, client, 304);
        expect_freshness(head);
        assert_null(strstr(head, "\r\nContent-"));
        assert_null(strstr(head, "\r\nTransfer-Encoding:"));
    }
    assert_int_equal(http_stage_metric(stage, "weir_http_requests_total", "status=\"304\""), 2);
    http_stage_get(stage, client, "other"); /* the connection is still in step */
    http_stage_expect_asks(stage, 3);
    http_stage_answer(stage, 2, &answer);
    http_stage_expect(stage, client, 200, "value");
    close(client);
    http_stage_destroy(&stage);
}

static void expect_modified(const char *fields)
{
    char room[TRAIL_MOST * TRAIL_HOP];
    struct answer answer = known(room);
    struct http_stage *stage = create(false);
    int client = http_stage_connect(stage);
    say(stage, client, "GET", fields);
    http_stage_expect_asks(stage, 1);
    http_stage_answer(stage, 0, &answer);
    expect_freshness(http_stage_expect(stage, client, 200, "value"));
    close(client);
    http_stage_destroy(&stage);
}

static void test_rfc9110_13_1_2_if_none_match(void **state)
{
    (void)state;
    expect_not_modified("If-None-Match: " QUOTED "\r\n");
    expect_not_modified("If-None-Match: W/" QUOTED "\r\n");
    expect_not_modified("If-None-Match: \"x\", W/\"y\", " QUOTED "\r\n");
    expect_not_modified("If-None-Match: \"x\"\r\nIf-None-Match: " QUOTED "\r\n");
    expect_not_modified("If-None-Match: *\r\n");
    expect_modified("If-None-Match: \"0123456789abcdee\"\r\n");
    expect_modified("If-None-Match: 0123456789abcdef\r\n");
    expect_modified("If-None-Match: " QUOTED ", oops\r\n");
    expect_modified("If-None-Match: *, " QUOTED "\r\n");
    expect_modified("If-Match: " QUOTED "\r\n");
}

/* RFC 9110, 13.2.1: a precondition is for what would be a success. */
static void test_rfc9110_13_2_1_failures_are_no_304(void **state)
{
    static const enum status statuses[] = {STATUS_NONE, STATUS_WRONG_TYPE, STATUS_AWAY,
                                           STATUS_TIMEOUT};
    static const int expected[] = {404, 409, 503, 504};
    struct http_stage *stage = create(false);
    int client = http_stage_connect(stage);
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        say(stage, client, "GET", "If-None-Match: *\r\n");
        http_stage_expect_asks(stage, i + 1);
        http_stage_answer(stage, i, &(struct answer){.status = statuses[i], .tag = TAG});
        expect_none_of_it(http_stage_expect(stage, client, expected[i], NULL));
    }
    close(client);
    http_stage_destroy(&stage);
}

/* `"0000000000000000"` is no tag, but what an answer without one has. */
static void test_without_a_tag_only_a_star_matches(void **state)
{
    struct http_stage *stage = create(false);
    int client = http_stage_connect(stage);
    (void)state;
    say(stage, client, "GET", "If-None-Match: \"0000000000000000\"\r\n");
    say(stage, client, "GET", "If-None-Match: *\r\n");
    http_stage_expect_asks(stage, 2);
    http_stage_answer_text(stage, 0, "value");
    http_stage_answer_text(stage, 1, "value");
    expect_none_of_it(http_stage_expect(stage, client, 200, "value"));
    expect_none_of_it(http_stage_expect_head(stage, client, 304));
    close(client);
    http_stage_destroy(&stage);
}

/* The usage page is nothing that Redis holds. */
static void test_the_usage_page_has_no_tag(void **state)
{
    struct http_stage *stage = create(false);
    int client = http_stage_connect(stage);
    (void)state;
    http_stage_say(stage, client, "GET / HTTP/1.1\r\n" HOST "If-None-Match: *\r\n\r\n");
    expect_none_of_it(http_stage_expect(stage, client, 200, NULL));
    close(client);
    http_stage_destroy(&stage);
}

static void test_rfc9110_15_5_5_an_absent_key_that_is_kept_says_for_how_long(void **state)
{
    char room[TRAIL_MOST * TRAIL_HOP];
    struct answer none = known(room);
    struct http_stage *stage = create(false);
    int client = http_stage_connect(stage);
    (void)state;
    none.status = STATUS_NONE;
    none.bytes = (struct bytes){0};
    say(stage, client, "GET", "");
    http_stage_expect_asks(stage, 1);
    http_stage_answer(stage, 0, &none);
    const char *head = http_stage_expect(stage, client, 404, "there is no such key\n");
    assert_non_null(strstr(head, "\r\nAge: 3\r\nCache-Control: max-age=15\r\nCache-Status: "));
    assert_null(strstr(head, "\r\nETag:"));
    close(client);
    http_stage_destroy(&stage);
}

/* Tags are remembered with each request: while it waits for its turn, and whatever is asked for
 * behind it, in whatever order the answers come. */
static void test_tags_belong_to_their_request(void **state)
{
    char room[TRAIL_MOST * TRAIL_HOP];
    struct answer answer = known(room);
    struct http_stage *stage = http_stage_create((struct server_limits){.max_parallel = 2});
    int client = http_stage_connect(stage);
    (void)state;
    say(stage, client, "GET", "If-None-Match: " QUOTED "\r\n");
    say(stage, client, "GET", "");
    say(stage, client, "GET", "If-None-Match: \"x\", " QUOTED "\r\n");
    say(stage, client, "GET", "If-None-Match: \"x\"\r\n");
    http_stage_expect_asks(stage, 2);
    http_stage_answer(stage, 1, &answer);
    http_stage_answer(stage, 0, &answer);
    http_stage_expect_asks(stage, 4);
    http_stage_answer(stage, 3, &answer);
    http_stage_answer(stage, 2, &answer);
    http_stage_expect_head(stage, client, 304);
    http_stage_expect(stage, client, 200, "value");
    http_stage_expect_head(stage, client, 304);
    http_stage_expect(stage, client, 200, "value");
    close(client);
    http_stage_destroy(&stage);
}

/* RFC 9111, 5.2.1.4, where it is allowed: otherwise clients could stampede Redis. */
static void test_rfc9111_5_2_1_4_no_cache(void **state)
{
    static const struct {
        const char *fields;
        unsigned flags;
    } cases[] = {
        {"", 0},
        {"Cache-Control: max-age=0\r\n", 0},
        {"Pragma: no-cache\r\n", 0},
        {"Cache-Control: no-cache\r\n", ASK_REFRESH},
        {"cache-control: max-age=0,No-Cache\r\n", ASK_REFRESH},
        {"Cache-Control: no-cache\r\nCache-Control: no-transform\r\n", ASK_REFRESH},
    };
    (void)state;
    for (int allows = 0; allows < 2; allows++) {
        struct http_stage *stage = create(allows);
        int client = http_stage_connect(stage);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
            say(stage, client, "GET", cases[i].fields);
            http_stage_expect_asks(stage, i + 1);
            assert_int_equal(http_stage_flags(stage, i), allows ? cases[i].flags : 0);
            http_stage_answer_text(stage, i, "value");
            http_stage_expect(stage, client, 200, "value");
        }
        close(client);
        http_stage_destroy(&stage);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_and_head_say_how_fresh_it_is),
        cmocka_unit_test(test_rfc9110_13_1_2_if_none_match),
        cmocka_unit_test(test_rfc9110_13_2_1_failures_are_no_304),
        cmocka_unit_test(test_without_a_tag_only_a_star_matches),
        cmocka_unit_test(test_the_usage_page_has_no_tag),
        cmocka_unit_test(test_rfc9110_15_5_5_an_absent_key_that_is_kept_says_for_how_long),
        cmocka_unit_test(test_tags_belong_to_their_request),
        cmocka_unit_test(test_rfc9111_5_2_1_4_no_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
