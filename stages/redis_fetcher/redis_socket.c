/* Owns the libuv handle and requests of one connection. They must stay until the loop lets go of
 * them, so a socket that was closed frees itself then. */
#include "stages/redis_fetcher/redis_socket.h"

#include "common/check.h"
#include "common/lookup.h"
#include "common/memory.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define KEEPALIVE_DELAY 30 /* s; our own PING is faster, but only while we run */

enum socket_state {
    SOCKET_LOOKING_UP,
    SOCKET_CONNECTING,
    SOCKET_OPEN,
    SOCKET_CLOSING, /* this address has failed, or the owner is done */
    SOCKET_DEAD     /* the loop holds nothing of it */
};

struct redis_socket {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } as;
    enum socket_state state;
    void *owner; /* NULL once it has closed the socket */
    const struct redis_socket_hooks *hooks;
    struct uv_loop_s *loop;
    unsigned attempt;
    int failure; /* libuv's error with the last address */

    struct lookup *lookup;      /* LOOKING_UP */
    struct addrinfo *addresses; /* owned */
    struct addrinfo *next;      /* of them, to be tried next */
    size_t untried;             /* of them */

    uv_connect_t connecting;
    uv_write_t writing;
    struct buffer sending; /* not empty: `writing` is under way */
    uint64_t accepted;     /* bytes given to libuv */
    size_t turn_left;      /* bytes that may yet be read in this turn */
};

static void free_socket(struct redis_socket *socket)
{
    if (socket->addresses)
        freeaddrinfo(socket->addresses);
    buffer_fini(&socket->sending);
    free(socket);
}

/* ---- reading and writing ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct redis_socket *socket = handle->data;
    size_t size = 0;
    char *room = socket->hooks->room(socket->owner, &size);

    (void)suggested;
    /* No room makes libuv stop for this turn, with UV_ENOBUFS, and go on in the next. */
    if (size > socket->turn_left)
        size = socket->turn_left;
    *buffer = uv_buf_init(room, (unsigned)size);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct redis_socket *socket = stream->data;

    (void)buffer;
    if (size == 0 || size == UV_ENOBUFS)
        return;
    if (size < 0) {
        socket->hooks->on_lost(socket->owner,
                               size == UV_EOF ? "closed by Redis" : uv_strerror((int)size));
        return;
    }
    socket->turn_left -= (size_t)size;
    socket->hooks->on_read(socket->owner, (size_t)size);
}

static void on_written(uv_write_t *request, int status)
{
    struct redis_socket *socket = request->handle->data;

    socket->sending.size = 0;
    if (status < 0 && socket->owner)
        socket->hooks->on_lost(socket->owner, uv_strerror(status));
}

const char *redis_socket_end_turn(struct redis_socket *socket, struct buffer *out)
{
    struct buffer emptied = socket->sending;
    uv_buf_t rest;
    int sent;

    CHECK(socket->state == SOCKET_OPEN);
    socket->turn_left = SOCKET_TURN_BYTES;
    if (out->size == 0 || socket->sending.size > 0)
        return NULL;
    rest = uv_buf_init(out->data, (unsigned)out->size);
    sent = uv_try_write(&socket->as.stream, &rest, 1);
    if (sent < 0 && sent != UV_EAGAIN)
        return uv_strerror(sent);
    socket->accepted += out->size;
    if (sent == (int)out->size) {
        out->size = 0;
        return NULL;
    }
    /* libuv keeps the rest; the owner gathers in the other buffer meanwhile. */
    socket->sending = *out;
    *out = emptied;
    if (sent > 0) {
        rest.base += sent;
        rest.len -= (size_t)sent;
    }
    sent = uv_write(&socket->writing, &socket->as.stream, &rest, 1, on_written);
    return sent < 0 ? uv_strerror(sent) : NULL;
}

uint64_t redis_socket_sent(const struct redis_socket *socket)
{
    return socket->accepted - uv_stream_get_write_queue_size(&socket->as.stream);
}

/* ---- connecting ---- */

static void try_address(struct redis_socket *socket);

static void on_closed(uv_handle_t *handle)
{
    struct redis_socket *socket = handle->data;

    socket->state = SOCKET_DEAD;
    if (!socket->owner)
        free_socket(socket);
    else if (socket->untried > 0)
        try_address(socket);
    else
        socket->hooks->on_lost(socket->owner, uv_strerror(socket->failure));
}

