/* Owns the state of one connection and its unanswered commands. Runs in the reactor's thread, from
 * the stage's hooks and from the loop. */
#include "stages/redis_fetcher/redis_connection.h"

#include "common/check.h"
#include "common/memory.h"
#include "stages/redis_fetcher/redis_error.h"
#include "stages/redis_fetcher/redis_queue.h"
#include "stages/redis_fetcher/redis_reply.h"
#include "stages/redis_fetcher/redis_socket.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum connection_state {
    CONNECTION_WAITING,
    CONNECTION_RESOLVING,
    CONNECTION_CONNECTING,
    CONNECTION_GREETING,
    CONNECTION_UP
};

/* How a connection ends, which says what becomes of the oldest command. */
enum loss {
    LOSS_ENDED,  /* closed, reset, or of no use */
    LOSS_SILENT, /* no byte within the timeout */
    LOSS_BROKEN  /* not the protocol */
};

struct redis_connection {
    const struct redis_connection_setup *setup;
    size_t number; /* for the log */
    enum connection_state state;
    bool has_tried;
    bool is_delayed;   /* a large reply is being received */
    bool awaits_pong;  /* UP: a PING is unanswered */
    unsigned attempt;  /* how many there were: which address is tried first */
    int64_t due;       /* mono: WAITING: to connect; RESOLVING, CONNECTING: to have; UP: to PING */
    int64_t retry;     /* ns: the last pause */
    int64_t up_since;  /* mono */
    int64_t last_byte; /* mono: or since when there has been something to wait for */
    char trouble[160]; /* why it last could not connect, "" when it could: not to be said again */

    struct redis_socket *socket; /* NULL: WAITING */
    struct redis_reader *reader; /* NULL: WAITING */
    struct redis_queue queue;    /* unanswered commands */
    struct buffer out;           /* commands of this turn */
    uint64_t formatted;          /* bytes of all commands of this socket */
};

static int64_t mono(const struct redis_connection *connection)
{
    return clock_read(connection->setup->clock).mono;
}

static bool is_open(const struct redis_connection *connection)
{
    return connection->state >= CONNECTION_GREETING;
}

/* ---- commands ---- */

static size_t append_number(char *out, char mark, size_t number)
{
    char digits[24];
    size_t count = 0, size = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    out[size++] = mark;
    while (count > 0)
        out[size++] = digits[--count];
    out[size++] = '\r';
    out[size++] = '\n';
    return size;
}

/* Formats `*<count> $<size> <word> …` and queues it. Not by hiredis, which parses a format text for
 * every command. */
static uint64_t send_command(struct redis_connection *connection, enum redis_command_kind kind,
                             struct redis_ask *ask, const struct bytes *words, size_t count)
{
    struct buffer *out = &connection->out;
    size_t before = out->size;
    struct redis_command command = {.kind = kind, .ask = ask};

    out->size += append_number(buffer_reserve(out, 32), '*', count);
    for (size_t i = 0; i < count; i++) {
        char *end = buffer_reserve(out, words[i].size + 32);
        end += append_number(end, '$', words[i].size);
        memcpy(end, words[i].data, words[i].size);
        memcpy(end + words[i].size, "\r\n", 2);
        out->size = (size_t)(end + words[i].size + 2 - out->data);
    }
    command.size = (uint32_t)(out->size - before);
    connection->formatted += command.size;
    if (redis_queue_size(&connection->queue) == 0)
        connection->last_byte = mono(connection);
    return redis_queue_push(&connection->queue, command);
}

static void send_ping(struct redis_connection *connection)
{
    send_command(connection, COMMAND_PING, NULL, (struct bytes[]){bytes_of_text("PING")}, 1);
    connection->awaits_pong = true;
}

