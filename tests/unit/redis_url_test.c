/* Redis URLs: what is read, what is refused, and that no password is ever shown. */
#include "common/redis_url.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

static void assert_text(const char *text, const char *expected)
{
    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
}

static void test_every_part_is_read(void **state)
{
    static const struct {
        const char *text;
        struct {
            const char *host, *port, *path, *user, *password, *database;
        } url;
    } cases[] = {
        {"redis://localhost", {.host = "localhost", .port = "6379", .database = "0"}},
        {"redis://127.0.0.1:6380", {.host = "127.0.0.1", .port = "6380", .database = "0"}},
        {"redis://a-b.c_d:1/", {.host = "a-b.c_d", .port = "1", .database = "0"}},
        {"redis://h/15", {.host = "h", .port = "6379", .database = "15"}},
        {"redis://h:65535/2147483647", {.host = "h", .port = "65535", .database = "2147483647"}},
        {"redis://[::1]", {.host = "::1", .port = "6379", .database = "0"}},
        {"redis://[fe80::1%eth0]:7/3", {.host = "fe80::1%eth0", .port = "7", .database = "3"}},
        {"redis://:secret@h", {.host = "h", .port = "6379", .password = "secret", .database = "0"}},
        {"redis://user:secret@h:1/2",
         {.host = "h", .port = "1", .user = "user", .password = "secret", .database = "2"}},
        {"redis://user@h", {.host = "h", .port = "6379", .user = "user", .database = "0"}},
        {"redis://user:@h",
         {.host = "h", .port = "6379", .user = "user", .password = "", .database = "0"}},
        {"redis://u%3A%40:a:b%2f%25%c3%BC@h",
         {.host = "h",
          .port = "6379",
          .user = "u:@",
          .password = "a:b/%\xc3\xbc",
          .database = "0"}},
        {"redis+unix:///run/redis.sock", {.path = "/run/redis.sock", .database = "0"}},
        {"redis+unix:///a%3fb@c:d?db=7", {.path = "/a?b@c:d", .database = "7"}},
        {"redis+unix://:secret@/s?db=1", {.path = "/s", .password = "secret", .database = "1"}},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_url url;
        struct error error;
        if (!redis_url_parse(&url, cases[i].text, &error))
            fail_msg("%s: %s", cases[i].text, error.text);
        assert_text(url.host, cases[i].url.host);
        assert_text(url.port, cases[i].url.port);
        assert_text(url.path, cases[i].url.path);
        assert_text(url.user, cases[i].url.user);
        assert_text(url.password, cases[i].url.password);
        assert_text(url.database, cases[i].url.database);
        redis_url_fini(&url);
    }
}

