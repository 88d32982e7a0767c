/* What the log says at its default level, and what it must never say. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/temp_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hits, misses, errors, an outage and a recovery with a key, a value and a password that are found
 * again wherever they turn up. Returns what weir logged meanwhile. */
static char *log_of_a_busy_life(struct pipeline *p, const char *const *flags)
{
    char url[96];
    char *log;

    snprintf(url, sizeof url, "redis://:hunter2@127.0.0.1:%d/0", redis_server_port(p->redis));
    redis_server_run(p->redis, "SET secretkey secretvalue");
    redis_server_run(p->redis, "LPUSH secretkeylist x");
    redis_server_run(p->redis, "CONFIG SET requirepass other");
    pipeline_start(p, SETTINGS(.url = url, .cache = "capacity: 1", .flags = flags));
    pipeline_expect_status(p, "/secretkey", 503);
    redis_server_run(p->redis, "AUTH other");
    redis_server_run(p->redis, "CONFIG SET requirepass hunter2");
    pipeline_wait_status(p, "/secretkey", 200);
    pipeline_expect_value(p, "/secretkey", "secretvalue");
    pipeline_expect_status(p, "/secretkeymissing", 404);
    pipeline_expect_status(p, "/secretkeylist", 409);
    pipeline_expect_status(p, "/secretkey?query", 400);
    redis_server_kill(p->redis);
    pipeline_wait_metric(p, "weir_redis_connections_up", NULL, 0);
    pipeline_expect_status(p, "/secretkeymissing", 503);
    weir_process_stop(p->weir);
    log = weir_process_copy_log(p->weir);
    return log;
}

static void expect_no_secret(const struct pipeline *p, const char *log)
{
    assert_true(strlen(log) > 0);
    if (strstr(log, "secret") || strstr(log, "hunter2"))
        pipeline_fail(p, "the log holds a key, a value or a password");
}

static void test_log_holds_no_keys_and_no_passwords(void **state)
{
    struct pipeline *p = *state;
    char *log = log_of_a_busy_life(p, NULL);

    expect_no_secret(p, log);
    free(log);
}

/* TIME LEVEL STAGE EVENT KEY=VALUE... on each line. */
static void test_log_lines_have_a_form(void **state)
{
    struct pipeline *p = *state;
    char *log = log_of_a_busy_life(p, NULL), *rest = log, *line;

    while ((line = strsep(&rest, "\n"))) {
        char level[8], stage[64], event[64];
        int end = 0;
        if (!*line)
            continue;
        if (sscanf(line, "%*4d-%*2d-%*2dT%*2d:%*2d:%*2d%*s %7s %63s %63s%n", level, stage, event,
                   &end) != 3 ||
            (strcmp(level, "info") != 0 && strcmp(level, "warn") != 0 &&
             strcmp(level, "error") != 0) ||
            line[end] != ' ' ||
            line[end + 1 + strspn(line + end + 1, "abcdefghijklmnopqrstuvwxyz_")] != '=')
            pipeline_fail(p, "this is no line of the log: %s", line);
    }
    free(log);
}

/* The first byte behind the JSON string at `at` (RFC 8259), which must be ASCII as well; NULL where
 * there is none. */
static const char *skip_string(const char *at)
{
    if (*at++ != '"')
        return NULL;
    for (; *at != '"'; at++) {
        if (*at < ' ' || *at > '~')
            return NULL;
        if (*at != '\\')
            continue;
        at++;
        if (*at == 'u' && strspn(at + 1, "0123456789abcdef") >= 4)
            at += 4;
        else if (*at == '\0' || !strchr("\"\\/bfnrt", *at))
            return NULL;
    }
    return at + 1;
}

/* The same for an integer. */
static const char *skip_integer(const char *at)
{
    at += *at == '-';
    size_t digits = strspn(at, "0123456789");

    return digits == 0 || (*at == '0' && digits > 1) ? NULL : at + digits;
}

