/* The fixture of the system tests: one Redis, one weir before it and, where asked for, a recording
 * proxy between the two.
 *
 *     test ──HTTP──▶ weir ──▶ [proxy] ──▶ redis-server
 */
#ifndef TESTS_SUPPORT_PIPELINE_H
#define TESTS_SUPPORT_PIPELINE_H

#include "http_client.h"
#include "redis_proxy.h"
#include "redis_server.h"
#include "resp_client.h"
#include "weir_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct pipeline {
    struct redis_server *redis; /* runs when the test begins */
    struct redis_proxy *proxy;  /* NULL before pipeline_start_recorded() */
    struct weir_process *weir;  /* NULL before pipeline_start() */
};

/* A line of a test table: the test gets a struct pipeline as its state. */
#define PIPELINE_TEST(function)                                                                    \
    cmocka_unit_test_setup_teardown(function, pipeline_setup, pipeline_teardown)

int pipeline_setup(void **state);

/* Fails unless weir, if it still runs, ends with 0 on SIGTERM: so that what a sanitizer found is
 * not lost. */
int pipeline_teardown(void **state);

/* Runs the tests once for each placement of the stages (or for $WEIR_PLACEMENT alone). Returns what
 * main() returns. */
int pipeline_run_tests(const char *topic, const struct CMUnitTest *tests, size_t count);
#define PIPELINE_RUN(topic, tests) pipeline_run_tests(topic, tests, sizeof(tests) / sizeof *(tests))

/* Settings of weir in place: pipeline_start(p, SETTINGS(.cache = "expiry: 1s")). */
#define SETTINGS(...) (&(const struct weir_settings){__VA_ARGS__})

/* Starts weir before Redis; `settings` may be NULL. */
void pipeline_start(struct pipeline *pipeline, const struct weir_settings *settings);

/* The same with the proxy in between. */
void pipeline_start_recorded(struct pipeline *pipeline, const struct weir_settings *settings);

/* Ends weir with SIGTERM, which must drain and exit with 0. */
void pipeline_stop(struct pipeline *pipeline);

/* A new connection to weir's HTTP port. */
struct http_client *pipeline_connect(const struct pipeline *pipeline);

/* Sends GET `target` on a connection of its own and returns without reading. */
struct http_client *pipeline_ask(const struct pipeline *pipeline, const char *target);

/* Reads the answer to what pipeline_ask() sent, closes, and returns the status; fails the test when
 * none comes. */
int pipeline_take_status(const struct pipeline *pipeline, struct http_client **client);

/* The status of GET `target` on a connection of its own. */
int pipeline_get_status(const struct pipeline *pipeline, const char *target);

/* Fails the test, and prints weir's log, unless GET `target` is answered 200 with exactly `value`.
 */
void pipeline_expect_value(const struct pipeline *pipeline, const char *target, const char *value);

/* The same for an error status, whose body must be one line of text; 503 needs Retry-After. */
void pipeline_expect_status(const struct pipeline *pipeline, const char *target, int status);

/* The same for the next response on `client`; `value` NULL for a body that is not looked at. */
void pipeline_expect_response(const struct pipeline *pipeline, struct http_client *client,
                              int status, const char *value);

/* A new connection to the port of weir's resp stage. */
struct resp_client *pipeline_connect_resp(const struct pipeline *pipeline);

/* Fails the test, and prints weir's log, unless the next reply is just this. */
void pipeline_expect_reply(const struct pipeline *pipeline, struct resp_client *client,
                           const char *reply);

/* GETs `target` until its status is `wanted`; fails at the deadline of patience. */
void pipeline_wait_status(const struct pipeline *pipeline, const char *target, int wanted);

double pipeline_metric(const struct pipeline *pipeline, const char *name, const char *label);

/* Waits until a metric's sum is `wanted`; fails at the deadline of patience. */
void pipeline_wait_metric(const struct pipeline *pipeline, const char *name, const char *label,
                          double wanted);

/* Waits until `count` GETs have passed the proxy; fails at the deadline of patience, and where
 * there are more. */
void pipeline_wait_gets(const struct pipeline *pipeline, size_t count);

/* Fails the test with a message and weir's log. */
void pipeline_fail(const struct pipeline *pipeline, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether the binary under test is instrumented, and so slower and larger than what is shipped. */
bool pipeline_is_sanitized(void);

/* Bytes of weir's memory that is in use; 0 where the system does not tell it in /proc. */
long pipeline_memory(const struct pipeline *pipeline);

#endif
