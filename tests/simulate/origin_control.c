/* The origin's control connection, on which the model of Redis announces what changes. */
#include "tests/simulate/origin_inner.h"

#include "common/memory.h"

#include <stdlib.h>

#define FLOOD (MESSAGE_MAX_RECORDS + 100) /* notices: more than a batch holds */

static void tell(struct origin *origin, enum notice_kind kind, int64_t proven)
{
    port_notify(origin->serves, &(struct notice){.kind = kind, .proven = proven});
}

static void tell_key(struct origin *origin, const char *name)
{
    port_notify(origin->serves, &(struct notice){.kind = NOTICE_KEY, .key = bytes_of_text(name)});
}

/* Travels from Redis to the origin, in order. */
struct control {
    struct redis_wire *wire;
    struct news news;
};

static void control_arrives(void *owner, uint64_t detail)
{
    struct control *control = owner;
    struct redis_wire *wire = control->wire;
    (void)detail;
    if (wire->origin && control->news.subscription == wire->origin->subscription &&
        !wire->drops_control)
        origin_hand_over(wire->origin, &control->news);
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

/* A PING has reached Redis. `detail` is when it was sent (boot ns). */
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

static void connect_control(struct origin *origin)
{
    struct redis_wire *wire = origin->wire;
    origin->connect_at = NEVER;
    origin->subscription = ++wire->subscriptions;
    origin->pong_by = process_moment(origin->process).mono + wire->max_staleness;
    world_plan(wire->world, origin_way_to_redis(wire->world), subscribe_arrives, wire,
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
    origin->connect_at = process_moment(origin->process).mono +
                         world_between(world, 10 * MILLISECOND, 200 * MILLISECOND);
    tell(origin, NOTICE_LOST, 0);
}

void redis_wire_break_control(struct redis_wire *wire)
{
    if (!wire->origin || wire->origin->subscription == 0)
        return;
    origin_hand_over(wire->origin,
                     &(struct news){.kind = NEWS_LOST, .subscription = wire->origin->subscription});
    wire->subscription = 0;
}

void origin_take_news(struct origin *origin, const struct news *news)
{
    struct redis_wire *wire = origin->wire;
    const int64_t now = process_moment(origin->process).mono;
    if (news->subscription != origin->subscription)
        return;
    switch (news->kind) {
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
        origin->ping_at = now;
        tell(origin, NOTICE_LOST, 0);
        break;
    case NEWS_PONG:
        origin->pong_by = now + wire->max_staleness;
        tell(origin, NOTICE_PROVEN, news->sent);
        break;
    case NEWS_LOST:
        lose_control(origin);
        break;
    case NEWS_REPLY:
        break;
    }
}

int64_t origin_watch(struct origin *origin, struct moment now)
{
    struct redis_wire *wire = origin->wire;
    if (now.mono >= origin->pong_by)
        lose_control(origin);
    if (now.mono >= origin->connect_at)
        connect_control(origin);
    if (now.mono >= origin->ping_at) {
        world_plan(wire->world, origin_way_to_redis(wire->world), ping_arrives, wire,
                   (uint64_t)now.boot);
        origin->ping_at = now.mono + wire->max_staleness / 4;
    }
    return clock_earlier(clock_earlier(origin->pong_by, origin->ping_at), origin->connect_at);
}
