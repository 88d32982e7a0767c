/* A reactor's part in reloads: the settings of its stages, the orders of main, and those who asked
 * for a reload through the control port and wait for its outcome. */
#include "common/reactor_inner.h"

#include "common/check.h"

/* ---- settings ---- */

/* The settings at the end of the way towards the origin; NULL: the stage asks nobody. */
static const struct settings *origin_of(const struct topology *topology, size_t stage)
{
    const struct topology_stage *at = &topology->stages[stage];
    if (at->asks == SIZE_MAX)
        return NULL;
    while (at->asks != SIZE_MAX)
        at = &topology->stages[at->asks];
    return &topology->instances[at->first_instance].settings;
}

/* What an instance that listens may let in; 0 where its kind has no such setting. */
static size_t max_clients(const struct topology *topology, const struct topology_instance *instance)
{
    return topology->stages[instance->stage].listen != NULL &&
                   settings_has(&instance->settings, "max_clients")
               ? (size_t)settings_number(&instance->settings, "max_clients")
               : 0;
}

/* Of all in this process: its reactors are those that the topology has. */
static size_t count_clients(const struct topology *topology)
{
    size_t count = 0;
    for (size_t i = 0; i < topology->reactor_count; i++)
        for (size_t j = 0; j < topology->reactors[i].count; j++)
            count +=
                max_clients(topology, &topology->instances[topology->reactors[i].instances[j]]);
    return count;
}

/* In this topology, which may number its stages in another way than the one of the start. */
static const struct topology_instance *instance_in(const struct topology *topology,
                                                   const struct reactor_stage *stage)
{
    const size_t index = topology_find_instance(topology, stage->owner.name);
    CHECK(index != SIZE_MAX);
    return &topology->instances[index];
}

struct stage_setup reactor_stage_setup(const struct reactor *reactor, size_t index,
                                       const struct topology *topology)
{
    const struct reactor_stage *stage = &reactor->stages[index];
    const struct topology_instance *instance = instance_in(topology, stage);
    struct stage_setup setup = {
        .name = stage->owner.name,
        .settings = &instance->settings,
        .origin = origin_of(topology, instance->stage),
        .asks = stage->asks,
        .control = stage->control,
        .serves = stage->serves,
        .loop = (struct uv_loop_s *)&reactor->loop,
        .clock = (struct clock *)&reactor->clock,
        .turn = (struct turn *)&reactor->turn,
        .listener = -1,
        .log = reactor->setup.log,
    };
    const struct topology *start = reactor->setup.topology;
    const size_t placed = instance_in(start, stage)->stage;
    if (start->stages[placed].listen != NULL)
        setup.address = reactor->setup.listeners[placed].address;
    setup.cache_count = topology_caches(topology, instance->stage, setup.caches);
    if (max_clients(topology, instance) > 0)
        setup.all_clients = count_clients(topology);
    return setup;
}

/* ---- orders ---- */

static void configure(struct reactor *reactor, const struct reactor_order *order)
{
    const bool asks = order->step == REACTOR_CONFIGURES_OTHERS;
    for (size_t i = 0; i < reactor->stage_count; i++) {
        const struct port_owner *owner = &reactor->stages[i].owner;
        if (owner->kind->configure == NULL || owner->kind->spec.asks != asks)
            continue;
        const struct stage_setup setup = reactor_stage_setup(reactor, i, order->topology);
        owner->kind->configure(owner->stage, clock_read(&reactor->clock), &setup);
    }
}

static void allow(struct reactor *reactor, const struct key_list *allowed)
{
    for (size_t i = 0; allowed != NULL && i < reactor->stage_count; i++)
        if (reactor->stages[i].serves != NULL)
            port_serve_allow(reactor->stages[i].serves, allowed);
}

/* Who asked behind the beginning of this reload waits on, for the next. */
static void tell(struct reactor *reactor, const struct reactor_order *order)
{
    struct reactor_reload *reload = &reactor->reload;
    const struct answer answer = {
        .status = STATUS_VALUE, .bytes = order->outcome, .life_ms = MESSAGE_LIFE_UNBOUNDED};
    size_t left = 0;
    reload->done = order->done;
    reload->refused = order->refused;
    for (size_t i = 0; i < reload->waiter_count; i++) {
        const struct reload_waiter waiter = reload->waiters[i];
        if (waiter.number <= order->number)
            port_answer(reactor->control.serves, &waiter.from, &answer);
        else
            reload->waiters[left++] = waiter;
    }
    reload->waiter_count = left;
}

static void on_order(uv_async_t *async)
{
    struct reactor *reactor = async->data;
    const struct reactor_order *order = atomic_exchange(&reactor->reload.order, NULL);
    if (order == NULL)
        return;
    if (order->step == REACTOR_CONFIGURES_ORIGINS)
        allow(reactor, order->allowed);
    if (order->step == REACTOR_TELLS)
        tell(reactor, order);
    else
        configure(reactor, order);
    order->on_done(order->owner);
}

void reactor_reload_open(struct reactor *reactor)
{
    CHECK(uv_async_init(&reactor->loop, &reactor->reload.on_order, on_order) == 0);
    reactor->reload.on_order.data = reactor;
}

void reactor_order(struct reactor *reactor, const struct reactor_order *order)
{
    atomic_store(&reactor->reload.order, order);
    uv_async_send(&reactor->reload.on_order);
}

/* ---- who asks for one ---- */

void reactor_reload_ask(struct reactor *reactor, const struct return_address *from)
{
    struct reactor_reload *reload = &reactor->reload;
    struct reactor_reloads *reloads = reactor->setup.reloads;
    if (reloads == NULL || reload->waiter_count == REACTOR_RELOAD_WAITERS) {
        const struct answer refusal = {.status = reloads == NULL ? STATUS_NONE : STATUS_BUSY};
        port_answer(reactor->control.serves, from, &refusal);
        return;
    }
    reload->waiters[reload->waiter_count++] =
        (struct reload_waiter){*from, atomic_load(&reloads->begun) + 1};
    reloads->ask(reloads->owner);
}
