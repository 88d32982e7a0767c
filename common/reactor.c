/* The reactor's set-up and end, and its requests from other threads. The turns are reactor_turn's.
 */
#include "common/reactor_inner.h"

#include "common/check.h"
#include "common/control.h"
#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the loop ---- */

static void on_wait(uv_prepare_t *before_wait)
{
    struct reactor *reactor = before_wait->data;
    clock_mark_old(&reactor->clock);
}

static void end_turn(struct turn *turn)
{
    struct reactor *reactor = (struct reactor *)turn;
    clock_mark_old(&reactor->clock);
    reactor_turn(reactor);
    clock_mark_old(&reactor->clock);
}

static void drain_stages(struct reactor *reactor, enum drain_manner manner)
{
    for (size_t i = 0; i < reactor->stage_count; i++) {
        const struct port_owner *owner = &reactor->stages[i].owner;
        if (owner->kind->drain != NULL)
            owner->kind->drain(owner->stage, clock_read(&reactor->clock), manner);
    }
    reactor->is_draining = true;
}

static void on_drain(uv_async_t *async)
{
    drain_stages(async->data, DRAIN_PROMPT);
}

static void on_retire(uv_async_t *async)
{
    drain_stages(async->data, DRAIN_PATIENT);
}

static void on_ping(uv_async_t *async)
{
    struct reactor *reactor = async->data;
    reactor->setup.on_answered(reactor->setup.owner);
}

static void on_stop(uv_async_t *async)
{
    struct reactor *reactor = async->data;
    reactor->is_stopping = true;
}

/* By itself it brings nothing: the turn that follows finds what others have sent. */
static void on_bell(uv_poll_t *poll, int status, int events)
{
    struct reactor *reactor = poll->data;
    (void)status, (void)events;
    reactor_bell_clear(reactor->setup.bell);
}

static bool open_loop(struct reactor *reactor, struct error *error)
{
    int result = uv_loop_init(&reactor->loop);
    if (result == 0 && (result = uv_async_init(&reactor->loop, &reactor->on_drain, on_drain)) != 0)
        uv_loop_close(&reactor->loop);
    if (result != 0)
        return error_set(error, "cannot make an event loop: %s", uv_strerror(result));
    CHECK(uv_async_init(&reactor->loop, &reactor->on_retire, on_retire) == 0);
    CHECK(uv_async_init(&reactor->loop, &reactor->on_ping, on_ping) == 0);
    CHECK(uv_poll_init(&reactor->loop, &reactor->on_bell,
                       reactor_bell_descriptor(reactor->setup.bell)) == 0);
    CHECK(uv_poll_start(&reactor->on_bell, UV_READABLE, on_bell) == 0);
    CHECK(uv_async_init(&reactor->loop, &reactor->on_stop, on_stop) == 0);
    reactor_reload_open(reactor);
    uv_timer_init(&reactor->loop, &reactor->timer);
    uv_prepare_init(&reactor->loop, &reactor->before_wait);
    uv_prepare_start(&reactor->before_wait, on_wait);
    reactor->on_drain.data = reactor;
    reactor->on_retire.data = reactor;
    reactor->on_ping.data = reactor;
    reactor->on_stop.data = reactor;
    reactor->on_bell.data = reactor;
    reactor->timer.data = reactor;
    reactor->before_wait.data = reactor;

    reactor->timer_at = NEVER;
    reactor->sockets.loop = &reactor->loop;
    reactor->sockets.context = reactor->setup.context;
    reactor->sockets.keys = reactor->setup.keys;
    reactor->sockets.inboxes = reactor->setup.inboxes;
    reactor->sockets.bell = reactor->setup.bell;
    return true;
}

/* ---- the ports ---- */

static struct port_shard *shards_of(const struct topology *topology, size_t stage)
{
    const struct topology_stage *asked = &topology->stages[stage];
    struct port_shard *shards = memory_alloc(asked->instance_count, sizeof *shards);
    for (size_t i = 0; i < asked->instance_count; i++) {
        const struct topology_instance *instance = &topology->instances[asked->first_instance + i];
        shards[i] = (struct port_shard){
            .name = instance->name,
            .address = instance->serves,
            .server_key =
                instance->is_encrypted ? topology->processes[instance->process].public_key : NULL,
        };
    }
    return shards;
}

