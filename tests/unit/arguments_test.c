#include "stages/arguments.h"

#include "tests/support/unit.h"

#include <string.h>

/* A command line and an environment, as main gets them. */
#define FLAGS(...)     ((const char *[]){"weir", __VA_ARGS__, NULL})
#define VARIABLES(...) ((const char *[]){__VA_ARGS__, NULL})
#define NONE           ((const char *[]){NULL})

static struct arguments parse(const char *const *argv, const char *const *environment)
{
    struct arguments arguments;
    struct error error = {""};

    if (!arguments_parse(&arguments, argv, environment, &error))
        fail_msg("%s", error.text);
    return arguments;
}

static void assert_refused(const char *const *argv, const char *const *environment,
                           const char *expected)
{
    struct arguments arguments;
    struct error error = {""};

    assert_false(arguments_parse(&arguments, argv, environment, &error));
    assert_string_equal(error.text, expected);
}

/* "redis-fetcher.url=redis://h (--redis)", one for each override, in a line. */
static void assert_overrides(const struct arguments *arguments, const char *expected)
{
    struct buffer text = {0};

    for (size_t i = 0; i < arguments->override_count; i++) {
        const struct arguments_override *override = &arguments->overrides[i];
        buffer_format(&text, "%s%s.%s=%s (%s)%s", i > 0 ? ", " : "", override->kind,
                      override->setting, override->value, override->origin,
                      override->may_add ? "+" : "");
    }
    buffer_append(&text, "", 1);
    assert_string_equal(text.data, expected);
    buffer_fini(&text);
}

static void test_nothing_given_means_run_as_the_file_says(void **state)
{
    struct arguments arguments = parse(FLAGS(NULL), NONE);

    (void)state;
    assert_int_equal(arguments.action, ARGUMENTS_RUN);
    assert_null(arguments.topology);
    assert_int_equal(arguments.log_level, LOG_INFO);
    assert_false(arguments.log_json);
    assert_false(arguments.takes_over);
    assert_int_equal(arguments.override_count, 0);
    arguments = parse(NONE, NONE); /* execve allows it */
    assert_int_equal(arguments.action, ARGUMENTS_RUN);
}

static void test_a_value_follows_or_stands_behind_an_equals_sign(void **state)
{
    struct arguments arguments =
        parse(FLAGS("--redis=redis://u:p=w@h", "--expiry", "5m", "--topology", "a.yml"), NONE);

    (void)state;
    assert_overrides(&arguments,
                     "redis-fetcher.url=redis://u:p=w@h (--redis), cache.expiry=5m (--expiry)");
    assert_string_equal(arguments.topology, "a.yml");
}

static void test_each_override_has_its_setting(void **state)
{
    struct arguments arguments =
        parse(FLAGS("--redis=a", "--redis-password-file=b", "--http=c", "--resp=r",
                    "--resp-password-file=s", "--admin=d", "--expiry=e", "--capacity=f",
                    "--max-clients=g", "--max-parallel=h"),
              NONE);

    (void)state;
    assert_overrides(&arguments, "redis-fetcher.url=a (--redis), "
                                 "redis-fetcher.password_file=b (--redis-password-file), "
                                 "http-frontend.listen=c (--http), "
                                 "resp-frontend.listen=r (--resp)+, "
                                 "resp-frontend.password_file=s (--resp-password-file), "
                                 "admin.listen=d (--admin)+, "
                                 "cache.expiry=e (--expiry), "
                                 "cache.capacity=f (--capacity), "
                                 "http-frontend.max_clients=g (--max-clients), "
                                 "http-frontend.max_parallel=h (--max-parallel)");
}

static void test_each_option_has_a_variable(void **state)
{
    struct arguments arguments = parse(
        FLAGS(NULL),
        VARIABLES("WEIR_REDIS=a", "WEIR_REDIS_PASSWORD_FILE=b", "WEIR_HTTP=c", "WEIR_RESP=r",
                  "WEIR_RESP_PASSWORD_FILE=s", "WEIR_ADMIN=d", "WEIR_EXPIRY=e", "WEIR_CAPACITY=f",
                  "WEIR_MAX_CLIENTS=g", "WEIR_MAX_PARALLEL=h", "WEIR_TOPOLOGY=i",
                  "WEIR_LOG_LEVEL=debug", "WEIR_LOG_FORMAT=json", "WEIR_CHECK=1"));

    (void)state;
    assert_overrides(&arguments, "redis-fetcher.url=a (WEIR_REDIS), "
                                 "redis-fetcher.password_file=b (WEIR_REDIS_PASSWORD_FILE), "
                                 "http-frontend.listen=c (WEIR_HTTP), "
                                 "resp-frontend.listen=r (WEIR_RESP)+, "
                                 "resp-frontend.password_file=s (WEIR_RESP_PASSWORD_FILE), "
                                 "admin.listen=d (WEIR_ADMIN)+, "
                                 "cache.expiry=e (WEIR_EXPIRY), "
                                 "cache.capacity=f (WEIR_CAPACITY), "
                                 "http-frontend.max_clients=g (WEIR_MAX_CLIENTS), "
                                 "http-frontend.max_parallel=h (WEIR_MAX_PARALLEL)");
    assert_string_equal(arguments.topology, "i");
    assert_int_equal(arguments.log_level, LOG_DEBUG);
    assert_true(arguments.log_json);
    assert_int_equal(arguments.action, ARGUMENTS_CHECK);
}

