/* The fixture of the freshness tests: a Redis with one writer, a fleet of weirs to which Redis
 * announces what changes, and readers at every front end. What all of them saw is then judged.
 *
 *     writer ──▶ Redis ◀── proxy ◀── fleet ◀── readers
 *                  ▲──── a bare subscriber */
#ifndef TESTS_SUPPORT_TRIAL_H
#define TESTS_SUPPORT_TRIAL_H

#include "history.h"
#include "readers.h"
#include "redis_proxy.h"
#include "redis_server.h"
#include "weir_fleet.h"
#include "writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TRIAL_STALE 250 /* ms: max_staleness in a short trial */

struct trial_plan {
    const char *topology; /* the name of a file of $WEIR_TOPOLOGIES, to which the rest is added */
    int max_staleness;    /* ms */
    bool expires;         /* on_disconnect: expire, and readers over the Redis protocol too */
    bool has_proxy;       /* before Redis, for weir only */
};

struct trial {
    struct trial_plan plan;
    struct redis_server *redis;
    struct redis_proxy *proxy; /* NULL: none */
    struct weir_fleet *fleet;
    struct history *history;
    struct writer *writer;
    struct readers *readers;
};

/* Returns once verified hits come. */
void trial_start(struct trial *trial, const struct trial_plan *plan);

/* Waits until so many more of what is read are verified hits; fails when they do not come. */
void trial_wait_hits(struct trial *trial, size_t hits);

/* Ends the writer and the readers, and judges. The fleet goes on. */
struct history_verdict trial_judge(struct trial *trial, int64_t bound);

/* Fails the test where anything is wrong with that, else ends all. */
void trial_finish(struct trial *trial, const struct history_verdict *verdict);

/* Something that happens to Redis or to weir. */
typedef void trial_fault(struct trial *trial);

/* Lets a fault last for so long. */
void trial_pass(int milliseconds);

/* Has it happen so often, each time waits until service is normal again, and fails where something
 * verified was older than max_staleness. */
void trial_run(const struct trial_plan *plan, int times, trial_fault *fault);

/* On one process, and on several, where the Redis protocol has the promise too; both with the
 * proxy. */
void trial_run_everywhere(int times, trial_fault *fault);

/* cmocka's main, for an array; $FAULT is the name of the only one that is to run. */
#define trial_run_tests(tests) (trial_filter(), cmocka_run_group_tests(tests, NULL, NULL))
void trial_filter(void);

#endif
