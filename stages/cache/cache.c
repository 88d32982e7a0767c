/* The stage. It owns the table and the flights; only its reactor's thread touches it.
 *
 *                    on_ask                   on_answer
 *     towards the      |      hit                 |           towards the
 *     client      <--- table ----.                |           origin
 *                      | miss     \               |
 *                      v           \              v
 *                   flights ----- port_ask -----------------> . . .
 *                      ^                          |
 *                      '---- everyone who waits <-'---> table (a VALUE that fits)
 */
#include "stages/cache/cache.h"

#include "common/memory.h"
#include "common/text.h"
#include "stages/cache/flights.h"
#include "stages/cache/table.h"

#include <sodium.h>
#include <stdlib.h>

#define EXPIRE_MOST  256    /* entries removed in a turn, beyond those whose room is needed */
#define EXPIRE_EVERY SECOND /* how long an expired entry may lie about in a stage at rest */

struct cache {
    struct ask_port *asks;
    struct serve_port *serves;
    struct table *table;
    struct flights *flights;
    unsigned char hash_key[crypto_shorthash_KEYBYTES]; /* random: chosen keys cannot collide */
    int64_t expiry;                                    /* ns */
    size_t max_value_size;                             /* bytes */
    size_t capacity, max_bytes;
    struct {
        uint64_t hits, misses, coalesced, refused, uncached, late_answers;
    } counters;
};

/* All limits are for the stage as a whole: sharding it changes neither what it holds nor what it
 * asks of the origin. */
static const struct setting_spec settings[] = {
    {.name = "capacity", .type = SETTING_COUNT, .preset = "100000", .is_divided = true},
    {.name = "max_bytes", .type = SETTING_SIZE, .preset = "1GiB", .is_divided = true},
    {.name = "expiry", .type = SETTING_DURATION, .preset = "60s"},
    {.name = "max_value_size", .type = SETTING_SIZE, .preset = "1MiB"},
    {.name = "max_fetches", .type = SETTING_COUNT, .preset = "512", .is_divided = true},
    {.name = "max_waiting", .type = SETTING_COUNT, .preset = "10000", .is_divided = true},
    {0},
};

static void destroy(void **stage)
{
    struct cache *cache = *stage;

    *stage = NULL;
    if (!cache)
        return;
    flights_destroy(&cache->flights);
    table_destroy(&cache->table);
    free(cache);
}

static void *create(const struct stage_setup *setup, struct error *error)
{
    const struct settings *given = setup->settings;
    struct moment now = clock_read(setup->clock);
    size_t needed = 0;
    char text[24];

    if (sodium_init() < 0) {
        error_set(error, "%s: the system gives no random numbers", setup->name);
        return NULL;
    }
    struct cache *cache = memory_alloc(1, sizeof *cache);
    cache->asks = setup->asks;
    cache->serves = setup->serves;
    cache->capacity = (size_t)settings_number(given, "capacity");
    cache->max_bytes = (size_t)settings_number(given, "max_bytes");
    cache->expiry = settings_number(given, "expiry");
    cache->max_value_size = (size_t)settings_number(given, "max_value_size");
    cache->flights = flights_create((size_t)settings_number(given, "max_fetches"),
                                    (size_t)settings_number(given, "max_waiting"), now.mono);
    randombytes_buf(cache->hash_key, sizeof cache->hash_key);
    struct table_limits limits = {cache->capacity, cache->max_bytes, cache->expiry};
    cache->table = table_create(&limits, now.boot, &needed);
    if (cache->table)
        return cache;
    error_set(error, "%s: max_bytes is too small: a cache that can hold anything takes %s",
              setup->name, text_format_size((int64_t)needed, text));
    destroy((void **)&cache);
    return NULL;
}

/* ---- answering ---- */

static void answer_status(struct cache *cache, const struct return_address *to, enum status status)
{
    port_answer(cache->serves, to, &(struct answer){.status = status});
}

