/* Owns the life of one connection: connecting, being up, being lost, and what is sent. Runs in the
 * reactor's thread, from the stage's hooks and from the loop. */
#include "stages/redis_fetcher/redis_connection_inner.h"

#include "common/check.h"
#include "common/memory.h"
#include "stages/redis_fetcher/redis_command.h"
#include "stages/redis_fetcher/redis_feed.h"

#include <stdlib.h>
#include <string.h>

/* ---- commands ---- */

/* What has just been appended to `out`, `size` bytes of it, is a command. Returns its number. */
static uint64_t push_command(struct redis_connection *connection, enum redis_command_kind kind,
                             struct redis_ask *ask, size_t size)
{
    connection->formatted += size;
    if (redis_queue_size(&connection->queue) == 0)
        connection->last_byte = redis_connection_mono(connection);
    return redis_queue_push(
        &connection->queue,
        (struct redis_command){.kind = kind, .size = (uint32_t)size, .ask = ask});
}

void redis_connection_send(struct redis_connection *connection, enum redis_command_kind kind,
                           const struct bytes *words, size_t count)
{
    push_command(connection, kind, NULL, redis_command_append(&connection->out, words, count));
}

void redis_connection_send_ping(struct redis_connection *connection)
{
    connection->awaits_pong = true;
    connection->pinged = clock_read(connection->setup->clock).boot;
    redis_connection_send(connection, COMMAND_PING, (struct bytes[]){bytes_of_text("PING")}, 1);
}

static void send_greeting(struct redis_connection *connection)
{
    const struct redis_connection_setup *setup = connection->setup;
    const struct redis_url *url = setup->url;
    struct bytes words[3];
    size_t count = 0;

    if (url->password) {
        words[count++] = bytes_of_text("AUTH");
        if (url->user)
            words[count++] = bytes_of_text(url->user);
        words[count++] = bytes_of_text(url->password);
        redis_connection_send(connection, COMMAND_AUTH, words, count);
    }
    /* A new connection is in database 0, and its user need not have the right to SELECT. */
    if (strcmp(url->database, "0") != 0) {
        words[0] = bytes_of_text("SELECT");
        words[1] = bytes_of_text(url->database);
        redis_connection_send(connection, COMMAND_SELECT, words, 2);
    }
    if (setup->compares) {
        words[0] = bytes_of_text("INFO");
        words[1] = bytes_of_text("server");
        redis_connection_send(connection, COMMAND_INFO, words, 2);
    }
    if (setup->feed)
        redis_feed_greet(connection);
    else
        redis_connection_send_ping(connection);
}

/* ---- up and down ---- */

static void say(struct redis_connection *connection, enum log_level level, const char *event,
                const char *reason, int64_t pause)
{
    const struct redis_connection_setup *setup = connection->setup;
    char place[192];

    redis_url_format_place(setup->url, place, sizeof(place));
    if (reason)
        log_write(setup->log, level, setup->name, event, LOG_TEXT("redis", place),
                  LOG_NUMBER("connection", (int64_t)connection->number), LOG_TEXT("reason", reason),
                  LOG_NUMBER("retry_ms", pause / MILLISECOND));
    else
        log_write(setup->log, level, setup->name, event, LOG_TEXT("redis", place),
                  LOG_NUMBER("connection", (int64_t)connection->number));
}

static void hand_back(struct redis_connection *connection, enum loss loss, uint64_t sent)
{
    const struct redis_connection_setup *setup = connection->setup;
    enum status status;
    bool is_oldest = true;

    while (redis_queue_size(&connection->queue) > 0) {
        struct redis_ask *ask = redis_queue_pop(&connection->queue).ask;
        bool is_to_blame = is_oldest && loss != LOSS_ENDED;
        is_oldest = false;
        if (!ask)
            continue;
        ask->connection = NULL;
        ask->was_sent |= ask->end <= sent;
        if (loss == LOSS_BROKEN && is_to_blame)
            status = STATUS_ORIGIN_BROKEN;
        else
            status = loss == LOSS_SILENT && ask->was_sent ? STATUS_TIMEOUT : STATUS_AWAY;
        setup->hooks->on_lost(setup->owner, ask, status, !is_to_blame);
    }
}

