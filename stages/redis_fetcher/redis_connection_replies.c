/* Owns what a connection makes of the replies: to the stage's GETs and to its own commands. */
#include "stages/redis_fetcher/redis_connection_inner.h"
#include "stages/redis_fetcher/redis_feed.h"

#include <stdio.h>

/* The oldest command has been replied to as a whole. */
static void give_answer(struct redis_connection *connection, const struct answer *answer)
{
    const struct redis_connection_setup *setup = connection->setup;
    struct redis_ask *ask = redis_queue_pop(&connection->queue).ask;

    if (!ask) {
        setup->counters->late++;
        return;
    }
    setup->counters->refused += answer->status == STATUS_BUSY;
    ask->connection = NULL;
    setup->hooks->on_answer(setup->owner, ask, answer);
}

void redis_connection_drop_held(struct redis_connection *connection)
{
    connection->holds = false;
    value_release(&connection->held.value);
    connection->held_bytes.size = 0;
}

/* The reply's bytes are gone with the next one: they are copied, a value is shared. */
static void hold(struct redis_connection *connection, const struct answer *answer)
{
    connection->holds = true;
    connection->held = *answer;
    if (answer->value)
        value_share(answer->value);
    buffer_append(&connection->held_bytes, answer->bytes.data, answer->bytes.size);
    connection->held.bytes = buffer_bytes(&connection->held_bytes);
}

static void take_reply_to_get(struct redis_connection *connection, const struct redis_reply *reply,
                              enum redis_command_kind kind)
{
    struct answer answer = redis_answer_to_get(reply);

    if (answer.status == STATUS_ORIGIN_BROKEN) {
        redis_connection_lose(connection, LOSS_BROKEN, NOT_THE_PROTOCOL);
        return;
    }
    connection->setup->counters->errors += reply->kind == REPLY_ERROR;
    if (kind == COMMAND_GET_PTTL)
        hold(connection, &answer);
    else
        give_answer(connection, &answer);
}

static void take_reply_to_pttl(struct redis_connection *connection, const struct redis_reply *reply)
{
    struct answer *held = &connection->held;
    uint32_t life_ms;

    if (!redis_answer_to_pttl(reply, &life_ms)) {
        redis_connection_lose(connection, LOSS_BROKEN, NOT_THE_PROTOCOL);
        return;
    }
    if (held->status == STATUS_VALUE) {
        held->life_ms = life_ms;
        connection->setup->counters->errors += reply->kind == REPLY_ERROR;
    }
    give_answer(connection, held);
    redis_connection_drop_held(connection);
}

/* Of an error to AUTH only the code is shown: Redis may repeat the arguments of a command that it
 * does not know. */
void redis_connection_lose_refused(struct redis_connection *connection,
                                   enum redis_command_kind kind, struct bytes text)
{
    static const char *const names[] = {
        [COMMAND_AUTH] = "AUTH",           [COMMAND_SELECT] = "SELECT",
        [COMMAND_INFO] = "INFO",           [COMMAND_PING] = "PING",
        [COMMAND_CLIENT_ID] = "CLIENT ID", [COMMAND_TRACKING] = "CLIENT TRACKING",
        [COMMAND_SUBSCRIBE] = "SUBSCRIBE",
    };
    struct bytes shown = kind == COMMAND_AUTH ? redis_answer_error_code(text) : text;
    char reason[160];

    snprintf(reason, sizeof(reason), "%s was answered: %.*s", names[kind], (int)shown.size,
             shown.data);
    redis_connection_lose(connection, LOSS_ENDED, reason);
}

static bool is_fine(struct redis_connection *connection, enum redis_command_kind kind,
                    const struct redis_reply *reply)
{
    switch (kind) {
    case COMMAND_AUTH:
    case COMMAND_SELECT:
    case COMMAND_TRACKING:
        return reply->kind == REPLY_STATUS;
    case COMMAND_INFO:
        return redis_answer_to_info(reply, connection->run_id);
    case COMMAND_PING:
        return !connection->setup->feed && redis_answer_is_pong(reply);
    case COMMAND_CLIENT_ID:
        return reply->kind == REPLY_INTEGER;
    case COMMAND_SUBSCRIBE: /* answered by what the feed takes */
    case COMMAND_GET:
    case COMMAND_GET_PTTL:
        break;
    }
    return false;
}

/* To all but GETs. */
static void take_reply_to_us(struct redis_connection *connection, const struct redis_reply *reply)
{
    const struct redis_connection_setup *setup = connection->setup;
    enum redis_command_kind kind = redis_queue_pop(&connection->queue).kind;

    if (!is_fine(connection, kind, reply)) {
        if (reply->kind == REPLY_ERROR)
            redis_connection_lose_refused(connection, kind, reply->text);
        else /* no GET is to blame */
            redis_connection_lose(connection, LOSS_ENDED, NOT_THE_PROTOCOL);
    } else if (kind == COMMAND_PING) {
        redis_connection_take_pong(connection);
    } else if (kind == COMMAND_INFO) {
        setup->hooks->on_reached(setup->owner, connection);
    } else if (kind == COMMAND_CLIENT_ID) {
        redis_feed_track(connection, reply->number);
    }
}

static void take_reply(struct redis_connection *connection, const struct redis_reply *reply)
{
    struct redis_queue *queue = &connection->queue;
    struct redis_feed *feed = connection->setup->feed;
    enum redis_command_kind kind;

    if (feed && redis_feed_wants(feed, reply)) {
        redis_feed_take(connection, reply);
        return;
    }
    if (redis_queue_size(queue) == 0) {
        redis_connection_lose(connection, LOSS_BROKEN, NOT_THE_PROTOCOL);
        return;
    }
    kind = redis_queue_at(queue, queue->first)->kind;
    if (connection->holds)
        take_reply_to_pttl(connection, reply);
    else if (kind == COMMAND_GET || kind == COMMAND_GET_PTTL)
        take_reply_to_get(connection, reply, kind);
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