/* Answers everyone who waits for the flight, and ends it. */
static void settle(struct cache *cache, struct flight *flight, const struct answer *answer)
{
    struct return_address to;

    while (flights_leave(cache->flights, flight, &to))
        port_answer(cache->serves, &to, answer);
    flights_end(cache->flights, &flight);
}

/* ---- asking ---- */

static void start_fetches(struct cache *cache, struct moment now)
{
    struct flight *flight;

    while (flights_may_fetch(cache->flights) && (flight = flights_next(cache->flights))) {
        uint64_t token = flights_depart(cache->flights, flight, now);
        const struct ask ask = {.key = flight_key(flight), .deadline = flight_deadline(flight)};
        enum status status = port_ask(cache->asks, token, &ask);
        if (status != STATUS_VALUE)
            settle(cache, flight, &(struct answer){.status = status});
    }
}

static void on_miss(struct cache *cache, struct moment now, const struct return_address *from,
                    uint32_t hash, const struct ask *ask)
{
    struct flight *flight = flights_find(cache->flights, hash, ask->key);
    bool must_wait = flight || !flights_may_fetch(cache->flights);

    cache->counters.misses++;
    if (ask->deadline <= now.mono) {
        answer_status(cache, from, STATUS_WAITED_TOO_LONG);
        return;
    }
    if (must_wait && !flights_may_wait(cache->flights)) {
        cache->counters.refused++;
        answer_status(cache, from, STATUS_BUSY);
        return;
    }
    if (flight)
        cache->counters.coalesced++;
    else
        flight = flights_begin(cache->flights, hash, ask->key);
    flights_join(cache->flights, flight, from, ask->deadline);
    start_fetches(cache, now);
}

static void on_ask(void *stage, struct moment now, const struct return_address *from,
                   const struct ask *ask)
{
    struct cache *cache = stage;
    unsigned char digest[crypto_shorthash_BYTES];
    struct answer answer;
    uint32_t hash;

    crypto_shorthash(digest, (const unsigned char *)ask->key.data, ask->key.size, cache->hash_key);
    memcpy(&hash, digest, sizeof hash);
    if (table_find(cache->table, hash, ask->key, now.boot, &answer)) {
        cache->counters.hits++;
        port_answer(cache->serves, from, &answer);
    } else {
        on_miss(cache, now, from, hash, ask);
    }
}

/* ---- being answered ---- */

/* A value's life here ends with the shorter of what this cache and what the origin allows, both
 * counted from when it was asked for: it was read after that. */
static int64_t expires_at(const struct cache *cache, const struct flight *flight,
                          const struct answer *answer)
{
    int64_t life = cache->expiry;

    if (answer->life_ms != MESSAGE_LIFE_UNBOUNDED)
        life = clock_earlier(life, answer->life_ms * MILLISECOND);
    return flight_departed(flight) + life;
}

/* Stores the value where that is possible, and makes `answer` what is to be answered. */
static void keep(struct cache *cache, const struct flight *flight, struct moment now,
                 struct answer *answer)
{
    int64_t expires = expires_at(cache, flight, answer);
    int64_t life_ms = (expires - now.boot) / MILLISECOND;
    bool is_small = answer_bytes(answer).size <= cache->max_value_size;

    answer->life_ms = life_ms <= 0                       ? 0
                      : life_ms < MESSAGE_LIFE_UNBOUNDED ? (uint32_t)life_ms
                                                         : MESSAGE_LIFE_UNBOUNDED - 1;
    if (life_ms <= 0)
        return;
    if (!is_small || !table_store(cache->table, flight_hash(flight), flight_key(flight), answer,
                                  expires, now.boot))
        cache->counters.uncached++;
}

static void on_answer(void *stage, struct moment now, uint64_t token, const struct answer *answer)
{
    struct cache *cache = stage;
    struct flight *flight = flights_of_token(cache->flights, token);
    struct answer passed_on = *answer;

    if (!flight) {
        cache->counters.late_answers++;
        return;
    }
    if (answer->status == STATUS_VALUE)
        keep(cache, flight, now, &passed_on);
    settle(cache, flight, &passed_on);
    start_fetches(cache, now);
}

