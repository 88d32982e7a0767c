/* The way out: what the system takes at once is written at once; the rest is moved aside, where it
 * holds still until the loop has written it. */
#include "common/server_private.h"

#include "common/memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define MAX_RUNS (2 * SERVER_PIPELINE + 1) /* written at once, without more memory */

static void on_written(uv_write_t *request, int status)
{
    struct server_write *write = request->data;
    struct server_connection *connection = write->connection;
    server_output_fini(&write->output);
    free(write);
    if (!connection)
        return;
    connection->write = NULL;
    if (status < 0)
        server_connection_close(connection, END_BROKEN);
    else
        server_connection_touch(connection);
}

/* What is written needs no memory any more, and the next connection needs some: in a turn few
 * buffers serve many connections. */
static void recycle(struct server *server, struct server_output *output)
{
    struct buffer *bytes = &output->bytes;
    if (server->spare_count < SERVER_SPARES && bytes->capacity > 0 &&
        bytes->capacity <= SERVER_SPARE_SIZE) {
        bytes->size = 0;
        server->spares[server->spare_count++] = *bytes;
        *bytes = (struct buffer){0};
    }
    server_output_fini(output);
}

static unsigned fill(uv_buf_t *buffers, struct bytes *runs, size_t most,
                     const struct server_output *output, size_t skip)
{
    size_t count = server_output_runs(output, skip, runs, most);
    for (size_t i = 0; i < count; i++)
        buffers[i] = uv_buf_init((char *)runs[i].data, (unsigned)runs[i].size);
    return (unsigned)count;
}

/* Without values by reference all lies in one piece. libuv would write it as to a file, which takes
 * the system 0.3 µs of 12 longer than to a socket. */
static ssize_t send_piece(struct server_connection *connection, struct bytes piece)
{
    uv_os_fd_t descriptor;
    if (uv_fileno(&connection->uv.handle, &descriptor) != 0)
        return -1;
    ssize_t sent = send(descriptor, piece.data, piece.size, MSG_DONTWAIT);
    bool must_wait = sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS);
    return must_wait ? 0 : sent;
}

static ssize_t send_pieces(struct server_connection *connection)
{
    struct bytes runs[MAX_RUNS];
    uv_buf_t buffers[MAX_RUNS];
    unsigned count = fill(buffers, runs, MAX_RUNS, &connection->pipeline.output, 0);
    int result = uv_try_write(&connection->uv.stream, buffers, count);
    return result == UV_EAGAIN ? 0 : result;
}

/* The number of bytes that the system took at once, or less than 0: the connection broke. */
static ssize_t write_at_once(struct server_connection *connection)
{
    const struct server_output *output = &connection->pipeline.output;
    return output->part_count == 0 ? send_piece(connection, buffer_bytes(&output->bytes))
                                   : send_pieces(connection);
}

static bool write_rest(struct server_connection *connection, size_t written)
{
    struct server_write *write = memory_alloc(1, sizeof(*write));
    write->output = connection->pipeline.output;
    connection->pipeline.output = (struct server_output){0};
    write->request.data = write;

    size_t most = 2 * write->output.part_count + 1;
    struct bytes *runs = memory_alloc(most, sizeof(*runs));
    uv_buf_t *buffers = memory_alloc(most, sizeof(*buffers));
    unsigned count = fill(buffers, runs, most, &write->output, written);
    int result = uv_write(&write->request, &connection->uv.stream, buffers, count, on_written);
    free(buffers); /* libuv has copied them */
    free(runs);
    if (result != 0) {
        server_output_fini(&write->output);
        free(write);
        return false;
    }
    write->connection = connection;
    connection->write = write;
    connection->unsent = SIZE_MAX;
    return true;
}

bool server_write_start(struct server_connection *connection)
{
    struct server_pipeline *pipeline = &connection->pipeline;
    size_t size = server_output_size(&pipeline->output);
    if (!connection->write) {
        ssize_t written = size > 0 ? write_at_once(connection) : 0;
        if (written < 0)
            return false;
        if ((size_t)written < size)
            return write_rest(connection, (size_t)written);
        recycle(connection->server, &pipeline->output);
    }
    if (!connection->write)
        pipeline->unwritten = 0;
    return true;
}

/* Bytes that the system has taken and the client has not: a slow reader may live on these for long
 * before the system takes more. */
static size_t count_taken(const struct server_connection *connection)
{
    uv_os_fd_t descriptor;
    int count = 0;
    if (uv_fileno(&connection->uv.handle, &descriptor) != 0)
        return 0;
#if defined(__linux__)
    if (ioctl(descriptor, TIOCOUTQ, &count) != 0)
        return 0;
#elif defined(SO_NWRITE)
    socklen_t size = sizeof(count);
    if (getsockopt(descriptor, SOL_SOCKET, SO_NWRITE, &count, &size) != 0)
        return 0;
#endif
    return (size_t)count;
}

bool server_write_has_moved(struct server_connection *connection)
{
    size_t unsent =
        uv_stream_get_write_queue_size(&connection->uv.stream) + count_taken(connection);
    bool has_moved = unsent < connection->unsent;
    connection->unsent = unsent;
    return has_moved;
}
