/* What the files of the server share: its state and that of a connection.
 *
 *     server.c             life and turns
 *     server_listen.c      the listening socket, who may connect
 *     server_connection.c  one connection: reads, deadlines, its end
 *     server_write.c       its responses on their way out
 *     server_exchange.c    requests: taken, admitted, asked, answered
 *
 * and beneath them, pure: server_admission, server_pipeline, server_request, server_output. */
#ifndef WEIR_SERVER_PRIVATE_H
#define WEIR_SERVER_PRIVATE_H

#include "common/server.h"
#include "common/server_admission.h"
#include "common/server_pipeline.h"
#include "common/wheel.h"

#include <stddef.h>
#include <uv.h>

#define SERVER_READ_SIZE    65536         /* bytes, at once from one connection */
#define SERVER_TURN         32            /* requests taken from one connection at a time */
#define SERVER_READS        64            /* of all connections: a turn ends behind so many */
#define SERVER_SPARES       64            /* output buffers kept for the next turn */
#define SERVER_SPARE_SIZE   16384         /* bytes; larger ones are given back */
#define SERVER_LINGER       (1 * SECOND)  /* for the client to read and close as well */
#define SERVER_LINGER_BYTES (1024 * 1024) /* of its input dropped meanwhile */
#define SERVER_MAX_REFUSED  128           /* connections being told that they are too many */
#define SERVER_MIN_REFUSED  4             /* however small its share: these the process can spare */
#define SERVER_DESCRIPTORS  256           /* kept from clients, for all else in the process */

enum connection_phase {
    CONNECTION_OPEN,   /* takes requests */
    CONNECTION_LAST,   /* takes no more; ends when all are answered and written */
    CONNECTION_LINGER, /* all is written; what the client still sends is dropped until it closes,
                          for closing first could erase what it has not read yet (RFC 9112, 9.6) */
    CONNECTION_CLOSED  /* the handle is on its way out of the loop */
};

/* Why we close a connection: in the metrics. */
enum server_end {
    END_CLIENT,       /* it closed its side first */
    END_BROKEN,       /* it was reset, or cannot be read or written */
    END_REQUEST,      /* its last request wanted it, or was one behind which nothing can be read */
    END_IDLE_TIMEOUT, /* no request came */
    END_HEAD_TIMEOUT, /* a request did not arrive in time */
    END_SEND_TIMEOUT, /* it took none of its responses */
    END_MAX_OUTPUT,   /* too much of its responses was waiting for it */
    END_HELD,         /* the responses that wait for all connections together were too much */
    END_DRAIN,        /* the process ends */
    SERVER_ENDS
};

struct server_write {
    uv_write_t request;
    struct server_connection *connection; /* NULL: closed meanwhile */
    struct server_output output;          /* must hold still until it is written */
};

struct server_connection {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct server *server;
    struct server_connection *next, **link;                 /* all of the server */
    struct server_connection *next_touched, **touched_link; /* to be settled in this turn */
    enum connection_phase phase;
    enum server_end end; /* from LAST on: why it is closed */
    bool is_reading;
    bool is_refused; /* one of too many */
    bool is_partial; /* `input` is the beginning of a request; else what is not looked at yet */
    bool has_ended;  /* the client will send no more */
    int64_t partial_since;    /* mono ns */
    int64_t deadline;         /* mono ns; what for follows from the phase */
    struct wheel_timer timer; /* fires at or before the deadline */
    struct buffer input;
    struct server_pipeline pipeline;
    struct server_write *write; /* what the system has not taken yet; NULL: nothing */
    size_t unsent;              /* bytes, when last looked at; SIZE_MAX: never */
    size_t dropped;             /* bytes, LINGER */
    size_t held;                /* its part of the server's, when last counted */
    max_align_t session[];      /* the protocol's */
};

struct server_counters {
    uint64_t connections_total, refused_clients, refused_waiting, late_answers;
    uint64_t received, abandoned; /* requests */
    struct histogram durations;   /* of those that were answered */
    uint64_t closed[SERVER_ENDS];
};

