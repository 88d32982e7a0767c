#include "stages/cache/flights.h"

#include "common/check.h"
#include "common/memory.h"
#include "common/wheel.h"
#include "stages/cache/seats.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MOST 65536 /* of the index of flights; more flights only make longer chains */

struct waiter {
    struct wheel_timer timer; /* first: a timer that expires is its waiter */
    struct flight *flight;
    struct waiter *next, **link; /* among those of its flight, in the order they came */
    struct asker asker;
};

struct flight {
    struct flight *chain;                    /* in its bucket */
    struct flight *queue_next, **queue_link; /* in the queue; link is NULL when it is not */
    struct waiter *first, **last;            /* who waits; `last` is the link behind the last one */
    int64_t deadline;                        /* mono ns */
    int64_t departed;                        /* boot ns */
    uint64_t spoilings; /* once departed: how often all had become dirty until then */
    uint32_t hash;
    uint32_t seat; /* once departed, else NO_SEAT */
    uint8_t flags;
    bool is_dirty;
    size_t key_size;
    char key[];
};

struct flights {
    size_t max_fetches, max_waiting;
    struct flight **buckets;
    uint32_t bucket_mask;
    struct flight *queue, **queue_last;
    struct seats seats;
    size_t fetching;    /* flights that have departed */
    size_t attended;    /* those of them for which somebody waits */
    size_t waiters;     /* of all flights */
    uint64_t spoilings; /* how often all that had departed became dirty */
    struct wheel deadlines;
};

struct flights *flights_create(size_t max_fetches, size_t max_waiting, int64_t now)
{
    struct flights *flights = memory_alloc(1, sizeof *flights);
    uint32_t buckets = 16;

    while (buckets < BUCKETS_MOST && buckets < max_fetches + max_waiting)
        buckets *= 2;
    flights->max_fetches = max_fetches;
    flights->max_waiting = max_waiting;
    flights->buckets = memory_alloc(buckets, sizeof(struct flight *));
    flights->bucket_mask = buckets - 1;
    flights->queue_last = &flights->queue;
    seats_init(&flights->seats);
    wheel_init(&flights->deadlines, now);
    return flights;
}

void flights_limit(struct flights *flights, size_t max_fetches, size_t max_waiting)
{
    flights->max_fetches = max_fetches;
    flights->max_waiting = max_waiting;
}

static void free_flight(struct flight *flight)
{
    while (flight->first) {
        struct waiter *waiter = flight->first;
        flight->first = waiter->next;
        free(waiter);
    }
    free(flight);
}

void flights_destroy(struct flights **flights)
{
    struct flights *destroyed = *flights;

    *flights = NULL;
    if (!destroyed)
        return;
    for (uint32_t i = 0; i <= destroyed->bucket_mask; i++)
        while (destroyed->buckets[i]) {
            struct flight *flight = destroyed->buckets[i];
            destroyed->buckets[i] = flight->chain;
            free_flight(flight);
        }
    seats_fini(&destroyed->seats);
    free(destroyed->buckets);
    free(destroyed);
}

/* ---- which flights there are ---- */

bool flight_has_departed(const struct flight *flight)
{
    return flight->seat != NO_SEAT;
}

static bool is_of(const struct flight *flight, uint32_t hash, struct bytes key)
{
    return flight->hash == hash && bytes_are_equal(flight_key(flight), key);
}

/* The first flight of the key in the chain, or NULL. */
static struct flight *of_key(struct flight *chain, uint32_t hash, struct bytes key)
{
    while (chain && !is_of(chain, hash, key))
        chain = chain->chain;
    return chain;
}

static struct flight **bucket_of(const struct flights *flights, uint32_t hash)
{
    return &flights->buckets[hash & flights->bucket_mask];
}

bool flights_is_clean(const struct flights *flights, const struct flight *flight)
{
    return !flight->is_dirty && flight->spoilings == flights->spoilings;
}

