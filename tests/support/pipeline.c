#include "pipeline.h"

#include "blob.h"
#include "deadline.h"
#include "scrape.h"
#include "trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int pipeline_setup(void **state)
{
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);

    if (!pipeline)
        trouble("no memory for a pipeline");
    pipeline->redis = redis_server_start();
    *state = pipeline;
    return 0;
}

static void print_log(const struct pipeline *pipeline)
{
    char *log = pipeline->weir ? weir_process_copy_log(pipeline->weir) : NULL;

    if (log)
        print_error("weir's log:\n%s", log);
    free(log);
}

int pipeline_teardown(void **state)
{
    struct pipeline *pipeline = *state;
    int code = 0;

    if (pipeline->proxy)
        redis_proxy_hold(pipeline->proxy, false);
    if (pipeline->weir)
        code = weir_process_stop(pipeline->weir);
    if (code != 0) {
        print_error("weir ended with %d on SIGTERM (-1: not at all)\n", code);
        print_log(pipeline);
    }
    weir_process_destroy(&pipeline->weir);
    redis_proxy_destroy(&pipeline->proxy);
    redis_server_destroy(&pipeline->redis);
    free(pipeline);
    return code;
}

int pipeline_run_tests(const char *topic, const struct CMUnitTest *tests, size_t count)
{
    static const char *const every[] = {"one-reactor", "thread-per-stage"};
    const char *chosen = getenv("WEIR_PLACEMENT"), *variant = getenv("WEIR_VARIANT");
    int failed = 0;

    /* Where all stages share a thread there is little for ThreadSanitizer to see. */
    if (!chosen && variant && strcmp(variant, "tsan") == 0)
        chosen = "thread-per-stage";

    for (size_t i = 0; i < sizeof every / sizeof *every; i++) {
        char name[128];
        if (chosen && strcmp(chosen, every[i]) != 0)
            continue;
        snprintf(name, sizeof name, "%s, %s", topic, every[i]);
        setenv("WEIR_PLACEMENT", every[i], 1);
        failed += _cmocka_run_group_tests(name, tests, count, NULL, NULL);
        if (!chosen)
            unsetenv("WEIR_PLACEMENT");
    }
    return failed;
}

static void start(struct pipeline *pipeline, int redis_port, const struct weir_settings *settings)
{
    static const struct weir_settings defaults;
    char url[64];

    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", redis_port);
    pipeline->weir = weir_process_start(url, settings ? settings : &defaults);
}

void pipeline_start(struct pipeline *pipeline, const struct weir_settings *settings)
{
    start(pipeline, redis_server_port(pipeline->redis), settings);
}

void pipeline_start_recorded(struct pipeline *pipeline, const struct weir_settings *settings)
{
    pipeline->proxy = redis_proxy_start(redis_server_port(pipeline->redis));
    start(pipeline, redis_proxy_port(pipeline->proxy), settings);
}

void pipeline_stop(struct pipeline *pipeline)
{
    int code = weir_process_stop(pipeline->weir);

    if (code != 0)
        pipeline_fail(pipeline, "weir ended with %d on SIGTERM (-1: not at all)", code);
    weir_process_destroy(&pipeline->weir);
}

struct http_client *pipeline_connect(const struct pipeline *pipeline)
{
    return http_client_open(weir_process_http_port(pipeline->weir));
}

struct http_client *pipeline_ask(const struct pipeline *pipeline, const char *target)
{
    struct http_client *client = pipeline_connect(pipeline);

    if (!http_client_request(client, HTTP_GET, target))
        pipeline_fail(pipeline, "weir does not take GET %s", target);
    return client;
}

/* Reads a response to a GET and fails the test when there is none. */
static struct http_response take_response(const struct pipeline *pipeline,
                                          struct http_client *client)
{
    static const char *const outcomes[] = {"a response", "a closed connection", "nothing in time",
                                           "a malformed response"};
    struct http_response response;
    enum http_outcome outcome =
        http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response);

    if (outcome != HTTP_RESPONSE)
        pipeline_fail(pipeline, "instead of a response came %s; its head is \"%s\"",
                      outcomes[outcome], blob_text(&response.head));
    return response;
}

int pipeline_take_status(const struct pipeline *pipeline, struct http_client **client)
{
    struct http_response response = take_response(pipeline, *client);
    int status = response.status;

    http_response_fini(&response);
    http_client_close(client);
    return status;
}

