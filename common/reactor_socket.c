#include "common/reactor_socket.h"

#include "common/address.h"
#include "common/check.h"
#include "common/memory.h"

#include <stdlib.h>

struct reactor_socket {
    struct transport *transport;
    enum transport_side side;
    char *address;
    struct reactor_rest *rest; /* of the link that it belongs to */
    uv_poll_t poll;
    bool may_have_input; /* an edge was seen, or may have been eaten: to be read to the end */
    bool has_edge;       /* that is not explained by a message yet */
    bool is_connected;   /* as far as was looked; within the process always */

    /* Within the process: */
    struct reactor_inbox *inbox;  /* NULL: its peers are in others */
    struct reactor_inbox *server; /* of the socket that serves the address: maybe this one */
    unsigned taken;               /* of the messages counted in the inbox */
    bool is_dry; /* some may be counted that ZeroMQ has not told it of: an edge will come */
};

/* Whether its inbox has more than was taken, and ZeroMQ as well. */
static bool has_counted(const struct reactor_socket *socket)
{
    return socket->inbox != NULL && !socket->is_dry &&
           (int)(atomic_load(&socket->inbox->sent) - socket->taken) > 0;
}

static void on_edge(uv_poll_t *poll, int status, int events)
{
    struct reactor_socket *socket = poll->data;
    (void)status, (void)events; /* on an error, reading tells */
    socket->may_have_input = true;
    socket->has_edge = true;
    reactor_rest_end(socket->rest);
}

/* ---- opening ---- */

static void open_inbox(struct reactor_sockets *sockets, struct reactor_socket *socket)
{
    socket->server = reactor_inbox_of_server(sockets->inboxes, socket->address);
    socket->inbox = socket->side == TRANSPORT_SERVES
                        ? socket->server
                        : reactor_inbox_add_asker(sockets->inboxes, socket->server,
                                                  transport_name(socket->transport));
    reactor_inbox_open(socket->inbox, socket, sockets->bell);
}

struct reactor_socket *reactor_socket_open(struct reactor_rest *rest,
                                           const struct transport_setup *setup, struct error *error)
{
    struct reactor_sockets *sockets = rest->sockets;
    const bool is_inproc = address_scheme(setup->address) == ADDRESS_INPROC;
    struct transport *transport = transport_open(sockets->context, setup, error);
    if (transport == NULL)
        return NULL;
    struct reactor_socket *socket = memory_alloc(1, sizeof *socket);
    const int descriptor = transport_descriptor(transport);
    if (uv_poll_init(sockets->loop, &socket->poll, descriptor) != 0) {
        error_set(error, "cannot watch %s", setup->address);
        transport_close(&transport);
        free(socket);
        return NULL;
    }
    socket->transport = transport;
    socket->rest = rest;
    socket->side = setup->side;
    socket->address = memory_copy_text(setup->address);
    socket->is_connected = is_inproc;
    socket->has_edge = true;       /* of connect */
    socket->may_have_input = true; /* the edges of bind and connect are past */
    socket->poll.data = socket;
    CHECK(uv_poll_start(&socket->poll, UV_READABLE, on_edge) == 0);

    if (is_inproc)
        open_inbox(sockets, socket);
    sockets->items =
        memory_resize(sockets->items, sockets->count + 1, sizeof(struct reactor_socket *));
    sockets->items[sockets->count++] = socket;
    return socket;
}

/* ---- in use ---- */

/* The socket that was sent a message is told so, unless it is another process's. */
static void tell_peer(struct reactor_socket *socket, uint64_t name)
{
    struct reactor_inbox *inbox = socket->side == TRANSPORT_ASKS
                                      ? socket->server
                                      : reactor_inbox_of_asker(socket->server, name);
    CHECK(inbox != NULL); /* it was added before it could ask */
    if (reactor_inbox_count(inbox, socket->rest->sockets->bell))
        reactor_rest_end(((struct reactor_socket *)inbox->reader)->rest);
}

enum transport_result reactor_socket_send(struct reactor_socket *socket, uint64_t peer,
                                          struct batch *batch)
{
    const enum transport_result result = transport_send(socket->transport, peer, batch);
    /* That may have eaten an edge. */
    if (socket->inbox == NULL)
        socket->may_have_input = true;
    socket->is_dry = false;
    if (socket->inbox != NULL && result == TRANSPORT_SENT)
        tell_peer(socket, peer);
    return result;
}

bool reactor_sockets_look(struct reactor_sockets *sockets)
{
    bool is_found = false;
    for (size_t i = 0; i < sockets->count; i++)
        if (has_counted(sockets->items[i])) {
            reactor_rest_end(sockets->items[i]->rest);
            is_found = true;
        }
    return is_found;
}

bool reactor_socket_has_input(const struct reactor_socket *socket)
{
    return socket->may_have_input || has_counted(socket);
}

bool reactor_socket_receive(struct reactor_socket *socket, struct transport_message *message)
{
    if (!reactor_socket_has_input(socket))
        return false;
    const bool is_found = transport_receive(socket->transport, message);
    if (is_found)
        socket->has_edge = false;
    /* Within the process an edge is worth one look: what else there is, is counted. */
    if (!is_found || socket->inbox != NULL)
        socket->may_have_input = false;
    socket->taken += is_found;
    socket->is_dry = !is_found;
    return is_found;
}

bool reactor_socket_is_connected(struct reactor_socket *socket)
{
    if (socket->has_edge && !socket->may_have_input && socket->inbox == NULL) {
        socket->has_edge = false;
        socket->is_connected = transport_is_connected(socket->transport, &socket->may_have_input);
    }
    return socket->is_connected;
}

void reactor_socket_reconnect(struct reactor_socket *socket)
{
    transport_reconnect(socket->transport, socket->address);
    socket->has_edge = true;
    socket->may_have_input = true; /* its edges may be past */
}

void reactor_socket_allow(struct reactor_socket *socket, const struct key_list *allowed)
{
    transport_allow(socket->transport, allowed);
}

void reactor_socket_release(struct reactor_socket *socket)
{
    transport_release(socket->transport);
}

/* ---- closing ---- */

void reactor_sockets_close(struct reactor_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        /* The loop lets go of the descriptor before ZeroMQ closes it. */
        uv_close((uv_handle_t *)&sockets->items[i]->poll, NULL);
        transport_close(&sockets->items[i]->transport);
    }
}

void reactor_sockets_fini(struct reactor_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        free(sockets->items[i]->address);
        free(sockets->items[i]);
    }
    free(sockets->items);
    *sockets = (struct reactor_sockets){0};
}
