/* Owns the connections to one Redis and the GETs that wait for it. Runs in its reactor's thread,
 * from the hooks and from the loop; never blocks but for the password file, at the start.
 *
 *     on_ask -> choose a connection -> GET … -> reply -> answer
 *                       ^                |
 *                       '--- moved once -'  (the connection was lost, or a large reply is in front)
 *
 * Which connection: of those that are up, the one with the fewest unanswered commands, so that one
 * that is slow is left alone, and equal ones are filled from the first, so that few commands share
 * one write. A connection in the middle of a large reply is taken only where there is no other.
 *
 * One connection, the first that is up, is for the keys that had a large value when they were last
 * fetched. A key that turns out to be large elsewhere delays nobody either: what was asked behind
 * it is asked again on another connection. So keys with large values, fetched again and again,
 * delay each other and nothing else, as long as there are two connections. */
#include "stages/redis_fetcher/redis_fetcher.h"

#include "common/check.h"
#include "common/memory.h"
#include "stages/redis_fetcher/redis_connection.h"
#include "stages/redis_fetcher/redis_feed.h"
#include "stages/redis_fetcher/redis_large.h"
#include "stages/redis_fetcher/redis_settings.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long the control connection may be silent: as long as the others at least, for what only
 * comes late drops nothing, and otherwise as long as an answer may be stale, within reason. */
#define MOST_SILENCE (5 * SECOND)

struct redis_fetcher {
    struct serve_port *serves;
    struct clock *clock;
    struct redis_url url;
    struct redis_connection_setup setup;
    struct redis_counters counters;
    struct value_account *account; /* of the values on their way, max_bytes at most */
    uint64_t moved;                /* GETs asked a second time */
    uint64_t timeouts;             /* GETs that Redis did not answer in time */
    size_t asks;                   /* that somebody waits for */
    struct histogram durations;    /* of the asks that are over */
    struct wheel wheel;
    struct redis_large large;
    size_t connection_count;
    struct redis_connection *connections[SETTINGS_MAX_CONNECTIONS];

    struct redis_connection *control; /* carries the feed; NULL: changes are not watched for */
    struct redis_connection_setup control_setup;
    struct redis_feed feed;
    struct value_account *feed_account; /* of the keys that it announces */
};

/* ---- one GET ---- */

static void finish(struct redis_fetcher *fetcher, struct redis_ask *ask,
                   const struct answer *answer)
{
    wheel_cancel(&fetcher->wheel, &ask->timer);
    fetcher->timeouts += answer->status == STATUS_TIMEOUT;
    fetcher->asks--;
    histogram_add_time(&fetcher->durations, clock_read(fetcher->clock).mono - ask->since);
    port_answer(fetcher->serves, &ask->from, answer);
    free(ask);
}

static void finish_without_value(struct redis_fetcher *fetcher, struct redis_ask *ask,
                                 enum status status)
{
    finish(fetcher, ask, &(struct answer){.status = status});
}

static struct bytes key_of(const struct redis_ask *ask)
{
    return (struct bytes){ask->key, ask->key_size};
}

static bool is_better(const struct redis_connection *a, const struct redis_connection *b)
{
    if (redis_connection_is_delayed(a) != redis_connection_is_delayed(b))
        return redis_connection_is_delayed(b);
    return redis_connection_load(a) < redis_connection_load(b);
}

/* NULL: none is up. */
static struct redis_connection *choose(const struct redis_fetcher *fetcher, struct bytes key)
{
    bool is_large = redis_large_knows(&fetcher->large, key);
    struct redis_connection *best = NULL;

    for (size_t i = 0; i < fetcher->connection_count; i++) {
        struct redis_connection *connection = fetcher->connections[i];
        if (!redis_connection_is_up(connection))
            continue;
        if (is_large)
            return connection;
        if (!best || is_better(connection, best))
            best = connection;
    }
    return best;
}

