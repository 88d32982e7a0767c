/* The fixture of the tests of two hosts: an edge on one, a store and Redis on the other, and a
 * relay between them.
 *
 *     near: edge ──tcp, CURVE── relay ── far: store ──▶ Redis
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
    struct weir_process *edge, *store; /* NULL before pair_start() */
};

/* A line of a test table: the test gets a struct pair as its state. */
#define PAIR_TEST(function) cmocka_unit_test_setup_teardown(function, pair_setup, pair_teardown)

#define PAIR_OR_SKIP(pair)                                                                         \
    if (!(pair)->hosts)                                                                            \
    skip()

int pair_setup(void **state);

/* Fails unless both processes, if they run, end with 0 on SIGTERM. */
int pair_teardown(void **state);

/* Starts both, each with keys of its own and the edge's on the list, or all without keys; returns
 * when the link between them is there. */
void pair_start(struct pair *pair, bool is_encrypted);

/* Ends the edge, and starts one with the same file but other keys, which are on no list. Returns
 * the public one, for the caller to free. */
char *pair_start_stranger(struct pair *pair);

/* A metric of the http stage, or 0. */
double pair_metric(const struct pair *pair, const char *name);

/* Waits until so many of the edge's links are away: 0 or 1. */
void pair_wait_away(const struct pair *pair, int links);

/* GETs `target` from the edge; returns the status, and appends the body unless it is NULL. */
int pair_get(const struct pair *pair, const char *target, struct blob *body);

/* Fails the test with a message and the logs. */
_Noreturn void pair_fail(const struct pair *pair, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
