/* The header lines of freshness, as exact bytes. */
#include "stages/http_frontend/fresh_fields.h"

#include "tests/support/unit.h"

#include <stdio.h>

#define AGE(age, most) "Age: " #age "\r\nCache-Control: max-age=" #most "\r\n"
#define STATUS(text)   "Cache-Status: " text "\r\n"

/* `count` hops, that nearest the origin first, behind as many caches as are named. */
static void expect(const char *const *caches, size_t cache_count, struct answer answer,
                   const struct hop *hops, size_t count, const char *expected)
{
    struct fresh_fields chain;
    char trail[TRAIL_MOST * TRAIL_HOP], room[FRESH_FIELDS_ROOM];
    fresh_fields_init(&chain, caches, cache_count);
    for (size_t i = 0; i < count; i++)
        answer.trail = trail_add(trail, answer.trail, &hops[i]);
    struct bytes lines = fresh_fields_format(&chain, &answer, room);
    if (!bytes_are_equal(lines, bytes_of_text(expected)))
        fail_msg("not\n%sbut\n%.*s", expected, (int)lines.size, lines.data);
}

/* One cache, one hop. */
static void expect_one(struct answer answer, struct hop hop, const char *expected)
{
    static const char *const caches[] = {"cache"};
    expect(caches, 1, answer, &hop, 1, expected);
}

static const struct answer young = {.life_ms = 12000};
static const struct hop hit = {.outcome = HOP_HIT, .ttl_ms = 12000};

static void test_rfc9111_5_1_age_is_in_whole_seconds(void **state)
{
    (void)state;
    expect_one((struct answer){.age_ms = 999, .life_ms = 12000}, hit,
               AGE(0, 12) STATUS("weir.cache; hit; ttl=12"));
    expect_one((struct answer){.age_ms = 48000, .life_ms = 12000}, hit,
               AGE(48, 60) STATUS("weir.cache; hit; ttl=12"));
}

/* What is said to remain, max-age less Age, is never more than what does. */
static void test_rfc9111_5_2_2_1_max_age_is_age_and_what_remains(void **state)
{
    (void)state;
    expect_one((struct answer){.age_ms = 1500, .life_ms = 58500},
               (struct hop){.outcome = HOP_HIT, .ttl_ms = 58500},
               AGE(1, 59) STATUS("weir.cache; hit; ttl=58"));
    expect_one((struct answer){.age_ms = UINT32_MAX, .life_ms = UINT32_MAX - 1}, hit,
               AGE(4294967, 8589934) STATUS("weir.cache; hit; ttl=12"));
}

static void test_rfc9111_4_2_nothing_remains_where_nobody_says_how_much(void **state)
{
    const struct hop miss = {.outcome = HOP_MISS};
    (void)state;
    expect_one((struct answer){.age_ms = 2000, .life_ms = MESSAGE_LIFE_UNBOUNDED}, miss,
               AGE(2, 2) STATUS("weir.cache; fwd=miss"));
    expect_one((struct answer){.age_ms = 2000}, miss, AGE(2, 2) STATUS("weir.cache; fwd=miss"));
}

static void test_rfc9110_8_8_3_etag_is_strong_and_quoted(void **state)
{
    struct answer answer = young;
    (void)state;
    answer.tag = UINT64_C(0xabcdef);
    expect_one(answer, hit,
               AGE(0, 12) "ETag: \"0000000000abcdef\"\r\n" STATUS("weir.cache; hit; ttl=12"));
    expect(NULL, 0, answer, NULL, 0, "ETag: \"0000000000abcdef\"\r\n");
}

static void test_what_is_not_known_is_left_out(void **state)
{
    (void)state;
    expect(NULL, 0, young, NULL, 0, "");
}

static void test_rfc9211_2_2_forwarded_requests(void **state)
{
    (void)state;
    expect_one(young, (struct hop){.outcome = HOP_MISS}, AGE(0, 12) STATUS("weir.cache; fwd=miss"));
    expect_one(young, (struct hop){.outcome = HOP_MISS, .is_stored = true},
               AGE(0, 12) STATUS("weir.cache; fwd=miss; stored"));
    expect_one(young, (struct hop){.outcome = HOP_COLLAPSED},
               AGE(0, 12) STATUS("weir.cache; fwd=miss; collapsed"));
    expect_one(young, (struct hop){.outcome = HOP_COLLAPSED, .is_stored = true},
               AGE(0, 12) STATUS("weir.cache; fwd=miss; collapsed; stored"));
}

static void test_rfc9211_2_8_what_was_proven_is_a_detail(void **state)
{
    struct hop hop = hit;
    (void)state;
    hop.is_announced = true;
    hop.proof_ms = MESSAGE_NO_PROOF;
    expect_one(young, hop, AGE(0, 12) STATUS("weir.cache; hit; ttl=12; detail=unverified"));
    hop.proof_ms = 12345;
    expect_one(young, hop,
               AGE(0, 12) STATUS("weir.cache; hit; ttl=12; detail=unverified; weir-proof=12.345"));
    hop.is_verified = true;
    hop.proof_ms = 7;
    expect_one(young, hop,
               AGE(0, 12) STATUS("weir.cache; hit; ttl=12; detail=verified; weir-proof=0.007"));
    hop.outcome = HOP_MISS;
    hop.is_stored = true;
    expect_one(young, hop,
               AGE(0, 12)
                   STATUS("weir.cache; fwd=miss; stored; detail=verified; weir-proof=0.007"));
}