void redis_connection_lose(struct redis_connection *connection, enum loss loss, const char *reason)
{
    int64_t now = redis_connection_mono(connection);
    bool was_up = connection->state == CONNECTION_UP;
    uint64_t sent =
        redis_connection_is_open(connection) ? redis_socket_sent(connection->socket) : 0;
    int64_t pause = redis_retry_pause(&connection->retry, was_up ? now - connection->up_since : 0);
    bool is_news = redis_retry_is_news(&connection->retry, reason);
    const char *event = connection->setup->feed ? was_up ? "feed-lost" : "feed-failed"
                        : was_up                ? "connection-lost"
                                                : "connect-failed";

    say(connection, is_news ? LOG_WARN : LOG_DEBUG, event, reason, pause);
    connection->state = CONNECTION_WAITING;
    connection->has_tried = true;
    connection->is_delayed = false;
    connection->awaits_pong = false;
    connection->run_id[0] = '\0';
    connection->due = now + pause;
    connection->formatted = 0;
    connection->out.size = 0;
    connection->setup->counters->reconnects++;
    redis_socket_close(&connection->socket);
    redis_reply_destroy_reader(&connection->reader);
    redis_connection_drop_held(connection);
    if (connection->setup->feed)
        redis_feed_lose(connection->setup->feed);
    hand_back(connection, loss, sent);
}

static void become_up(struct redis_connection *connection)
{
    connection->state = CONNECTION_UP;
    connection->has_tried = true;
    connection->up_since = redis_connection_mono(connection);
    redis_retry_is_news(&connection->retry, "");
    say(connection, LOG_INFO, connection->setup->feed ? "feed-connected" : "connected", NULL, 0);
}

void redis_connection_take_pong(struct redis_connection *connection)
{
    connection->awaits_pong = false;
    if (connection->state == CONNECTION_GREETING)
        become_up(connection);
    connection->due = redis_connection_mono(connection) + connection->setup->ping;
}

void redis_connection_compare(struct redis_connection *connection,
                              const struct redis_connection *reached)
{
    if (connection->run_id[0] && strcmp(connection->run_id, reached->run_id) != 0)
        redis_connection_lose(connection, LOSS_ENDED, "another Redis has taken its place");
}

void redis_connection_renew(struct redis_connection *connection, const char *reason)
{
    if (connection->state != CONNECTION_WAITING)
        redis_connection_lose(connection, LOSS_ENDED, reason);
}

/* ---- what the socket says ---- */

static void on_found(void *owner)
{
    struct redis_connection *connection = owner;

    connection->state = CONNECTION_CONNECTING;
    connection->due = redis_connection_mono(connection) + CONNECTION_PATIENCE;
}

static void on_open(void *owner)
{
    struct redis_connection *connection = owner;

    connection->state = CONNECTION_GREETING;
    send_greeting(connection);
}

static char *on_room(void *owner, size_t *size)
{
    struct redis_connection *connection = owner;

    return redis_reply_room(connection->reader, size);
}

static void on_read(void *owner, size_t size)
{
    struct redis_connection *connection = owner;

    connection->last_byte = redis_connection_mono(connection);
    redis_reply_receive(connection->reader, size);
    redis_connection_take_replies(connection);
}

static void on_lost(void *owner, const char *reason)
{
    redis_connection_lose(owner, LOSS_ENDED, reason);
}

static void connect_anew(struct redis_connection *connection)
{
    static const struct redis_socket_hooks hooks = {.on_found = on_found,
                                                    .on_open = on_open,
                                                    .room = on_room,
                                                    .on_read = on_read,
                                                    .on_lost = on_lost};
    const struct redis_connection_setup *setup = connection->setup;
    const char *reason = "the system has no memory left";

    connection->reader = redis_reply_create_reader(setup->account);
    if (connection->reader)
        connection->socket = redis_socket_open(setup->loop, setup->url, connection->attempt++,
                                               &hooks, connection, &reason);
    if (!connection->socket) {
        redis_connection_lose(connection, LOSS_ENDED, reason);
        return;
    }
    connection->state = setup->url->path ? CONNECTION_CONNECTING : CONNECTION_RESOLVING;
    connection->due = redis_connection_mono(connection) + CONNECTION_PATIENCE;
}

/* ---- what the stage calls ---- */

struct redis_connection *redis_connection_create(const struct redis_connection_setup *setup,
                                                 size_t number)
{
    struct redis_connection *connection = memory_alloc(1, sizeof(*connection));

    connection->setup = setup;
    connection->number = number;
    connection->state = CONNECTION_WAITING;
    connect_anew(connection);
    return connection;
}

