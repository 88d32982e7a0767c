/* If-None-Match, as whole heads: which tags are found in them, and what is ignored. */
#include "common/http_none_match.h"

#include "common/http_put.h"
#include "tests/support/unit.h"

#define ONE "\"0123456789abcdef\""
#define TWO "\"fedcba9876543210\""

static const uint64_t one = UINT64_C(0x0123456789abcdef), two = UINT64_C(0xfedcba9876543210);

/* Of a request that says `fields` beside others. */
static enum http_none_match parse(const char *fields, struct buffer *tags)
{
    struct buffer head = {0};
    tags->size = 0;
    buffer_format(&head, "GET /If-None-Match:*,%%22 HTTP/1.1\r\nHost: weir\r\n%s\r\n", fields);
    enum http_none_match match = http_none_match_parse(buffer_bytes(&head), tags);
    buffer_fini(&head);
    return match;
}

static void expect_tags(const char *fields, size_t count, const uint64_t *expected)
{
    struct buffer tags = {0};
    if (parse(fields, &tags) != HTTP_MATCH_TAGS)
        fail_msg("%s matches anything", fields);
    if (!bytes_are_equal(buffer_bytes(&tags),
                         (struct bytes){(const char *)expected, count * sizeof(*expected)}))
        fail_msg("%s has other tags, %zu of them", fields, tags.size / sizeof(*expected));
    buffer_fini(&tags);
}

static void test_rfc9110_13_1_2_lists(void **state)
{
    const uint64_t both[] = {one, two};
    (void)state;
    expect_tags("", 0, NULL);
    expect_tags("If-None-Match: " ONE "\r\n", 1, &one);
    expect_tags("if-none-match:" ONE "\r\n", 1, &one);
    expect_tags("If-None-Match: " ONE ", " TWO "\r\n", 2, both);
    expect_tags("If-None-Match: " ONE "," TWO "\t\r\n", 2, both);
    expect_tags("If-None-Matches: " ONE "\r\nX-If-None-Match: " ONE "\r\n", 0, NULL);
}

static void test_rfc9110_5_3_several_fields_are_one_list(void **state)
{
    const uint64_t both[] = {one, two};
    (void)state;
    expect_tags("If-None-Match: " ONE "\r\nAccept: */*\r\nIF-NONE-MATCH: " TWO "\r\n", 2, both);
    expect_tags("If-None-Match: " ONE "\r\nIf-None-Match: oops\r\n", 0, NULL);
}

static void test_rfc9110_5_6_1_empty_elements_count_for_nothing(void **state)
{
    (void)state;
    expect_tags("If-None-Match:\r\n", 0, NULL);
    expect_tags("If-None-Match: , ,\r\n", 0, NULL);
    expect_tags("If-None-Match: ,, " ONE ",\t,\r\n", 1, &one);
}

/* The comparison is the weak one. */
static void test_rfc9110_8_8_3_2_weak_tags_count_as_strong_ones(void **state)
{
    const uint64_t both[] = {one, two};
    (void)state;
    expect_tags("If-None-Match: W/" ONE ", " TWO "\r\n", 2, both);
    expect_tags("If-None-Match: w/" ONE "\r\n", 0, NULL); /* no such prefix */
    expect_tags("If-None-Match: W/ " ONE "\r\n", 0, NULL);
}

static void test_rfc9110_13_1_2_star(void **state)
{
    struct buffer tags = {0};
    (void)state;
    assert_int_equal(parse("If-None-Match: *\r\n", &tags), HTTP_MATCH_ANY);
    assert_int_equal(parse("If-None-Match:*\t \r\n", &tags), HTTP_MATCH_ANY);
    buffer_fini(&tags);
    expect_tags("If-None-Match: *, " ONE "\r\n", 0, NULL); /* no list can have it */
    expect_tags("If-None-Match: *, *\r\n", 0, NULL);
    expect_tags("If-None-Match: *\r\nIf-None-Match: " ONE "\r\n", 0, NULL);
    expect_tags("If-None-Match: \"*\"\r\n", 0, NULL);
}

/* Tags of somebody else's; what is in their quotes is opaque (RFC 9110, 8.8.3). */
static void test_tags_of_another_form_match_nothing(void **state)
{
    (void)state;
    expect_tags("If-None-Match: \"\", \"a,b\", \"W/\", \"*\", \"\\\", " ONE "\r\n", 1, &one);
    expect_tags("If-None-Match: \"0123456789ABCDEF\"\r\n", 0, NULL);
    expect_tags("If-None-Match: \"123456789abcdef\", \"00123456789abcdef\"\r\n", 0, NULL);
    expect_tags("If-None-Match: \"\xe9\", " ONE "\r\n", 1, &one);
}

static void test_what_is_malformed_is_ignored_as_a_whole(void **state)
{
    static const char *const values[] = {
        "0123456789abcdef",
        ONE TWO,
        ONE " " TWO,
        "\"0123456789abcdef",
        ONE ", \"",
        ONE ", W/",
        ONE ", W",
        ONE ";" TWO,
        ONE ", \"a b\"",
        ONE ", \"\t\"",
        ONE ", \"\x7f\"",
        ONE ", **",
        "'0123456789abcdef",
        ONE "*",
        "W/*",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        struct buffer fields = {0};
        buffer_format(&fields, "If-None-Match: %s\r\n", values[i]);
        buffer_append(&fields, "", 1);
        expect_tags(fields.data, 0, NULL);
        buffer_fini(&fields);
    }
}

static void test_thousands_of_tags(void **state)
{
    struct buffer fields = {0}, tags = {0};
    char tag[HTTP_TAG_SIZE];
    (void)state;
    buffer_append_text(&fields, "If-None-Match: ");
    for (uint64_t i = 0; i < 5000; i++) {
        http_put_tag(tag, i);
        buffer_append(&fields, tag, sizeof(tag));
        buffer_append_text(&fields, ",");
    }
    buffer_append(&fields, "\r\n", 3);
    assert_int_equal(parse(fields.data, &tags), HTTP_MATCH_TAGS);
    assert_int_equal(tags.size, 5000 * sizeof(uint64_t));
    assert_true(http_none_match_has(buffer_bytes(&tags), 0));
    assert_true(http_none_match_has(buffer_bytes(&tags), 4999));
    assert_false(http_none_match_has(buffer_bytes(&tags), 5000));
    buffer_fini(&fields);
    buffer_fini(&tags);
}

static void test_what_is_there_before_stays(void **state)
{
    struct buffer tags = {0};
    const char *head = "If-None-Match: " ONE ", oops\r\n\r\n";
    (void)state;
    buffer_append(&tags, &two, sizeof(two));
    http_none_match_parse(bytes_of_text(head), &tags);
    assert_int_equal(tags.size, sizeof(two));
    assert_true(http_none_match_has(buffer_bytes(&tags), two));
    buffer_fini(&tags);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc9110_13_1_2_lists),
        cmocka_unit_test(test_rfc9110_5_3_several_fields_are_one_list),
        cmocka_unit_test(test_rfc9110_5_6_1_empty_elements_count_for_nothing),
        cmocka_unit_test(test_rfc9110_8_8_3_2_weak_tags_count_as_strong_ones),
        cmocka_unit_test(test_rfc9110_13_1_2_star),
        cmocka_unit_test(test_tags_of_another_form_match_nothing),
        cmocka_unit_test(test_what_is_malformed_is_ignored_as_a_whole),
        cmocka_unit_test(test_thousands_of_tags),
        cmocka_unit_test(test_what_is_there_before_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