/* Whether the line is one JSON object of strings and integers, with at least `wanted` members. */
static bool is_object(const char *line, size_t wanted)
{
    size_t members = 0;

    if (*line != '{')
        return false;
    do {
        line = skip_string(line + 1);
        if (!line || *line != ':')
            return false;
        line = line[1] == '"' ? skip_string(line + 1) : skip_integer(line + 1);
        if (!line)
            return false;
        members++;
    } while (*line == ',');
    return members >= wanted && strcmp(line, "}") == 0;
}

/* On request, the same as JSON: an object on each line, and no secret in it either. */
static void test_json_lines_have_a_form(void **state)
{
    static const char *const flags[] = {"--log-format", "json", NULL};
    struct pipeline *p = *state;
    char *log = log_of_a_busy_life(p, flags), *rest = log, *line;

    expect_no_secret(p, log);
    while ((line = strsep(&rest, "\n"))) {
        char level[8], stage[64], event[64];
        if (!*line)
            continue;
        if (!is_object(line, 5) ||
            sscanf(line,
                   "{\"time\":\"%*4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ\",\"level\":\"%7[a-z]\","
                   "\"stage\":\"%63[^\"]\",\"event\":\"%63[^\"]\",",
                   level, stage, event) != 3 ||
            (strcmp(level, "info") != 0 && strcmp(level, "warn") != 0 &&
             strcmp(level, "error") != 0))
            pipeline_fail(p, "this is no line of the log in JSON: %s", line);
    }
    free(log);
}

/* Redis wants a password that a file holds. It is refused first and taken then, and shows in no log
 * however much is logged. */
static void read_with_password(struct pipeline *p, const struct weir_settings *settings)
{
    char *log;

    redis_server_run(p->redis, "SET key value");
    redis_server_run(p->redis, "CONFIG SET requirepass other");
    pipeline_start(p, settings);
    pipeline_expect_status(p, "/key", 503);
    redis_server_run(p->redis, "AUTH other");
    redis_server_run(p->redis, "CONFIG SET requirepass hunter2");
    pipeline_wait_status(p, "/key", 200);
    pipeline_expect_value(p, "/key", "value");
    log = weir_process_copy_log(p->weir);
    expect_no_secret(p, log);
    free(log);
}

static void test_password_file_by_flag(void **state)
{
    struct pipeline *p = *state;
    char *directory = temp_dir_create(), *file = temp_dir_write(directory, "file", "hunter2\n");
    const char *const flags[] = {"--redis-password-file", file, "--log-level", "debug", NULL};
    const char *const printing[] = {"--redis-password-file", file, "--print-topology", NULL};
    struct blob said = {0};

    read_with_password(p, SETTINGS(.flags = flags));
    assert_int_equal(weir_process_run(printing, NULL, &said), 0);
    expect_no_secret(p, blob_text(&said));
    blob_fini(&said);
    free(file);
    temp_dir_destroy(&directory);
}

static void test_password_file_by_topology(void **state)
{
    static const char *const flags[] = {"--log-level", "debug", NULL};
    struct pipeline *p = *state;
    char *directory = temp_dir_create(), *file = temp_dir_write(directory, "file", "hunter2\n");
    char redis[512];

    snprintf(redis, sizeof redis, "timeout: 20s, password_file: %s", file);
    read_with_password(p, SETTINGS(.redis = redis, .flags = flags));
    free(file);
    temp_dir_destroy(&directory);
}

/* Who reads a log wants to know of which weir. */
static void test_log_names_the_version(void **state)
{
    static const char *const flags[] = {"--version", NULL};
    struct pipeline *p = *state;
    struct blob version = {0};
    char started[64];

    assert_int_equal(weir_process_run(flags, NULL, &version), 0);
    snprintf(started, sizeof started, "started version=%s",
             strtok(version.data + strlen("weir "), "\n"));
    pipeline_start(p, NULL);
    assert_true(weir_process_wait_log(p->weir, started, deadline_in(PATIENCE)));
    blob_fini(&version);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_log_holds_no_keys_and_no_passwords),
        PIPELINE_TEST(test_log_lines_have_a_form),
        PIPELINE_TEST(test_json_lines_have_a_form),
        PIPELINE_TEST(test_password_file_by_flag),
        PIPELINE_TEST(test_password_file_by_topology),
        PIPELINE_TEST(test_log_names_the_version),
    };

    return PIPELINE_RUN("logs", tests);
}
