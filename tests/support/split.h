/* The fixture of the tests of several processes: one Redis, and a fleet of weirs before it. */
#ifndef TESTS_SUPPORT_SPLIT_H
#define TESTS_SUPPORT_SPLIT_H

#include "http_client.h"
#include "load.h"
#include "redis_server.h"
#include "weir_fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct split {
    struct redis_server *redis; /* runs when the test begins */
    struct weir_fleet *fleet;   /* NULL before split_start() */
};

/* A line of a test table: the test gets a struct split as its state. */
#define SPLIT_TEST(function) cmocka_unit_test_setup_teardown(function, split_setup, split_teardown)

int split_setup(void **state);

/* Fails unless every process of the fleet still runs and ends with 0 on SIGTERM. */
int split_teardown(void **state);

/* Starts the fleet of a topology, given as text in the form of weir_fleet.h with one thing more:
 * @AT.NAME@ is an address that `transport`, "ipc" or "tcp", says how to reach. */
void split_start(struct split *split, const char *topology, const char *transport);

/* Where the front end of process `name` listens. */
int split_port(const struct split *split, const char *name);

/* A metric of one process; waits until it is `wanted`, and fails at the deadline of patience. */
double split_metric(const struct split *split, const char *name, const char *metric);
void split_wait_metric(const struct split *split, const char *name, const char *metric,
                       double wanted);

/* Ends the process at once, and returns when it has ended. */
void split_kill(struct split *split, const char *name);

/* Stops the process where it stands, or lets it go on. */
void split_signal(struct split *split, const char *name, int signal);

/* The memory in use by the process, in KiB. */
long split_memory(const struct split *split, const char *name);

/* For how long, in milliseconds since it was started, threads of the process could have run and the
 * machine ran others instead: what a busy machine adds to a time, and is not weir's to answer for.
 * 0 where the system does not tell. */
int64_t split_starved(const struct split *split, const char *name);

/* GETs `target` from the front end of `name` and returns the status; `body` gets what came. */
int split_get(const struct split *split, const char *name, const char *target, struct blob *body);

/* Fails the test unless that is 200 with `value`. */
void split_expect_value(const struct split *split, const char *name, const char *target,
                        const char *value);

/* How many GETs Redis has executed. */
long long split_reads(const struct split *split);

/* Fails the test with what the load found wrong, if it did. */
void split_expect_right(const struct split *split, struct load *load);

/* So many more values come, and nothing but values came since the load began or was told to forget:
 * fails the test with the name of whom it is about. */
void split_expect_unharmed(const struct split *split, struct load *load, size_t values,
                           const char *whom);

/* Waits until the load is answered with nothing but values, and fails unless that was so within
 * `milliseconds` from now. Returns how long it took. */
int split_expect_normal_within(const struct split *split, struct load *load, int milliseconds);

/* Fails the test with a message and the logs. */
_Noreturn void split_fail(const struct split *split, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether the binary under test is instrumented, and so slower and larger than what is shipped. */
bool split_is_sanitized(void);

#endif
