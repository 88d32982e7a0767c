#include "common/control.h"

#include "common/memory.h"
#include "common/reactor_inner.h"
#include "common/version.h"

#include <stdio.h>

#define SCHEME       "inproc://"
#define ADDRESS_SIZE 48

struct port_shard *control_shards(size_t count)
{
    /* One block: the shards, and behind them their addresses. */
    struct port_shard *shards = memory_alloc(count, sizeof *shards + ADDRESS_SIZE);
    char *address = (char *)(shards + count);
    for (size_t i = 0; i < count; i++, address += ADDRESS_SIZE) {
        snprintf(address, ADDRESS_SIZE, SCHEME "control.%zu", i);
        shards[i] = (struct port_shard){.name = address + strlen(SCHEME), .address = address};
    }
    return shards;
}

/* What the numbers of the other families are about: joined with them by the label `stage`. */
static void measure_place(const struct reactor *reactor, const struct port_owner *owner,
                          struct metrics *metrics)
{
    const struct topology *topology = reactor->setup.topology;
    const char *process = topology->processes[topology->process].name;
    struct buffer labels = {0};
    metrics_quote(&labels, "kind", owner->kind->spec.name);
    buffer_append_text(&labels, ",");
    metrics_quote(&labels, "reactor", reactor->name);
    buffer_append_text(&labels, ",");
    metrics_quote(&labels, "process", process != NULL ? process : "weir");
    buffer_append_text(&labels, ",");
    metrics_quote(&labels, "version", WEIR_VERSION);
    metrics->stage = owner->name;
    metrics_gauge(metrics, "weir_stage_info", "What runs here, and where; always 1.", labels.data,
                  1);
    buffer_fini(&labels);
}

static void measure_stage(const struct reactor_stage *stage, struct moment now,
                          struct metrics *metrics)
{
    metrics->stage = stage->owner.name;
    if (stage->owner.kind->measure != NULL)
        stage->owner.kind->measure(stage->owner.stage, now, metrics);
    if (stage->asks != NULL)
        port_ask_measure(stage->asks, metrics);
    if (stage->control != NULL)
        port_ask_measure(stage->control, metrics);
    if (stage->serves != NULL)
        port_serve_measure(stage->serves, metrics);
}

/* They are of the whole process; the first reactor speaks for it. */
static void measure_reloads(const struct reactor_reload *reload, struct metrics *metrics)
{
    static const char *const help = "Reloads of the settings.";
    metrics_counter(metrics, "weir_reloads_total", help, "result=\"done\"", reload->done);
    metrics_counter(metrics, "weir_reloads_total", help, "result=\"refused\"", reload->refused);
}

static void tell_metrics(const struct reactor *reactor, struct moment now, struct buffer *out)
{
    struct metrics metrics = {.stage = reactor->name};
    metrics_counter(&metrics, "weir_reactor_turns_total", "Turns of the reactor's loop.", NULL,
                    reactor->turns);
    metrics_seconds(&metrics, "weir_reactor_longest_turn_seconds",
                    "The longest turn since the start.", NULL, reactor->longest_turn);
    for (size_t i = 0; i < reactor->stage_count; i++) {
        measure_place(reactor, &reactor->stages[i].owner, &metrics);
        measure_stage(&reactor->stages[i], now, &metrics);
    }
    measure_stage(&reactor->control, now, &metrics);
    if (reactor->setup.number == 0) {
        metrics.stage = "host";
        measure_reloads(&reactor->reload, &metrics);
    }
    *out = metrics.text;
}

static void tell_readiness(const struct reactor *reactor, struct moment now, struct buffer *out)
{
    if (reactor->is_draining)
        buffer_format(out, "%s: takes nothing new, for the process is to end\n", reactor->name);
    for (size_t i = 0; i < reactor->stage_count && !reactor->is_draining; i++) {
        const struct port_owner *owner = &reactor->stages[i].owner;
        const char *reason =
            owner->kind->unready != NULL ? owner->kind->unready(owner->stage, now) : NULL;
        if (reason == NULL && reactor->stages[i].asks != NULL &&
            port_ask_is_away(reactor->stages[i].asks))
            reason = "no link to what it asks";
        if (reason != NULL)
            buffer_format(out, "%s: %s\n", owner->name, reason);
    }
}

static void on_ask(void *stage, struct moment now, const struct return_address *from,
                   const struct ask *ask)
{
    struct reactor *reactor = stage;
    struct buffer text = {0};
    if (bytes_are_equal(ask->key, bytes_of_text("reload"))) {
        reactor_reload_ask(reactor, from);
        return;
    }
    struct answer answer = {.status = STATUS_VALUE, .life_ms = MESSAGE_LIFE_UNBOUNDED};
    if (bytes_are_equal(ask->key, bytes_of_text("metrics")))
        tell_metrics(reactor, now, &text);
    else if (bytes_are_equal(ask->key, bytes_of_text("ready")))
        tell_readiness(reactor, now, &text);
    else
        answer = (struct answer){.status = STATUS_NONE};
    answer.bytes = buffer_bytes(&text);
    port_answer(reactor->control.serves, from, &answer);
    buffer_fini(&text);
}

const struct stage_kind *control_kind(void)
{
    static const struct stage_kind kind = {.spec.name = "control", .on_ask = on_ask};
    return &kind;
}