void redis_connection_destroy(struct redis_connection **connection)
{
    struct redis_connection *gone = *connection;

    if (!gone)
        return;
    *connection = NULL;
    while (redis_queue_size(&gone->queue) > 0)
        free(redis_queue_pop(&gone->queue).ask);
    redis_queue_fini(&gone->queue);
    redis_socket_close(&gone->socket);
    redis_reply_destroy_reader(&gone->reader);
    redis_connection_drop_held(gone);
    buffer_fini(&gone->held_bytes);
    buffer_fini(&gone->out);
    free(gone);
}

bool redis_connection_is_up(const struct redis_connection *connection)
{
    return connection->state == CONNECTION_UP;
}

bool redis_connection_has_tried(const struct redis_connection *connection)
{
    return connection->has_tried;
}

bool redis_connection_is_delayed(const struct redis_connection *connection)
{
    return connection->is_delayed;
}

size_t redis_connection_load(const struct redis_connection *connection)
{
    return redis_queue_size(&connection->queue);
}

bool redis_connection_has_room(const struct redis_connection *connection, size_t key_size)
{
    return connection->state == CONNECTION_UP &&
           redis_queue_size(&connection->queue) < CONNECTION_COMMANDS &&
           connection->queue.bytes + key_size <= CONNECTION_BYTES;
}

void redis_connection_ask(struct redis_connection *connection, struct redis_ask *ask)
{
    struct bytes get[] = {bytes_of_text("GET"), {ask->key, ask->key_size}};
    struct bytes pttl[] = {bytes_of_text("PTTL"), {ask->key, ask->key_size}};
    bool asks_life = connection->setup->asks_life;
    size_t size;

    CHECK(redis_connection_has_room(connection, ask->key_size));
    ask->connection = connection;
    size = redis_command_append(&connection->out, get, 2);
    if (asks_life)
        size += redis_command_append(&connection->out, pttl, 2);
    ask->number = push_command(connection, asks_life ? COMMAND_GET_PTTL : COMMAND_GET, ask, size);
    ask->end = connection->formatted;
    connection->setup->counters->fetches++;
}

void redis_connection_forget(struct redis_ask *ask)
{
    struct redis_connection *connection = ask->connection;

    redis_queue_at(&connection->queue, ask->number)->ask = NULL;
    ask->was_sent |= ask->end <= redis_socket_sent(connection->socket);
    if (ask->number == connection->queue.first)
        redis_reply_abandon(connection->reader);
    ask->connection = NULL;
}

/* The turn of a connection that can send. Returns why it is lost, or NULL. */
static const char *end_open_turn(struct redis_connection *connection, int64_t now)
{
    if (connection->state == CONNECTION_UP && !connection->awaits_pong && now >= connection->due)
        redis_connection_send_ping(connection);
    return redis_socket_end_turn(connection->socket, &connection->out);
}

int64_t redis_connection_end_turn(struct redis_connection *connection, int64_t now)
{
    const struct redis_connection_setup *setup = connection->setup;
    const char *reason;

    if (connection->state == CONNECTION_WAITING && now >= connection->due)
        connect_anew(connection);
    if (connection->state == CONNECTION_RESOLVING && now >= connection->due) {
        /* A look-up cannot be cut short, and another would be no faster: wait on. */
        connection->has_tried = true;
        connection->due = NEVER;
        say(connection, LOG_WARN, "connect-failed", "the name is still being looked up", 0);
    }
    if (connection->state == CONNECTION_CONNECTING && now >= connection->due)
        redis_connection_lose(connection, LOSS_ENDED, "it cannot be reached");
    if (redis_connection_is_open(connection) && redis_queue_size(&connection->queue) > 0 &&
        now - connection->last_byte >= setup->timeout)
        redis_connection_lose(connection, LOSS_SILENT, "it does not answer");
    if (redis_connection_is_open(connection) && (reason = end_open_turn(connection, now)) != NULL)
        redis_connection_lose(connection, LOSS_ENDED, reason);
    if (redis_connection_is_open(connection) && redis_queue_size(&connection->queue) > 0) {
        int64_t overdue = connection->last_byte + setup->timeout;
        bool pings = connection->state == CONNECTION_UP && !connection->awaits_pong;
        return pings ? clock_earlier(overdue, connection->due) : overdue;
    }
    return connection->due;
}