static const struct topology_instance *instance_of(const struct reactor *reactor, size_t index)
{
    const struct topology *topology = reactor->setup.topology;
    return &topology->instances[topology->reactors[reactor->setup.number].instances[index]];
}

static bool open_serve_ports(struct reactor *reactor, struct error *error)
{
    const struct topology *topology = reactor->setup.topology;
    for (size_t i = 0; i < reactor->stage_count; i++) {
        struct reactor_stage *stage = &reactor->stages[i];
        const struct topology_instance *instance = instance_of(reactor, i);
        if (instance->serves == NULL)
            continue;
        struct port_shard *shards = shards_of(topology, instance->stage);
        stage->serves = port_serve_create(&reactor->sockets, &stage->owner, shards,
                                          topology->stages[instance->stage].instance_count,
                                          instance->number, error);
        free(shards);
        if (stage->serves == NULL)
            return false;
    }
    struct port_shard *shards = control_shards(topology->reactor_count);
    reactor->control.serves =
        port_serve_create(&reactor->sockets, &reactor->control.owner, shards,
                          topology->reactor_count, reactor->setup.number, error);
    free(shards);
    return reactor->control.serves != NULL;
}

static bool open_asks(struct reactor *reactor, struct reactor_stage *stage, size_t asked,
                      struct error *error)
{
    const struct topology *topology = reactor->setup.topology;
    struct port_shard *shards = shards_of(topology, asked);
    stage->asks = port_ask_create(&reactor->sockets, &stage->owner, shards,
                                  topology->stages[asked].instance_count, error);
    free(shards);
    return stage->asks != NULL;
}

static bool open_control(struct reactor *reactor, struct reactor_stage *stage, struct error *error)
{
    const size_t count = reactor->setup.topology->reactor_count;
    struct port_shard *shards = control_shards(count);
    stage->control = port_ask_create(&reactor->sockets, &stage->owner, shards, count, error);
    free(shards);
    return stage->control != NULL;
}

static bool open_ask_ports(struct reactor *reactor, struct error *error)
{
    for (size_t i = 0; i < reactor->stage_count; i++) {
        struct reactor_stage *stage = &reactor->stages[i];
        const size_t asked = reactor->setup.topology->stages[instance_of(reactor, i)->stage].asks;
        if (asked != SIZE_MAX && !open_asks(reactor, stage, asked, error))
            return false;
        if (stage->owner.kind->spec.asks_control && !open_control(reactor, stage, error))
            return false;
    }
    return true;
}

/* ---- the stages ---- */

static void name_stages(struct reactor *reactor)
{
    const struct reactor_setup *setup = &reactor->setup;
    snprintf(reactor->name, sizeof reactor->name, "reactor.%zu", setup->number);
    reactor->stage_count = setup->topology->reactors[setup->number].count;
    reactor->stages = memory_alloc(reactor->stage_count, sizeof *reactor->stages);
    for (size_t i = 0; i < reactor->stage_count; i++) {
        const struct topology_instance *instance = instance_of(reactor, i);
        reactor->stages[i].owner = (struct port_owner){
            .name = instance->name,
            .kind = setup->kind_of(setup->topology->stages[instance->stage].kind),
            .ring_seed = setup->ring_seed,
            .clock = &reactor->clock,
            .log = setup->log,
        };
    }
    reactor->control.owner = (struct port_owner){
        .name = reactor->name,
        .kind = control_kind(),
        .stage = reactor,
        .ring_seed = setup->ring_seed,
        .clock = &reactor->clock,
        .log = setup->log,
    };
}

