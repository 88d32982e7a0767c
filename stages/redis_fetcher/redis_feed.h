/* What Redis announces: which keys have changed (CLIENT TRACKING in its broadcasting mode), and by
 * its PONGs since when nothing was missed. One connection of a fetcher carries it, and nothing
 * else:
 *
 *     CLIENT ID ─▶ CLIENT TRACKING ON REDIRECT id BCAST …, SUBSCRIBE, PING ─▶ messages, PONGs
 *
 *     subscribed        LOST: whatever was read before may have changed unseen
 *     a key, all keys   KEY, ALL, at once
 *     a PONG            PROVEN, as of when the PING was sent: Redis queues what it announces before
 *                       it writes replies, so all that it had acknowledged by then has been seen
 *     lost              LOST, at once; so does it end where there is no memory for a key
 *
 * Redis announces writes, expiries, evictions and flushes, in whichever database they are. It does
 * not announce SWAPDB. */
#ifndef WEIR_REDIS_FEED_H
#define WEIR_REDIS_FEED_H

#include "common/stage.h"
#include "stages/redis_fetcher/redis_reply.h"

#include <stdbool.h>
#include <stdint.h>

/* What a key of an announcement may take on its way; longer ones are not received: nobody can have
 * asked for them. */
#define FEED_BYTES (2 * (size_t)MESSAGE_MAX_KEY)

struct redis_connection;

/* What comes next of an announcement, an array whose first item says what it is. */
enum feed_part {
    FEED_BETWEEN, /* the next array */
    FEED_KIND,
    FEED_CHANNEL, /* of ["message", channel, keys] */
    FEED_KEYS,
    FEED_KEY,
    FEED_SUBSCRIBED, /* the channel of ["subscribe", channel, count] */
    FEED_COUNT,
    FEED_PONG /* the text of ["pong", text] */
};

/* Embedded in the fetcher. */
struct redis_feed {
    struct serve_port *serves;
    const char *prefixes; /* of the keys to be announced, a settings_list; "": all */
    bool is_subscribed;
    enum feed_part part;
    int64_t keys;           /* FEED_KEY: still to come */
    int64_t proven;         /* boot: the last proof; NEVER: none */
    uint64_t invalidations; /* KEY and ALL announced */
    uint64_t losses;        /* LOST announced */
};

/* Whether text is a list of prefixes that Redis accepts: none begins with another. */
bool redis_feed_check_prefixes(const char *list, struct error *error);

void redis_feed_init(struct redis_feed *feed, struct serve_port *serves, const char *prefixes);

/* `is_up`: whether its connection is. */
void redis_feed_measure(const struct redis_feed *feed, bool is_up, int64_t now,
                        struct metrics *metrics);

/* ---- by its connection ---- */

/* The greeting, behind what all connections say. */
void redis_feed_greet(struct redis_connection *connection);

/* CLIENT ID was answered. */
void redis_feed_track(struct redis_connection *connection, int64_t id);

/* Whether the reply is of an announcement, and not to a command. */
bool redis_feed_wants(const struct redis_feed *feed, const struct redis_reply *reply);

/* Takes a reply that it wants. The connection may be lost over it. */
void redis_feed_take(struct redis_connection *connection, const struct redis_reply *reply);

/* The connection is lost. */
void redis_feed_lose(struct redis_feed *feed);

#endif
