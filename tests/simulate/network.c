#include "tests/simulate/network.h"

#include "common/address.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

struct message {
    struct message *next;
    struct connection *connection;
    bool to_server;
    uint64_t peer;
    struct buffer frame;
    struct value **values;
    size_t value_count;
};

/* Kept until the run ends: messages under way point to it. */
struct connection {
    struct connection *next;
    struct reactor_socket *asker, *server; /* NULL: gone */
    uint64_t peer;                         /* what the server knows it by */
    bool is_up;
    int64_t arrives[2]; /* mono ns: the last of each direction, no earlier than which is the next */
    uint64_t lost[2];   /* messages up to this number of each direction do not arrive */
    uint64_t sent[2];
};

struct reactor_socket {
    struct reactor_socket *next;
    struct reactor_rest *rest;
    struct network_host *host;
    char *address;
    bool serves, is_inproc;
    struct connection *connection; /* of an asking one; NULL: none yet */
    uint64_t generation;           /* of attempts to connect */
    struct message *first, **end;  /* arrived */
    struct message *current;
};

static struct network_host *host_of(const struct reactor_rest *rest)
{
    return (struct network_host *)rest->sockets;
}

static void free_message(struct message *message)
{
    for (size_t i = 0; i < message->value_count; i++)
        value_release(&message->values[i]);
    free(message->values);
    buffer_fini(&message->frame);
    free(message);
}

static void wake(struct reactor_socket *socket)
{
    reactor_rest_end(socket->rest);
    socket->host->wake(socket->host);
}

/* ---- connections ---- */

static struct reactor_socket *find_server(const struct network *network, const char *address)
{
    for (struct reactor_socket *socket = network->sockets; socket; socket = socket->next)
        if (socket->serves && strcmp(socket->address, address) == 0)
            return socket;
    return NULL;
}

static void connect_to(struct reactor_socket *socket, struct reactor_socket *server)
{
    struct network *network = socket->host->network;
    struct connection *connection = memory_alloc(1, sizeof *connection);
    *connection = (struct connection){.next = network->connections,
                                      .asker = socket,
                                      .server = server,
                                      .peer = ++network->peers,
                                      .is_up = true};
    network->connections = connection;
    socket->connection = connection;
}

static void try_to_connect(void *owner, uint64_t peer);

static void plan_to_connect(struct reactor_socket *socket, int64_t least, int64_t most)
{
    struct world *world = socket->host->network->world;
    /* The network outlives the socket: it is looked up again by its number. */
    socket->generation = ++socket->host->network->peers;
    world_plan(world, world->now + world_between(world, least, most), try_to_connect,
               socket->host->network, socket->generation);
}

static void try_to_connect(void *owner, uint64_t generation)
{
    struct network *network = owner;
    struct reactor_socket *socket = network->sockets;
    while (socket && socket->generation != generation)
        socket = socket->next;
    if (!socket || (socket->connection && socket->connection->is_up))
        return;
    struct reactor_socket *server = find_server(network, socket->address);
    if (!server) {
        plan_to_connect(socket, 40 * MILLISECOND, 500 * MILLISECOND);
        return;
    }
    connect_to(socket, server);
    wake(socket);
}

static void end_connection(struct connection *connection)
{
    if (!connection->is_up)
        return;
    connection->is_up = false;
    if (connection->asker && connection->asker->connection == connection) {
        plan_to_connect(connection->asker, 1 * MILLISECOND, 100 * MILLISECOND);
        wake(connection->asker);
    }
}

/* ---- common/reactor_socket.h ---- */

struct reactor_socket *reactor_socket_open(struct reactor_rest *rest,
                                           const struct transport_setup *setup, struct error *error)
{
    struct reactor_socket *socket = memory_alloc(1, sizeof *socket);
    (void)error;
    socket->host = host_of(rest);
    socket->rest = rest;
    socket->address = memory_copy_text(setup->address);
    socket->serves = setup->side == TRANSPORT_SERVES;
    socket->is_inproc = address_scheme(setup->address) == ADDRESS_INPROC;
    socket->end = &socket->first;
    socket->next = socket->host->network->sockets;
    socket->host->network->sockets = socket;
    if (!socket->serves && !socket->is_inproc)
        plan_to_connect(socket, 0, 5 * MILLISECOND);
    return socket;
}

bool reactor_socket_is_connected(struct reactor_socket *socket)
{
    return socket->connection && socket->connection->is_up;
}

void reactor_socket_reconnect(struct reactor_socket *socket)
{
    if (socket->connection && socket->connection->is_up)
        end_connection(socket->connection);
}

void reactor_socket_allow(struct reactor_socket *socket, const struct key_list *allowed)
{
    (void)socket, (void)allowed;
}

