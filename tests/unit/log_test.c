#include "common/log.h"

#include "tests/support/unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    struct log log;
    int reader;
};

static void open_log(struct fixture *fixture, enum log_level level, bool json)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fixture->reader = ends[0];
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    log_init(&fixture->log, ends[1], level, json);
}

static void close_log(struct fixture *fixture)
{
    close(fixture->reader);
    close(fixture->log.descriptor);
}

/* What was written, without the time stamp in front. */
static const char *read_line(struct fixture *fixture, char line[LOG_LINE_MAX + 1])
{
    ssize_t size = read(fixture->reader, line, LOG_LINE_MAX);
    line[size > 0 ? size : 0] = '\0';
    const char *space = strchr(line, ' ');
    return space != NULL ? space + 1 : line;
}

static void test_a_line_has_level_stage_event_and_fields(void **state)
{
    (void)state;
    struct fixture f;
    char line[LOG_LINE_MAX + 1];
    open_log(&f, LOG_INFO, false);
    log_write(&f.log, LOG_INFO, "http.0", "listening", LOG_TEXT("address", "127.0.0.1:8080"),
              LOG_NUMBER("backlog", 4096));
    assert_string_equal(read_line(&f, line),
                        "info http.0 listening address=127.0.0.1:8080 backlog=4096\n");
    assert_int_equal(line[4], '-');
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[23], 'Z');
    close_log(&f);
}

static void test_what_a_stranger_wrote_stays_on_one_line(void **state)
{
    (void)state;
    struct fixture f;
    char line[LOG_LINE_MAX + 1];
    open_log(&f, LOG_INFO, false);
    log_write(&f.log, LOG_WARN, "redis", "error", LOG_TEXT("reply", "a \"b\"\nc\\\x01\xff"),
              LOG_TEXT("empty", ""));
    assert_string_equal(read_line(&f, line),
                        "warn redis error reply=\"a \\\"b\\\"\\nc\\\\\\x01\\xff\" empty=\"\"\n");
    close_log(&f);
}

static void test_json_is_one_object_a_line(void **state)
{
    (void)state;
    struct fixture f;
    char line[LOG_LINE_MAX + 1];
    open_log(&f, LOG_INFO, true);
    log_write(&f.log, LOG_ERROR, "cache", "lost", LOG_TEXT("why", "x\ny\"\xff"),
              LOG_NUMBER("n", -5));
    read_line(&f, line);
    assert_non_null(strstr(line, "\",\"level\":\"error\",\"stage\":\"cache\",\"event\":\"lost\","
                                 "\"why\":\"x\\ny\\\"\\u00ff\",\"n\":-5}\n"));
    assert_memory_equal(line, "{\"time\":\"", 9);
    close_log(&f);
}

static void test_lines_above_the_level_are_not_written(void **state)
{
    (void)state;
    struct fixture f;
    char line[LOG_LINE_MAX + 1];
    open_log(&f, LOG_WARN, false);
    log_write(&f.log, LOG_INFO, "http", "hidden", LOG_NUMBER("n", 1));
    log_write(&f.log, LOG_WARN, "http", "shown", LOG_NUMBER("n", 2));
    assert_string_equal(read_line(&f, line), "warn http shown n=2\n");
    close_log(&f);
}

static void test_a_long_line_is_cut_and_still_ends(void **state)
{
    (void)state;
    for (int json = 0; json <= 1; json++) {
        struct fixture f;
        char line[LOG_LINE_MAX + 1], text[2 * LOG_LINE_MAX];
        memset(text, 'x', sizeof text);
        text[sizeof text - 1] = '\0';
        open_log(&f, LOG_INFO, json);
        log_write(&f.log, LOG_INFO, "http", "long", LOG_TEXT("a b", text),
                  LOG_TEXT("quoted", "with space"));
        read_line(&f, line);
        size_t size = strlen(line);
        assert_true(size <= LOG_LINE_MAX);
        assert_string_equal(line + size - (json ? 2 : 1), json ? "}\n" : "\n");
        close_log(&f);
    }
}

static void test_a_reader_that_stands_still_costs_lines_and_no_wait(void **state)
{
    (void)state;
    struct fixture f;
    char line[LOG_LINE_MAX + 1];
    open_log(&f, LOG_INFO, false);
    int written = 0;
    while (atomic_load(&f.log.lines_lost) == 0) {
        log_write(&f.log, LOG_INFO, "http", "again", LOG_NUMBER("n", written));
        assert_true(++written < 1000000);
    }
    while (read(f.reader, line, sizeof line) > 0)
        ;
    log_write(&f.log, LOG_INFO, "http", "back", LOG_NUMBER("n", 1));
    assert_string_equal(read_line(&f, line), "info http back n=1\n");
    close_log(&f);
}

static void test_levels_have_names(void **state)
{
    (void)state;
    enum log_level level = LOG_ERROR;
    assert_true(log_parse_level("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_false(log_parse_level("loud", &level));
    assert_false(log_parse_level("", &level));
    assert_int_equal(level, LOG_DEBUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_has_level_stage_event_and_fields),
        cmocka_unit_test(test_what_a_stranger_wrote_stays_on_one_line),
        cmocka_unit_test(test_json_is_one_object_a_line),
        cmocka_unit_test(test_lines_above_the_level_are_not_written),
        cmocka_unit_test(test_a_long_line_is_cut_and_still_ends),
        cmocka_unit_test(test_a_reader_that_stands_still_costs_lines_and_no_wait),
        cmocka_unit_test(test_levels_have_names),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
