/* Owns what a connection makes of the replies: to the stage's GETs and to its own commands. */
#include "stages/redis_fetcher/redis_answer.h"
#include "stages/redis_fetcher/redis_connection_inner.h"

#include <stdio.h>

#define NOT_THE_PROTOCOL "it does not keep to the Redis protocol"

static void take_reply_to_get(struct redis_connection *connection, const struct redis_reply *reply)
{
    const struct redis_connection_setup *setup = connection->setup;
    struct answer answer = redis_answer_to_get(reply);
    struct redis_ask *ask;

    if (answer.status == STATUS_ORIGIN_BROKEN) {
        redis_connection_lose(connection, LOSS_BROKEN, NOT_THE_PROTOCOL);
        return;
    }
    ask = redis_queue_pop(&connection->queue).ask;
    setup->counters->errors += reply->kind == REPLY_ERROR;
    if (!ask) {
        setup->counters->late++;
        return;
    }
    setup->counters->refused += reply->kind == REPLY_SKIPPED;
    ask->connection = NULL;
    setup->hooks->on_answer(setup->owner, ask, &answer);
}

/* Of an error to AUTH only the code is shown: Redis may repeat the arguments of a command that it
 * does not know. */
static void lose_refused(struct redis_connection *connection, enum redis_command_kind kind,
                         struct bytes text)
{
    static const char *const names[] = {"AUTH", "SELECT", "PING"};
    struct bytes shown = kind == COMMAND_AUTH ? redis_answer_error_code(text) : text;
    char reason[160];

    snprintf(reason, sizeof(reason), "%s was answered: %.*s", names[kind], (int)shown.size,
             shown.data);
    redis_connection_lose(connection, LOSS_ENDED, reason);
}

/* AUTH, SELECT, PING. */
static void take_reply_to_us(struct redis_connection *connection, const struct redis_reply *reply)
{
    enum redis_command_kind kind = redis_queue_pop(&connection->queue).kind;
    bool is_fine = kind == COMMAND_PING ? redis_answer_is_pong(reply) : reply->kind == REPLY_STATUS;

    if (is_fine && kind == COMMAND_PING) {
        connection->awaits_pong = false;
        if (connection->state == CONNECTION_GREETING)
            redis_connection_become_up(connection);
        connection->due = redis_connection_mono(connection) + CONNECTION_PING;
    } else if (!is_fine && reply->kind == REPLY_ERROR) {
        lose_refused(connection, kind, reply->text);
    } else if (!is_fine) { /* no GET is to blame */
        redis_connection_lose(connection, LOSS_ENDED, NOT_THE_PROTOCOL);
    }
}

static void take_reply(struct redis_connection *connection, const struct redis_reply *reply)
{
    struct redis_queue *queue = &connection->queue;

    if (redis_queue_size(queue) == 0)
        redis_connection_lose(connection, LOSS_BROKEN, NOT_THE_PROTOCOL);
    else if (redis_queue_at(queue, queue->first)->kind == COMMAND_GET)
        take_reply_to_get(connection, reply);
    else
        take_reply_to_us(connection, reply);
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

void redis_connection_take_replies(struct redis_connection *connection)
{
    struct redis_reply reply;

    while (redis_reply_next(connection->reader, &reply) != REPLY_MORE) {
        take_reply(connection, &reply);
        value_release(&reply.value);
        if (!redis_connection_is_open(connection))
            return;
        connection->is_delayed = false;
    }
    look_for_large(connection);
}
