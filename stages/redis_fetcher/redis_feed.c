/* Owns the place within an announcement; all else is its connection's. */
#include "stages/redis_fetcher/redis_feed.h"

#include "common/memory.h"
#include "stages/redis_fetcher/redis_connection_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL "__redis__:invalidate"

bool redis_feed_check_prefixes(const char *list, struct error *error)
{
    for (const char *one = list; *one; one = settings_list_next(one))
        for (const char *other = list; *other; other = settings_list_next(other))
            if (one != other && strncmp(one, other, strlen(one)) == 0)
                return error_set(error, "\"%s\" is a prefix of \"%s\": Redis refuses overlaps", one,
                                 other);
    return true;
}

void redis_feed_init(struct redis_feed *feed, struct serve_port *serves, const char *prefixes)
{
    *feed = (struct redis_feed){.serves = serves, .prefixes = prefixes, .proven = NEVER};
}

void redis_feed_measure(const struct redis_feed *feed, bool is_up, int64_t now,
                        struct metrics *metrics)
{
    metrics_counter(metrics, "weir_redis_invalidations_total",
                    "Changes that Redis announced: keys, and all keys at once.", NULL,
                    feed->invalidations);
    metrics_counter(metrics, "weir_redis_epochs_total",
                    "Times that changes may have been missed, the first connection among them.",
                    NULL, feed->losses);
    metrics_gauge(metrics, "weir_redis_control_up", "Whether Redis announces changes.", NULL,
                  is_up);
    metrics_seconds(metrics, "weir_redis_proof_age_seconds",
                    "Since when changes may have been missed; NaN: nothing is known.", NULL,
                    feed->proven == NEVER ? NEVER : now - feed->proven);
}

/* ---- the greeting ---- */

void redis_feed_greet(struct redis_connection *connection)
{
    redis_connection_send(connection, COMMAND_CLIENT_ID,
                          (struct bytes[]){bytes_of_text("CLIENT"), bytes_of_text("ID")}, 2);
}

static void send_tracking(struct redis_connection *connection, int64_t id)
{
    const char *prefixes = connection->setup->feed->prefixes;
    size_t count = 0, most = 6;
    struct bytes *words;
    char digits[24];

    for (const char *prefix = prefixes; *prefix; prefix = settings_list_next(prefix))
        most += 2;
    words = memory_alloc(most, sizeof(*words));
    snprintf(digits, sizeof(digits), "%" PRId64, id);
    words[count++] = bytes_of_text("CLIENT");
    words[count++] = bytes_of_text("TRACKING");
    words[count++] = bytes_of_text("ON");
    words[count++] = bytes_of_text("REDIRECT");
    words[count++] = bytes_of_text(digits);
    words[count++] = bytes_of_text("BCAST");
    for (const char *prefix = prefixes; *prefix; prefix = settings_list_next(prefix)) {
        words[count++] = bytes_of_text("PREFIX");
        words[count++] = bytes_of_text(prefix);
    }
    redis_connection_send(connection, COMMAND_TRACKING, words, count);
    free(words);
}

void redis_feed_track(struct redis_connection *connection, int64_t id)
{
    send_tracking(connection, id);
    redis_connection_send(connection, COMMAND_SUBSCRIBE,
                          (struct bytes[]){bytes_of_text("SUBSCRIBE"), bytes_of_text(CHANNEL)}, 2);
    redis_connection_send_ping(connection);
}

/* ---- announcements ---- */

static void notify(struct redis_feed *feed, enum notice_kind kind, struct bytes key)
{
    feed->losses += kind == NOTICE_LOST;
    feed->invalidations += kind == NOTICE_KEY || kind == NOTICE_ALL;
    port_notify(feed->serves, &(struct notice){.kind = kind, .key = key, .proven = feed->proven});
}

static void lose_all(struct redis_feed *feed)
{
    feed->proven = NEVER;
    notify(feed, NOTICE_LOST, (struct bytes){NULL, 0});
}

/* Whether the oldest command is of that kind; it is answered. */
static bool is_answer_to(struct redis_connection *connection, enum redis_command_kind kind)
{
    struct redis_queue *queue = &connection->queue;

    if (redis_queue_size(queue) == 0 || redis_queue_at(queue, queue->first)->kind != kind)
        return false;
    redis_queue_pop(queue);
    return true;
}

