/* The listening socket: it listens from when the stages behind can be asked, and accepts as many
 * clients as the limits and the process's descriptors allow.
 *
 * Should the process run out of descriptors all the same, libuv gives up one it keeps in reserve,
 * accepts and closes what waits, and so does not spin. */
#include "common/server_private.h"

#include "common/listener.h"
#include "common/memory.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the listener, or of a connection that was not wanted: the handle is its first field. */
static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

/* One line a second at most: it may happen for every client. */
static void complain(struct server *server, int error)
{
    int64_t now = clock_read(server->clock).mono;
    if (server->complained != 0 && now - server->complained < SECOND)
        return;
    server->complained = now;
    log_write(server->log, LOG_WARN, server->name, "accept-failed",
              LOG_TEXT("error", uv_strerror(error)));
}

static void on_client(uv_stream_t *listener, int status)
{
    struct server *server = listener->data;
    if (status < 0) {
        complain(server, status);
        return;
    }
    struct server_connection *connection =
        memory_alloc(1, sizeof(*connection) + server->protocol->session_size);
    connection->server = server;
    if (server->is_unix)
        uv_pipe_init(server->loop, &connection->uv.pipe, 0);
    else
        uv_tcp_init(server->loop, &connection->uv.tcp);
    bool is_accepted = uv_accept(listener, &connection->uv.stream) == 0;
    bool is_refused = server->clients >= server->limits.max_clients;
    server->counters.refused_clients += is_refused;
    if (!is_accepted || (is_refused && server->refused >= server->max_refused)) {
        uv_close(&connection->uv.handle, on_closed);
        return;
    }
    if (!server->is_unix)
        uv_tcp_nodelay(&connection->uv.tcp, 1); /* what is written is a whole turn's responses */

    connection->is_refused = is_refused;
    server_connection_start(connection);
    if (is_refused) {
        server->refused++;
        server_exchange_refuse(connection, SERVER_TOO_MANY);
    } else {
        server->clients++;
        server->counters.connections_total++;
    }
}

/* The descriptors that this server's connections may take: its part of what the process may open,
 * as large as its part of all the clients that are to be let in. */
static size_t share_descriptors(size_t limit, size_t clients, size_t all_clients)
{
    size_t room = limit > 2 * SERVER_DESCRIPTORS ? limit - SERVER_DESCRIPTORS : limit / 2;
    return all_clients > 0 ? (size_t)((double)room * (double)clients / (double)all_clients) : room;
}

/* The default is a bound that few processes have the descriptors for, and asks for no attention;
 * what somebody chose does. */
static enum log_level level_of_lowering(const struct settings *settings)
{
    static const char name[] = "max_clients";
    return settings_has(settings, name) && !settings_is_preset(settings, name) ? LOG_WARN
                                                                               : LOG_INFO;
}

/* One client too many takes a descriptor as well while it is told so. */
void server_listen_clamp(struct server *server, const struct stage_setup *setup, size_t before)
{
    struct rlimit limit;
    server->max_refused = SERVER_MAX_REFUSED;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    size_t clients = server->limits.max_clients;
    size_t share = share_descriptors((size_t)limit.rlim_cur, clients, setup->all_clients);
    size_t most = share - share / 16;
    if (clients > most) {
        server->limits.max_clients = most > 0 ? most : 1;
        if (server->limits.max_clients != before)
            log_write(server->log, level_of_lowering(setup->settings), server->name,
                      "max-clients-lowered", LOG_NUMBER("from", (int64_t)clients),
                      LOG_NUMBER("to", (int64_t)server->limits.max_clients),
                      LOG_NUMBER("descriptors", (int64_t)limit.rlim_cur));
        clients = server->limits.max_clients;
    }
    size_t left = share > clients ? share - clients : 0;
    server->max_refused = left < SERVER_MIN_REFUSED   ? SERVER_MIN_REFUSED
                          : left < SERVER_MAX_REFUSED ? left
                                                      : SERVER_MAX_REFUSED;
}

bool server_listen_init(struct server *server, const struct stage_setup *setup, struct error *error)
{
    int descriptor = setup->listener;
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    server->is_unix = getsockname(descriptor, (struct sockaddr *)&address, &size) == 0 &&
                      address.ss_family == AF_UNIX;
    server_listen_clamp(server, setup, 0);
    int result;
    if (server->is_unix) {
        uv_pipe_t *pipe = memory_alloc(1, sizeof(*pipe));
        uv_pipe_init(server->loop, pipe, 0);
        result = uv_pipe_open(pipe, descriptor);
        server->listener = (uv_stream_t *)pipe;
    } else {
        uv_tcp_t *tcp = memory_alloc(1, sizeof(*tcp));
        uv_tcp_init(server->loop, tcp);
        result = uv_tcp_open(tcp, descriptor);
        server->listener = (uv_stream_t *)tcp;
    }
    server->listener->data = server;
    if (result == 0)
        return true;
    close(descriptor);
    server_listen_close(server);
    return error_set(error, "%s: %s cannot be listened on: %s", server->name, server->address,
                     uv_strerror(result));
}

void server_listen_close(struct server *server)
{
    if (server->listener)
        uv_close((uv_handle_t *)server->listener, on_closed);
    server->listener = NULL;
    server->is_listening = false;
}

bool server_on_open(void *stage, struct moment now, struct error *error)
{
    struct server *server = server_of(stage);
    (void)now;
    if (!server->listener)
        return true; /* it drains already */
    uv_os_fd_t descriptor;
    if (uv_fileno((uv_handle_t *)server->listener, &descriptor) == 0)
        listener_prepare(descriptor);
    int result = uv_listen(server->listener, LISTENER_BACKLOG, on_client);
    if (result != 0) /* somebody else, starting as well, has bound it and was faster */
        return error_set(error, "%s: cannot listen there: %s", server->address,
                         uv_strerror(result));
    server->is_listening = true;
    log_write(server->log, LOG_INFO, server->name, "listening",
              LOG_TEXT("address", server->address));
    return true;
}
