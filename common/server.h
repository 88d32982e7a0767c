/* The serving side of a front end: listening, connections, requests in order, limits, deadlines.
 * One copy for all protocols; what a request looks like on the wire is told by a table of hooks.
 *
 *     client ── bytes ──▶ take ──▶ request ──▶ ask ──▶ …
 *     client ◀── bytes ── respond ◀── in order ◀── server_answer ◀── …
 *
 * A connection's requests are asked as they come and answered in order, whatever order their
 * answers arrive in. At most max_parallel requests are in progress, the next max_waiting wait for
 * their turn in a queue, and those beyond are answered STATUS_BUSY. At most SERVER_PIPELINE
 * requests of one connection are unanswered or unwritten: beyond that, and while the client does
 * not read its responses or SERVER_HELD bytes of them wait for an earlier one, nothing more is read
 * from it. One whose unsent responses, values included, grow beyond max_output all the same is
 * closed. What waits to be sent, but for values by reference, is bounded over all connections
 * together by SERVER_MAX_HELD: the connection that would go beyond is closed. Responses leave in
 * one write a connection and turn; values by reference are written from where they lie.
 *
 * A request that the client no longer waits for, because it has gone, counts as in progress until
 * its answer comes or its time is over, for its work is still being done. A client that closes
 * looks like one that only has nothing more to say, and behind its last request nothing is read
 * from it: that it has gone shows when its response is written, within the request's timeout.
 *
 * Runs in its reactor's thread only; never blocks. */
#ifndef WEIR_SERVER_H
#define WEIR_SERVER_H

#include "common/buffer.h"
#include "common/server_output.h"
#include "common/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVER_PIPELINE 128                         /* requests of one connection */
#define SERVER_HELD     ((size_t)64 * 1024)         /* bytes; what was asked for comes on top */
#define SERVER_MAX_HELD ((size_t)256 * 1024 * 1024) /* bytes of all connections together */

/* Past a request's deadline the stages it asked are given this long to answer for themselves: they
 * know what became of it. */
#define SERVER_GRACE (50 * MILLISECOND)

enum server_take {
    SERVER_MORE,  /* the input does not hold a whole request yet */
    SERVER_ASK,   /* a request that has to be asked for */
    SERVER_REPLY, /* a request that is answered by what was appended to `reply` */
};

struct server_taken {
    size_t size;       /* bytes of the input that the request is made of */
    struct bytes key;  /* ASK: valid until the next call of a hook */
    uint32_t form;     /* ASK: the protocol's own note of what was asked and how to respond */
    struct bytes note; /* ASK: more of that, copied and kept for `respond`; valid as the key is */
    bool is_last;      /* the connection ends behind its response; further input is ignored */
    bool may_be_last;  /* set by the server: it should be, where the protocol can tell the client
                          and nothing stands behind it in the input */
};

/* The topmost bit of a server's tokens is 0: by it a stage tells apart what it asks for on its own
 * account. */
#define SERVER_TOKEN_SPARE (UINT64_C(1) << 63)

enum server_refusal {
    SERVER_TOO_MANY, /* connections */
    SERVER_TOO_SLOW  /* a request was not complete within head_timeout */
};

/* What a front end knows and the server does not. All hooks are called with `owner`, some with the
 * protocol's own memory of the connection, `session`. */
struct server_protocol {
    const char *name;    /* in the metrics: weir_<name>_connections */
    size_t session_size; /* bytes a connection has for the protocol, zeroed; 0: `session` is NULL */
    bool announces_end;  /* a response can say that the connection ends behind it */

    /* A client has connected, and has gone; either may be NULL. No refused client is among them.
     * The descriptor is for questions about its addresses, until on_close. */
    void (*on_connect)(void *owner, void *session, int descriptor);
    void (*on_close)(void *owner, void *session);

    /* Takes the first request off `input`, which is never empty. Bounds what it calls MORE; after
     * that, the next call for the connection has the same bytes with more behind them. */
    enum server_take (*take)(void *owner, void *session, struct bytes input,
                             struct server_taken *taken, struct buffer *reply);