/* Asks for a second time, elsewhere than on the connection that has it or had it. */
static bool move(struct redis_fetcher *fetcher, struct redis_ask *ask)
{
    struct redis_connection *to = choose(fetcher, key_of(ask));
    struct redis_connection *from = ask->connection;

    if (ask->is_moved || !to || to == from || (from && redis_connection_is_delayed(to)) ||
        ask->timer.deadline <= clock_read(fetcher->clock).mono)
        return false;
    if (!redis_connection_has_room(to, ask->key_size))
        return false;
    if (from)
        redis_connection_forget(ask);
    redis_connection_ask(to, ask);
    ask->is_moved = true;
    fetcher->moved++;
    return true;
}

/* ---- what a connection says ---- */

static void on_answer(void *owner, struct redis_ask *ask, const struct answer *answer)
{
    struct redis_fetcher *fetcher = owner;

    if (answer->status != STATUS_BUSY) /* of a value there was no room for nothing is learned */
        redis_large_learn(&fetcher->large, key_of(ask),
                          answer->value && answer->value->bytes.size >= CONNECTION_LARGE);
    finish(fetcher, ask, answer);
}

static void on_lost(void *owner, struct redis_ask *ask, enum status status, bool may_move)
{
    if (!may_move || !move(owner, ask))
        finish_without_value(owner, ask, status);
}

static void on_delayed(void *owner, struct redis_ask *ask)
{
    move(owner, ask);
}

/* All connections lead to the same Redis, or what is announced on one says nothing of what is read
 * on the others. */
static void on_reached(void *owner, struct redis_connection *reached)
{
    struct redis_fetcher *fetcher = owner;

    for (size_t i = 0; i < fetcher->connection_count; i++)
        redis_connection_compare(fetcher->connections[i], reached);
    redis_connection_compare(fetcher->control, reached);
}

static const struct redis_connection_hooks connection_hooks = {
    .on_answer = on_answer, .on_lost = on_lost, .on_delayed = on_delayed, .on_reached = on_reached};

/* ---- the hooks ---- */

static void destroy(void **stage)
{
    struct redis_fetcher *fetcher = *stage;

    if (!fetcher)
        return;
    *stage = NULL;
    for (size_t i = 0; i < fetcher->connection_count; i++)
        redis_connection_destroy(&fetcher->connections[i]);
    redis_connection_destroy(&fetcher->control);
    value_account_abandon(&fetcher->feed_account);
    value_account_abandon(&fetcher->account);
    redis_url_fini(&fetcher->url);
    free(fetcher);
}

static bool watches(const struct settings *given)
{
    return settings_text(given, "invalidation.mode") != NULL;
}

/* What the connections go by, but for what is never changed. */
static void set_pace(struct redis_fetcher *fetcher, const struct settings *given)
{
    int64_t staleness = settings_number(given, "max_staleness");
    int64_t silence = clock_earlier(staleness, MOST_SILENCE);

    fetcher->setup.timeout = settings_number(given, "timeout");
    fetcher->setup.asks_life = watches(given) || settings_number(given, "respect_ttl") != 0;
    fetcher->control_setup.timeout =
        fetcher->setup.timeout < silence ? silence : fetcher->setup.timeout;
    fetcher->control_setup.ping = clock_earlier(staleness / 4, CONNECTION_PING);
}

/* The connection on which Redis announces changes. */
static void watch(struct redis_fetcher *fetcher, const struct settings *given)
{
    redis_feed_init(&fetcher->feed, fetcher->serves, settings_list(given, "invalidation.prefixes"));
    fetcher->control_setup = fetcher->setup;
    fetcher->control_setup.feed = &fetcher->feed;
    fetcher->control_setup.account = fetcher->feed_account;
    set_pace(fetcher, given);
    fetcher->control = redis_connection_create(&fetcher->control_setup, fetcher->connection_count);
}

static void configure(void *stage, struct moment now, const struct stage_setup *setup)
{
    struct redis_fetcher *fetcher = stage;
    const char *prefixes = settings_list(setup->settings, "invalidation.prefixes");
    (void)now;

    fetcher->account->most = (size_t)settings_number(setup->settings, "max_bytes");
    set_pace(fetcher, setup->settings);
    /* Redis is told of other prefixes by a new subscription. Until that is there, changes may be
     * missed, and all who ask are told so. */
    if (fetcher->control && !settings_lists_are_equal(fetcher->feed.prefixes, prefixes))
        redis_connection_renew(fetcher->control, "other prefixes are to be announced");
    fetcher->feed.prefixes = prefixes;
}

