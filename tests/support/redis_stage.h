/* One redis-fetcher stage, with a real loop under it, between a port that gathers its answers and a
 * Redis that says what the test says, on a Unix socket. Time stands still but where a test moves
 * it, or lets it be. All in the thread of the test. */
#ifndef TESTS_SUPPORT_REDIS_STAGE_H
#define TESTS_SUPPORT_REDIS_STAGE_H

#include "common/message.h"
#include "common/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The timeout of the stage, and the time that the asks of redis_stage_ask have. */
#define REDIS_STAGE_TIMEOUT  (500 * MILLISECOND)
#define REDIS_STAGE_DEADLINE (10 * SECOND)

struct redis_stage;

struct redis_stage_options {
    const char *url; /* NULL: of the scripted Redis, which listens already, with these parts: */
    const char *user, *query; /* "user:password@", "?db=1", or NULL */
    const char *password_file;
    int64_t connections; /* 0: one */
    int64_t max_bytes;   /* 0: plenty */
    bool is_away;        /* the scripted Redis does not listen yet */
    bool respect_ttl;
    bool is_invalidated;   /* by broadcast */
    const char *prefixes;  /* a settings_list; NULL: none */
    int64_t max_staleness; /* ns; 0: a second */
    bool is_real;          /* time passes */
    int64_t timeout;       /* ns; 0: REDIS_STAGE_TIMEOUT */
};

struct redis_stage *redis_stage_create(const struct redis_stage_options *options);

/* Other settings, all of them, from now on. */
void redis_stage_configure(struct redis_stage *stage, const struct redis_stage_options *options);

/* Why no stage can be created with these options. */
struct error redis_stage_refusal(const struct redis_stage_options *options);

/* Fails the test if the stage leaves anything in the loop. */
void redis_stage_destroy(struct redis_stage **stage);

/* Runs the loop and ends one turn. */
void redis_stage_turn(struct redis_stage *stage);
void redis_stage_pass(struct redis_stage *stage, int64_t nanoseconds); /* time, and a turn */

/* When the last turn asked to be called again, in ns from now. */
int64_t redis_stage_wake(const struct redis_stage *stage);

/* ---- as the neighbour ---- */

void redis_stage_ask(struct redis_stage *stage, uint64_t id, const char *key);
void redis_stage_ask_bytes(struct redis_stage *stage, uint64_t id, struct bytes key,
                           int64_t remaining);

/* Turns until there is an answer to `id`; it stays until the stage is destroyed. */
const struct answer *redis_stage_await(struct redis_stage *stage, uint64_t id);
enum status redis_stage_await_status(struct redis_stage *stage, uint64_t id);
bool redis_stage_has_answered(const struct redis_stage *stage, uint64_t id);
/* The neighbour is done with the value it was answered. */
void redis_stage_let_go(struct redis_stage *stage, uint64_t id);

/* Turns until the stage has announced and answered so much, and forgets it; fails the test on
 * anything else. "lost", "key NAME", "all", "proven AGE" (ms), "answer ID", each ended by a line
 * feed. */
void redis_stage_expect_events(struct redis_stage *stage, const char *events);

/* Turns until one of that text has come, whatever else has, and forgets all up to it. */
void redis_stage_await_event(struct redis_stage *stage, const char *event);

/* All that has not been forgotten. */
const char *redis_stage_events(struct redis_stage *stage);

bool redis_stage_is_settled(struct redis_stage *stage);
const char *redis_stage_unready(struct redis_stage *stage);
bool redis_stage_is_drained(struct redis_stage *stage);
int64_t redis_stage_metric(struct redis_stage *stage, const char *name);
double redis_stage_seconds(struct redis_stage *stage, const char *name);

/* What the stage has logged, at any level. */
const char *redis_stage_log(struct redis_stage *stage);
size_t redis_stage_warnings(struct redis_stage *stage); /* how many lines of level warn */

/* ---- as Redis; a connection is a descriptor ---- */

void redis_stage_listen(struct redis_stage *stage);

int redis_stage_accept(struct redis_stage *stage);
/* The same, letting time pass until the stage tries again. */
int redis_stage_accept_later(struct redis_stage *stage);

/* Turns until `text` has been received; fails the test on any other byte. */
void redis_stage_expect_next(struct redis_stage *stage, int connection, const char *text);
/* The same, and nothing may follow. */
void redis_stage_expect(struct redis_stage *stage, int connection, const char *text);
/* The same for GET `key`. */
void redis_stage_expect_get(struct redis_stage *stage, int connection, const char *key);

/* Sends, turning while the stage does not take it. */
void redis_stage_say(struct redis_stage *stage, int connection, const char *text);
void redis_stage_say_bytes(struct redis_stage *stage, int connection, const void *data,
                           size_t size);

/* Turns until so many connections are up. */
void redis_stage_await_up(struct redis_stage *stage, int64_t count);

/* Accepts a connection and answers its PING; returns when it is up. */
int redis_stage_greet(struct redis_stage *stage);

/* Accepts the control connection, a new one, and answers as a Redis with that run_id; returns when
 * the stage watches for changes. `tracking` is what it has to send between ID and PING. */
int redis_stage_greet_control(struct redis_stage *stage, const char *run_id, const char *tracking);

/* As redis_stage_greet, of a stage that watches for changes. */
int redis_stage_greet_data(struct redis_stage *stage, const char *run_id);

/* Turns until the stage has closed the connection. */
void redis_stage_expect_end(struct redis_stage *stage, int connection);

/* Closes the connection. */
void redis_stage_end(int connection);

#endif