static void close_handle(struct redis_socket *socket)
{
    socket->state = SOCKET_CLOSING;
    uv_close(&socket->as.handle, on_closed);
}

static void fail_address(struct redis_socket *socket, int failure)
{
    socket->failure = failure;
    close_handle(socket);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct redis_socket *socket = request->handle->data;

    if (!socket->owner)
        return;
    if (status == 0)
        status = uv_read_start(&socket->as.stream, on_alloc, on_read);
    if (status < 0) {
        fail_address(socket, status);
        return;
    }
    if (socket->as.handle.type == UV_TCP) {
        uv_tcp_nodelay(&socket->as.tcp, 1);
        uv_tcp_keepalive(&socket->as.tcp, 1, KEEPALIVE_DELAY);
    }
    socket->state = SOCKET_OPEN;
    socket->turn_left = SOCKET_TURN_BYTES;
    socket->hooks->on_open(socket->owner);
}

/* Behind the last comes the first. */
static struct addrinfo *address_after(struct redis_socket *socket, struct addrinfo *address)
{
    return address->ai_next ? address->ai_next : socket->addresses;
}

static void try_address(struct redis_socket *socket)
{
    struct addrinfo *address = socket->next;
    int failure;

    socket->next = address_after(socket, address);
    socket->untried--;
    socket->state = SOCKET_CONNECTING;
    uv_tcp_init(socket->loop, &socket->as.tcp);
    socket->as.handle.data = socket;
    failure = uv_tcp_connect(&socket->connecting, &socket->as.tcp, address->ai_addr, on_connected);
    if (failure < 0)
        fail_address(socket, failure);
}

static void on_found(void *owner, struct addrinfo *addresses, const char *reason)
{
    struct redis_socket *socket = owner;

    socket->state = SOCKET_DEAD;
    socket->lookup = NULL;
    socket->addresses = addresses;
    if (!addresses) {
        socket->hooks->on_lost(socket->owner, reason);
        return;
    }
    for (; addresses; addresses = addresses->ai_next)
        socket->untried++;
    socket->next = socket->addresses;
    for (size_t turns = socket->attempt % socket->untried; turns > 0; turns--)
        socket->next = address_after(socket, socket->next);
    try_address(socket);
    socket->hooks->on_found(socket->owner);
}

static int begin(struct redis_socket *socket, const struct redis_url *url)
{
    if (url->path) {
        socket->state = SOCKET_CONNECTING;
        uv_pipe_init(socket->loop, &socket->as.pipe, 0);
        socket->as.handle.data = socket;
        uv_pipe_connect(&socket->connecting, &socket->as.pipe, url->path, on_connected);
        return 0;
    }
    socket->state = SOCKET_LOOKING_UP;
    socket->lookup = lookup_start(socket->loop, url->host, url->port, on_found, socket);
    return socket->lookup ? 0 : UV_EAGAIN;
}

struct redis_socket *redis_socket_open(struct uv_loop_s *loop, const struct redis_url *url,
                                       unsigned attempt, const struct redis_socket_hooks *hooks,
                                       void *owner, const char **reason)
{
    struct redis_socket *socket = memory_alloc(1, sizeof(*socket));
    int failure;

    socket->owner = owner;
    socket->hooks = hooks;
    socket->loop = loop;
    socket->attempt = attempt;
    failure = begin(socket, url);
    if (failure < 0) {
        free_socket(socket);
        *reason = uv_strerror(failure);
        return NULL;
    }
    return socket;
}

void redis_socket_close(struct redis_socket **socket)
{
    struct redis_socket *closed = *socket;

    if (!closed)
        return;
    *socket = NULL;
    closed->owner = NULL;
    switch (closed->state) {
    case SOCKET_LOOKING_UP:
        lookup_abandon(&closed->lookup);
        free_socket(closed);
        break;
    case SOCKET_CONNECTING:
    case SOCKET_OPEN:
        close_handle(closed);
        break;
    case SOCKET_CLOSING: /* on_closed comes */
        break;
    case SOCKET_DEAD:
        free_socket(closed);
        break;
    }
}
