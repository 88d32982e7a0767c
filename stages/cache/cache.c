/* The stage. It owns the store and the flights; only its reactor's thread touches it.
 *
 *                    on_ask                   on_answer
 *     towards the      |      hit                 |           towards the
 *     client      <--- store ----.                |           origin
 *                      | miss     \               |
 *                      v           \              v
 *                   flights ----- port_ask -----------------> . . .
 *                      ^                          |
 *                      '---- everyone who waits <-'---> store (if the flight is clean)
 *
 * A flight departs before its value is read. So the notice of a later change finds either what is
 * stored, and removes it, or the flight, and makes it dirty; and in the same step it is passed on,
 * so that the same holds for whoever asks this cache. */
#include "stages/cache/cache.h"

#include "common/memory.h"
#include "stages/cache/cache_inner.h"

#include <stdlib.h>

#define EXPIRE_EVERY SECOND /* how long an expired entry may lie about in a stage at rest */
#define PROVE_PARTS  8      /* proofs asked for in a max_staleness */
#define PROVE_MOST   (250 * MILLISECOND) /* but no more seldom: a start is to be proven soon */

static bool check_on_disconnect(const char *text, struct error *error)
{
    if (strcmp(text, "serve") == 0 || strcmp(text, "expire") == 0)
        return true;
    return error_set(error, "\"%s\" is neither serve nor expire", text);
}

/* All counts are for the stage as a whole: sharding it changes neither what it holds nor what it
 * asks of the origin. */
#define COUNT(named, written)                                                                      \
    {                                                                                              \
        .name = (named), .type = SETTING_COUNT, .preset = (written), .is_divided = true,           \
        .is_live = true                                                                            \
    }
#define DURATION(named, written)                                                                   \
    {                                                                                              \
        .name = (named), .type = SETTING_DURATION, .preset = (written), .is_live = true            \
    }

static const struct setting_spec settings[] = {
    COUNT("capacity", "100000"),
    {.name = "max_bytes",
     .type = SETTING_SIZE,
     .preset = "1GiB",
     .is_divided = true,
     .is_live = true},
    DURATION("expiry", "60s"),
    {.name = "max_value_size", .type = SETTING_SIZE, .preset = "1MiB", .is_live = true},
    COUNT("max_fetches", "512"),
    COUNT("max_waiting", "10000"),
    DURATION("negative_expiry", NULL),
    COUNT("negative_capacity", "10000"),
    DURATION("stale_while_revalidate", NULL),
    DURATION("stale_if_error", NULL),
    {.name = "on_disconnect",
     .type = SETTING_TEXT,
     .preset = "serve",
     .check = check_on_disconnect,
     .is_live = true},
    {0},
};

static void destroy(void **stage)
{
    struct cache *cache = *stage;

    *stage = NULL;
    if (!cache)
        return;
    flights_destroy(&cache->flights);
    store_fini(&cache->store);
    free(cache);
}

static uint32_t hash_with(const void *secret, struct bytes key)
{
    unsigned char digest[crypto_shorthash_BYTES];
    uint32_t hash;

    crypto_shorthash(digest, (const unsigned char *)key.data, key.size, secret);
    memcpy(&hash, digest, sizeof hash);
    return hash;
}

static uint32_t hash_of(const struct cache *cache, struct bytes key)
{
    return hash_with(cache->hash_key, key);
}

/* Asks for proofs, where changes are announced. */
static void watch(const struct cache *cache)
{
    const struct freshness *freshness = &cache->store.freshness;

    if (freshness->is_on)
        port_watch(cache->asks, clock_earlier(freshness->max_staleness / PROVE_PARTS, PROVE_MOST));
}

static void *create(const struct stage_setup *setup, struct error *error)
{
    const struct settings *given = setup->settings;
    struct moment now = clock_read(setup->clock);

    if (sodium_init() < 0) {
        error_set(error, "%s: the system gives no random numbers", setup->name);
        return NULL;
    }
    struct cache *cache = memory_alloc(1, sizeof *cache);
    cache->asks = setup->asks;
    cache->serves = setup->serves;
    cache->flights = flights_create((size_t)settings_number(given, "max_fetches"),
                                    (size_t)settings_number(given, "max_waiting"), now.mono);
    randombytes_buf(cache->hash_key, sizeof cache->hash_key);
    store_init(&cache->store, setup, (struct key_hash){hash_with, cache->hash_key}, now.boot);
    watch(cache);
    return cache;
}

/* ---- answering ---- */

/* Of what is answered from memory: it came no further. */
#define NO_TRAIL ((struct bytes){0})