static void test_what_is_wrong_is_named(void **state)
{
    static const char *const cases[][2] = {
        {"", "must begin with redis://"},
        {"localhost:6379", "must begin with redis://"},
        {"rediss://h", "must begin with redis://"},
        {"REDIS://h", "must begin with redis://"},
        {"redis://", "no host"},
        {"redis://:1", "no host"},
        {"redis:///0", "no host"},
        {"redis://[]", "no host"},
        {"redis://[::1", "]"},
        {"redis://[::1]x", "behind the database"},
        {"redis://a b", "can be none"},
        {"redis://a%41", "can be none"},
        {"redis://h\xc3\xbc", "can be none"},
        {"redis://h:", "port"},
        {"redis://h:0", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:99999999999999999999", "port"},
        {"redis://h:+1", "port"},
        {"redis://h:06379", "port"},
        {"redis://h:1x", "port"},
        {"redis://h/-1", "database"},
        {"redis://h/01", "database"},
        {"redis://h/2147483648", "database"},
        {"redis://h/0/1", "database"},
        {"redis://h/0?x", "behind the database"},
        {"redis://h?db=1", "behind the database"},
        {"redis://h#", "behind the database"},
        {"redis://u:p@q@h", "%40"},
        {"redis://u:p%@h", "%25"},
        {"redis://u:p%4@h", "%25"},
        {"redis://u:%4g@h", "%25"},
        {"redis://u:p%00@h", "%00"},
        {"redis+unix://", "whole path"},
        {"redis+unix://s", "whole path"},
        {"redis+unix://host/s", "whole path"},
        {"redis+unix:///s?db=", "database"},
        {"redis+unix:///s?db=x", "database"},
        {"redis+unix:///s?db=1&x", "only ?db="},
        {"redis+unix:///s?x=1", "only ?db="},
        {"redis+unix:///s#", "only ?db="},
        {"redis+unix:///s%", "%25"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = {""};
        if (redis_url_check(cases[i][0], &error) || !strstr(error.text, cases[i][1]))
            fail_msg("%s: should name %s, says: %s", cases[i][0], cases[i][1], error.text);
    }
}

static void test_a_path_must_fit_a_socket(void **state)
{
    char text[256];
    struct error error;
    (void)state;

    snprintf(text, sizeof(text), "redis+unix:///%090d", 0);
    assert_true(redis_url_check(text, &error));
    snprintf(text, sizeof(text), "redis+unix:///%0200d", 0);
    assert_false(redis_url_check(text, &error));
    assert_non_null(strstr(error.text, "too long"));
}

static void test_an_error_never_repeats_the_password(void **state)
{
    static const char *const cases[] = {
        "redis://u:hunter2@h:0",
        "redis://u:hunter2@",
        "redis://u:hunter2/x@h",
        "redis://u:hunter2?x@h",
        "redis://u:hunter2%@h",
        "redis://u:hunter2@x@h",
        "redis://u:hunter2@h/x",
        "redis+unix://u:hunter2@s",
        "redis+unix://u:hunter2@/s?x",
        "rediss://u:hunter2@h",
        "u:hunter2@h",
        "redis://hunter2",
        "redis://[hunter2",
        "redis://hunter2:hunter2@[hunter2]x",
    };
    char shown[256];
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = {""};
        bool is_fine = redis_url_check(cases[i], &error);
        assert_null(strstr(error.text, "hunter2"));
        if (!is_fine)
            assert_string_equal(redis_url_conceal(cases[i], shown, sizeof(shown)),
                                "(not a Redis URL)");
    }
}

static void test_a_password_is_concealed(void **state)
{
    static const char *const cases[][2] = {
        {"redis://h:1/2", "redis://h:1/2"},
        {"redis://[::1]:1/2", "redis://[::1]:1/2"},
        {"redis://u@h", "redis://u@h"},
        {"redis://u:hunter2@h:1/2", "redis://u:***@h:1/2"},
        {"redis://:hunter2@[::1]:1/2", "redis://:***@[::1]:1/2"},
        {"redis://u:a:b@h", "redis://u:***@h"},
        {"redis+unix://u:hunter2@/a:b@c?db=2", "redis+unix://u:***@/a:b@c?db=2"},
        {"redis+unix:///a:b@c", "redis+unix:///a:b@c"},
    };
    char shown[256];
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(redis_url_conceal(cases[i][0], shown, sizeof(shown)), cases[i][1]);
    assert_string_equal(redis_url_conceal("redis://u:hunter2@h", shown, 14), "redis://u:***");
}

static void test_the_place_is_shown_without_user(void **state)
{
    static const char *const cases[][2] = {
        {"redis://u:p@h", "h:6379/0"},
        {"redis://u:p@[::1]:1/2", "[::1]:1/2"},
        {"redis+unix://u:p@/s?db=3", "/s?db=3"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redis_url url;
        struct error error;
        char shown[64];
        assert_true(redis_url_parse(&url, cases[i][0], &error));
        assert_string_equal(redis_url_format_place(&url, shown, sizeof(shown)), cases[i][1]);
        redis_url_fini(&url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_part_is_read),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_a_path_must_fit_a_socket),
        cmocka_unit_test(test_an_error_never_repeats_the_password),
        cmocka_unit_test(test_a_password_is_concealed),
        cmocka_unit_test(test_the_place_is_shown_without_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