static void send_greeting(struct redis_connection *connection)
{
    const struct redis_url *url = connection->setup->url;
    struct bytes words[3];
    size_t count = 0;

    if (url->password) {
        words[count++] = bytes_of_text("AUTH");
        if (url->user)
            words[count++] = bytes_of_text(url->user);
        words[count++] = bytes_of_text(url->password);
        send_command(connection, COMMAND_AUTH, NULL, words, count);
    }
    /* A new connection is in database 0, and its user need not have the right to SELECT. */
    if (strcmp(url->database, "0") != 0) {
        words[0] = bytes_of_text("SELECT");
        words[1] = bytes_of_text(url->database);
        send_command(connection, COMMAND_SELECT, NULL, words, 2);
    }
    send_ping(connection);
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

/* The same trouble is said once, not at each of the attempts that go on for ever. */
static void say_lost(struct redis_connection *connection, bool was_up, const char *reason,
                     int64_t pause)
{
    bool is_old = !was_up && strcmp(connection->trouble, reason) == 0;

    say(connection, is_old ? LOG_DEBUG : LOG_WARN, was_up ? "connection lost" : "cannot connect",
        reason, pause);
    snprintf(connection->trouble, sizeof(connection->trouble), "%s", was_up ? "" : reason);
}

/* When to try again: soon after a connection that worked, ever later after those that did not. */
static int64_t pause_after(struct redis_connection *connection, int64_t now, bool was_up)
{
    int64_t pause = connection->retry * 2;

    if (pause == 0 || (was_up && now - connection->up_since >= CONNECTION_RETRY_MOST))
        pause = CONNECTION_RETRY_FIRST;
    connection->retry = clock_earlier(pause, CONNECTION_RETRY_MOST);
    pause = connection->retry / 4 * 3;
    return pause + randombytes_uniform((uint32_t)(connection->retry / 2));
}

static void hand_back(struct redis_connection *connection, enum loss loss, uint64_t sent)
{
    const struct redis_connection_setup *setup = connection->setup;
    bool is_oldest = true;

    while (redis_queue_size(&connection->queue) > 0) {
        struct redis_ask *ask = redis_queue_pop(&connection->queue).ask;
        enum status status = STATUS_AWAY;
        if (loss == LOSS_SILENT && ask && ask->end <= sent)
            status = STATUS_TIMEOUT;
        if (loss == LOSS_BROKEN && is_oldest)
            status = STATUS_ORIGIN_BROKEN;
        if (ask) {
            ask->connection = NULL;
            setup->hooks->on_lost(setup->owner, ask, status, loss == LOSS_ENDED || !is_oldest);
        }
        is_oldest = false;
    }
}

static void lose(struct redis_connection *connection, enum loss loss, const char *reason)
{
    int64_t now = mono(connection);
    bool was_up = connection->state == CONNECTION_UP;
    uint64_t sent = is_open(connection) ? redis_socket_sent(connection->socket) : 0;
    int64_t pause = pause_after(connection, now, was_up);

    connection->state = CONNECTION_WAITING;
    connection->has_tried = true;
    connection->is_delayed = false;
    connection->awaits_pong = false;
    connection->due = now + pause;
    connection->setup->counters->reconnects++;
    connection->formatted = 0;
    connection->out.size = 0;
    say_lost(connection, was_up, reason, pause);
    redis_socket_close(&connection->socket);
    redis_reply_destroy_reader(&connection->reader);
    hand_back(connection, loss, sent);
}

static void become_up(struct redis_connection *connection)
{
    connection->state = CONNECTION_UP;
    connection->has_tried = true;
    connection->up_since = mono(connection);
    connection->trouble[0] = 0;
    say(connection, LOG_INFO, "connected", NULL, 0);
}

/* ---- replies ---- */

static void answer_ask(struct redis_connection *connection, struct redis_ask *ask,
                       const struct redis_reply *reply)
{
    const struct redis_connection_setup *setup = connection->setup;
    struct answer answer = {.status = STATUS_BUSY}; /* REPLY_SKIPPED: no memory for it now */

    if (reply->kind == REPLY_BULK)
        answer = (struct answer){.status = STATUS_VALUE,
                                 .life_ms = MESSAGE_LIFE_UNBOUNDED,
                                 .bytes = reply->text,
                                 .value = reply->value};
    if (reply->kind == REPLY_NIL)
        answer.status = STATUS_NONE;
    if (reply->kind == REPLY_ERROR) {
        answer.status = redis_error_status(reply->text);
        setup->counters->errors++;
    }
    if (!ask) {
        setup->counters->late++;
        return;
    }
    ask->connection = NULL;
    setup->hooks->on_answer(setup->owner, ask, &answer);
}

/* An error that ends the connection. Of one to AUTH only the code is shown: Redis may repeat the
 * arguments of a command that it does not know. */
static void refuse(struct redis_connection *connection, enum redis_command_kind kind,
                   struct bytes text)
{
    static const char *const names[] = {"AUTH", "SELECT", "PING", "GET"};
    struct bytes shown = kind == COMMAND_AUTH ? redis_error_code(text) : text;
    char reason[sizeof(connection->trouble)];

    snprintf(reason, sizeof(reason), "%s was answered: %.*s", names[kind], (int)shown.size,
             shown.data);
    lose(connection, LOSS_ENDED, reason);
}

static bool is_reply_to(enum redis_command_kind kind, enum redis_reply_kind reply)
{
    if (kind == COMMAND_GET)
        return reply == REPLY_BULK || reply == REPLY_NIL || reply == REPLY_ERROR ||
               reply == REPLY_SKIPPED;
    return reply == REPLY_STATUS || reply == REPLY_ERROR;
}

static void take_reply(struct redis_connection *connection, const struct redis_reply *reply)
{
    struct redis_queue *queue = &connection->queue;
    struct redis_command command;
    bool is_fine = reply->kind == REPLY_STATUS;

    if (redis_queue_size(queue) == 0 ||
        !is_reply_to(redis_queue_at(queue, queue->first)->kind, reply->kind)) {
        lose(connection, LOSS_BROKEN, "it does not keep to the Redis protocol");
        return;
    }
    command = redis_queue_pop(queue);
    if (command.kind == COMMAND_GET) {
        answer_ask(connection, command.ask, reply);
        return;
    }
    if (command.kind == COMMAND_PING) {
        connection->awaits_pong = false;
        connection->due = mono(connection) + CONNECTION_PING;
        is_fine = is_fine || redis_error_is_of_ping(reply->text);
    }
    if (!is_fine)
        refuse(connection, command.kind, reply->text);
    else if (command.kind == COMMAND_PING && connection->state == CONNECTION_GREETING)
        become_up(connection);
}

/* Those behind a large reply need not wait for it. One that nobody wants needs no memory. */
static void look_for_large(struct redis_connection *connection)
{
    const struct redis_connection_setup *setup = connection->setup;
    struct redis_queue *queue = &connection->queue;
    size_t missing = redis_reply_missing(connection->reader);
    bool was_delayed = connection->is_delayed;

    connection->is_delayed = missing >= CONNECTION_LARGE || (was_delayed && missing > 0);
    if (was_delayed || !connection->is_delayed || redis_queue_size(queue) == 0)
        return;
    if (!redis_queue_at(queue, queue->first)->ask)
        redis_reply_abandon(connection->reader);
    for (uint64_t number = queue->first + 1; number < queue->next; number++) {
        struct redis_ask *ask = redis_queue_at(queue, number)->ask;
        if (ask)
            setup->hooks->on_delayed(setup->owner, ask);
    }
}

/* ---- what the socket says ---- */

static void on_found(void *owner)
{
    struct redis_connection *connection = owner;

    connection->state = CONNECTION_CONNECTING;
    connection->due = mono(connection) + CONNECTION_PATIENCE;
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
    struct redis_reply reply;

    connection->last_byte = mono(connection);
    redis_reply_receive(connection->reader, size);
    while (redis_reply_next(connection->reader, &reply) != REPLY_MORE) {
        take_reply(connection, &reply);
        value_release(&reply.value);
        if (!is_open(connection))
            return;
    }
    look_for_large(connection);
}

static void on_lost(void *owner, const char *reason)
{
    lose(owner, LOSS_ENDED, reason);
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

    connection->reader = redis_reply_create_reader();
    if (connection->reader)
        connection->socket = redis_socket_open(setup->loop, setup->url, connection->attempt++,
                                               &hooks, connection, &reason);
    if (!connection->socket) {
        lose(connection, LOSS_ENDED, reason);
        return;
    }
    connection->state = setup->url->path ? CONNECTION_CONNECTING : CONNECTION_RESOLVING;
    connection->due = mono(connection) + CONNECTION_PATIENCE;
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
    struct bytes words[] = {bytes_of_text("GET"), {ask->key, ask->key_size}};

    CHECK(redis_connection_has_room(connection, ask->key_size));
    ask->connection = connection;
    ask->number = send_command(connection, COMMAND_GET, ask, words, 2);
    ask->end = connection->formatted;
    connection->setup->counters->fetches++;
}

bool redis_connection_has_sent(const struct redis_ask *ask)
{
    return ask->end <= redis_socket_sent(ask->connection->socket);
}

void redis_connection_forget(struct redis_ask *ask)
{
    struct redis_connection *connection = ask->connection;

    redis_queue_at(&connection->queue, ask->number)->ask = NULL;
    if (ask->number == connection->queue.first)
        redis_reply_abandon(connection->reader);
    ask->connection = NULL;
}

/* The turn of a connection that can send. Returns why it is lost, or NULL. */
static const char *end_open_turn(struct redis_connection *connection, int64_t now)
{
    if (connection->state == CONNECTION_UP && !connection->awaits_pong && now >= connection->due)
        send_ping(connection);
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
        say(connection, LOG_WARN, "cannot connect", "the name is still being looked up", 0);
    }
    if (connection->state == CONNECTION_CONNECTING && now >= connection->due)
        lose(connection, LOSS_ENDED, "it cannot be reached");
    if (is_open(connection) && redis_queue_size(&connection->queue) > 0 &&
        now - connection->last_byte >= setup->timeout)
        lose(connection, LOSS_SILENT, "it does not answer");
    if (is_open(connection) && (reason = end_open_turn(connection, now)) != NULL)
        lose(connection, LOSS_ENDED, reason);
    if (is_open(connection) && redis_queue_size(&connection->queue) > 0) {
        int64_t overdue = connection->last_byte + setup->timeout;
        bool pings = connection->state == CONNECTION_UP && !connection->awaits_pong;
        return pings ? clock_earlier(overdue, connection->due) : overdue;
    }
    return connection->due;
}
