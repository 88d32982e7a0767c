/* One connection, from its first byte to its end.
 *
 * Callbacks of the loop read, take requests and note that the connection was touched; everything
 * else happens when it is settled, once, at the end of the turn. */
#include "common/server_private.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CONNECTION_OF(started)                                                                     \
    ((struct server_connection *)((char *)(started)-offsetof(struct server_connection, timer)))

void server_connection_touch(struct server_connection *connection)
{
    if (connection->touched_link)
        return;
    struct server *server = connection->server;
    connection->next_touched = server->touched;
    connection->touched_link = &server->touched;
    if (server->touched)
        server->touched->touched_link = &connection->next_touched;
    server->touched = connection;
}

void server_connection_untouch(struct server_connection *connection)
{
    if (!connection->touched_link)
        return;
    *connection->touched_link = connection->next_touched;
    if (connection->next_touched)
        connection->next_touched->touched_link = connection->touched_link;
    connection->touched_link = NULL;
}

/* ---- reading ---- */

/* All connections read into one place: what is not used up at once is copied. libuv would read it
 * as from a file, which takes the system longer than from a socket; so it is given no room, tells
 * on_read that it has none, and that finds here what was received: about 2 % of the cost. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct server_connection *connection = handle->data;
    struct server *server = connection->server;
    uv_os_fd_t descriptor;
    *buffer = uv_buf_init(NULL, 0);
    server->received = UV_EBADF;
    if (uv_fileno(handle, &descriptor) != 0)
        return;
    do
        server->received = recv(descriptor, server->read_buffer, SERVER_READ_SIZE, MSG_DONTWAIT);
    while (server->received < 0 && errno == EINTR);
    if (server->received < 0)
        server->received = uv_translate_sys_error(errno);
}

static void drop_input(struct server_connection *connection)
{
    buffer_fini(&connection->input);
    connection->is_partial = false;
}

/* Takes what may be taken of what has been kept. */
static void take_kept(struct server_connection *connection)
{
    size_t used = server_exchange_take(connection, buffer_bytes(&connection->input));
    if (connection->phase != CONNECTION_OPEN || used == connection->input.size)
        drop_input(connection);
    else
        buffer_consume(&connection->input, used);
}

static void take_fresh(struct server_connection *connection, struct bytes fresh)
{
    if (connection->input.size > 0) {
        buffer_append(&connection->input, fresh.data, fresh.size);
        take_kept(connection);
        return;
    }
    size_t used = server_exchange_take(connection, fresh);
    if (connection->phase == CONNECTION_OPEN)
        buffer_append(&connection->input, fresh.data + used, fresh.size - used);
}

/* Whether some of the input has not been looked at. */
static bool has_more(const struct server_connection *connection)
{
    return connection->input.size > 0 && !connection->is_partial;
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer);

static void set_reading(struct server_connection *connection, bool wants)
{
    if (wants == connection->is_reading)
        return;
    connection->is_reading = wants;
    if (!wants)
        uv_read_stop(&connection->uv.stream);
    else if (uv_read_start(&connection->uv.stream, on_alloc, on_read) != 0)
        server_connection_close(connection, END_BROKEN);
}

static void take_received(struct server_connection *connection)
{
    const ssize_t size = connection->server->received;
    if (size == UV_EAGAIN)
        return;
    server_connection_touch(connection);
    if (size == 0) {
        set_reading(connection, false);
        connection->has_ended = true;
        server_connection_end(connection, END_CLIENT);
    } else if (size < 0) {
        server_connection_close(connection, END_BROKEN);
    } else if (connection->phase == CONNECTION_OPEN) {
        take_fresh(connection, (struct bytes){connection->server->read_buffer, (size_t)size});
        if (has_more(connection) || !server_connection_may_take(connection))
            set_reading(connection, false);
    } else {
        connection->dropped += (size_t)size;
    }
}

/* One wait may bring what thousands have sent. What a turn holds of them should stay in the
 * processor's caches until it is answered. */
static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct server_connection *connection = stream->data;
    struct server *server = connection->server;
    (void)size, (void)buffer; /* see on_alloc */
    take_received(connection);
    if (++server->reads >= SERVER_READS)
        turn_end(server->turn);
}

/* ---- deadlines ---- */

/* A timer that would fire too early is left to do so: most deadlines are put off long before they
 * pass, and then looking again is cheaper than moving it each time. */
static void set_deadline(struct server_connection *connection, int64_t deadline)
{
    connection->deadline = deadline;
    if (!wheel_is_started(&connection->timer) || connection->timer.deadline > deadline)
        wheel_start(&connection->server->connection_timers, &connection->timer, deadline);
}

static void wait_for_next(struct server_connection *connection, int64_t now)
{
    const struct server_limits *limits = &connection->server->limits;
    if (connection->write) {
        if (server_write_has_moved(connection))
            set_deadline(connection, now + limits->send_timeout);
    } else if (connection->is_partial) {
        set_deadline(connection, connection->partial_since + limits->head_timeout);
    } else if (connection->pipeline.queued > 0) {
        connection->deadline = NEVER; /* its requests have deadlines of their own */
    } else {
        set_deadline(connection, now + limits->idle_timeout);
    }
}

