#include "weir_process.h"

#include "blob.h"
#include "deadline.h"
#include "http_client.h"
#include "process.h"
#include "temp_dir.h"
#include "trouble.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARGUMENTS_MAX 48
#define KEY_LETTERS   "abcdefghijklmnopqrstuvwxyz_"
#define EVENT_LETTERS "abcdefghijklmnopqrstuvwxyz-"

struct weir_process {
    struct process *process;
    char *directory; /* holds the topology that was written, if one was */
    bool is_one_of_several, has_resp;
    int http_port, admin_port, resp_port;
};

const char *weir_process_binary(void)
{
    const char *binary = getenv("WEIR_BINARY");

    return binary ? binary : "build/weir";
}

/* Instrumented and on a busy machine, no request of a test that is not about time is ever late. */
static const char patient_http[] = "timeout: 60s", patient_redis[] = "timeout: 60s";

static void append_topology(struct blob *text, const struct weir_settings *settings)
{
    const char *placement = getenv("WEIR_PLACEMENT");

    blob_append_format(text,
                       "stages:\n"
                       "  http: {kind: http-frontend, listen: 127.0.0.1:0, asks: cache, %s}\n"
                       "  cache: {kind: cache, serves: inproc://cache, asks: redis, %s}\n"
                       "  redis: {kind: redis-fetcher, serves: inproc://redis, %s}\n"
                       "  admin: {kind: admin, listen: 127.0.0.1:0}\n",
                       settings->http ? settings->http : patient_http,
                       settings->cache ? settings->cache : "",
                       settings->redis ? settings->redis : patient_redis);
    if (settings->resp)
        blob_append_format(text,
                           "  resp: {kind: resp-frontend, listen: 127.0.0.1:0, asks: cache, %s}\n",
                           settings->resp[0] ? settings->resp : patient_http);
    if (settings->drain_timeout)
        blob_append_format(text, "drain_timeout: %s\n", settings->drain_timeout);
    if (settings->log_level)
        blob_append_format(text, "log_level: %s\n", settings->log_level);
    blob_append_text(text, "reactors:\n");
    if (placement && strcmp(placement, "thread-per-stage") == 0)
        blob_append_format(text, "  - [http]\n  - [cache]\n  - [redis]\n  - [admin]\n%s",
                           settings->resp ? "  - [resp]\n" : "");
    else
        blob_append_format(text, "  - [http, cache, redis, admin%s]\n",
                           settings->resp ? ", resp" : "");
}

static char *write_topology(const char *directory, const struct weir_settings *settings)
{
    struct blob text = {0};

    append_topology(&text, settings);
    char *path = temp_dir_write(directory, "topology.yml", blob_text(&text));
    blob_fini(&text);
    return path;
}

/* In one step, for weir may be reading it. */
void weir_process_rewrite_text(const struct weir_process *weir, const char *text)
{
    char *fresh = temp_dir_write(weir->directory, "topology.new", text);
    struct blob path = {0};

    blob_append_format(&path, "%s/topology.yml", weir->directory);
    if (rename(fresh, blob_text(&path)) != 0)
        trouble("cannot rename %s", fresh);
    blob_fini(&path);
    free(fresh);
}

void weir_process_rewrite(const struct weir_process *weir, const struct weir_settings *settings)
{
    struct blob text = {0};

    append_topology(&text, settings);
    weir_process_rewrite_text(weir, blob_text(&text));
    blob_fini(&text);
}

/* A log line of either format, in which a stage says that it listens: what stands between its name
 * and the address, and what may stand before the one and behind the other. */
struct listening_line {
    const char *event, *before, *behind;
};

/* The port in the line with which a stage called `stage`, `stage.N` or `stage-X` says that it
 * listens; 0 before that line is there. */
static int port_in(const char *log, const struct listening_line *line, const char *stage)
{
    size_t length = strlen(stage);

    for (const char *at = log; (at = strstr(at, line->event));) {
        const char *name = at, *colon;
        while (name > log && !strchr(line->before, name[-1]))
            name--;
        at += strlen(line->event);
        if (strncmp(name, stage, length) != 0 || !strchr(" .-\"", name[length]))
            continue;
        colon = at + strcspn(at, line->behind);
        if (*colon == '\0')
            return 0; /* the rest of the line is still on its way */
        while (colon > at && *colon != ':')
            colon--;
        return atoi(colon + 1);
    }
    return 0;
}

static int listening_port(const char *log, const char *stage)
{
    static const struct listening_line as_text = {" listening address=", " \n", " \n"};
    static const struct listening_line as_json = {"\",\"event\":\"listening\",\"address\":\"", "\"",
                                                  "\""};
    int port = port_in(log, &as_text, stage);

    return port > 0 ? port : port_in(log, &as_json, stage);
}

static bool is_listening(const char *log, void *context)
{
    struct weir_process *weir = context;

    weir->http_port = listening_port(log, "http");
    weir->admin_port = listening_port(log, "admin");
    weir->resp_port = listening_port(log, "resp");
    if (weir->resp_port == 0)
        weir->resp_port = listening_port(log, "resp-frontend"); /* added by a flag */
    return weir->admin_port > 0 &&
           (weir->is_one_of_several ||
            (weir->http_port > 0 && (weir->resp_port > 0 || !weir->has_resp)));
}