int pipeline_get_status(const struct pipeline *pipeline, const char *target)
{
    struct http_client *client = pipeline_ask(pipeline, target);

    return pipeline_take_status(pipeline, &client);
}

void pipeline_expect_response(const struct pipeline *pipeline, struct http_client *client,
                              int status, const char *value)
{
    struct http_response response = take_response(pipeline, client);
    struct blob body = {0};

    blob_append_readable(&body, response.body.data,
                         response.body.length < 200 ? response.body.length : 200);
    if (response.status != status)
        pipeline_fail(pipeline, "%d instead of %d, with the body \"%s\"", response.status, status,
                      blob_text(&body));
    if (value && !blob_is(&response.body, value, strlen(value)))
        pipeline_fail(pipeline, "the body \"%s\" instead of \"%s\"", blob_text(&body), value);
    if (status >= 400 && !blob_is_line(&response.body))
        pipeline_fail(pipeline, "the body \"%s\" of %d is no line of text", blob_text(&body),
                      status);
    if (status == 503 && !http_response_header(&response, "Retry-After", &body))
        pipeline_fail(pipeline, "a 503 without Retry-After");
    blob_fini(&body);
    http_response_fini(&response);
}

void pipeline_expect_value(const struct pipeline *pipeline, const char *target, const char *value)
{
    struct http_client *client = pipeline_ask(pipeline, target);

    pipeline_expect_response(pipeline, client, 200, value);
    http_client_close(&client);
}

void pipeline_expect_status(const struct pipeline *pipeline, const char *target, int status)
{
    struct http_client *client = pipeline_ask(pipeline, target);

    pipeline_expect_response(pipeline, client, status, NULL);
    http_client_close(&client);
}

struct resp_client *pipeline_connect_resp(const struct pipeline *pipeline)
{
    return resp_client_open(weir_process_resp_port(pipeline->weir));
}

void pipeline_expect_reply(const struct pipeline *pipeline, struct resp_client *client,
                           const char *reply)
{
    struct blob got = {0};

    resp_client_take(client, &got);
    if (!blob_is(&got, reply, strlen(reply)))
        pipeline_fail(pipeline, "answered %s, not %s", blob_text(&got), reply);
    blob_fini(&got);
}

void pipeline_wait_status(const struct pipeline *pipeline, const char *target, int wanted)
{
    struct timespec pause = {.tv_nsec = 2000000};
    int64_t deadline = deadline_in(PATIENCE);
    int status;

    while ((status = pipeline_get_status(pipeline, target)) != wanted) {
        if (deadline_left(deadline) == 0)
            pipeline_fail(pipeline, "GET %s is still answered %d, not %d", target, status, wanted);
        nanosleep(&pause, NULL);
    }
}

double pipeline_metric(const struct pipeline *pipeline, const char *name, const char *label)
{
    return scrape_sum(weir_process_admin_port(pipeline->weir), name, label);
}

void pipeline_wait_metric(const struct pipeline *pipeline, const char *name, const char *label,
                          double wanted)
{
    double seen;

    if (!scrape_wait(weir_process_admin_port(pipeline->weir), name, label, wanted,
                     deadline_in(PATIENCE), &seen))
        pipeline_fail(pipeline, "%s{%s} is %g, not %g", name, label ? label : "", seen, wanted);
}

void pipeline_wait_gets(const struct pipeline *pipeline, size_t count)
{
    size_t seen;

    redis_proxy_wait_count(pipeline->proxy, "GET", count, deadline_in(PATIENCE));
    seen = redis_proxy_count(pipeline->proxy, "GET");
    if (seen != count)
        pipeline_fail(pipeline, "%zu GETs have reached Redis, not %zu", seen, count);
}

void pipeline_fail(const struct pipeline *pipeline, const char *format, ...)
{
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    print_log(pipeline);
    fail_msg("%s", message);
}

bool pipeline_is_sanitized(void)
{
    const char *variant = getenv("WEIR_VARIANT");

    return variant && strcmp(variant, "plain") != 0;
}

long pipeline_memory(const struct pipeline *pipeline)
{
    char path[64];
    long pages = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)weir_process_id(pipeline->weir));
    file = fopen(path, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1)
        trouble("cannot read %s", path);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}
