#include "tests/simulate/origin_inner.h"

#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIG LINK_BULK /* bytes: the value of the last key takes the lane */

struct fetch {
    struct fetch *next;
    struct origin *origin; /* NULL: it has gone, or has answered */
    unsigned uses;         /* by the origin's list, and by what is under way */
    struct return_address from;
    int key, version;
    uint32_t life_ms;
    int64_t deadline;
    bool is_answered;
};

static void release(struct fetch *fetch)
{
    if (--fetch->uses == 0)
        free(fetch);
}

void origin_hand_over(struct origin *origin, const struct news *news)
{
    struct news *copy = memory_alloc(1, sizeof *copy);
    *copy = *news;
    copy->next = NULL;
    *origin->end = copy;
    origin->end = &copy->next;
    process_wake(origin->process);
}

int64_t origin_way_to_redis(struct world *world)
{
    return world->now + world_between(world, 30 * MICROSECOND, 2 * MILLISECOND);
}

/* ---- fetching ---- */

/* One way of a tenth of what is fetched takes long, and others overtake it. */
static int64_t sometimes_late(struct world *world, int64_t at)
{
    if (world->is_calm || !world_chance(world, 10))
        return at;
    return at + world_between(world, 0, 100 * MILLISECOND);
}

static void reply_arrives(void *owner, uint64_t detail)
{
    struct fetch *fetch = owner;
    (void)detail;
    if (fetch->origin)
        origin_hand_over(fetch->origin, &(struct news){.kind = NEWS_REPLY, .fetch = fetch});
    else
        release(fetch);
}

static void get_arrives(void *owner, uint64_t detail)
{
    struct fetch *fetch = owner;
    (void)detail;
    if (!fetch->origin) {
        release(fetch);
        return;
    }
    struct redis_wire *wire = fetch->origin->wire;
    struct world *world = wire->world;
    int64_t at = sometimes_late(world, origin_way_to_redis(world));
    if (at < wire->slow_until)
        at = wire->slow_until;
    fetch->version = redis_model_get(wire->model, fetch->key, &fetch->life_ms);
    world_plan(world, at, reply_arrives, fetch, 0);
}

static void on_ask(void *stage, struct moment now, const struct return_address *from,
                   const struct ask *ask)
{
    struct origin *origin = stage;
    struct redis_wire *wire = origin->wire;
    int key = redis_model_find(wire->model, ask->key);
    if (wire->is_down || ask->deadline <= now.mono) {
        enum status status = wire->is_down ? STATUS_AWAY : STATUS_WAITED_TOO_LONG;
        port_answer(origin->serves, from, &(struct answer){.status = status});
        return;
    }
    struct fetch *fetch = memory_alloc(1, sizeof *fetch);
    *fetch = (struct fetch){.next = origin->fetches,
                            .origin = origin,
                            .uses = 2,
                            .from = *from,
                            .key = key,
                            .deadline = ask->deadline};
    origin->fetches = fetch;
    world_plan(wire->world, sometimes_late(wire->world, origin_way_to_redis(wire->world)),
               get_arrives, fetch, 0);
}

static void answer(struct origin *origin, struct fetch *fetch)
{
    char text[16];
    struct answer answer = {.status = STATUS_NONE, .life_ms = MESSAGE_LIFE_UNBOUNDED};
    struct value *big = NULL;
    if (fetch->is_answered)
        return;
    fetch->is_answered = true;
    if (fetch->version >= 0) {
        int size = snprintf(text, sizeof text, "%d", fetch->version);
        answer = (struct answer){.status = STATUS_VALUE,
                                 .life_ms = fetch->life_ms,
                                 .tag = redis_model_tag(fetch->key, fetch->version),
                                 .bytes = {text, (size_t)size}};
        if (fetch->key == MODEL_KEYS - 1) {
            big = value_create(BIG); /* what is behind the number does not matter */
            memcpy(value_writable(big), text, (size_t)size + 1);
            answer.bytes = (struct bytes){0};
            answer.value = big;
        }
    }
    port_answer(origin->serves, &fetch->from, &answer);
    value_release(&big);
}