struct flight *flights_find(const struct flights *flights, uint32_t hash, struct bytes key,
                            unsigned flags, int64_t since)
{
    struct flight *flight = of_key(*bucket_of(flights, hash), hash, key);

    while (flight && flight_has_departed(flight) &&
           !(flights_is_clean(flights, flight) && (flags & ~flight->flags) == 0 &&
             flight->departed >= since))
        flight = of_key(flight->chain, hash, key);
    return flight;
}

/* Of all flights of the key. */
static unsigned flags_of_key(const struct flights *flights, uint32_t hash, struct bytes key)
{
    struct flight *flight = of_key(*bucket_of(flights, hash), hash, key);
    unsigned flags = 0;

    for (; flight; flight = of_key(flight->chain, hash, key))
        flags |= flight->flags;
    return flags;
}

static unsigned count_departed(const struct flights *flights, uint32_t hash, struct bytes key)
{
    struct flight *flight = of_key(*bucket_of(flights, hash), hash, key);
    unsigned count = 0;

    for (; flight; flight = of_key(flight->chain, hash, key))
        count += flight_has_departed(flight);
    return count;
}

bool flights_may_wait(const struct flights *flights)
{
    return flights_waiting(flights) < flights->max_waiting;
}

bool flights_may_depart(const struct flights *flights, uint32_t hash, struct bytes key)
{
    return flights->fetching < flights->max_fetches &&
           count_departed(flights, hash, key) < FLIGHTS_OF_A_KEY;
}

void flights_spoil(struct flights *flights, uint32_t hash, struct bytes key)
{
    struct flight *flight = of_key(*bucket_of(flights, hash), hash, key);

    for (; flight; flight = of_key(flight->chain, hash, key))
        flight->is_dirty |= flight_has_departed(flight);
}

void flights_spoil_all(struct flights *flights)
{
    flights->spoilings++;
}

/* ---- before they depart ---- */

static void enter_queue(struct flights *flights, struct flight *flight)
{
    flight->queue_link = flights->queue_last;
    *flights->queue_last = flight;
    flights->queue_last = &flight->queue_next;
}

static void leave_queue(struct flights *flights, struct flight *flight)
{
    *flight->queue_link = flight->queue_next;
    if (flight->queue_next)
        flight->queue_next->queue_link = flight->queue_link;
    else
        flights->queue_last = flight->queue_link;
    flight->queue_next = NULL;
    flight->queue_link = NULL;
}

struct flight *flights_begin(struct flights *flights, uint32_t hash, struct bytes key,
                             unsigned flags, int64_t deadline)
{
    struct flight *flight = memory_alloc(1, sizeof *flight + key.size);
    struct flight **bucket = bucket_of(flights, hash);
    unsigned departed = count_departed(flights, hash, key);

    flights_spoil(flights, hash, key);
    CHECK(!flights_find(flights, hash, key, 0, INT64_MIN));
    flight->hash = hash;
    flight->seat = NO_SEAT;
    flight->flags = (uint8_t)(flags | flags_of_key(flights, hash, key));
    flight->deadline = deadline;
    flight->last = &flight->first;
    flight->key_size = key.size;
    if (key.size > 0)
        memcpy(flight->key, key.data, key.size);
    flight->chain = *bucket;
    *bucket = flight;
    if (departed < FLIGHTS_OF_A_KEY)
        enter_queue(flights, flight);
    return flight;
}

void flights_join(struct flights *flights, struct flight *flight, const struct asker *asker)
{
    struct waiter *waiter = memory_alloc(1, sizeof *waiter);

    waiter->flight = flight;
    waiter->asker = *asker;
    waiter->link = flight->last;
    *flight->last = waiter;
    flight->last = &waiter->next;
    if (asker->deadline > flight->deadline)
        flight->deadline = asker->deadline;
    if (!flight_has_departed(flight))
        flight->flags |= (uint8_t)asker->flags;
    flights->waiters++;
    flights->attended += flight_has_departed(flight) && flight->first == waiter;
    wheel_start(&flights->deadlines, &waiter->timer, asker->deadline);
}