/* With a value or its absence, and one more hop behind the trail that it came with. */
static void answer_known(struct cache *cache, const struct return_address *to,
                         struct answer *answer, struct bytes trail, const struct hop *hop)
{
    char room[TRAIL_MOST * TRAIL_HOP];

    answer->trail = trail_add(room, trail, hop);
    port_answer(cache->serves, to, answer);
    answer->trail = trail;
}

/* What could not be fetched may be answered with what is past its time; unless the asker has said
 * that this will not do, or Redis that the key is no string any more. */
static void answer_failure(struct cache *cache, struct moment now, uint32_t hash, struct bytes key,
                           const struct asker *asker, enum status status)
{
    struct found found;
    struct hop hop;

    if (status != STATUS_WRONG_TYPE && asker->flags == 0 &&
        store_look_up_on_error(&cache->store, now, hash, key, &found, &hop)) {
        cache->counters.stale++;
        answer_known(cache, &asker->from, &found.answer, NO_TRAIL, &hop);
    } else {
        port_answer(cache->serves, &asker->from, &(struct answer){.status = status});
    }
}

/* Answers everyone who waits for the flight, and ends it. What a dirty one brings is not verified:
 * a later flight of the key may have been read before it, and be kept, and nobody who was promised
 * the younger may then be promised the older. Nor is what has come to its end in Redis on the way,
 * perhaps before the last of them asked: Redis announces such an end when it gets to it. */
static void settle(struct cache *cache, struct moment now, struct flight *flight,
                   struct answer *answer, bool is_stored)
{
    const struct bytes trail = answer->trail;
    const bool is_clean = flights_is_clean(cache->flights, flight);
    struct asker asker;

    while (flights_leave(cache->flights, flight, &asker)) {
        asker.hop.is_stored = is_stored;
        asker.hop.is_verified &= is_clean && answer->life_ms > 0;
        if (answer_is_known(answer))
            answer_known(cache, &asker.from, answer, trail, &asker.hop);
        else
            answer_failure(cache, now, flight_hash(flight), flight_key(flight), &asker,
                           answer->status);
    }
    flights_end(cache->flights, &flight);
}

/* ---- asking ---- */

static void start_fetches(struct cache *cache, struct moment now)
{
    struct flight *flight;

    while ((flight = flights_next(cache->flights)) != NULL) {
        uint64_t token = flights_depart(cache->flights, flight, now);
        const struct ask ask = {.key = flight_key(flight),
                                .deadline = flight_deadline(flight),
                                .flags = flight_flags(flight)};
        enum status status = port_ask(cache->asks, token, &ask);
        if (status != STATUS_VALUE)
            settle(cache, now, flight, &(struct answer){.status = status}, false);
    }
}

static struct flight *find_flight(const struct cache *cache, struct moment now, uint32_t hash,
                                  struct bytes key, unsigned flags)
{
    return flights_find(cache->flights, hash, key, flags,
                        store_joinable_since(&cache->store, now, key));
}

/* The asker joins a flight of the key, or begins one. */
static void on_miss(struct cache *cache, struct moment now, uint32_t hash, struct bytes key,
                    struct asker *asker)
{
    struct flight *flight = find_flight(cache, now, hash, key, asker->flags);
    bool must_wait = flight || !flights_may_depart(cache->flights, hash, key);

    cache->counters.misses++;
    if (asker->deadline <= now.mono) {
        answer_failure(cache, now, hash, key, asker, STATUS_WAITED_TOO_LONG);
        return;
    }
    if (must_wait && !flights_may_wait(cache->flights)) {
        cache->counters.refused++;
        answer_failure(cache, now, hash, key, asker, STATUS_BUSY);
        return;
    }
    if (flight) {
        cache->counters.coalesced++;
        asker->hop.outcome = HOP_COLLAPSED;
    } else {
        flight = flights_begin(cache->flights, hash, key, asker->flags, asker->deadline);
    }
    flights_join(cache->flights, flight, asker);
    start_fetches(cache, now);
}

/* Begins a flight for which nobody waits, within the time of the ask that found the key past its
 * own; unless one is under way, or has no room: the next such ask tries again. */
static void renew(struct cache *cache, struct moment now, uint32_t hash, const struct ask *ask)
{
    if (ask->deadline <= now.mono || find_flight(cache, now, hash, ask->key, 0) ||
        !flights_may_depart(cache->flights, hash, ask->key))
        return;
    flights_begin(cache->flights, hash, ask->key, ASK_RENEW, ask->deadline);
    start_fetches(cache, now);
}

