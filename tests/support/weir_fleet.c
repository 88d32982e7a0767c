#include "weir_fleet.h"

#include "deadline.h"
#include "net.h"
#include "scrape.h"
#include "temp_dir.h"
#include "trouble.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAMES_MAX 16
#define FLAGS_MAX 24
#define PAUSE     2000000 /* ns, between two looks at a counter */

struct weir_fleet {
    char *directory, *topology, *url;
    char *names[NAMES_MAX]; /* of processes; NULL: the only one */
    struct weir_process *processes[NAMES_MAX];
    size_t count;
    char *flags[FLAGS_MAX];
    struct blob port_names[NAMES_MAX];
    int ports[NAMES_MAX];
    size_t port_count;
};

static char *copy(const char *text, size_t length)
{
    char *made = strndup(text, length);

    if (!made)
        trouble("no memory for a fleet");
    return made;
}

/* ---- the file ---- */

static void read_file(const char *path, struct blob *text)
{
    FILE *file = fopen(path, "r");
    char line[1024];

    if (!file)
        trouble("cannot read %s", path);
    while (fgets(line, sizeof line, file))
        blob_append_text(text, line);
    fclose(file);
}

static void read_names(struct weir_fleet *fleet, const char *text)
{
    static const char mark[] = "# processes:";
    const char *at = strstr(text, mark);
    const char *end = at ? at + strcspn(at, "\n") : NULL;

    fleet->count = at ? 0 : 1;
    for (at = at ? at + sizeof mark - 1 : NULL; at && (at += strspn(at, " ")) < end;) {
        size_t length = strcspn(at, " \n");
        if (fleet->count == NAMES_MAX)
            trouble("more processes than a fleet may have");
        fleet->names[fleet->count++] = copy(at, length);
        at += length;
    }
}

static int port_called(struct weir_fleet *fleet, const char *name, size_t length)
{
    for (size_t i = 0; i < fleet->port_count; i++)
        if (blob_is(&fleet->port_names[i], name, length))
            return fleet->ports[i];
    if (fleet->port_count == NAMES_MAX)
        trouble("more ports than a fleet may have");
    blob_append(&fleet->port_names[fleet->port_count], name, length);
    return fleet->ports[fleet->port_count++] = net_free_port();
}

static void make_key(const struct weir_fleet *fleet, const char *name, size_t length,
                     struct blob *into)
{
    struct blob directory = {0}, key = {0}, list = {0};
    const char *flags[] = {"--make-keys", NULL, NULL};
    FILE *file;

    blob_append_format(&directory, "%s/%.*s", fleet->directory, (int)length, name);
    blob_append_format(&list, "%s/allowed", fleet->directory);
    flags[1] = blob_text(&directory);
    if (weir_process_run(flags, NULL, &key) != 0 || !(file = fopen(blob_text(&list), "a")))
        trouble("no keys: %s", blob_text(&key));
    fputs(blob_text(&key), file);
    fclose(file);
    blob_append(into, key.data, strcspn(blob_text(&key), "\n"));
    blob_fini(&directory);
    blob_fini(&key);
    blob_fini(&list);
}

/* Writes the file with everything put in its place. */
static void fill_in(struct weir_fleet *fleet, const char *text)
{
    struct blob filled = {0};

    for (const char *at = text; *at;) {
        size_t plain = strcspn(at, "@");
        blob_append(&filled, at, plain);
        at += plain;
        size_t length = *at ? strcspn(at + 1, "@\n") : 0;
        if (*at == '\0')
            break;
        if (length == 3 && strncmp(at + 1, "DIR", 3) == 0)
            blob_append_text(&filled, fleet->directory);
        else if (strncmp(at + 1, "PORT.", 5) == 0)
            blob_append_format(&filled, "%d", port_called(fleet, at + 6, length - 5));
        else if (strncmp(at + 1, "KEY.", 4) == 0)
            make_key(fleet, at + 5, length - 4, &filled);
        else
            trouble("a topology with @%.*s@, which nothing is known for", (int)length, at + 1);
        at += length + 2;
    }
    fleet->topology = temp_dir_write(fleet->directory, "topology.yml", blob_text(&filled));
    blob_fini(&filled);
}

/* ---- the processes ---- */

static void start(struct weir_fleet *fleet, size_t index)
{
    struct weir_settings settings = {.topology = fleet->topology,
                                     .has_resp = true,
                                     .process = fleet->names[index],
                                     .flags = (const char *const *)fleet->flags};

    fleet->processes[index] = weir_process_start(fleet->url, &settings);
}

static size_t find(const struct weir_fleet *fleet, const char *name)
{
    for (size_t i = 0; i < fleet->count; i++)
        if (!name || (fleet->names[i] && strcmp(fleet->names[i], name) == 0))
            return i;
    trouble("no process %s in this fleet", name);
}