/* ---- time ---- */

static int64_t on_turn(void *stage, struct moment now)
{
    struct cache *cache = stage;
    struct return_address to;
    enum overdue where;

    while ((where = flights_overdue(cache->flights, now.mono, &to)) != OVERDUE_NONE)
        answer_status(cache, &to,
                      where == OVERDUE_QUEUED ? STATUS_WAITED_TOO_LONG : STATUS_TIMEOUT);
    if (table_expire(cache->table, now.boot, EXPIRE_MOST))
        return now.mono;
    int64_t wake = flights_wake(cache->flights);
    return table_entries(cache->table) > 0 ? clock_earlier(wake, now.mono + EXPIRE_EVERY) : wake;
}

/* ---- what others want to know ---- */

static void measure(void *stage, struct moment now, struct metrics *metrics)
{
    struct cache *cache = stage;
    const struct table_counters *table = table_counters(cache->table);
    (void)now;

    metrics_counter(metrics, "weir_cache_hits_total",
                    "Lookups answered from memory; every lookup is a hit or a miss.", NULL,
                    cache->counters.hits);
    metrics_counter(metrics, "weir_cache_misses_total",
                    "Lookups that memory could not answer, whatever became of them.", NULL,
                    cache->counters.misses);
    metrics_counter(metrics, "weir_cache_coalesced_total",
                    "Misses that joined one for the same key under way or waiting.", NULL,
                    cache->counters.coalesced);
    metrics_counter(metrics, "weir_cache_refused_total",
                    "Misses refused as busy, because max_waiting others waited.", NULL,
                    cache->counters.refused);
    metrics_counter(metrics, "weir_cache_uncached_total",
                    "Values passed on but not stored: above max_value_size, or without room.", NULL,
                    cache->counters.uncached);
    metrics_counter(metrics, "weir_cache_late_answers_total",
                    "Answers from towards the origin for which there was no fetch any more.", NULL,
                    cache->counters.late_answers);
    metrics_counter(metrics, "weir_cache_evictions_total",
                    "Living entries removed because their room was needed.", NULL,
                    table->evictions);
    metrics_counter(metrics, "weir_cache_expirations_total",
                    "Entries removed because their life had ended.", NULL, table->expirations);
    metrics_gauge(metrics, "weir_cache_entries", "Entries held.", NULL,
                  (int64_t)table_entries(cache->table));
    metrics_gauge(metrics, "weir_cache_capacity_entries", "Entries that may be held.", NULL,
                  (int64_t)cache->capacity);
    metrics_gauge(metrics, "weir_cache_bytes",
                  "Memory of the table and its values, those still being sent included.", NULL,
                  (int64_t)table_bytes(cache->table));
    metrics_gauge(metrics, "weir_cache_max_bytes", "Memory that may be taken.", NULL,
                  (int64_t)cache->max_bytes);
    metrics_gauge(metrics, "weir_cache_fetches", "Fetches under way towards the origin.", NULL,
                  (int64_t)flights_fetching(cache->flights));
    metrics_gauge(metrics, "weir_cache_waiting", "Misses waiting without a fetch of their own.",
                  NULL, (int64_t)flights_waiting(cache->flights));
}

static const char *unready(void *stage, struct moment now)
{
    struct cache *cache = stage;
    (void)now;

    return cache->asks->is_open(cache->asks) ? NULL : "no session to the stage it asks";
}

static bool is_drained(void *stage)
{
    struct cache *cache = stage;

    return !flights_are_awaited(cache->flights);
}

/* No invalidation is configured here, so NOTICE_LOST is ignored: the promise is the expiry, and
 * hits outlive any peer. */
const struct stage_kind cache_kind = {
    .spec = {.name = "cache", .settings = settings, .serves = true, .asks = true},
    .create = create,
    .on_ask = on_ask,
    .on_answer = on_answer,
    .on_turn = on_turn,
    .measure = measure,
    .unready = unready,
    .is_drained = is_drained,
    .destroy = destroy,
};