struct flight *flights_next(const struct flights *flights)
{
    return flights->fetching < flights->max_fetches ? flights->queue : NULL;
}

/* ---- on their way ---- */

uint64_t flights_depart(struct flights *flights, struct flight *flight, struct moment now)
{
    CHECK(flight == flights_next(flights));
    leave_queue(flights, flight);
    flight->departed = now.boot;
    flight->spoilings = flights->spoilings;
    flight->seat = seats_take(&flights->seats, flight);
    flights->fetching++;
    flights->attended += flight->first != NULL;
    return seats_token(&flights->seats, flight->seat);
}

struct flight *flights_of_token(const struct flights *flights, uint64_t token)
{
    return seats_of_token(&flights->seats, token);
}

struct bytes flight_key(const struct flight *flight)
{
    return (struct bytes){flight->key, flight->key_size};
}

uint32_t flight_hash(const struct flight *flight)
{
    return flight->hash;
}

unsigned flight_flags(const struct flight *flight)
{
    return flight->flags;
}

int64_t flight_deadline(const struct flight *flight)
{
    return flight->deadline;
}

int64_t flight_departed(const struct flight *flight)
{
    return flight->departed;
}

static void remove_waiter(struct flights *flights, struct waiter *waiter)
{
    struct flight *flight = waiter->flight;

    wheel_cancel(&flights->deadlines, &waiter->timer);
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    else
        flight->last = waiter->link;
    flights->waiters--;
    flights->attended -= flight_has_departed(flight) && !flight->first;
    free(waiter);
}

bool flights_leave(struct flights *flights, struct flight *flight, struct asker *asker)
{
    if (!flight->first)
        return false;
    *asker = flight->first->asker;
    remove_waiter(flights, flight->first);
    return true;
}

/* A flight of the key has ended: one that was held may queue. */
static void let_go(struct flights *flights, uint32_t hash, struct bytes key)
{
    struct flight *flight = of_key(*bucket_of(flights, hash), hash, key);

    while (flight && (flight_has_departed(flight) || flight->queue_link))
        flight = of_key(flight->chain, hash, key);
    if (flight)
        enter_queue(flights, flight);
}

void flights_end(struct flights *flights, struct flight **flight)
{
    struct flight *ended = *flight;
    struct flight **link = bucket_of(flights, ended->hash);

    *flight = NULL;
    CHECK(!ended->first);
    while (*link != ended)
        link = &(*link)->chain;
    *link = ended->chain;
    if (flight_has_departed(ended)) {
        seats_leave(&flights->seats, ended->seat);
        flights->fetching--;
        let_go(flights, ended->hash, flight_key(ended));
    } else if (ended->queue_link) {
        leave_queue(flights, ended);
    }
    free(ended);
}

struct flight *flights_overdue(struct flights *flights, int64_t now, struct asker *asker)
{
    struct waiter *waiter = (struct waiter *)wheel_expire(&flights->deadlines, now);

    if (!waiter)
        return NULL;
    struct flight *flight = waiter->flight;
    *asker = waiter->asker;
    remove_waiter(flights, waiter);
    return flight;
}

void flights_drop_idle(struct flights *flights, struct flight **flight)
{
    if (!flight_has_departed(*flight) && !(*flight)->first)
        flights_end(flights, flight);
}

int64_t flights_wake(struct flights *flights)
{
    return wheel_next(&flights->deadlines);
}

size_t flights_fetching(const struct flights *flights)
{
    return flights->fetching;
}

size_t flights_waiting(const struct flights *flights)
{
    return flights->waiters - flights->attended;
}

bool flights_are_awaited(const struct flights *flights)
{
    return flights->waiters > 0;
}