    /* Sends the question on its way; as port_ask, whose statuses it returns. Its answer comes back
     * through server_answer. */
    enum status (*ask)(void *owner, uint64_t token, uint32_t form, struct bytes key,
                       int64_t deadline);

    /* Appends the response. `closes`: the connection ends behind it. Called only while the client
     * is connected. */
    void (*respond)(void *owner, void *session, uint32_t form, struct bytes note, bool closes,
                    const struct answer *answer, struct server_output *out);

    /* Appends what a connection is told before it is closed. */
    void (*refuse)(void *owner, enum server_refusal refusal, struct buffer *out);
};

struct server_limits {
    size_t max_clients;   /* connections */
    size_t max_parallel;  /* requests in progress */
    size_t max_waiting;   /* requests waiting for their turn */
    int64_t timeout;      /* ns, for an answer, from the moment the request is complete */
    int64_t head_timeout; /* ns, for a whole request, from its first byte */
    int64_t idle_timeout; /* ns, without a request */
    int64_t send_timeout; /* ns, in which the client takes no byte of its responses */
    size_t max_output;    /* bytes of responses that one connection has not been sent */
};

/* The declarations of these limits, for a front end's table of settings, and their values. How long
 * an idle connection is kept is the protocol's custom. */
// clang-format off
#define SERVER_SETTINGS(idle)                                                                           \
    {.name = "max_clients", .type = SETTING_COUNT, .preset = "10000", .is_divided = true,          \
     .is_live = true},                                                                             \
    {.name = "max_parallel", .type = SETTING_COUNT, .preset = "10000", .is_divided = true,         \
     .is_live = true},                                                                             \
    {.name = "max_waiting", .type = SETTING_COUNT, .preset = "10000", .is_divided = true,          \
     .is_live = true},                                                                             \
    {.name = "timeout", .type = SETTING_DURATION, .preset = "1s", .is_live = true},                \
    {.name = "head_timeout", .type = SETTING_DURATION, .preset = "10s", .is_live = true},          \
    {.name = "idle_timeout", .type = SETTING_DURATION, .preset = (idle), .is_live = true},         \
    {.name = "send_timeout", .type = SETTING_DURATION, .preset = "10s", .is_live = true},          \
    {.name = "max_output", .type = SETTING_SIZE, .preset = "1GiB", .is_live = true}
// clang-format on
struct server_limits server_limits_of(const struct settings *settings);

struct server;

/* Takes over setup->listener. max_clients is lowered to its part of the descriptors that the
 * process may have, and that is logged. NULL and an error text on failure. */
struct server *server_create(const struct stage_setup *setup, const struct server_limits *limits,
                             const struct server_protocol *protocol, void *owner,
                             struct error *error);

/* New limits while it runs, clamped as at the start. Who is connected stays, and so does who waits;
 * deadlines that run already stay as they were set. */
void server_configure(struct server *server, const struct stage_setup *setup,
                      const struct server_limits *limits);

void server_measure(const struct server *server, struct metrics *metrics);
void server_destroy(struct server **server);

/* Hooks of struct stage_kind, for a stage whose struct begins with its `struct server *`
 * (SERVER_STAGE says so): it listens once what it asks can be asked, and is unready while it has no
 * session with that or does not listen. */
#define SERVER_STAGE(type)                                                                         \
    _Static_assert(offsetof(type, server) == 0, "the server's hooks find it at the beginning")

bool server_on_open(void *stage, struct moment now, struct error *error);
int64_t server_on_turn(void *stage, struct moment now);
const char *server_unready(void *stage, struct moment now);

/* Closes the listener, and ends connections. DRAIN_PROMPT: each once what it has asked for is
 * answered, at once where that is nothing. DRAIN_PATIENT: each with a response that tells the
 * client so, where the protocol has a way to; others stay until they are closed by the client. */
void server_drain(void *stage, struct moment now, enum drain_manner manner);
bool server_is_drained(void *stage);

/* In place of the last two, for a stage that serves until the process ends: whether no request is
 * unanswered and no response unwritten. */
bool server_is_idle(void *stage);

/* The answer to what was asked for with `token`. One that comes too late is counted and dropped. */
void server_answer(struct server *server, uint64_t token, const struct answer *answer);

#endif