static void test_a_flag_beats_its_variable(void **state)
{
    struct arguments arguments =
        parse(FLAGS("--expiry=1s", "--expiry=2s", "--log-format=text"),
              VARIABLES("WEIR_EXPIRY=3s", "WEIR_CAPACITY=4", "WEIR_LOG_FORMAT=json"));

    (void)state;
    assert_overrides(&arguments, "cache.expiry=2s (--expiry), cache.capacity=4 (WEIR_CAPACITY)");
    assert_false(arguments.log_json);
}

static void test_what_is_not_ours_in_the_environment_is_left_alone(void **state)
{
    struct arguments arguments =
        parse(FLAGS(NULL), VARIABLES("WEIR_EXPIRY=", "WEIR_CHECK=0", "WEIR_PORT=tcp://10.0.0.1:80",
                                     "WEIR_REDIS_PORT=1", "XWEIR_REDIS=2", "WEIR_REDIS"));

    (void)state;
    assert_int_equal(arguments.override_count, 0);
    assert_int_equal(arguments.action, ARGUMENTS_RUN);
}

static void test_actions(void **state)
{
    (void)state;
    assert_int_equal(parse(FLAGS("--check"), NONE).action, ARGUMENTS_CHECK);
    assert_int_equal(parse(FLAGS("--print-topology"), NONE).action, ARGUMENTS_PRINT);
    assert_int_equal(parse(FLAGS("--version"), NONE).action, ARGUMENTS_VERSION);
    assert_int_equal(parse(FLAGS("--help"), NONE).action, ARGUMENTS_HELP);
    assert_int_equal(parse(FLAGS("--help", "--check"), NONE).action, ARGUMENTS_HELP);
}

static void test_what_cannot_be_understood_is_refused(void **state)
{
    (void)state;
    assert_refused(FLAGS("--expire", "1s"), NONE, "unknown option --expire; --help lists them");
    assert_refused(FLAGS("--max_clients", "1"), NONE,
                   "unknown option --max_clients; --help lists them");
    assert_refused(FLAGS("--expiry"), NONE, "--expiry needs a value: DURATION");
    assert_refused(FLAGS("--expiry="), NONE, "--expiry needs a value: DURATION");
    assert_refused(FLAGS("--expiry", ""), NONE, "--expiry needs a value: DURATION");
    assert_refused(FLAGS("--check=1"), NONE, "--check takes no value");
    assert_refused(FLAGS("--check", "file"), NONE,
                   "argument 2 is not an option; --help lists them");
    assert_refused(FLAGS("-h"), NONE, "argument 1 is not an option; --help lists them");
    assert_refused(FLAGS("--"), NONE, "argument 1 is not an option; --help lists them");
    assert_refused(FLAGS("--log-level=loud"), NONE,
                   "--log-level must be error, warn, info or debug");
    assert_refused(FLAGS(NULL), VARIABLES("WEIR_LOG_FORMAT=xml"),
                   "WEIR_LOG_FORMAT must be text or json");
    assert_refused(FLAGS(NULL), VARIABLES("WEIR_CHECK=yes"), "WEIR_CHECK must be 1 or 0");
}

static void test_no_refusal_repeats_a_password(void **state)
{
    (void)state;
    assert_refused(FLAGS("redis://me:s3cret@h"), NONE,
                   "argument 1 is not an option; --help lists them");
    assert_refused(FLAGS("--redis-url=redis://me:s3cret@h"), NONE,
                   "unknown option --redis-url; --help lists them");
    assert_refused(FLAGS("--redis:redis://me:s3cret@h"), NONE,
                   "unknown option --redis; --help lists them");
}

static void test_help_names_every_option(void **state)
{
    static const char *const names[] = {
        "--topology FILE",
        "--redis URL",
        "--redis-password-file FILE",
        "--http ADDR:PORT",
        "--resp ADDR:PORT",
        "--resp-password-file FILE",
        "--admin ADDR:PORT",
        "--expiry DURATION",
        "--capacity KEYS",
        "--max-clients COUNT",
        "--max-parallel COUNT",
        "--log-level LEVEL",
        "--log-format FORMAT",
        "--check",
        "--print-topology",
        "--version",
        "--help",
        "WEIR_MAX_CLIENTS",
        "[::1]:8080", /* what an address may be */
        "unix:/path",
    };
    struct buffer text = {0};

    (void)state;
    arguments_describe(&text);
    buffer_append(&text, "", 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(strstr(text.data, names[i]));
    buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_given_means_run_as_the_file_says),
        cmocka_unit_test(test_a_value_follows_or_stands_behind_an_equals_sign),
        cmocka_unit_test(test_each_override_has_its_setting),
        cmocka_unit_test(test_each_option_has_a_variable),
        cmocka_unit_test(test_a_flag_beats_its_variable),
        cmocka_unit_test(test_what_is_not_ours_in_the_environment_is_left_alone),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_what_cannot_be_understood_is_refused),
        cmocka_unit_test(test_no_refusal_repeats_a_password),
        cmocka_unit_test(test_help_names_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