static void *create(const struct stage_setup *setup, struct error *error)
{
    struct redis_fetcher *fetcher = memory_alloc(1, sizeof(*fetcher));
    void *stage = fetcher;
    size_t count = (size_t)settings_number(setup->settings, "connections");

    CHECK(setup->loop);
    fetcher->account = value_account_create((size_t)settings_number(setup->settings, "max_bytes"));
    fetcher->feed_account = value_account_create(FEED_BYTES);
    if (sodium_init() < 0 || !redis_settings_read_url(setup->settings, &fetcher->url, error)) {
        destroy(&stage);
        return NULL;
    }
    fetcher->serves = setup->serves;
    fetcher->clock = setup->clock;
    fetcher->setup = (struct redis_connection_setup){
        .url = &fetcher->url,
        .ping = CONNECTION_PING,
        .compares = watches(setup->settings),
        .account = fetcher->account,
        .loop = setup->loop,
        .clock = setup->clock,
        .log = setup->log,
        .name = setup->name,
        .counters = &fetcher->counters,
        .hooks = &connection_hooks,
        .owner = fetcher,
    };
    set_pace(fetcher, setup->settings);
    wheel_init(&fetcher->wheel, clock_read(setup->clock).mono);
    redis_large_init(&fetcher->large);
    while (fetcher->connection_count < count) {
        fetcher->connections[fetcher->connection_count] =
            redis_connection_create(&fetcher->setup, fetcher->connection_count);
        fetcher->connection_count++;
    }
    if (watches(setup->settings))
        watch(fetcher, setup->settings);
    return fetcher;
}

static bool is_settled(void *stage)
{
    struct redis_fetcher *fetcher = stage;

    for (size_t i = 0; i < fetcher->connection_count; i++)
        if (redis_connection_has_tried(fetcher->connections[i]))
            return true;
    return false;
}

/* Redis has nothing to do with it: what it holds is read again by whoever wants it next. */
static void purge(struct redis_fetcher *fetcher, const struct return_address *from,
                  const struct ask *asked)
{
    const bool is_all = (asked->flags & ASK_PURGE_ALL) != 0;
    const struct notice notice = {.kind = is_all ? NOTICE_ALL : NOTICE_KEY, .key = asked->key};

    port_notify(fetcher->serves, &notice);
    port_answer(fetcher->serves, from, &(struct answer){.status = STATUS_NONE});
}

static void on_ask(void *stage, struct moment now, const struct return_address *from,
                   const struct ask *asked)
{
    struct redis_fetcher *fetcher = stage;
    if ((asked->flags & ASK_PURGES) != 0) {
        purge(fetcher, from, asked);
        return;
    }
    const struct bytes key = asked->key;
    struct redis_connection *connection = choose(fetcher, key);
    struct answer refusal = {.status = STATUS_AWAY};
    struct redis_ask *ask;

    if (asked->deadline <= now.mono)
        refusal.status = STATUS_WAITED_TOO_LONG;
    else if (connection && !redis_connection_has_room(connection, key.size))
        refusal.status = STATUS_BUSY;
    else if (connection) {
        ask = memory_alloc(1, sizeof(*ask) + key.size);
        ask->from = *from;
        ask->since = now.mono;
        ask->key_size = key.size;
        if (key.size > 0)
            memcpy(ask->key, key.data, key.size);
        fetcher->asks++;
        wheel_start(&fetcher->wheel, &ask->timer, asked->deadline);
        redis_connection_ask(connection, ask);
        return;
    }
    port_answer(fetcher->serves, from, &refusal);
}