/* The first item of an announcement. */
static bool take_kind(struct redis_feed *feed, const struct redis_reply *reply)
{
    static const struct {
        const char *kind;
        enum feed_part next;
    } kinds[] = {{"message", FEED_CHANNEL}, {"subscribe", FEED_SUBSCRIBED}, {"pong", FEED_PONG}};

    for (size_t i = 0; reply->kind == REPLY_BULK && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (bytes_are_equal(reply->text, bytes_of_text(kinds[i].kind))) {
            feed->part = kinds[i].next;
            return true;
        }
    return false;
}

static bool take_keys(struct redis_feed *feed, const struct redis_reply *reply)
{
    feed->part = FEED_BETWEEN;
    if (reply->kind == REPLY_NIL) {
        notify(feed, NOTICE_ALL, (struct bytes){NULL, 0});
        return true;
    }
    feed->keys = reply->number;
    if (feed->keys > 0)
        feed->part = FEED_KEY;
    return reply->kind == REPLY_ARRAY;
}

static bool take_key(struct redis_feed *feed, const struct redis_reply *reply)
{
    struct bytes key = reply->value ? reply->value->bytes : reply->text;

    if (--feed->keys == 0)
        feed->part = FEED_BETWEEN;
    if (reply->kind == REPLY_SKIPPED || reply->kind == REPLY_HUGE)
        return reply->number > MESSAGE_MAX_KEY; /* else it is not known what has changed */
    if (reply->kind == REPLY_BULK && key.size <= MESSAGE_MAX_KEY)
        notify(feed, NOTICE_KEY, key);
    return reply->kind == REPLY_BULK;
}

static bool take_subscription(struct redis_connection *connection, const struct redis_reply *reply)
{
    struct redis_feed *feed = connection->setup->feed;

    feed->part = FEED_BETWEEN;
    if (reply->kind != REPLY_INTEGER || !is_answer_to(connection, COMMAND_SUBSCRIBE))
        return false;
    feed->is_subscribed = true;
    lose_all(feed);
    return true;
}

static bool take_pong(struct redis_connection *connection, const struct redis_reply *reply)
{
    struct redis_feed *feed = connection->setup->feed;

    feed->part = FEED_BETWEEN;
    if (reply->kind != REPLY_BULK || !is_answer_to(connection, COMMAND_PING))
        return false;
    feed->proven = connection->pinged;
    notify(feed, NOTICE_PROVEN, (struct bytes){NULL, 0});
    redis_connection_take_pong(connection);
    return true;
}

/* False: it is no announcement of Redis. */
static bool take_part(struct redis_connection *connection, const struct redis_reply *reply)
{
    struct redis_feed *feed = connection->setup->feed;

    switch (feed->part) {
    case FEED_BETWEEN:
        feed->part = FEED_KIND;
        return reply->kind == REPLY_ARRAY;
    case FEED_KIND:
        return take_kind(feed, reply);
    case FEED_CHANNEL:
        feed->part = FEED_KEYS;
        return reply->kind == REPLY_BULK;
    case FEED_KEYS:
        return take_keys(feed, reply);
    case FEED_KEY:
        return take_key(feed, reply);
    case FEED_SUBSCRIBED:
        feed->part = FEED_COUNT;
        return reply->kind == REPLY_BULK;
    case FEED_COUNT:
        return take_subscription(connection, reply);
    case FEED_PONG:
        return take_pong(connection, reply);
    }
    return false;
}

bool redis_feed_wants(const struct redis_feed *feed, const struct redis_reply *reply)
{
    return feed->part != FEED_BETWEEN || reply->kind == REPLY_ARRAY;
}

void redis_feed_take(struct redis_connection *connection, const struct redis_reply *reply)
{
    if (!take_part(connection, reply))
        redis_connection_lose(connection, LOSS_ENDED,
                              reply->kind == REPLY_SKIPPED
                                  ? "there is no memory for its announcement"
                                  : NOT_THE_PROTOCOL);
}

void redis_feed_lose(struct redis_feed *feed)
{
    feed->part = FEED_BETWEEN;
    if (!feed->is_subscribed)
        return;
    feed->is_subscribed = false;
    lose_all(feed);
}