struct server {
    const char *name, *address;
    struct uv_loop_s *loop;
    struct clock *clock;
    struct turn *turn;
    struct log *log;
    const struct ask_port *asks; /* of the stage; NULL: it asks nobody */
    struct server_limits limits;
    const struct server_protocol *protocol;
    void *owner; /* of the protocol */

    uv_stream_t *listener; /* heap; NULL while draining */
    bool is_unix, is_listening;
    bool is_leaving;    /* DRAIN_PATIENT: connections end with their next response */
    int64_t complained; /* mono ns, when the log last said that accepting fails */

    struct server_connection *connections, *touched;
    size_t clients, refused; /* connections of either kind */
    size_t max_refused;
    size_t held; /* bytes of our own that wait to be sent, over all connections */
    struct server_requests requests;
    struct server_admission admission;
    struct wheel request_timers, connection_timers;
    struct server_counters counters;

    struct buffer spares[SERVER_SPARES]; /* so that idle connections need none */
    size_t spare_count;
    struct buffer reply; /* while a request is taken */
    size_t reads;        /* in this turn */
    ssize_t received;    /* in the read buffer, between on_alloc and on_read: bytes, or an error of
                            libuv's */
    char read_buffer[SERVER_READ_SIZE];
};

/* The server of a stage that begins with it. */
static inline struct server *server_of(void *stage)
{
    return *(struct server **)stage;
}

/* ---- server_listen.c ---- */

bool server_listen_init(struct server *server, const struct stage_setup *setup,
                        struct error *error);
void server_listen_close(struct server *server);

/* Lowers max_clients to its part of the descriptors that the process may have; logs that unless it
 * was `before` already. */
void server_listen_clamp(struct server *server, const struct stage_setup *setup, size_t before);

/* ---- server_connection.c ---- */

/* For a fresh one, zeroed but for its handle, `server` and `is_refused`: it is the server's now. */
void server_connection_start(struct server_connection *connection);

/* Something happened: it is settled at the end of the turn. */
void server_connection_touch(struct server_connection *connection);
void server_connection_untouch(struct server_connection *connection);

/* Takes what may be taken, writes what may be written, and decides what it waits for next. */
void server_connection_settle(struct server_connection *connection, int64_t now);

/* No more requests from it; it ends when all are answered. The first reason counts. */
void server_connection_end(struct server_connection *connection, enum server_end end);

/* At once, whatever it was ending for. */
void server_connection_close(struct server_connection *connection, enum server_end end);

void server_connection_expire_all(struct server *server, int64_t now);

/* The protocol's memory of it, or NULL. */
static inline void *server_connection_session(struct server_connection *connection)
{
    return connection->server->protocol->session_size > 0 ? connection->session : NULL;
}

/* Whether another request may be taken. */
static inline bool server_connection_may_take(const struct server_connection *connection)
{
    return connection->phase == CONNECTION_OPEN && !connection->write &&
           connection->held < SERVER_HELD &&
           server_pipeline_depth(&connection->pipeline) < SERVER_PIPELINE;
}

/* ---- server_write.c ---- */

/* Hands the responses to the system, and what it does not take at once to the loop. False when the
 * connection broke. */
bool server_write_start(struct server_connection *connection);

/* Whether the client has taken any byte since the last call. */
bool server_write_has_moved(struct server_connection *connection);

/* ---- server_exchange.c ---- */

/* Takes requests off `input` and asks for them; returns how many bytes they were made of. */
size_t server_exchange_take(struct server_connection *connection, struct bytes input);

/* Says `refusal` in the place of the request that is expected next. */
void server_exchange_refuse(struct server_connection *connection, enum server_refusal refusal);

/* The client has gone: forgets those of its requests that nobody works on. */
void server_exchange_abandon(struct server_connection *connection);

void server_exchange_expire_all(struct server *server, int64_t now);

/* Asks for those whose turn has come, if their time is not over. */
void server_exchange_admit(struct server *server, int64_t now);

#endif