static void expire(struct redis_fetcher *fetcher, int64_t now)
{
    struct wheel_timer *timer;

    while ((timer = wheel_expire(&fetcher->wheel, now)) != NULL) {
        struct redis_ask *ask = (struct redis_ask *)timer; /* its first member */
        redis_connection_forget(ask);
        finish_without_value(fetcher, ask, ask->was_sent ? STATUS_TIMEOUT : STATUS_WAITED_TOO_LONG);
    }
}

static int64_t on_turn(void *stage, struct moment now)
{
    struct redis_fetcher *fetcher = stage;
    uint64_t moved;
    int64_t wake;

    expire(fetcher, now.mono);
    do { /* again where a GET has moved to a connection whose turn was over; it moves only once */
        moved = fetcher->moved;
        wake = wheel_next(&fetcher->wheel);
        for (size_t i = 0; i < fetcher->connection_count; i++)
            wake =
                clock_earlier(wake, redis_connection_end_turn(fetcher->connections[i], now.mono));
        if (fetcher->control)
            wake = clock_earlier(wake, redis_connection_end_turn(fetcher->control, now.mono));
    } while (moved != fetcher->moved);
    return wake;
}

static size_t count_up(const struct redis_fetcher *fetcher)
{
    size_t count = 0;

    for (size_t i = 0; i < fetcher->connection_count; i++)
        count += redis_connection_is_up(fetcher->connections[i]);
    return count;
}

static void measure(void *stage, struct moment now, struct metrics *metrics)
{
    struct redis_fetcher *fetcher = stage;
    const struct redis_counters *counters = &fetcher->counters;

    metrics_counter(metrics, "weir_redis_fetches_total", "GETs sent to Redis.", NULL,
                    counters->fetches);
    metrics_counter(metrics, "weir_redis_retried_total", "GETs sent again on another connection.",
                    NULL, fetcher->moved);
    metrics_counter(metrics, "weir_redis_timeouts_total", "GETs that Redis did not answer in time.",
                    NULL, fetcher->timeouts);
    metrics_counter(metrics, "weir_redis_errors_total", "GETs that Redis answered with an error.",
                    NULL, counters->errors);
    metrics_counter(metrics, "weir_redis_late_replies_total",
                    "Replies of Redis that nobody waited for any more.", NULL, counters->late);
    metrics_counter(metrics, "weir_redis_refused_total", "GETs without room for the value.", NULL,
                    counters->refused);
    metrics_counter(metrics, "weir_redis_reconnects_total", "Connections lost or not made.", NULL,
                    counters->reconnects);
    metrics_gauge(metrics, "weir_redis_connections_up", "Connections on which Redis answers.", NULL,
                  (int64_t)count_up(fetcher));
    metrics_gauge(metrics, "weir_redis_connections", "Connections that there should be.", NULL,
                  (int64_t)fetcher->connection_count);
    metrics_gauge(metrics, "weir_redis_value_bytes", "Large values on their way.", NULL,
                  (int64_t)atomic_load(&fetcher->account->bytes));
    metrics_gauge(metrics, "weir_redis_in_flight", "GETs that wait for Redis.", NULL,
                  (int64_t)fetcher->asks);
    metrics_times(metrics, "weir_redis_fetch_duration_seconds", "From asking to the answer.", NULL,
                  &fetcher->durations);
    if (fetcher->control)
        redis_feed_measure(&fetcher->feed, redis_connection_is_up(fetcher->control), now.boot,
                           metrics);
}

static const char *unready(void *stage, struct moment now)
{
    (void)now;
    return count_up(stage) > 0 ? NULL : "no connection to Redis is up";
}

/* While others drain they still ask, for what is in progress: nothing is refused. */
static bool is_drained(void *stage)
{
    struct redis_fetcher *fetcher = stage;

    return fetcher->asks == 0;
}

const struct stage_kind redis_fetcher_kind = {
    .spec = {.name = "redis-fetcher", .settings = redis_settings, .serves = true},
    .create = create,
    .configure = configure,
    .is_settled = is_settled,
    .on_ask = on_ask,
    .on_turn = on_turn,
    .measure = measure,
    .unready = unready,
    .is_drained = is_drained,
    .destroy = destroy,
};
