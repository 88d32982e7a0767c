/* One pipelined connection to Redis, kept up for ever.
 *
 *     WAITING -> RESOLVING -> CONNECTING -> GREETING -> UP
 *        ^___________|____________|____________|________|   (lost: after a pause, again)
 *
 * It is up once Redis has answered PING, behind AUTH and SELECT where they are needed. Commands are
 * gathered during a turn and leave in one write at its end; replies come in the order of the
 * commands. Where the life of a key is asked for too, an answer waits for that reply, the next
 * one. While the oldest command is unanswered and `timeout` passes without a byte, the
 * connection is closed, because a late reply must never answer another GET. A PING every
 * CONNECTION_PING finds out whether a quiet connection is alive.
 *
 * One connection is unlike the others: where changes are watched for it carries no GETs but what
 * Redis announces (redis_feed.h).
 *
 * What a connection does not decide is what becomes of the GETs of a lost or slow one: its hooks
 * hand them back. */
#ifndef WEIR_REDIS_CONNECTION_H
#define WEIR_REDIS_CONNECTION_H

#include "common/clock.h"
#include "common/link.h"
#include "common/log.h"
#include "common/message.h"
#include "common/redis_url.h"
#include "common/wheel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONNECTION_PING     (1 * SECOND)       /* between two, at most */
#define CONNECTION_PATIENCE (2 * SECOND)       /* for an address to be reached */
#define CONNECTION_COMMANDS 16384              /* unanswered, at most */
#define CONNECTION_BYTES    (16 * 1024 * 1024) /* of unanswered commands, at most */
#define CONNECTION_LARGE    (1024 * 1024)      /* bytes; a reply that delays those behind it */

struct uv_loop_s;
struct redis_connection;
struct redis_feed;

/* One GET that somebody waits for. Made and freed by the stage; while it is asked, the connection
 * holds it. */
struct redis_ask {
    struct wheel_timer timer; /* the stage's: when its asker stops to be interested */
    struct return_address from;
    int64_t since;                       /* mono ns: it was asked for */
    struct redis_connection *connection; /* that was asked; NULL: none */
    uint64_t number;                     /* of its command among that connection's */
    uint64_t end;                        /* of its command among the bytes of that connection */
    bool was_sent;                       /* handed back, after its command had left as a whole */
    bool is_moved;                       /* it was asked a second time: not again */
    size_t key_size;
    char key[];
};

struct redis_connection_hooks {
    /* Redis has answered; the answer and its bytes are valid during the call. The ask is the
     * stage's again. */
    void (*on_answer)(void *owner, struct redis_ask *ask, const struct answer *answer);

    /* The connection was lost; the ask is the stage's again. `status` is the true answer, unless
     * `may_move` and another connection can be asked. */
    void (*on_lost)(void *owner, struct redis_ask *ask, enum status status, bool may_move);

    /* A large reply is being received in front of this one's: the stage may move it. */
    void (*on_delayed)(void *owner, struct redis_ask *ask);

    /* It has found out which Redis it has reached, on its way up: where `compares`. */
    void (*on_reached)(void *owner, struct redis_connection *connection);
};

struct redis_counters {
    uint64_t fetches;    /* GETs sent */
    uint64_t reconnects; /* times that a connection was lost, or could not be made */
    uint64_t errors;     /* GETs that Redis answered with an error */
    uint64_t late;       /* replies that nobody waited for any more */
    uint64_t refused;    /* GETs whose value there was no room for */
};

/* What all connections of a fetcher share; outlives them. */
struct redis_connection_setup {
    const struct redis_url *url;
    int64_t timeout;               /* ns */
    int64_t ping;                  /* ns: from a PONG to the next PING */
    bool asks_life;                /* PTTL behind each GET */
    bool compares;                 /* asks Redis which one it is */
    struct redis_feed *feed;       /* it carries what Redis announces; NULL: it carries GETs */
    struct value_account *account; /* of the values on their way */
    struct uv_loop_s *loop;
    struct clock *clock;
    struct log *log;
    const char *name; /* of the stage, for the log */
    struct redis_counters *counters;
    const struct redis_connection_hooks *hooks;
    void *owner;
};

/* Begins to connect. `number` tells it from the others in the log. */
struct redis_connection *redis_connection_create(const struct redis_connection_setup *setup,
                                                 size_t number);

/* Frees what it was asked; no hook is called. */
void redis_connection_destroy(struct redis_connection **connection);

bool redis_connection_is_up(const struct redis_connection *connection);

/* Whether it has once been up, or has failed to: a start need not wait for it any longer. */
bool redis_connection_has_tried(const struct redis_connection *connection);

/* Whether a large reply is being received. */
bool redis_connection_is_delayed(const struct redis_connection *connection);

/* Ends it where it has reached another Redis than `reached`, which has found out later and so knows
 * better which one is behind the address. */
void redis_connection_compare(struct redis_connection *connection,
                              const struct redis_connection *reached);

/* Ends it, to be made anew, unless it is not there yet. */
void redis_connection_renew(struct redis_connection *connection, const char *reason);

/* How many commands are unanswered. */
size_t redis_connection_load(const struct redis_connection *connection);

/* Whether it is up and may take a GET of so long a key: its bounds are not reached. */
bool redis_connection_has_room(const struct redis_connection *connection, size_t key_size);

/* Asks at the end of the turn. CHECK: it has room. */
void redis_connection_ask(struct redis_connection *connection, struct redis_ask *ask);

/* Nobody waits for the ask any more, or it goes elsewhere: it is the stage's again; its reply will
 * be read and dropped. CHECK: it is asked. */
void redis_connection_forget(struct redis_ask *ask);

/* The end of a turn: sends, and gives up on what is overdue. Returns when to call next (mono). */
int64_t redis_connection_end_turn(struct redis_connection *connection, int64_t now);

#endif