/* Nothing remains of it; whether it was proven once does not matter. */
static void test_rfc5861_3_a_stale_answer_is_marked(void **state)
{
    (void)state;
    expect_one((struct answer){.age_ms = 61500},
               (struct hop){.outcome = HOP_STALE, .is_announced = true, .is_verified = true},
               AGE(61, 61) STATUS("weir.cache; hit; detail=stale"));
}

static void test_rfc9211_2_members_begin_with_the_cache_nearest_the_origin(void **state)
{
    static const char *const caches[] = {"far", "near"};
    const struct hop hops[] = {{.outcome = HOP_HIT, .ttl_ms = 12000},
                               {.outcome = HOP_MISS, .is_stored = true}};
    (void)state;
    expect(caches, 2, young, hops, 2,
           AGE(0, 12) STATUS("weir.far; hit; ttl=12, weir.near; fwd=miss; stored"));
    /* The far one had no part in it. */
    expect(caches, 2, young, hops, 1, AGE(0, 12) STATUS("weir.near; hit; ttl=12"));
}

/* A file that has changed, and a process that has not been started anew yet. */
static void test_a_cache_that_is_not_in_the_file_has_a_member_as_well(void **state)
{
    static const char *const caches[] = {"near"};
    const struct hop hops[] = {hit, {.outcome = HOP_MISS}};
    (void)state;
    expect(caches, 1, young, hops, 2, AGE(0, 12) STATUS("weir; hit; ttl=12, weir.near; fwd=miss"));
}

/* Caches may keep a 404 (RFC 9110, 15.5.5), so one that was kept says for how long. */
static void test_rfc9110_15_5_5_an_absent_key_says_so_where_it_is_kept(void **state)
{
    struct answer none = {.status = STATUS_NONE, .life_ms = 1000, .tag = 1};
    (void)state;
    expect_one(none, (struct hop){.outcome = HOP_HIT, .ttl_ms = 1000},
               AGE(0, 1) STATUS("weir.cache; hit; ttl=1"));
    expect_one(none, (struct hop){.outcome = HOP_MISS, .is_stored = true},
               AGE(0, 1) STATUS("weir.cache; fwd=miss; stored"));
    expect_one(none, (struct hop){.outcome = HOP_STALE},
               AGE(0, 1) STATUS("weir.cache; hit; detail=stale"));
    expect_one(none, (struct hop){.outcome = HOP_MISS}, "");
    expect_one(none, (struct hop){.outcome = HOP_COLLAPSED}, "");
    expect(NULL, 0, none, NULL, 0, "");
}

static void test_the_longest_lines_have_room(void **state)
{
    char name[65], expected[FRESH_FIELDS_ROOM];
    const char *caches[TRAIL_MOST];
    struct hop hops[TRAIL_MOST];
    size_t size;
    (void)state;
    memset(name, 'n', 64);
    name[64] = '\0';
    size = (size_t)snprintf(expected, sizeof(expected),
                            AGE(4294967, 8589934) "ETag: \"ffffffffffffffff\"\r\nCache-Status: ");
    for (size_t i = 0; i < TRAIL_MOST; i++) {
        caches[i] = name;
        hops[i] = (struct hop){.outcome = HOP_COLLAPSED,
                               .is_stored = true,
                               .is_announced = true,
                               .proof_ms = MESSAGE_NO_PROOF - 1};
        size += (size_t)snprintf(expected + size, sizeof(expected) - size,
                                 "weir.%s; fwd=miss; collapsed; stored; detail=unverified; "
                                 "weir-proof=4294967.294%s",
                                 name, i + 1 < TRAIL_MOST ? ", " : "\r\n");
    }
    expect(caches, TRAIL_MOST,
           (struct answer){.age_ms = UINT32_MAX, .life_ms = UINT32_MAX - 1, .tag = UINT64_MAX},
           hops, TRAIL_MOST, expected);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc9111_5_1_age_is_in_whole_seconds),
        cmocka_unit_test(test_rfc9111_5_2_2_1_max_age_is_age_and_what_remains),
        cmocka_unit_test(test_rfc9111_4_2_nothing_remains_where_nobody_says_how_much),
        cmocka_unit_test(test_rfc9110_8_8_3_etag_is_strong_and_quoted),
        cmocka_unit_test(test_what_is_not_known_is_left_out),
        cmocka_unit_test(test_rfc9211_2_2_forwarded_requests),
        cmocka_unit_test(test_rfc9211_2_8_what_was_proven_is_a_detail),
        cmocka_unit_test(test_rfc5861_3_a_stale_answer_is_marked),
        cmocka_unit_test(test_rfc9211_2_members_begin_with_the_cache_nearest_the_origin),
        cmocka_unit_test(test_a_cache_that_is_not_in_the_file_has_a_member_as_well),
        cmocka_unit_test(test_rfc9110_15_5_5_an_absent_key_says_so_where_it_is_kept),
        cmocka_unit_test(test_the_longest_lines_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