static struct connection *connection_to(struct reactor_socket *socket, uint64_t peer)
{
    if (!socket->serves) {
        if (!socket->connection && socket->is_inproc)
            connect_to(socket, find_server(socket->host->network, socket->address));
        return socket->connection && socket->connection->is_up ? socket->connection : NULL;
    }
    for (struct connection *c = socket->host->network->connections; c; c = c->next)
        if (c->server == socket && c->peer == peer)
            return c->is_up ? c : NULL;
    return NULL;
}

static void arrive(void *owner, uint64_t number)
{
    struct message *message = owner;
    struct connection *connection = message->connection;
    struct reactor_socket *to = message->to_server ? connection->server : connection->asker;
    if (!connection->is_up || !to || number <= connection->lost[message->to_server]) {
        free_message(message);
        return;
    }
    *to->end = message;
    to->end = &message->next;
    wake(to);
}

enum transport_result reactor_socket_send(struct reactor_socket *socket, uint64_t peer,
                                          struct batch *batch)
{
    struct world *world = socket->host->network->world;
    struct connection *connection = connection_to(socket, peer);
    if (!connection)
        return socket->serves ? TRANSPORT_GONE : TRANSPORT_FULL;

    struct message *message = memory_alloc(1, sizeof *message);
    message->connection = connection;
    message->to_server = !socket->serves;
    message->peer = connection->peer;
    buffer_append(&message->frame, batch->frame.data, batch->frame.size);
    message->values = memory_alloc(batch->value_count + 1, sizeof *message->values);
    for (size_t i = 0; i < batch->value_count; i++) {
        message->values[i] = batch->values[i];
        batch->values[i] = NULL;
    }
    message->value_count = batch->value_count;

    uint64_t number = ++connection->sent[message->to_server];
    if (socket->is_inproc) {
        arrive(message, number);
        return TRANSPORT_SENT;
    }
    int64_t *last = &connection->arrives[message->to_server];
    int64_t at = world->now + world_between(world, 20 * MICROSECOND, 300 * MICROSECOND);
    if (!world->is_calm && world_chance(world, 5))
        at += world_between(world, 0, 40 * MILLISECOND);
    *last = at > *last ? at : *last + 1;
    world_plan(world, *last, arrive, message, number);
    return TRANSPORT_SENT;
}

bool reactor_socket_has_input(const struct reactor_socket *socket)
{
    return socket->first != NULL;
}

bool reactor_socket_receive(struct reactor_socket *socket, struct transport_message *message)
{
    struct message *first = socket->first;
    if (!first)
        return false;
    socket->first = first->next;
    if (!socket->first)
        socket->end = &socket->first;
    socket->current = first;
    *message = (struct transport_message){
        .peer = first->peer,
        .first_frame = {first->frame.data, first->frame.size},
        .values = first->values,
        .value_count = first->value_count,
    };
    return true;
}

void reactor_socket_release(struct reactor_socket *socket)
{
    free_message(socket->current);
    socket->current = NULL;
}

/* ---- the end of a process, and of the run ---- */

static void free_socket(struct reactor_socket *socket)
{
    while (socket->first) {
        struct message *message = socket->first;
        socket->first = message->next;
        free_message(message);
    }
    free(socket->address);
    free(socket);
}

void network_close(struct network_host *host)
{
    struct network *network = host->network;
    for (struct connection *c = network->connections; c; c = c->next) {
        bool was_asker = c->asker && c->asker->host == host;
        bool was_server = c->server && c->server->host == host;
        if (was_asker)
            c->asker = NULL;
        if (was_server)
            c->server = NULL;
        if (was_asker || was_server)
            end_connection(c);
    }
    for (struct reactor_socket **at = &network->sockets; *at;) {
        struct reactor_socket *socket = *at;
        if (socket->host != host) {
            at = &socket->next;
            continue;
        }
        *at = socket->next;
        free_socket(socket);
    }
}

void network_fini(struct network *network)
{
    while (network->connections) {
        struct connection *connection = network->connections;
        network->connections = connection->next;
        free(connection);
    }
}

/* ---- faults ---- */

static struct connection *choose(const struct network *network, uint64_t which)
{
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        size_t wanted = count > 0 ? which % count : 0;
        count = 0;
        for (struct connection *c = network->connections; c; c = c->next) {
            if (!c->is_up || !c->asker || c->asker->is_inproc)
                continue;
            if (pass == 1 && count == wanted)
                return c;
            count++;
        }
        if (count == 0)
            return NULL;
    }
    return NULL;
}

void network_break(struct network *network, uint64_t which)
{
    struct connection *connection = choose(network, which);
    if (connection)
        end_connection(connection);
}

void network_lose(struct network *network, uint64_t which)
{
    struct connection *connection = choose(network, which);
    if (connection)
        for (int i = 0; i < 2; i++)
            connection->lost[i] = connection->sent[i];
}

void network_hold(struct network *network, uint64_t which, int64_t until)
{
    struct connection *connection = choose(network, which);
    if (!connection)
        return;
    for (int i = 0; i < 2; i++)
        if (connection->arrives[i] < until)
            connection->arrives[i] = until;
}
