#include "redis_server.h"

#include "blob.h"
#include "deadline.h"
#include "net.h"
#include "process.h"
#include "temp_dir.h"
#include "trouble.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Attempts to find a port that nobody takes between our look and the server's bind. */
#define PORT_ATTEMPTS 20

/* Arguments of the server beside those of redis_server_restart(). */
#define EXTRA_ARGUMENTS 16

struct redis_server {
    char *directory;
    struct blob socket; /* path */
    int port;
    struct process *process; /* NULL while killed */
    redisContext *context;   /* NULL while killed */
};

static void launch(struct redis_server *server, const char *const *extra)
{
    char port[16];
    const char *arguments[16 + EXTRA_ARGUMENTS] = {
        "redis-server", "--port", port, "--bind", "127.0.0.1", "--unixsocket",
        NULL,           "--dir",  NULL, "--save", "",          "--enable-debug-command",
        "yes",
    };
    size_t count = 13;

    arguments[6] = server->socket.data;
    arguments[8] = server->directory;
    snprintf(port, sizeof port, "%d", server->port);
    while (extra && *extra)
        arguments[count++] = *extra++;
    server->process = process_start(arguments, NULL);
}

/* Connects as soon as the server listens. False when it ended instead: its port was taken. */
static bool connect_when_up(struct redis_server *server)
{
    int64_t deadline = deadline_in(PATIENCE);
    struct timeval patience = {.tv_sec = PATIENCE / 1000};
    int code;

    while (deadline_left(deadline) > 0) {
        if (process_wait_exit(server->process, deadline_in(5), &code))
            return false;
        server->context = redisConnectUnixWithTimeout(server->socket.data, patience);
        if (server->context && !server->context->err) {
            redisSetTimeout(server->context, patience);
            return true;
        }
        redisFree(server->context);
        server->context = NULL;
    }
    trouble("redis-server does not answer on %s", server->socket.data);
}

struct redis_server *redis_server_start(void)
{
    struct redis_server *server = calloc(1, sizeof *server);

    if (!server)
        trouble("no memory for a redis-server");
    server->directory = temp_dir_create();
    blob_append_format(&server->socket, "%s/redis.sock", server->directory);
    for (int attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
        server->port = net_free_port();
        launch(server, NULL);
        if (connect_when_up(server)) {
            redis_server_run(server, "PING");
            return server;
        }
        process_destroy(&server->process);
    }
    trouble("cannot start redis-server; is it installed?");
}

void redis_server_restart(struct redis_server *server, const char *const *extra)
{
    launch(server, extra);
    if (!connect_when_up(server))
        trouble("redis-server does not start again on port %d", server->port);
}

int redis_server_port(const struct redis_server *server)
{
    return server->port;
}

const char *redis_server_socket(const struct redis_server *server)
{
    return server->socket.data;
}

const char *redis_server_directory(const struct redis_server *server)
{
    return server->directory;
}

static long long take_reply(struct redis_server *server, redisReply *reply)
{
    long long integer;

    if (!reply)
        trouble("redis-server does not answer: %s", server->context->errstr);
    if (reply->type == REDIS_REPLY_ERROR)
        trouble("redis-server: %s", reply->str);
    integer = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    freeReplyObject(reply);
    return integer;
}

long long redis_server_run(struct redis_server *server, const char *format, ...)
{
    va_list arguments;
    redisReply *reply;

    va_start(arguments, format);
    reply = redisvCommand(server->context, format, arguments);
    va_end(arguments);
    return take_reply(server, reply);
}

void redis_server_run_words(struct redis_server *server, int count, const char **words,
                            const size_t *lengths)
{
    take_reply(server, redisCommandArgv(server->context, count, words, lengths));
}

long long redis_server_calls(struct redis_server *server, const char *command)
{
    redisReply *reply = redisCommand(server->context, "INFO commandstats");
    char name[64];
    const char *line;
    long long calls = 0;

    if (!reply || reply->type == REDIS_REPLY_ERROR)
        trouble("redis-server does not tell its commandstats");
    snprintf(name, sizeof name, "cmdstat_%s:calls=", command);
    line = strstr(reply->str, name);
    if (line)
        calls = strtoll(line + strlen(name), NULL, 10);
    freeReplyObject(reply);
    return calls;
}

void redis_server_freeze(struct redis_server *server)
{
    process_freeze(server->process);
}

void redis_server_thaw(struct redis_server *server)
{
    process_thaw(server->process);
}

void redis_server_kill(struct redis_server *server)
{
    if (server->context)
        redisFree(server->context);
    server->context = NULL;
    process_destroy(&server->process);
    unlink(server->socket.data);
}

void redis_server_destroy(struct redis_server **server)
{
    struct redis_server *dying = *server;

    if (!dying)
        return;
    redis_server_kill(dying);
    blob_fini(&dying->socket);
    temp_dir_destroy(&dying->directory);
    free(dying);
    *server = NULL;
}