struct weir_fleet *weir_fleet_start(const char *url, const char *topology, const char *const *flags)
{
    struct weir_fleet *fleet = calloc(1, sizeof *fleet);
    struct blob text = {0};

    if (!fleet)
        trouble("no memory for a fleet");
    fleet->directory = temp_dir_create();
    fleet->url = copy(url, strlen(url));
    for (size_t i = 0; flags && flags[i]; i++)
        if (i == FLAGS_MAX - 1)
            trouble("more flags than a fleet may have");
        else
            fleet->flags[i] = copy(flags[i], strlen(flags[i]));
    read_file(topology, &text);
    read_names(fleet, blob_text(&text));
    fill_in(fleet, blob_text(&text));
    blob_fini(&text);
    for (size_t i = 0; i < fleet->count; i++)
        start(fleet, i);
    if (!weir_fleet_wait_ready(fleet, deadline_in(PATIENCE))) {
        struct blob logs = {0};
        weir_fleet_append_logs(fleet, &logs);
        fputs(blob_text(&logs), stderr);
        trouble("a process of the fleet does not become ready");
    }
    return fleet;
}

bool weir_fleet_wait_ready(const struct weir_fleet *fleet, int64_t deadline)
{
    double away;

    for (size_t i = 0; i < fleet->count; i++)
        if (!weir_process_wait_ready(fleet->processes[i], deadline))
            return false;
    return weir_fleet_wait_sum(fleet, "weir_link_away", NULL, 0, deadline, &away);
}

struct weir_process *weir_fleet_process(const struct weir_fleet *fleet, const char *name)
{
    return fleet->processes[find(fleet, name)];
}

void weir_fleet_restart(struct weir_fleet *fleet, const char *name)
{
    size_t index = find(fleet, name);

    weir_process_destroy(&fleet->processes[index]);
    start(fleet, index);
}

const char *weir_fleet_directory(const struct weir_fleet *fleet)
{
    return fleet->directory;
}

static int front_port(const struct weir_fleet *fleet, int (*port)(const struct weir_process *))
{
    for (size_t i = 0; i < fleet->count; i++)
        if (port(fleet->processes[i]) > 0)
            return port(fleet->processes[i]);
    trouble("no process of this fleet has such a front end");
}

int weir_fleet_http_port(const struct weir_fleet *fleet)
{
    return front_port(fleet, weir_process_http_port);
}

int weir_fleet_resp_port(const struct weir_fleet *fleet)
{
    return front_port(fleet, weir_process_resp_port);
}

double weir_fleet_sum(const struct weir_fleet *fleet, const char *name, const char *label)
{
    double sum = 0;

    for (size_t i = 0; i < fleet->count; i++)
        sum += scrape_sum(weir_process_admin_port(fleet->processes[i]), name, label);
    return sum;
}

bool weir_fleet_wait_sum(const struct weir_fleet *fleet, const char *name, const char *label,
                         double wanted, int64_t deadline, double *seen)
{
    struct timespec pause = {.tv_nsec = PAUSE};

    while ((*seen = weir_fleet_sum(fleet, name, label)) != wanted) {
        if (deadline_left(deadline) == 0)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

void weir_fleet_append_metrics(const struct weir_fleet *fleet, struct blob *text)
{
    for (size_t i = 0; i < fleet->count; i++)
        scrape_read(weir_process_admin_port(fleet->processes[i]), text);
}

void weir_fleet_append_logs(const struct weir_fleet *fleet, struct blob *text)
{
    for (size_t i = 0; i < fleet->count; i++) {
        char *log = fleet->processes[i] ? weir_process_copy_log(fleet->processes[i]) : NULL;
        blob_append_format(text, "log of %s:\n", fleet->names[i] ? fleet->names[i] : "weir");
        blob_append_text(text, log ? log : "");
        free(log);
    }
}

int weir_fleet_stop(struct weir_fleet *fleet)
{
    int worst = 0;

    for (size_t i = 0; i < fleet->count; i++) {
        int code = weir_process_stop(fleet->processes[i]);
        worst = worst ? worst : code;
    }
    return worst;
}

void weir_fleet_destroy(struct weir_fleet **fleet)
{
    if (!*fleet)
        return;
    for (size_t i = 0; i < (*fleet)->count; i++) {
        weir_process_destroy(&(*fleet)->processes[i]);
        free((*fleet)->names[i]);
    }
    for (size_t i = 0; i < FLAGS_MAX; i++)
        free((*fleet)->flags[i]);
    for (size_t i = 0; i < (*fleet)->port_count; i++)
        blob_fini(&(*fleet)->port_names[i]);
    temp_dir_destroy(&(*fleet)->directory);
    free((*fleet)->topology);
    free((*fleet)->url);
    free(*fleet);
    *fleet = NULL;
}
