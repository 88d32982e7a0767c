/* The fixture of the tests of two hosts: an edge on one, a store and Redis on the other, and a
 * relay between them.
 *
 *     near: edge, other ──tcp, CURVE── relay ── far: store ──▶ Redis
 *
 * Where two hosts are not allowed, `hosts` is NULL, and a test begins with PAIR_OR_SKIP. */
#ifndef TESTS_SUPPORT_PAIR_H
#define TESTS_SUPPORT_PAIR_H

#include "blob.h"
#include "hosts.h"
#include "redis_server.h"
#include "weir_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PAIR_TIMEOUT 1500 /* ms */

struct pair {
    struct hosts *hosts;
    struct redis_server *redis; /* its Unix socket is reached from everywhere */
    char *directory;
    int timeout; /* ms: of the front end; PAIR_TIMEOUT unless a test sets it before pair_start() */
    bool is_fresh; /* with a cache beside the front end too, and Redis announces what changes, */
                   /* max_staleness 250 ms; false unless a test sets it before */
    struct weir_process *edge, *store; /* NULL before pair_start() */
    struct weir_process *other;        /* NULL before pair_start_other() */
};

/* A line of a test table: the test gets a struct pair as its state. */
#define PAIR_TEST(function) cmocka_unit_test_setup_teardown(function, pair_setup, pair_teardown)

#define PAIR_OR_SKIP(pair)                                                                         \
    if (!(pair)->hosts)                                                                            \
    skip()

int pair_setup(void **state);

/* Fails unless all processes that run end with 0 on SIGTERM. */
int pair_teardown(void **state);

/* Starts both, each with keys of its own and the edge's on the list, or all without keys; returns
 * when the link between them is there. */
void pair_start(struct pair *pair, bool is_encrypted);

/* Starts one more edge, with keys of its own that are on no list. Returns the public one, for the
 * caller to free. */
char *pair_start_other(struct pair *pair);

/* Has the store read its list anew, on which are the keys of these. Returns before it has. */
void pair_allow(const struct pair *pair, bool edge, bool other);

/* A metric of the http stage of an edge, or 0. */
double pair_metric(const struct pair *pair, const struct weir_process *edge, const char *name);

/* Waits until so many of its links are away: 0 or 1. */
void pair_wait_away(const struct pair *pair, const struct weir_process *edge, int links);

/* GETs `target` from an edge; returns the status, and appends the body unless it is NULL. */
int pair_get(const struct pair *pair, const struct weir_process *edge, const char *target,
             struct blob *body);

/* Fails the test with a message and the logs. */
_Noreturn void pair_fail(const struct pair *pair, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
