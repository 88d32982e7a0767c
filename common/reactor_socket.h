/* The link sockets of one reactor: the only code that knows when a ZeroMQ socket is worth reading.
 *
 * ZMQ_FD becomes readable on an edge, and any send or receive may eat that edge. So a socket is
 * either known to be empty (read to its end since it was last touched), or it may have input; and
 * a reactor does not wait while one of its sockets may have input.
 *
 * A read that finds nothing costs system calls, and makes the next message cost more of them. So a
 * socket within the process is only read while its inbox says that there is something; see
 * reactor_inbox.h.
 *
 * An edge that brought no message is ZeroMQ's news of the connection: it came, or it went. */
#ifndef WEIR_REACTOR_SOCKET_H
#define WEIR_REACTOR_SOCKET_H

#include "common/reactor_inbox.h"
#include "common/transport.h"

#include <uv.h>

struct reactor_sockets {
    bool has_work; /* something was handed to a link that rested, or arrived for it */
    uv_loop_t *loop;
    void *context;                   /* ZeroMQ's */
    const struct key_pair *keys;     /* of the process, for encrypted links; or NULL */
    struct reactor_inboxes *inboxes; /* of the process */
    struct reactor_bell *bell;       /* of this reactor */
    struct reactor_socket **items;
    size_t count;
};

/* Whether a link wants a round: one that rests is passed over. A turn has several rounds, and in
 * each of them most links have nothing to do: a turn with one request so takes 4,800 instructions
 * less of 21,000. */
struct reactor_rest {
    struct reactor_sockets *sockets;
    bool is_resting; /* set behind a round in which all that it had was moved */
    int64_t until;   /* mono ns: when it wants a round all the same */
};

static inline bool reactor_rest_holds(const struct reactor_rest *rest, int64_t now)
{
    return rest->is_resting && now < rest->until;
}

/* Something was handed to the link, or arrived. */
static inline void reactor_rest_end(struct reactor_rest *rest)
{
    if (rest->is_resting)
        rest->sockets->has_work = true;
    rest->is_resting = false;
}

/* Behind a round. */
static inline void reactor_rest_begin(struct reactor_rest *rest, bool has_input)
{
    rest->is_resting = !has_input;
    if (has_input)
        rest->sockets->has_work = true;
}

/* Opens a socket for the link that `rest` is of, and watches it. NULL on error. */
struct reactor_socket *reactor_socket_open(struct reactor_rest *rest,
                                           const struct transport_setup *setup,
                                           struct error *error);

/* Ends the rest of links that other threads have sent something. Whether there are any. */
bool reactor_sockets_look(struct reactor_sockets *sockets);

/* Whether there is a peer to be sent to; for the asking side. */
bool reactor_socket_is_connected(struct reactor_socket *socket);

/* See transport_reconnect. */
void reactor_socket_reconnect(struct reactor_socket *socket);

/* See transport_allow. */
void reactor_socket_allow(struct reactor_socket *socket, const struct key_list *allowed);

enum transport_result reactor_socket_send(struct reactor_socket *socket, uint64_t peer,
                                          struct batch *batch);

/* Whether it may have input: the loop must not wait then. */
bool reactor_socket_has_input(const struct reactor_socket *socket);

/* Takes a message, where there is one; reactor_socket_release when done with it. */
bool reactor_socket_receive(struct reactor_socket *socket, struct transport_message *message);
void reactor_socket_release(struct reactor_socket *socket);

/* At the end. First all are closed; when the loop has run until their handles are gone, their
 * memory is given back. */
void reactor_sockets_close(struct reactor_sockets *sockets);
void reactor_sockets_fini(struct reactor_sockets *sockets);

#endif