static void on_ask(void *stage, struct moment now, const struct return_address *from,
                   const struct ask *ask)
{
    struct cache *cache = stage;
    struct found found;
    struct hop hop;

    if ((ask->flags & ASK_PURGES) != 0) {
        purges_start(&cache->purges, cache->asks, cache->serves, from, ask);
        return;
    }
    uint32_t hash = hash_of(cache, ask->key);
    enum lookup lookup = store_look_up(&cache->store, now, hash, ask, &found, &hop);

    cache->counters.lookups++;
    if (lookup == LOOKUP_MISS) {
        struct asker asker = {*from, ask->deadline, ask->flags, hop};
        on_miss(cache, now, hash, ask->key, &asker);
        return;
    }
    cache->counters.hits++;
    cache->counters.negative_hits += found.answer.status == STATUS_NONE;
    cache->counters.unverified += lookup == LOOKUP_HIT && hop.is_announced && !hop.is_verified;
    answer_known(cache, from, &found.answer, NO_TRAIL, &hop);
    if (lookup == LOOKUP_STALE) {
        cache->counters.stale++;
        renew(cache, now, hash, ask);
    }
}

/* ---- being answered, and told ---- */

static void on_answer(void *stage, struct moment now, uint64_t token, const struct answer *answer)
{
    struct cache *cache = stage;
    struct flight *flight = flights_of_token(cache->flights, token);
    struct answer passed_on = *answer;

    if (purges_take(&cache->purges, cache->serves, token, answer->status))
        return;
    if (!flight) {
        cache->counters.late_answers++;
        return;
    }
    histogram_add_time(&cache->counters.fetch_durations, now.boot - flight_departed(flight));
    bool is_clean = flights_is_clean(cache->flights, flight);
    bool is_stored = store_take(&cache->store, now, flight_hash(flight), flight_key(flight),
                                flight_departed(flight), is_clean, &passed_on);
    cache->counters.dirty += !is_clean && answer_is_known(answer);
    settle(cache, now, flight, &passed_on, is_stored);
    start_fetches(cache, now);
}

static void on_notice(void *stage, struct moment now, const struct notice *notice)
{
    struct cache *cache = stage;
    uint32_t hash = notice->kind == NOTICE_KEY ? hash_of(cache, notice->key) : 0;

    if (notice->kind == NOTICE_LOST)
        purges_lose(&cache->purges);
    if (!store_heed(&cache->store, now.boot, notice, hash))
        return;
    if (notice->kind == NOTICE_KEY)
        flights_spoil(cache->flights, hash, notice->key);
    else if (notice->kind != NOTICE_PROVEN)
        flights_spoil_all(cache->flights);
    cache->counters.invalidations += notice->kind == NOTICE_KEY || notice->kind == NOTICE_ALL;
    port_notify(cache->serves, notice);
}

/* ---- time, and other settings ---- */

static void configure(void *stage, struct moment now, const struct stage_setup *setup)
{
    struct cache *cache = stage;
    const struct settings *given = setup->settings;

    flights_limit(cache->flights, (size_t)settings_number(given, "max_fetches"),
                  (size_t)settings_number(given, "max_waiting"));
    if (store_configure(&cache->store, setup, now))
        on_notice(cache, now, &(struct notice){.kind = NOTICE_LOST});
    watch(cache);
    start_fetches(cache, now);
}

static int64_t on_turn(void *stage, struct moment now)
{
    struct cache *cache = stage;
    struct flight *flight;
    struct asker asker;

    while ((flight = flights_overdue(cache->flights, now.mono, &asker)) != NULL) {
        answer_failure(cache, now, flight_hash(flight), flight_key(flight), &asker,
                       flight_has_departed(flight) ? STATUS_TIMEOUT : STATUS_WAITED_TOO_LONG);
        flights_drop_idle(cache->flights, &flight);
    }
    if (store_expire(&cache->store, now.boot))
        return now.mono;
    int64_t wake = flights_wake(cache->flights);
    return store_entries(&cache->store) > 0 ? clock_earlier(wake, now.mono + EXPIRE_EVERY) : wake;
}

/* ---- what others want to know ---- */

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

const struct stage_kind cache_kind = {
    .spec =
        {.name = "cache", .settings = settings, .serves = true, .asks = true, .check = store_check},
    .create = create,
    .configure = configure,
    .on_ask = on_ask,
    .on_answer = on_answer,
    .on_notice = on_notice,
    .on_turn = on_turn,
    .measure = cache_measure,
    .unready = unready,
    .is_drained = is_drained,
    .destroy = destroy,
};
