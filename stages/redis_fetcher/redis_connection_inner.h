/* What the two files of a connection share: its life, and what it makes of replies. */
#ifndef WEIR_REDIS_CONNECTION_INNER_H
#define WEIR_REDIS_CONNECTION_INNER_H

#include "stages/redis_fetcher/redis_answer.h"
#include "stages/redis_fetcher/redis_connection.h"
#include "stages/redis_fetcher/redis_queue.h"
#include "stages/redis_fetcher/redis_reply.h"
#include "stages/redis_fetcher/redis_retry.h"
#include "stages/redis_fetcher/redis_socket.h"

enum connection_state {
    CONNECTION_WAITING,
    CONNECTION_RESOLVING,
    CONNECTION_CONNECTING,
    CONNECTION_GREETING,
    CONNECTION_UP
};

#define NOT_THE_PROTOCOL "it does not keep to the Redis protocol"

/* How a connection ends, which says what becomes of the oldest command. */
enum loss {
    LOSS_ENDED,  /* closed, reset, or of no use */
    LOSS_SILENT, /* no byte within the timeout */
    LOSS_BROKEN  /* not the protocol */
};

struct redis_connection {
    const struct redis_connection_setup *setup;
    size_t number; /* for the log */
    enum connection_state state;
    bool has_tried;
    bool is_delayed;   /* a large reply is being received */
    bool awaits_pong;  /* UP: a PING is unanswered */
    unsigned attempt;  /* how many there were: which address is tried first */
    int64_t due;       /* mono: WAITING: to connect; RESOLVING, CONNECTING: to have; UP: to PING */
    int64_t up_since;  /* mono */
    int64_t pinged;    /* boot: when the last PING was sent */
    int64_t last_byte; /* mono: or since when there has been something to wait for */
    struct redis_retry retry;
    char run_id[REDIS_RUN_ID]; /* of the Redis it has reached; "": not known */

    struct redis_socket *socket; /* NULL: WAITING */
    struct redis_reader *reader; /* NULL: WAITING */
    struct redis_queue queue;    /* unanswered commands */
    bool holds;         /* the oldest is a GET_PTTL, and `held` its answer but for the life */
    struct answer held; /* owns its value; its bytes lie in `held_bytes` */
    struct buffer held_bytes;
    struct buffer out;  /* commands of this turn */
    uint64_t formatted; /* bytes of all commands of this socket */
};

static inline int64_t redis_connection_mono(const struct redis_connection *connection)
{
    return clock_read(connection->setup->clock).mono;
}

static inline bool redis_connection_is_open(const struct redis_connection *connection)
{
    return connection->state >= CONNECTION_GREETING;
}

/* Closes it, hands back what it was asked, and lets it try again after a pause. */
void redis_connection_lose(struct redis_connection *connection, enum loss loss, const char *reason);

/* Sends at the end of the turn. */
void redis_connection_send(struct redis_connection *connection, enum redis_command_kind kind,
                           const struct bytes *words, size_t count);
void redis_connection_send_ping(struct redis_connection *connection);

/* Redis has answered the PING: it is up. */
void redis_connection_take_pong(struct redis_connection *connection);

/* Redis has refused the command, with these words. */
void redis_connection_lose_refused(struct redis_connection *connection,
                                   enum redis_command_kind kind, struct bytes text);

/* Forgets the answer that is held. */
void redis_connection_drop_held(struct redis_connection *connection);

/* Takes all replies that have been received whole. The connection may be lost over it. */
void redis_connection_take_replies(struct redis_connection *connection);

#endif