static void on_deadline(struct server_connection *connection, int64_t now)
{
    if (connection->write && server_write_has_moved(connection))
        set_deadline(connection, now + connection->server->limits.send_timeout);
    else if (connection->write)
        server_connection_close(connection, END_SEND_TIMEOUT);
    else if (connection->phase == CONNECTION_LINGER)
        server_connection_close(connection, connection->end);
    else if (connection->is_partial)
        server_exchange_refuse(connection, SERVER_TOO_SLOW);
    else
        server_connection_end(connection, END_IDLE_TIMEOUT);
}

void server_connection_expire_all(struct server *server, int64_t now)
{
    struct wheel_timer *timer;
    while ((timer = wheel_expire(&server->connection_timers, now))) {
        struct server_connection *connection = CONNECTION_OF(timer);
        if (connection->deadline <= now)
            on_deadline(connection, now);
        else if (connection->deadline != NEVER)
            set_deadline(connection, connection->deadline);
    }
}

/* ---- the end ---- */

void server_connection_end(struct server_connection *connection, enum server_end end)
{
    if (connection->phase != CONNECTION_OPEN)
        return;
    connection->phase = CONNECTION_LAST;
    connection->end = end;
    server_connection_touch(connection);
}

/* All is written: the client is told so, and gets a moment to close. */
static void linger(struct server_connection *connection, int64_t now)
{
    uv_os_fd_t descriptor;
    if (connection->has_ended || uv_fileno(&connection->uv.handle, &descriptor) != 0 ||
        shutdown(descriptor, SHUT_WR) != 0) {
        server_connection_close(connection, connection->end);
        return;
    }
    connection->phase = CONNECTION_LINGER;
    set_deadline(connection, now + SERVER_LINGER);
    set_reading(connection, true);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void server_connection_close(struct server_connection *connection, enum server_end end)
{
    struct server *server = connection->server;
    if (connection->phase == CONNECTION_CLOSED)
        return;
    connection->phase = CONNECTION_CLOSED;
    if (connection->write)
        connection->write->connection = NULL;
    connection->write = NULL;
    server_connection_untouch(connection);
    wheel_cancel(&server->connection_timers, &connection->timer);
    server_exchange_abandon(connection);
    server->held -= connection->held;
    buffer_fini(&connection->input);
    if (!connection->is_refused && server->protocol->on_close)
        server->protocol->on_close(server->owner, connection->session);

    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    if (connection->is_refused) {
        server->refused--; /* counted as refused */
    } else {
        server->clients--;
        server->counters.closed[end]++;
    }
    uv_close(&connection->uv.handle, on_closed);
}

/* ---- the turn ---- */

void server_connection_start(struct server_connection *connection)
{
    struct server *server = connection->server;
    connection->next = server->connections;
    connection->link = &server->connections;
    if (server->connections)
        server->connections->link = &connection->next;
    server->connections = connection;
    connection->uv.handle.data = connection;
    server_connection_touch(connection);
    if (!connection->is_refused && server->protocol->on_connect) {
        uv_os_fd_t descriptor = -1;
        uv_fileno(&connection->uv.handle, &descriptor);
        server->protocol->on_connect(server->owner, connection->session, descriptor);
    }
}

/* Whether more is waiting to be sent than anybody may let wait. */
static bool is_overfull(const struct server_connection *connection)
{
    size_t unsent = uv_stream_get_write_queue_size(&connection->uv.stream) +
                    server_pipeline_bytes(&connection->pipeline);
    return unsent > connection->server->limits.max_output;
}

/* Counts what it has waiting to be sent. False when it grew and is too much with all the others'.
 */
static bool may_hold(struct server_connection *connection)
{
    struct server *server = connection->server;
    const struct server_pipeline *pipeline = &connection->pipeline;
    size_t before = connection->held;
    connection->held = pipeline->output.bytes.size +
                       (connection->write ? connection->write->output.bytes.size : 0);
    for (const struct server_request *request = pipeline->first; request; request = request->next)
        connection->held += request->response.bytes.size;
    server->held += connection->held - before;
    return connection->held <= before || server->held <= SERVER_MAX_HELD;
}

void server_connection_settle(struct server_connection *connection, int64_t now)
{
    if (connection->phase == CONNECTION_LINGER) {
        if (connection->has_ended || connection->dropped > SERVER_LINGER_BYTES)
            server_connection_close(connection, connection->end);
        return;
    }
    if (has_more(connection))
        take_kept(connection);
    if (connection->phase == CONNECTION_LAST)
        drop_input(connection);
    if (!server_write_start(connection)) {
        server_connection_close(connection, END_BROKEN);
        return;
    }
    if (is_overfull(connection)) {
        server_connection_close(connection, END_MAX_OUTPUT);
        return;
    }
    if (!may_hold(connection)) {
        server_connection_close(connection, END_HELD);
        return;
    }
    if (connection->phase == CONNECTION_LAST && connection->pipeline.queued == 0 &&
        !connection->write) {
        linger(connection, now);
        return;
    }
    bool may_take = server_connection_may_take(connection);
    if (has_more(connection) && may_take)
        server_connection_touch(connection); /* in the next turn, after others had theirs */
    wait_for_next(connection, now);
    set_reading(connection, may_take && !has_more(connection));
}
