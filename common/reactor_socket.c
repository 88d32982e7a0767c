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
    size_t peers;                       /* that talk to it, in this reactor or not */
    struct reactor_socket **neighbours; /* those of its peers that are in this reactor */
    size_t neighbour_count;
    bool may_have_input; /* an edge was seen, or may have been eaten: to be read to the end */
    size_t expected;     /* messages from neighbours, where nobody else talks to it */
    bool has_edge;       /* that is not explained by a message yet */
    bool is_connected;   /* as far as was looked; of inproc always */
};

static bool has_only_neighbours(const struct reactor_socket *socket)
{
    return socket->neighbour_count == socket->peers;
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

static void add_neighbour(struct reactor_socket *socket, struct reactor_socket *neighbour)
{
    socket->neighbours = memory_resize(socket->neighbours, socket->neighbour_count + 1,
                                       sizeof(struct reactor_socket *));
    socket->neighbours[socket->neighbour_count++] = neighbour;
}

static void meet_neighbours(struct reactor_sockets *sockets, struct reactor_socket *socket)
{
    for (size_t i = 0; i < sockets->count; i++) {
        struct reactor_socket *other = sockets->items[i];
        if (other->side != socket->side && strcmp(other->address, socket->address) == 0) {
            add_neighbour(socket, other);
            add_neighbour(other, socket);
        }
    }
}

struct reactor_socket *reactor_socket_open(struct reactor_rest *rest,
                                           const struct transport_setup *setup, size_t peers,
                                           struct error *error)
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
    socket->peers = is_inproc ? peers : SIZE_MAX; /* others may connect */
    socket->is_connected = is_inproc;
    socket->has_edge = true;       /* of connect */
    socket->may_have_input = true; /* the edges of bind and connect are past */
    socket->poll.data = socket;
    CHECK(uv_poll_start(&socket->poll, UV_READABLE, on_edge) == 0);

    if (is_inproc)
        meet_neighbours(sockets, socket);
    sockets->items =
        memory_resize(sockets->items, sockets->count + 1, sizeof(struct reactor_socket *));
    sockets->items[sockets->count++] = socket;
    return socket;
}

/* ---- in use ---- */

static void tell_neighbour(struct reactor_socket *neighbour)
{
    if (has_only_neighbours(neighbour))
        neighbour->expected++;
    else
        neighbour->may_have_input = true;
    reactor_rest_end(neighbour->rest);
}

/* Only the one that is meant: another would look for a message in vain, which costs a poll and a
 * getpid in each turn, measured as 3.9 µs. */
static void tell_neighbours(struct reactor_socket *socket, uint64_t peer)
{
    for (size_t i = 0; i < socket->neighbour_count; i++)
        if (socket->side == TRANSPORT_ASKS ||
            transport_name(socket->neighbours[i]->transport) == peer)
            tell_neighbour(socket->neighbours[i]);
}

enum transport_result reactor_socket_send(struct reactor_socket *socket, uint64_t peer,
                                          struct batch *batch)
{
    const enum transport_result result = transport_send(socket->transport, peer, batch);
    if (!has_only_neighbours(socket))
        socket->may_have_input = true;
    if (result == TRANSPORT_SENT)
        tell_neighbours(socket, peer);
    return result;
}

bool reactor_socket_has_input(const struct reactor_socket *socket)
{
    return socket->may_have_input || socket->expected > 0;
}

bool reactor_socket_receive(struct reactor_socket *socket, struct transport_message *message)
{
    if (!reactor_socket_has_input(socket))
        return false;
    if (transport_receive(socket->transport, message)) {
        if (socket->expected > 0)
            socket->expected--;
        socket->has_edge = false;
        return true;
    }
    socket->may_have_input = false;
    socket->expected = 0;
    return false;
}

bool reactor_socket_is_connected(struct reactor_socket *socket)
{
    if (socket->has_edge && !socket->may_have_input && socket->peers == SIZE_MAX) {
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
        free(sockets->items[i]->neighbours);
        free(sockets->items[i]->address);
        free(sockets->items[i]);
    }
    free(sockets->items);
    *sockets = (struct reactor_sockets){0};
}