static void fail_all(struct origin *origin, enum status status, int64_t overdue)
{
    for (struct fetch *fetch = origin->fetches; fetch; fetch = fetch->next)
        if (!fetch->is_answered && fetch->deadline <= overdue) {
            fetch->is_answered = true;
            port_answer(origin->serves, &fetch->from, &(struct answer){.status = status});
        }
}

void redis_wire_down(struct redis_wire *wire)
{
    wire->is_down = true;
    redis_wire_break_control(wire);
    if (wire->origin)
        for (struct fetch *fetch = wire->origin->fetches; fetch; fetch = fetch->next)
            fetch->deadline = 0; /* fails in the next turn */
}

/* ---- the stage ---- */

static void *create(const struct stage_setup *given, struct error *error)
{
    const struct simulated_setup *setup = (const struct simulated_setup *)given;
    struct origin *origin = memory_alloc(1, sizeof *origin);
    (void)error;
    origin->wire = setup->context;
    origin->process = setup->process;
    origin->serves = given->serves;
    origin->end = &origin->first;
    origin->ping_at = origin->pong_by = NEVER;
    origin->connect_at = origin->wire->is_announcing ? 0 : NEVER;
    origin->wire->origin = origin;
    return origin;
}

static void destroy(void **stage)
{
    struct origin *origin = *stage;
    *stage = NULL;
    origin->wire->origin = NULL;
    origin->wire->subscription = 0;
    while (origin->first) {
        struct news *news = origin->first;
        origin->first = news->next;
        if (news->kind == NEWS_REPLY)
            release(news->fetch);
        free(news);
    }
    for (struct fetch *fetch = origin->fetches, *next; fetch; fetch = next) {
        next = fetch->next;
        fetch->origin = NULL;
        release(fetch);
    }
    free(origin);
}

/* Those who were answered; a reply that is under way will find nobody. */
static void forget_answered(struct origin *origin)
{
    for (struct fetch **at = &origin->fetches; *at;) {
        struct fetch *fetch = *at;
        if (!fetch->is_answered) {
            at = &fetch->next;
            continue;
        }
        *at = fetch->next;
        fetch->origin = NULL;
        release(fetch);
    }
}

static void take(struct origin *origin, const struct news *news)
{
    if (news->kind != NEWS_REPLY) {
        origin_take_news(origin, news);
        return;
    }
    answer(origin, news->fetch);
    release(news->fetch);
}

static int64_t on_turn(void *stage, struct moment now)
{
    struct origin *origin = stage;
    while (origin->first) {
        struct news *news = origin->first;
        origin->first = news->next;
        if (!origin->first)
            origin->end = &origin->first;
        take(origin, news);
        free(news);
    }
    fail_all(origin, origin->wire->is_down ? STATUS_AWAY : STATUS_TIMEOUT, now.mono);
    forget_answered(origin);
    int64_t wake = origin_watch(origin, now);
    for (struct fetch *fetch = origin->fetches; fetch; fetch = fetch->next)
        if (!fetch->is_answered)
            wake = clock_earlier(wake, fetch->deadline);
    return wake;
}

/* As far as a cache looks at the settings of what is at the end of its chain. */
static const struct setting_spec settings[] = {
    {.name = "invalidation.mode", .type = SETTING_TEXT},
    {.name = "invalidation.prefixes", .type = SETTING_LIST},
    {.name = "max_staleness", .type = SETTING_DURATION, .preset = "1s"},
    {0},
};

const struct stage_kind origin_kind = {
    .spec = {.name = "origin", .settings = settings, .serves = true},
    .create = create,
    .on_ask = on_ask,
    .on_turn = on_turn,
    .destroy = destroy,
};