struct weir_process *weir_process_start(const char *url, const struct weir_settings *settings)
{
    struct weir_process *weir = calloc(1, sizeof *weir);
    const char *all[ARGUMENTS_MAX] = {
        "sh",
        "-c",
        "ulimit -n \"$0\" && exec \"$@\"",
        settings->descriptors,
        weir_process_binary(),
        "--topology",
        settings->topology,
        "--redis",
        url,
        "--http",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    };
    const char **arguments = all + 4; /* weir's own */
    size_t count = 9;
    char *written = NULL;

    if (!weir)
        trouble("no memory for a weir");
    if (settings->url)
        arguments[4] = settings->url;
    weir->directory = temp_dir_create();
    weir->has_resp = settings->resp || settings->has_resp;
    if (!settings->topology)
        arguments[2] = written = write_topology(weir->directory, settings);
    if (settings->process) {
        weir->is_one_of_several = true;
        arguments[count++] = "--process";
        arguments[count++] = settings->process;
    }
    for (const char *const *flag = settings->flags; flag && *flag; flag++)
        arguments[count++] = *flag;
    weir->process = process_start(settings->descriptors ? all : arguments, settings->environment);
    free(written);
    if (!process_wait_match(weir->process, PROCESS_ERRORS, is_listening, weir,
                            deadline_in(PATIENCE))) {
        char *log = weir_process_copy_log(weir);
        trouble("%s does not listen; it says:\n%s", arguments[0], log);
    }
    return weir;
}

static bool is_ready(const struct weir_process *weir, int64_t deadline)
{
    struct http_client *client = http_client_open(weir->admin_port);
    struct http_response response;
    bool ready = http_client_request(client, HTTP_GET, "/readyz") &&
                 http_client_read(client, HTTP_GET, deadline, &response) == HTTP_RESPONSE &&
                 response.status == 200;

    http_response_fini(&response);
    http_client_close(&client);
    return ready;
}

bool weir_process_wait_ready(struct weir_process *weir, int64_t deadline)
{
    struct timespec pause = {.tv_nsec = 2000000};

    while (!is_ready(weir, deadline)) {
        if (deadline_left(deadline) == 0)
            return false;
        nanosleep(&pause, NULL);
    }
    /* What listens only once it can ask others has said so by now. */
    process_wait_match(weir->process, PROCESS_ERRORS, is_listening, weir, deadline);
    return true;
}

int weir_process_run(const char *const *flags, const char *const *environment, struct blob *output)
{
    const char *arguments[ARGUMENTS_MAX] = {weir_process_binary()};
    struct process *process;
    int code;

    for (size_t i = 0; flags[i]; i++)
        arguments[i + 1] = flags[i];
    process = process_start(arguments, environment);
    if (!process_wait_exit(process, deadline_in(PATIENCE), &code))
        trouble("%s does not end by itself", arguments[0]);
    for (int stream = PROCESS_OUTPUT; stream <= PROCESS_ERRORS; stream++) {
        char *text = process_copy_text(process, (enum process_stream)stream);
        blob_append_text(output, text);
        free(text);
    }
    process_destroy(&process);
    return code;
}

pid_t weir_process_id(const struct weir_process *weir)
{
    return process_id(weir->process);
}

int weir_process_http_port(const struct weir_process *weir)
{
    return weir->http_port;
}

int weir_process_admin_port(const struct weir_process *weir)
{
    return weir->admin_port;
}

int weir_process_resp_port(const struct weir_process *weir)
{
    return weir->resp_port;
}

char *weir_process_copy_log(struct weir_process *weir)
{
    return process_copy_text(weir->process, PROCESS_ERRORS);
}

bool weir_process_wait_log(struct weir_process *weir, const char *text, int64_t deadline)
{
    return process_wait_text(weir->process, PROCESS_ERRORS, text, deadline);
}

void weir_process_signal(struct weir_process *weir, int signal)
{
    process_signal(weir->process, signal);
}

int weir_process_wait_exit(struct weir_process *weir, int64_t deadline)
{
    int code;

    return process_wait_exit(weir->process, deadline, &code) ? code : -1;
}

int weir_process_stop(struct weir_process *weir)
{
    weir_process_signal(weir, SIGTERM);
    return weir_process_wait_exit(weir, deadline_in(PATIENCE));
}

/* TIME LEVEL STAGE EVENT KEY=VALUE... on each line that begins like one: no event that any test
 * brings about has more than one word. */
static void check_log(struct weir_process *weir)
{
    char *log = weir_process_copy_log(weir), *rest = log, *line;

    while ((line = strsep(&rest, "\n")) && rest) {
        int start = 0, event, key;
        sscanf(line, "%*4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ %*7s %*63s %n", &start);
        event = start + (int)strspn(line + start, EVENT_LETTERS);
        key = event + 1 + (int)strspn(line + event + (line[event] != '\0'), KEY_LETTERS);
        if (start > 0 && (line[event] != ' ' || line[key] != '='))
            trouble("this line of weir's log has no event of one word: %s", line);
    }
    free(log);
}

void weir_process_destroy(struct weir_process **weir)
{
    if (!*weir)
        return;
    check_log(*weir);
    process_destroy(&(*weir)->process);
    temp_dir_destroy(&(*weir)->directory);
    free(*weir);
    *weir = NULL;
}
