#include "tests/simulate/origin.h"

#include "common/memory.h"
#include "tests/simulate/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIG   LINK_BULK                   /* bytes: the value of the last key takes the lane */
#define FLOOD (MESSAGE_MAX_RECORDS + 100) /* notices: more than a batch holds */

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

/* What has reached the origin and waits for its next turn: a reply, or news. */
struct news {
    struct news *next;
    enum news_kind {
        NEWS_REPLY,
        NEWS_KEY,
        NEWS_FLOOD,
        NEWS_ALL,
        NEWS_PONG,
        NEWS_SUBSCRIBED,
        NEWS_LOST
    } kind;
    struct fetch *fetch;
    int key;
    int64_t sent;
    uint64_t subscription;
};

struct origin {
    struct redis_wire *wire;
    struct process *process;
    struct serve_port *serves;
    struct fetch *fetches;
    struct news *first, **end;
    uint64_t subscription; /* of this origin's control connection; 0: none */
    bool is_confirmed;
    int64_t ping_at, pong_by, connect_at; /* mono ns */
};

static void release(struct fetch *fetch)
{
    if (--fetch->uses == 0)
        free(fetch);
}

static void tell(struct origin *origin, enum notice_kind kind, int64_t proven)
{
    port_notify(origin->serves, &(struct notice){.kind = kind, .proven = proven});
}

static void tell_key(struct origin *origin, const char *name)
{
    port_notify(origin->serves, &(struct notice){.kind = NOTICE_KEY, .key = bytes_of_text(name)});
}

/* ---- the control connection ---- */

/* Travels from Redis to the origin, in order. */
struct control {
    struct redis_wire *wire;
    struct news news;
};

static void hand_over(struct origin *origin, const struct news *news)
{
    struct news *copy = memory_alloc(1, sizeof *copy);
    *copy = *news;
    copy->next = NULL;
    *origin->end = copy;
    origin->end = &copy->next;
    process_wake(origin->process);
}

static void control_arrives(void *owner, uint64_t detail)
{
    struct control *control = owner;
    struct redis_wire *wire = control->wire;
    (void)detail;
    if (wire->origin && control->news.subscription == wire->origin->subscription &&
        !wire->drops_control)
        hand_over(wire->origin, &control->news);
    free(control);
}

static void say(struct redis_wire *wire, struct news news)
{
    struct world *world = wire->world;
    int64_t at = world->now + world_between(world, 30 * MICROSECOND, 2 * MILLISECOND);
    if (!world->is_calm && world_chance(world, 5))
        at += world_between(world, 0, 60 * MILLISECOND);
    if (at < wire->held_until)
        at = wire->held_until;
    wire->arrives = at > wire->arrives ? at : wire->arrives + 1;
    struct control *control = memory_alloc(1, sizeof *control);
    *control = (struct control){wire, news};
    control->news.subscription = wire->subscription;
    world_plan(world, wire->arrives, control_arrives, control, 0);
}

void redis_wire_announce(void *owner, int key, bool is_behind_flood)
{
    struct redis_wire *wire = owner;
    if (wire->subscription != 0)
        say(wire, (struct news){.kind = key < 0           ? NEWS_ALL
                                        : is_behind_flood ? NEWS_FLOOD
                                                          : NEWS_KEY,
                                .key = key});
}

/* A PING has reached Redis. `detail` is when it was sent. */
static void ping_arrives(void *owner, uint64_t detail)
{
    struct redis_wire *wire = owner;
    if (wire->subscription != 0 && !wire->is_down)
        say(wire, (struct news){.kind = NEWS_PONG, .sent = (int64_t)detail});
}

/* SUBSCRIBE has reached Redis. */
static void subscribe_arrives(void *owner, uint64_t subscription)
{
    struct redis_wire *wire = owner;
    if (!wire->origin || wire->origin->subscription != subscription)
        return;
    if (wire->is_down) {
        redis_wire_break_control(wire);
        return;
    }
    wire->drops_control = false;
    wire->subscription = subscription;
    say(wire, (struct news){.kind = NEWS_SUBSCRIBED});
}