static bool create_stage(struct reactor *reactor, size_t index, struct error *error)
{
    struct reactor_stage *stage = &reactor->stages[index];
    const struct topology_instance *instance = instance_of(reactor, index);
    struct stage_setup setup = reactor_stage_setup(reactor, index, reactor->setup.topology);
    if (reactor->setup.topology->stages[instance->stage].listen != NULL) {
        struct listener *listener = &reactor->setup.listeners[instance->stage];
        setup.listener = listener->descriptors[instance->number];
        listener->descriptors[instance->number] = -1;
    }
    struct error reason = {0};
    stage->owner.stage = stage->owner.kind->create(&setup, &reason);
    return stage->owner.stage != NULL || error_set(error, "%s: %s", instance->name, reason.text);
}

static bool create_stages(struct reactor *reactor, struct error *error)
{
    for (size_t i = 0; i < reactor->stage_count; i++)
        if (!create_stage(reactor, i, error))
            return false;
    return true;
}

/* ---- its life ---- */

struct reactor *reactor_create(const struct reactor_setup *setup, struct error *error)
{
    struct reactor *reactor = memory_alloc(1, sizeof *reactor);
    reactor->turn.end = end_turn;
    reactor->setup = *setup;
    reactor->has_work_left = true;
    reactor->is_opening = true;
    if (!open_loop(reactor, error)) {
        free(reactor);
        return NULL;
    }
    name_stages(reactor);
    if (!open_serve_ports(reactor, error) || !open_ask_ports(reactor, error) ||
        !create_stages(reactor, error)) {
        reactor_destroy(&reactor);
        return NULL;
    }
    port_serve_open(reactor->control.serves);
    return reactor;
}

/* Whether nothing is left to do until something happens: from here on, who sends something rings.
 */
static bool may_wait(struct reactor *reactor)
{
    if (reactor->has_work_left)
        return false;
    reactor_bell_await(reactor->setup.bell);
    return !reactor_sockets_look(&reactor->sockets);
}

void reactor_run(struct reactor *reactor)
{
    while (!reactor->is_stopping) {
        uv_run(&reactor->loop, may_wait(reactor) ? UV_RUN_ONCE : UV_RUN_NOWAIT);
        reactor_bell_cease(reactor->setup.bell);
        reactor_turn(reactor);
    }
}

void reactor_destroy(struct reactor **reactor_address)
{
    struct reactor *reactor = *reactor_address;
    for (size_t i = reactor->stage_count; i-- > 0;)
        if (reactor->stages[i].owner.stage != NULL)
            reactor->stages[i].owner.kind->destroy(&reactor->stages[i].owner.stage);
    reactor_sockets_close(&reactor->sockets);
    uv_close((uv_handle_t *)&reactor->before_wait, NULL);
    uv_close((uv_handle_t *)&reactor->timer, NULL);
    uv_close((uv_handle_t *)&reactor->on_drain, NULL);
    uv_close((uv_handle_t *)&reactor->on_retire, NULL);
    uv_close((uv_handle_t *)&reactor->on_ping, NULL);
    uv_close((uv_handle_t *)&reactor->on_stop, NULL);
    uv_close((uv_handle_t *)&reactor->reload.on_order, NULL);
    uv_close((uv_handle_t *)&reactor->on_bell, NULL);
    uv_run(&reactor->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&reactor->loop) == 0);

    for (size_t i = 0; i < reactor->stage_count; i++) {
        port_ask_destroy(&reactor->stages[i].asks);
        port_ask_destroy(&reactor->stages[i].control);
        port_serve_destroy(&reactor->stages[i].serves);
    }
    port_serve_destroy(&reactor->control.serves);
    reactor_sockets_fini(&reactor->sockets);
    free(reactor->stages);
    free(reactor);
    *reactor_address = NULL;
}

/* ---- from other threads ---- */

void reactor_drain(struct reactor *reactor, enum drain_manner manner)
{
    uv_async_send(manner == DRAIN_PROMPT ? &reactor->on_drain : &reactor->on_retire);
}

void reactor_ping(struct reactor *reactor)
{
    uv_async_send(&reactor->on_ping);
}

void reactor_stop(struct reactor *reactor)
{
    uv_async_send(&reactor->on_stop);
}
