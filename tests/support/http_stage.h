/* One http-frontend stage, with a real loop under it, between clients on loopback and a port that
 * gathers what it asks. Time stands still but where a test moves it. All in the thread of the test:
 * every wait turns the stage. */
#ifndef TESTS_SUPPORT_HTTP_STAGE_H
#define TESTS_SUPPORT_HTTP_STAGE_H

#include "common/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_stage;

/* A limit that is zero has its preset. */
struct http_stage *http_stage_create(struct server_limits limits);
/* All limits preset; `caches` are on the way to the origin, that nearest it first. */
struct http_stage *http_stage_create_behind(const char *const *caches, size_t count,
                                            bool allows_refresh);
void http_stage_destroy(struct http_stage **stage);

/* Other limits from now on; one that is zero has its preset. */
void http_stage_configure(struct http_stage *stage, struct server_limits limits);

/* Why a stage does not open whose address somebody else has begun to listen on. */
struct error http_stage_lose_race(void);

void http_stage_turn(struct http_stage *stage);
void http_stage_pass(struct http_stage *stage, int64_t nanoseconds); /* time, and a turn */
size_t http_stage_turns_ended(const struct http_stage *stage); /* early, by the stage itself */
void http_stage_drain(struct http_stage *stage, enum drain_manner manner);
bool http_stage_is_drained(struct http_stage *stage);
int64_t http_stage_metric(struct http_stage *stage, const char *name, const char *label);

/* Turns until all connections are closed; so many have been, and all for this reason. */
void http_stage_expect_closed(struct http_stage *stage, const char *reason, int64_t count);

/* ---- as the stage that is asked; asks are numbered as they come ---- */

/* Turns until there are `count` asks; fails if there are more a turn later. */
void http_stage_expect_asks(struct http_stage *stage, size_t count);
size_t http_stage_asks(const struct http_stage *stage); /* how many there were */
struct bytes http_stage_key(const struct http_stage *stage, size_t ask);
unsigned http_stage_flags(const struct http_stage *stage, size_t ask);
void http_stage_answer(struct http_stage *stage, size_t ask, const struct answer *answer);
void http_stage_answer_text(struct http_stage *stage, size_t ask, const char *text);
/* What the port says to asks from now on. */
void http_stage_take_asks(struct http_stage *stage, enum status status);

/* ---- as a client; a connection is a descriptor ---- */

int http_stage_connect(struct http_stage *stage);
void http_stage_say(struct http_stage *stage, int client, const char *text);
void http_stage_get(struct http_stage *stage, int client, const char *key);

/* The next response: its status and, unless NULL, its body. Returns its head, until the next. */
const char *http_stage_expect(struct http_stage *stage, int client, int status, const char *body);
/* The same for a response without a body: to HEAD, or 304. */
const char *http_stage_expect_head(struct http_stage *stage, int client, int status);

/* Reads so many bytes, whatever they are. */
void http_stage_skip(struct http_stage *stage, int client, size_t count);

/* Turns until the stage has ended the connection, without another byte, and closes this end. */
void http_stage_expect_end(struct http_stage *stage, int client);

#endif
