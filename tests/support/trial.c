#include "trial.h"

#include "deadline.h"
#include "temp_dir.h"
#include "trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEYS   64
#define NORMAL 500     /* verified hits, after which service is */
#define PAUSE  2000000 /* ns, between two looks at a tally */

/* Adds `lines` behind every line that says `kind`. */
static void add_settings(struct blob *text, const char *kind, const char *lines)
{
    struct blob made = {0};
    const char *at = blob_text(text), *found;

    while ((found = strstr(at, kind))) {
        found += strlen(kind);
        blob_append(&made, at, (size_t)(found - at));
        blob_append_text(&made, lines);
        at = found;
    }
    blob_append_text(&made, at);
    blob_fini(text);
    *text = made;
}

static void read_topology(struct blob *text, const char *name)
{
    const char *directory = getenv("WEIR_TOPOLOGIES");
    char path[256], line[1024];

    snprintf(path, sizeof path, "%s/%s.yml", directory ? directory : "tests/topologies", name);
    FILE *file = fopen(path, "r");
    if (!file)
        trouble("cannot read %s", path);
    while (fgets(line, sizeof line, file))
        blob_append_text(text, line);
    fclose(file);
}

static void start_fleet(struct trial *trial)
{
    char *directory = temp_dir_create(), *path, url[64], lines[128];
    struct blob text = {0};

    read_topology(&text, trial->plan.topology);
    snprintf(lines, sizeof lines, "    invalidation: {mode: broadcast}\n    max_staleness: %dms\n",
             trial->plan.max_staleness);
    add_settings(&text, "kind: redis-fetcher\n", lines);
    snprintf(lines, sizeof lines, "    negative_expiry: 10s\n    on_disconnect: %s\n",
             trial->plan.expires ? "expire" : "serve");
    add_settings(&text, "kind: cache\n", lines);
    path = temp_dir_write(directory, "topology.yml", blob_text(&text));
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0",
             trial->proxy ? redis_proxy_port(trial->proxy) : redis_server_port(trial->redis));
    trial->fleet = weir_fleet_start(url, path, NULL);
    blob_fini(&text);
    free(path);
    temp_dir_destroy(&directory);
}

void trial_start(struct trial *trial, const struct trial_plan *plan)
{
    *trial = (struct trial){.plan = *plan, .redis = redis_server_start()};
    if (plan->has_proxy)
        trial->proxy = redis_proxy_start(redis_server_port(trial->redis));
    start_fleet(trial);
    const struct readers_front fronts[] = {
        {.port = weir_fleet_http_port(trial->fleet)},
        {.port = plan->expires ? weir_fleet_resp_port(trial->fleet) : 0, .is_resp = true},
    };
    trial->history = history_create(KEYS);
    trial->writer = writer_start(redis_server_port(trial->redis), trial->history);
    trial->readers = readers_start(fronts, 2, trial->history);
    trial_wait_hits(trial, 100);
}

_Noreturn static void fail_trial(const struct trial *trial, const char *what)
{
    struct blob logs = {0};

    if (trial->fleet)
        weir_fleet_append_logs(trial->fleet, &logs);
    print_error("%s", blob_text(&logs));
    fail_msg("%s: %s", trial->plan.topology, what);
    abort(); /* not reached; cmocka does not say so */
}

void trial_wait_hits(struct trial *trial, size_t hits)
{
    const struct timespec pause = {.tv_nsec = PAUSE};
    int64_t deadline = deadline_in(PATIENCE);
    size_t wanted = readers_tally(trial->readers).hits + hits;

    while (readers_tally(trial->readers).hits < wanted) {
        if (deadline_left(deadline) == 0)
            fail_trial(trial, "no verified hits come");
        nanosleep(&pause, NULL);
    }
}

struct history_verdict trial_judge(struct trial *trial, int64_t bound)
{
    readers_destroy(&trial->readers);
    writer_destroy(&trial->writer);
    return history_judge(trial->history, bound);
}

void trial_finish(struct trial *trial, const struct history_verdict *verdict)
{
    char text[400];

    if (verdict->outdated + verdict->backward + verdict->unknown > 0) {
        snprintf(text, sizeof text,
                 "of %zu reads, %zu verified: %zu beyond the bound, %zu went back, %zu of nobody's "
                 "(%s)",
                 verdict->reads, verdict->verified, verdict->outdated, verdict->backward,
                 verdict->unknown, verdict->first);
        fail_trial(trial, text);
    }
    int code = weir_fleet_stop(trial->fleet);
    if (code != 0)
        fail_trial(trial, "a process of the fleet did not end with 0 on SIGTERM");
    weir_fleet_destroy(&trial->fleet);
    redis_proxy_destroy(&trial->proxy);
    redis_server_destroy(&trial->redis);
    history_destroy(&trial->history);
}

void trial_pass(int milliseconds)
{
    const struct timespec time = {.tv_sec = milliseconds / 1000,
                                  .tv_nsec = milliseconds % 1000 * 1000000L};

    nanosleep(&time, NULL); /* how long a fault lasts is what is tested */
}

void trial_run(const struct trial_plan *plan, int times, trial_fault *fault)
{
    struct trial trial;

    trial_start(&trial, plan);
    for (int i = 0; i < times; i++) {
        fault(&trial);
        trial_wait_hits(&trial, NORMAL);
        /* A change that was missed shows once it is older than is allowed, and not for long. */
        trial_pass(2 * plan->max_staleness);
    }
    const struct readers_tally tally = readers_tally(trial.readers);
    const struct history_verdict verdict =
        trial_judge(&trial, plan->max_staleness * INT64_C(1000000));
    print_message("%s: %zu reads, %zu verified, %zu failed; verified and outdated for at most "
                  "%.1f ms\n",
                  plan->topology, verdict.reads, verdict.verified, tally.failures,
                  (double)verdict.most / 1e6);
    trial_finish(&trial, &verdict);
}

void trial_run_everywhere(int times, trial_fault *fault)
{
    trial_run(&(struct trial_plan){"thread-per-stage", TRIAL_STALE, false, true}, times, fault);
    trial_run(&(struct trial_plan){"chained", TRIAL_STALE, true, true}, times, fault);
}

void trial_filter(void)
{
    const char *only = getenv("FAULT");

    if (only)
        cmocka_set_test_filter(only);
}
