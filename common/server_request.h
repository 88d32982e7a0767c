/* The requests of a server, in a pool: each has an index, and a generation that grows whenever it
 * is given back. Both together are the token of its ask, so that an answer that comes late finds
 * nothing.
 *
 *     take ──▶ WAITING ──▶ ASKED ──▶ DONE ──▶ given back
 *         ╰────────────────╯  ╰────────────────╯
 *           (a step is left out where there is nothing to wait for) */
#ifndef WEIR_SERVER_REQUEST_H
#define WEIR_SERVER_REQUEST_H

#include "common/buffer.h"
#include "common/server_output.h"
#include "common/wheel.h"

#include <stddef.h>
#include <stdint.h>

struct server_connection;

enum server_request_state {
    REQUEST_FREE,
    REQUEST_WAITING, /* for its turn; it has not been asked for */
    REQUEST_ASKED,
    REQUEST_DONE /* its response waits for those before it on the connection */
};

struct server_request {
    uint32_t index, generation; /* the token */
    enum server_request_state state;
    uint32_t form;                               /* the protocol's note */
    struct server_connection *connection;        /* NULL: the client has gone */
    struct server_request *next;                 /* on its connection; or in the free list */
    struct server_request *next_waiting, **link; /* WAITING: in the queue of those */
    struct wheel_timer timer;                    /* WAITING, ASKED: when to give up */
    int64_t since;                               /* mono ns: it was complete */
    int64_t deadline;                            /* mono ns, told to whom is asked */
    struct buffer key;                           /* WAITING */
    struct buffer note;                          /* the rest of the protocol's note */
    struct server_output response;               /* DONE */
};

/* A zeroed pool is empty. */
struct server_requests {
    struct server_request **blocks; /* they never move */
    size_t block_count;
    struct server_request *free;
};

/* Frees the pool with all its requests, whatever their state. */
void server_requests_fini(struct server_requests *requests);

/* A request with all fields zero but its token. */
struct server_request *server_requests_take(struct server_requests *requests);

/* Gives it back; the timer must not be started. */
void server_requests_give(struct server_requests *requests, struct server_request *request);

static inline uint64_t server_request_token(const struct server_request *request)
{
    return (uint64_t)request->generation << 32 | request->index;
}

/* NULL: it has been given back since, or there was never one. */
struct server_request *server_requests_find(const struct server_requests *requests, uint64_t token);

#endif
