#include "pair.h"

#include "deadline.h"
#include "http_client.h"
#include "scrape.h"
#include "temp_dir.h"
#include "trouble.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char common[] =
    "stages:\n"
    "  http:\n"
    "    kind: http-frontend\n"
    "    listen: 127.0.0.1:0\n"
    "    asks: %s\n"
    "    timeout: %dms\n"
    "%s"
    "  cache:\n"
    "    kind: cache\n"
    "    serves: tcp://" HOSTS_FAR ":7000\n"
    "    asks: redis\n"
    "    expiry: %s\n"
    "%s"
    "  redis: {kind: redis-fetcher, serves: inproc://redis, timeout: 20s%s}\n"
    "processes:\n";

static const char near_cache[] = "  near: {kind: cache, serves: inproc://near, asks: cache}\n";
static const char announced[] = ", invalidation: {mode: broadcast}, max_staleness: 250ms";

_Noreturn void pair_fail(const struct pair *p, const char *format, ...)
{
    struct weir_process *const processes[] = {p->edge, p->other, p->store};
    static const char *const names[] = {"edge", "other", "store"};
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    for (int i = 0; i < 3; i++) {
        char *text = processes[i] ? weir_process_copy_log(processes[i]) : NULL;
        print_error("log of %s:\n%s", names[i], text ? text : "");
        free(text);
    }
    fail_msg("%s", message);
    abort(); /* not reached; cmocka does not say so */
}

int pair_setup(void **state)
{
    struct pair *p = calloc(1, sizeof *p);
    const char *why;

    if (!p)
        trouble("no memory for two hosts");
    p->timeout = PAIR_TIMEOUT;
    *state = p;
    p->hosts = hosts_create(&why);
    if (!p->hosts) {
        print_message("%s\n", why);
        return 0;
    }
    p->directory = temp_dir_create();
    hosts_enter(p->hosts, HOST_FAR);
    p->redis = redis_server_start();
    hosts_leave(p->hosts);
    return 0;
}

int pair_teardown(void **state)
{
    struct pair *p = *state;
    struct weir_process **processes[] = {&p->edge, &p->other, &p->store};
    int code = 0;

    for (int i = 0; i < 3; i++) {
        int ended = *processes[i] ? weir_process_stop(*processes[i]) : 0;
        if (ended != 0)
            print_error("a process ended with %d on SIGTERM (-1: not at all)\n", ended);
        code = code != 0 ? code : ended;
        weir_process_destroy(processes[i]);
    }
    redis_server_destroy(&p->redis);
    temp_dir_destroy(&p->directory);
    hosts_destroy(&p->hosts);
    free(p);
    return code;
}

/* Makes a pair of keys in directory `name` and returns the public one, for the caller to free. */
static char *make_keys(const struct pair *p, const char *name)
{
    struct blob directory = {0}, key = {0};
    const char *flags[] = {"--make-keys", NULL, NULL};

    blob_append_format(&directory, "%s/%s", p->directory, name);
    flags[1] = blob_text(&directory);
    if (weir_process_run(flags, NULL, &key) != 0)
        trouble("no keys: %s", blob_text(&key));
    key.data[strcspn(key.data, "\n")] = '\0';
    blob_fini(&directory);
    return key.data;
}

/* Writes the topology: encrypted, with only the edge's public key allowed; or in clear. Each
 * process has its keys in a directory of its name, those of the edge from `edge_keys`. */
static char *write_topology(const struct pair *p, const char *file, const char *edge_keys,
                            const char *edge_public, const char *store_public)
{
    struct blob text = {0};
    char *path;

    blob_append_format(&text, common, p->is_fresh ? "near" : "cache", p->timeout,
                       p->is_fresh ? near_cache : "", p->is_fresh ? "1m" : "100ms",
                       edge_keys ? "" : "    insecure: true\n", p->is_fresh ? announced : "");
    blob_append_format(&text, "  edge:\n    reactors: [[http%s]]\n", p->is_fresh ? ", near" : "");
    if (edge_keys)
        blob_append_format(&text, "    key_file: %s/%s/secret.key\n    public_key: %s\n",
                           p->directory, edge_keys, edge_public);
    blob_append_text(&text, "  store:\n    reactors: [[cache, redis]]\n");
    if (edge_keys)
        blob_append_format(&text,
                           "    key_file: %s/store/secret.key\n    public_key: %s\n"
                           "    allow_file: %s/allowed\n",
                           p->directory, store_public, p->directory);
    path = temp_dir_write(p->directory, file, blob_text(&text));
    blob_fini(&text);
    return path;
}

