#include "split.h"

#include "deadline.h"
#include "scrape.h"
#include "temp_dir.h"
#include "trouble.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int split_setup(void **state)
{
    struct split *split = calloc(1, sizeof *split);

    if (!split)
        trouble("no memory for a split pipeline");
    split->redis = redis_server_start();
    *state = split;
    return 0;
}

static void print_logs(const struct split *split)
{
    struct blob logs = {0};

    if (split->fleet)
        weir_fleet_append_logs(split->fleet, &logs);
    print_error("%s", blob_text(&logs));
    blob_fini(&logs);
}

int split_teardown(void **state)
{
    struct split *split = *state;
    int code = split->fleet ? weir_fleet_stop(split->fleet) : 0;

    if (code != 0) {
        print_error("a process of the fleet ended with %d on SIGTERM (-1: not at all)\n", code);
        print_logs(split);
    }
    weir_fleet_destroy(&split->fleet);
    redis_server_destroy(&split->redis);
    free(split);
    return code;
}

/* Puts addresses of the transport in place of every @AT.NAME@. */
static void choose_addresses(struct blob *text, const char *topology, const char *transport)
{
    static const char mark[] = "@AT.";
    bool is_ipc = strcmp(transport, "ipc") == 0;

    for (const char *at; (at = strstr(topology, mark)); topology = at + 1) {
        const char *name = at + sizeof mark - 1;
        int length = (int)strcspn(name, "@");
        blob_append(text, topology, (size_t)(at - topology));
        if (is_ipc)
            blob_append_format(text, "ipc://@DIR@/%.*s", length, name);
        else
            blob_append_format(text, "tcp://127.0.0.1:@PORT.%.*s@", length, name);
        at = name + length;
    }
    blob_append_text(text, topology);
}

void split_start(struct split *split, const char *topology, const char *transport)
{
    char *directory = temp_dir_create(), *path, url[64];
    struct blob text = {0};

    choose_addresses(&text, topology, transport);
    path = temp_dir_write(directory, "split.yml", blob_text(&text));
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", redis_server_port(split->redis));
    split->fleet = weir_fleet_start(url, path, NULL);
    blob_fini(&text);
    free(path);
    temp_dir_destroy(&directory);
}

int split_port(const struct split *split, const char *name)
{
    return weir_process_http_port(weir_fleet_process(split->fleet, name));
}

double split_metric(const struct split *split, const char *name, const char *metric)
{
    return scrape_sum(weir_process_admin_port(weir_fleet_process(split->fleet, name)), metric,
                      NULL);
}

void split_wait_metric(const struct split *split, const char *name, const char *metric,
                       double wanted)
{
    int port = weir_process_admin_port(weir_fleet_process(split->fleet, name));
    double seen;

    if (!scrape_wait(port, metric, NULL, wanted, deadline_in(PATIENCE), &seen))
        split_fail(split, "%s of %s is %g, not %g", metric, name, seen, wanted);
}

void split_kill(struct split *split, const char *name)
{
    struct weir_process *weir = weir_fleet_process(split->fleet, name);

    weir_process_signal(weir, SIGKILL);
    if (weir_process_wait_exit(weir, deadline_in(PATIENCE)) < 0)
        split_fail(split, "%s does not die", name);
}

void split_signal(struct split *split, const char *name, int signal)
{
    weir_process_signal(weir_fleet_process(split->fleet, name), signal);
}

long split_memory(const struct split *split, const char *name)
{
    char path[64], line[256];
    long kib = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status",
             (int)weir_process_id(weir_fleet_process(split->fleet, name)));
    file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}

/* The second number of a schedstat is the time that the thread stood in a run queue, in ns. */
int64_t split_starved(const struct split *split, const char *name)
{
    char path[64];
    long long ns, sum = 0;
    int id = (int)weir_process_id(weir_fleet_process(split->fleet, name));
    glob_t threads;

    snprintf(path, sizeof path, "/proc/%d/task/*/schedstat", id);
    if (glob(path, 0, NULL, &threads) != 0)
        return 0;
    for (size_t i = 0; i < threads.gl_pathc; i++) {
        FILE *file = fopen(threads.gl_pathv[i], "r");
        if (file && fscanf(file, "%*d %lld", &ns) == 1)
            sum += ns;
        if (file)
            fclose(file);
    }
    globfree(&threads);
    return sum / 1000000;
}

int split_get(const struct split *split, const char *name, const char *target, struct blob *body)
{
    struct http_client *client = http_client_open(split_port(split, name));
    struct http_response response = {0};

    if (!http_client_request(client, HTTP_GET, target) ||
        http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response) != HTTP_RESPONSE)
        split_fail(split, "no answer of %s to GET %s", name, target);
    body->length = 0;
    blob_append(body, response.body.data, response.body.length);
    http_client_close(&client);
    int status = response.status;
    http_response_fini(&response);
    return status;
}

void split_expect_value(const struct split *split, const char *name, const char *target,
                        const char *value)
{
    struct blob body = {0};
    int status = split_get(split, name, target, &body);

    if (status != 200 || !blob_is(&body, value, strlen(value)))
        split_fail(split, "GET %s at %s: %d \"%s\", not \"%s\"", target, name, status,
                   blob_text(&body), value);
    blob_fini(&body);
}

long long split_reads(const struct split *split)
{
    return redis_server_calls(split->redis, "get");
}

void split_expect_right(const struct split *split, struct load *load)
{
    char *wrong = load_copy_wrong(load);

    if (wrong)
        split_fail(split, "%s", wrong);
}

void split_expect_unharmed(const struct split *split, struct load *load, size_t values,
                           const char *whom)
{
    struct load_tally tally = load_tally(load);

    if (!load_wait(load, tally.values + values, 0, deadline_in(PATIENCE)))
        split_fail(split, "%s: no more values", whom);
    split_expect_right(split, load);
    tally = load_tally(load);
    if (tally.unavailable + tally.late + tally.broken > 0)
        split_fail(split, "%s: %zu 503, %zu 504, %zu broken connections", whom, tally.unavailable,
                   tally.late, tally.broken);
}

int split_expect_normal_within(const struct split *split, struct load *load, int milliseconds)
{
    int took = load_wait_normal(load, deadline_in(PATIENCE));

    split_expect_right(split, load);
    if (took < 0 || took > milliseconds)
        split_fail(split, "normal after %d ms (-1: never), not within %d", took, milliseconds);
    return took;
}

_Noreturn void split_fail(const struct split *split, const char *format, ...)
{
    char message[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    print_logs(split);
    fail_msg("%s", message);
    abort(); /* not reached; cmocka does not say so */
}

bool split_is_sanitized(void)
{
    const char *variant = getenv("WEIR_VARIANT");

    return variant && strcmp(variant, "plain") != 0;
}
