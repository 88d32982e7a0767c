/* What the log says at its default level, and what it must never say. */
#include "../support/deadline.h"
#include "../support/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hits, misses, errors, an outage and a recovery with a key, a value and a password that are found
 * again wherever they turn up. Returns what weir logged meanwhile. */
static char *log_of_a_busy_life(struct pipeline *p)
{
    char url[96];
    char *log;

    snprintf(url, sizeof url, "redis://:hunter2@127.0.0.1:%d/0", redis_server_port(p->redis));
    redis_server_run(p->redis, "SET secretkey secretvalue");
    redis_server_run(p->redis, "LPUSH secretkeylist x");
    redis_server_run(p->redis, "CONFIG SET requirepass other");
    pipeline_start(p, SETTINGS(.url = url, .cache = "capacity: 1"));
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

static void test_log_holds_no_keys_and_no_passwords(void **state)
{
    struct pipeline *p = *state;
    char *log = log_of_a_busy_life(p);

    assert_true(strlen(log) > 0);
    if (strstr(log, "secret") || strstr(log, "hunter2"))
        pipeline_fail(p, "the log holds a key, a value or a password");
    free(log);
}

/* TIME LEVEL STAGE EVENT KEY=VALUE... on each line. */
static void test_log_lines_have_a_form(void **state)
{
    struct pipeline *p = *state;
    char *log = log_of_a_busy_life(p), *rest = log, *line;

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
        PIPELINE_TEST(test_log_names_the_version),
    };

    return PIPELINE_RUN("logs", tests);
}
