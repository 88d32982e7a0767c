#include "stages/cache/flights.h"

#include "common/check.h"
#include "common/memory.h"
#include "common/wheel.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MOST 65536 /* of the index of flights; more flights only make longer chains */

struct waiter {
    struct wheel_timer timer; /* first: a timer that expires is its waiter */
    struct flight *flight;
    struct waiter *next, **link; /* among those of its flight, in the order they came */
    struct return_address from;
};

struct flight {
    struct flight *chain;                    /* in its bucket */
    struct flight *queue_next, **queue_link; /* in the queue; link is NULL when it has departed */
    struct waiter *first, **last;            /* who waits; `last` is the link behind the last one */
    int64_t deadline;                        /* mono ns */
    int64_t departed;                        /* boot ns */
    uint32_t hash;
    uint32_t seat; /* once departed */
    size_t key_size;
    char key[];
};

/* What a token names: a seat, and which of those that sat on it. */
struct seat {
    struct flight *flight; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

#define NO_SEAT UINT32_MAX

struct flights {
    size_t max_fetches, max_waiting;
    struct flight **buckets;
    uint32_t bucket_mask;
    struct flight *queue, **queue_last;
    struct seat *seats; /* grows up to max_fetches */
    uint32_t seat_count, free_seat;
    size_t fetching; /* flights that have departed */
    size_t attended; /* those of them for which somebody waits */
    size_t waiters;  /* of all flights */
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
    flights->free_seat = NO_SEAT;
    wheel_init(&flights->deadlines, now);
    return flights;
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
    free(destroyed->seats);
    free(destroyed->buckets);
    free(destroyed);
}

struct flight *flights_find(const struct flights *flights, uint32_t hash, struct bytes key)
{
    struct flight *flight = flights->buckets[hash & flights->bucket_mask];

    while (flight && !(flight->hash == hash && bytes_are_equal(flight_key(flight), key)))
        flight = flight->chain;
    return flight;
}

bool flights_may_fetch(const struct flights *flights)
{
    return flights->fetching < flights->max_fetches;
}

bool flights_may_wait(const struct flights *flights)
{
    return flights_waiting(flights) < flights->max_waiting;
}

struct flight *flights_begin(struct flights *flights, uint32_t hash, struct bytes key)
{
    struct flight *flight = memory_alloc(1, sizeof *flight + key.size);
    struct flight **bucket = &flights->buckets[hash & flights->bucket_mask];

    CHECK(!flights_find(flights, hash, key));
    flight->hash = hash;
    flight->last = &flight->first;
    flight->key_size = key.size;
    if (key.size > 0)
        memcpy(flight->key, key.data, key.size);
    flight->chain = *bucket;
    *bucket = flight;
    flight->queue_link = flights->queue_last;
    *flights->queue_last = flight;
    flights->queue_last = &flight->queue_next;
    return flight;
}

static bool is_queued(const struct flight *flight)
{
    return flight->queue_link != NULL;
}

void flights_join(struct flights *flights, struct flight *flight, const struct return_address *from,
                  int64_t deadline)
{
    struct waiter *waiter = memory_alloc(1, sizeof *waiter);

    waiter->flight = flight;
    waiter->from = *from;
    waiter->link = flight->last;
    *flight->last = waiter;
    flight->last = &waiter->next;
    if (deadline > flight->deadline)
        flight->deadline = deadline;
    flights->waiters++;
    flights->attended += !is_queued(flight) && flight->first == waiter;
    wheel_start(&flights->deadlines, &waiter->timer, deadline);
}

struct flight *flights_next(const struct flights *flights)
{
    return flights->queue;
}

static void leave_queue(struct flights *flights, struct flight *flight)
{
    *flight->queue_link = flight->queue_next;
    if (flight->queue_next)
        flight->queue_next->queue_link = flight->queue_link;
    else
        flights->queue_last = flight->queue_link;
    flight->queue_link = NULL;
}

static uint32_t take_seat(struct flights *flights, struct flight *flight)
{
    uint32_t number = flights->free_seat;

    if (number == NO_SEAT) {
        uint32_t count = flights->seat_count ? 2 * flights->seat_count : 16;
        flights->seats = memory_resize(flights->seats, count, sizeof *flights->seats);
        for (number = flights->seat_count; number < count; number++)
            flights->seats[number] = (struct seat){.next_free = number + 1};
        flights->seats[count - 1].next_free = NO_SEAT;
        number = flights->seat_count;
        flights->seat_count = count;
    }
    flights->free_seat = flights->seats[number].next_free;
    flights->seats[number].flight = flight;
    return number;
}

static void leave_seat(struct flights *flights, uint32_t number)
{
    struct seat *seat = &flights->seats[number];

    *seat = (struct seat){.generation = seat->generation + 1, .next_free = flights->free_seat};
    flights->free_seat = number;
}

uint64_t flights_depart(struct flights *flights, struct flight *flight, struct moment now)
{
    CHECK(is_queued(flight) && flights_may_fetch(flights));
    leave_queue(flights, flight);
    flight->departed = now.boot;
    flight->seat = take_seat(flights, flight);
    flights->fetching++;
    flights->attended += flight->first != NULL;
    return (uint64_t)flights->seats[flight->seat].generation << 32 | flight->seat;
}

struct flight *flights_of_token(const struct flights *flights, uint64_t token)
{
    uint32_t number = (uint32_t)token, generation = (uint32_t)(token >> 32);

    if (number >= flights->seat_count || flights->seats[number].generation != generation)
        return NULL;
    return flights->seats[number].flight;
}

struct bytes flight_key(const struct flight *flight)
{
    return (struct bytes){flight->key, flight->key_size};
}

uint32_t flight_hash(const struct flight *flight)
{
    return flight->hash;
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
    flights->attended -= !is_queued(flight) && !flight->first;
    free(waiter);
}

bool flights_leave(struct flights *flights, struct flight *flight, struct return_address *from)
{
    if (!flight->first)
        return false;
    *from = flight->first->from;
    remove_waiter(flights, flight->first);
    return true;
}

void flights_end(struct flights *flights, struct flight **flight)
{
    struct flight *ended = *flight;
    struct flight **link = &flights->buckets[ended->hash & flights->bucket_mask];

    *flight = NULL;
    CHECK(!ended->first);
    while (*link != ended)
        link = &(*link)->chain;
    *link = ended->chain;
    if (is_queued(ended)) {
        leave_queue(flights, ended);
    } else {
        leave_seat(flights, ended->seat);
        flights->fetching--;
    }
    free(ended);
}

enum overdue flights_overdue(struct flights *flights, int64_t now, struct return_address *from)
{
    struct waiter *waiter = (struct waiter *)wheel_expire(&flights->deadlines, now);

    if (!waiter)
        return OVERDUE_NONE;
    struct flight *flight = waiter->flight;
    enum overdue where = is_queued(flight) ? OVERDUE_QUEUED : OVERDUE_FETCHING;
    *from = waiter->from;
    remove_waiter(flights, waiter);
    if (where == OVERDUE_QUEUED && !flight->first)
        flights_end(flights, &flight);
    return where;
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