static int64_t way_to_redis(struct world *world)
{
    return world->now + world_between(world, 30 * MICROSECOND, 2 * MILLISECOND);
}

static void connect_control(struct origin *origin)
{
    struct redis_wire *wire = origin->wire;
    origin->connect_at = NEVER;
    origin->subscription = ++wire->subscriptions;
    origin->pong_by = wire->world->now + wire->max_staleness;
    world_plan(wire->world, way_to_redis(wire->world), subscribe_arrives, wire,
               origin->subscription);
}

static void lose_control(struct origin *origin)
{
    struct world *world = origin->wire->world;
    if (origin->subscription == 0)
        return;
    world_tell(world, "the control connection is lost");
    origin->subscription = 0;
    origin->is_confirmed = false;
    origin->ping_at = origin->pong_by = NEVER;
    origin->connect_at = world->now + world_between(world, 10 * MILLISECOND, 200 * MILLISECOND);
    tell(origin, NOTICE_LOST, 0);
}

void redis_wire_break_control(struct redis_wire *wire)
{
    if (!wire->origin || wire->origin->subscription == 0)
        return;
    hand_over(wire->origin,
              &(struct news){.kind = NEWS_LOST, .subscription = wire->origin->subscription});
    wire->subscription = 0;
}

/* ---- fetching ---- */

static void reply_arrives(void *owner, uint64_t detail)
{
    struct fetch *fetch = owner;
    (void)detail;
    if (fetch->origin)
        hand_over(fetch->origin, &(struct news){.kind = NEWS_REPLY, .fetch = fetch});
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
    int64_t at = way_to_redis(world);
    if (!world->is_calm && world_chance(world, 10))
        at += world_between(world, 0, 100 * MILLISECOND);
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
    world_plan(wire->world, way_to_redis(wire->world), get_arrives, fetch, 0);
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

static void take_news(struct origin *origin, const struct news *news)
{
    struct redis_wire *wire = origin->wire;
    if (news->kind != NEWS_REPLY && news->subscription != origin->subscription)
        return;
    switch (news->kind) {
    case NEWS_REPLY:
        answer(origin, news->fetch);
        release(news->fetch);
        break;
    case NEWS_FLOOD:
        for (int i = 0; i < FLOOD; i++)
            tell_key(origin, "other");
        tell_key(origin, wire->model->keys[news->key].name);
        break;
    case NEWS_KEY:
        tell_key(origin, wire->model->keys[news->key].name);
        break;
    case NEWS_ALL:
        tell(origin, NOTICE_ALL, 0);
        break;
    case NEWS_SUBSCRIBED:
        origin->is_confirmed = true;
        origin->ping_at = wire->world->now;
        tell(origin, NOTICE_LOST, 0);
        break;
    case NEWS_PONG:
        origin->pong_by = wire->world->now + wire->max_staleness;
        tell(origin, NOTICE_PROVEN, news->sent);
        break;
    case NEWS_LOST:
        lose_control(origin);
        break;
    }
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

static int64_t on_turn(void *stage, struct moment now)
{
    struct origin *origin = stage;
    struct redis_wire *wire = origin->wire;
    while (origin->first) {
        struct news *news = origin->first;
        origin->first = news->next;
        if (!origin->first)
            origin->end = &origin->first;
        take_news(origin, news);
        free(news);
    }
    fail_all(origin, wire->is_down ? STATUS_AWAY : STATUS_TIMEOUT, now.mono);
    forget_answered(origin);
    if (now.mono >= origin->pong_by)
        lose_control(origin);
    if (now.mono >= origin->connect_at)
        connect_control(origin);
    if (now.mono >= origin->ping_at) {
        world_plan(wire->world, way_to_redis(wire->world), ping_arrives, wire, (uint64_t)now.mono);
        origin->ping_at = now.mono + wire->max_staleness / 4;
    }
    int64_t wake =
        clock_earlier(clock_earlier(origin->pong_by, origin->ping_at), origin->connect_at);
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