static struct weir_process *start_on(const struct pair *p, enum host host, const char *topology,
                                     const char *process)
{
    struct blob url = {0};
    struct weir_process *weir;

    blob_append_format(&url, "redis+unix://%s", redis_server_socket(p->redis));
    hosts_enter(p->hosts, host);
    weir = weir_process_start(blob_text(&url),
                              &(struct weir_settings){.topology = topology, .process = process});
    hosts_leave(p->hosts);
    blob_fini(&url);
    return weir;
}

double pair_metric(const struct pair *p, const struct weir_process *edge, const char *name)
{
    double sum;

    hosts_enter(p->hosts, HOST_NEAR);
    sum = scrape_sum(weir_process_admin_port(edge), name, "stage=\"http\"");
    hosts_leave(p->hosts);
    return sum;
}

void pair_wait_away(const struct pair *p, const struct weir_process *edge, int links)
{
    struct timespec pause = {.tv_nsec = 2000000};
    int64_t deadline = deadline_in(PATIENCE);

    while (pair_metric(p, edge, "weir_link_away") != links) {
        if (deadline_left(deadline) == 0)
            pair_fail(p, "there are not %d links away", links);
        nanosleep(&pause, NULL);
    }
}

void pair_start(struct pair *p, bool is_encrypted)
{
    char *edge = make_keys(p, "edge"), *store = make_keys(p, "store"), *topology;

    free(temp_dir_write(p->directory, "allowed", edge));
    topology = write_topology(p, "topology.yml", is_encrypted ? "edge" : NULL, edge, store);
    p->store = start_on(p, HOST_FAR, topology, "store");
    p->edge = start_on(p, HOST_NEAR, topology, "edge");
    pair_wait_away(p, p->edge, 0);
    hosts_enter(p->hosts, HOST_NEAR);
    if (!weir_process_wait_ready(p->edge, deadline_in(PATIENCE)))
        pair_fail(p, "the edge is not ready");
    hosts_leave(p->hosts);
    free(topology);
    free(edge);
    free(store);
}

/* The public key in directory `name`, for the caller to free. */
static char *read_key(const struct pair *p, const char *name)
{
    struct blob path = {0};
    char line[128];
    FILE *file;

    blob_append_format(&path, "%s/%s/public.key", p->directory, name);
    file = fopen(blob_text(&path), "r");
    if (!file || !fgets(line, sizeof line, file))
        trouble("cannot read %s", blob_text(&path));
    fclose(file);
    blob_fini(&path);
    line[strcspn(line, "\n")] = '\0';
    return strdup(line);
}

char *pair_start_other(struct pair *p)
{
    char *other = make_keys(p, "other"), *store = read_key(p, "store");
    char *topology = write_topology(p, "other.yml", "other", other, store);

    p->other = start_on(p, HOST_NEAR, topology, "edge");
    free(topology);
    free(store);
    return other;
}

void pair_allow(const struct pair *p, bool edge, bool other)
{
    char *edge_key = read_key(p, "edge"), *other_key = read_key(p, "other");
    struct blob list = {0};

    blob_append_format(&list, "%s\n%s\n", edge ? edge_key : "", other ? other_key : "");
    free(temp_dir_write(p->directory, "allowed", blob_text(&list)));
    weir_process_signal(p->store, SIGHUP);
    blob_fini(&list);
    free(edge_key);
    free(other_key);
}

int pair_get(const struct pair *p, const struct weir_process *edge, const char *target,
             struct blob *body)
{
    struct http_response response;
    struct http_client *client;
    int status;

    hosts_enter(p->hosts, HOST_NEAR);
    client = http_client_open(weir_process_http_port(edge));
    hosts_leave(p->hosts);
    if (!http_client_request(client, HTTP_GET, target) ||
        http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response) != HTTP_RESPONSE)
        pair_fail(p, "no answer");
    status = response.status;
    if (body)
        blob_append(body, response.body.data, response.body.length);
    http_response_fini(&response);
    http_client_close(&client);
    return status;
}
