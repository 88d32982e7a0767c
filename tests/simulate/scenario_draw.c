#include "tests/simulate/scenario_inner.h"

#include "common/text.h"
#include "stages/cache/cache.h"

#include <stdio.h>
#include <string.h>

/* ---- settings ---- */

static void parse(struct setting_value *value, enum setting_type type)
{
    if (!value->text)
        return;
    if (type == SETTING_DURATION)
        text_parse_duration(value->text, &value->number);
    else if (type == SETTING_SIZE)
        text_parse_size(value->text, &value->number);
    else if (type == SETTING_COUNT)
        text_parse_count(value->text, &value->number);
}

static void presets(struct values *values, const struct kind_spec *kind)
{
    values->settings = (struct settings){kind, values->items};
    for (size_t i = 0; kind->settings[i].name; i++) {
        values->items[i] = (struct setting_value){.text = kind->settings[i].preset};
        parse(&values->items[i], kind->settings[i].type);
    }
}

static void set(struct values *values, const char *name, const char *text)
{
    const struct setting_spec *specs = values->settings.kind->settings;
    for (size_t i = 0; specs[i].name; i++)
        if (strcmp(specs[i].name, name) == 0) {
            snprintf(values->texts[i], sizeof values->texts[i], "%s", text);
            values->items[i].text = values->texts[i];
            parse(&values->items[i], specs[i].type);
        }
}

static void set_drawn(struct scenario *s, struct values *values, const char *name, int64_t low,
                      int64_t high, const char *unit)
{
    char text[24];
    snprintf(text, sizeof text, "%lld%s", (long long)world_between(&s->world, low, high), unit);
    set(values, name, text);
}

static void draw_cache(struct scenario *s, struct values *values)
{
    presets(values, &cache_kind.spec);
    set_drawn(s, values, "capacity", 2, MODEL_KEYS + 4, "");
    set(values, "max_bytes", "1MiB");
    set_drawn(s, values, "expiry", 50, 5000, "ms");
    set_drawn(s, values, "max_fetches", 1, 8, "");
    set_drawn(s, values, "max_waiting", 1, 40, "");
    if (world_chance(&s->world, 50))
        set_drawn(s, values, "negative_expiry", 50, 2000, "ms");
    set_drawn(s, values, "negative_capacity", 1, 8, "");
    if (world_chance(&s->world, 30))
        set_drawn(s, values, "stale_while_revalidate", 50, 2000, "ms");
    if (world_chance(&s->world, 30))
        set_drawn(s, values, "stale_if_error", 50, 5000, "ms");
    if (world_chance(&s->world, 40))
        set(values, "on_disconnect", "expire");
}

/* ---- the topology ---- */

static bool is_expire(const struct values *values)
{
    return strcmp(settings_text(&values->settings, "on_disconnect"), "expire") == 0;
}

static const struct port_shard *add_shard(struct scenario *s, const char *name, size_t number,
                                          bool is_inproc)
{
    size_t i = s->shard_count++;
    const char *scheme = is_inproc ? "inproc://" : "ipc:///";
    snprintf(s->addresses[i], sizeof s->addresses[i], "%s%s.%zu", scheme, name, number);
    s->shards[i] =
        (struct port_shard){.name = s->addresses[i] + strlen(scheme), .address = s->addresses[i]};
    return &s->shards[i];
}

static struct process *add_process(struct scenario *s, const char *name, size_t number)
{
    size_t i = s->count++;
    snprintf(s->process_names[i], sizeof s->process_names[i], "%s-%zu", name, number);
    s->processes[i] = (struct process){.host.network = &s->network, .name = s->process_names[i]};
    return &s->processes[i];
}

static void add_stage(struct process *process, struct stage_plan plan,
                      const struct port_shard *asked, size_t count)
{
    plan.ask_count = count;
    for (size_t i = 0; i < count; i++)
        plan.asks[i] = asked[i];
    process->plans[process->count++] = plan;
}

/* Readers, each perhaps with a near cache; one to three far shards; the origin. Where everything is
 * single, it may all be in one process. */
static void draw_topology(struct scenario *s)
{
    struct world *world = &s->world;
    bool is_single = world_chance(world, 20);
    bool has_near = !is_single && world_chance(world, 50);
    size_t readers = is_single ? 1 : (size_t)world_between(world, 1, 3);
    size_t fars = is_single ? 1 : (size_t)world_between(world, 1, 3);

    s->reading.must_be_verified =
        s->reading.is_announcing && is_expire(&s->far) && (!has_near || is_expire(&s->near));
    const struct port_shard *origin = add_shard(s, "origin", 0, is_single);
    struct process *process = add_process(s, "origin", 0);
    process->is_slow = !is_single;
    add_stage(process,
              (struct stage_plan){.name = origin->name,
                                  .kind = &origin_kind,
                                  .settings = &s->origin.settings,
                                  .serves = origin,
                                  .context = &s->wire},
              NULL, 0);
    const struct port_shard *far = &s->shards[s->shard_count];
    for (size_t i = 0; i < fars; i++) {
        const struct port_shard *shard = add_shard(s, "far", i, is_single);
        if (!is_single)
            process = add_process(s, "far", i);
        add_stage(process,
                  (struct stage_plan){.name = shard->name,
                                      .kind = &witness_kind,
                                      .context = &s->far_witness,
                                      .settings = &s->far.settings,
                                      .origin = &s->origin.settings,
                                      .serves = shard},
                  origin, 1);
    }
    for (size_t i = 0; i < readers; i++) {
        const struct port_shard *asked = far;
        if (!is_single)
            process = add_process(s, "reader", i);
        if (has_near) {
            asked = add_shard(s, "near", i, true);
            add_stage(process,
                      (struct stage_plan){.name = asked->name,
                                          .kind = &witness_kind,
                                          .context = &s->near_witness,
                                          .settings = &s->near.settings,
                                          .origin = &s->origin.settings,
                                          .cache_count = 1,
                                          .serves = asked},
                      far, fars);
        }
        add_stage(
            process,
            (struct stage_plan){.name = "reader", .kind = &reader_kind, .context = &s->reading},
            asked, has_near ? 1 : fars);
    }
}

/* ---- all of it ---- */

/* How long, how often, how fast: so that a run is short, and much happens in it. */
static void draw_pace(struct scenario *s)
{
    struct world *world = &s->world;
    s->world.is_calm = world_chance(world, 5);
    s->has_faults = !s->world.is_calm;
    s->heals = s->has_faults && world_chance(world, 10);
    s->lasts = world_between(world, 300, 2500) * MILLISECOND;
    s->pause = world_between(world, 50, 600) * MILLISECOND;
    s->reading.pause = world_between(world, 2, 40) * MILLISECOND;
    s->reading.healthy_from = NEVER;
    if (s->world.is_calm) {
        s->lasts = 2 * SECOND;
        s->reading.healthy_from = world->now + 1500 * MILLISECOND;
    }
}

void scenario_draw(struct scenario *s)
{
    struct world *world = &s->world;
    s->network.world = world;
    redis_model_init(&s->model, world);
    s->model.announce = redis_wire_announce;
    s->model.subscriber = &s->wire;
    presets(&s->origin, &origin_kind.spec);
    set_drawn(s, &s->origin, "max_staleness", 100, 1000, "ms");
    bool is_announcing = world_chance(world, 85);
    if (is_announcing)
        set(&s->origin, "invalidation.mode", "broadcast");
    draw_cache(s, &s->near);
    draw_cache(s, &s->far);
    int64_t max_staleness = settings_number(&s->origin.settings, "max_staleness");
    s->wire = (struct redis_wire){.world = world,
                                  .model = &s->model,
                                  .max_staleness = max_staleness,
                                  .is_announcing = is_announcing};
    s->reading = (struct reading){.world = world,
                                  .model = &s->model,
                                  .max_staleness = max_staleness,
                                  .is_announcing = is_announcing};
    s->near_witness = (struct witness_setup){world, &s->model, false};
    s->far_witness = (struct witness_setup){world, &s->model, true};
    draw_pace(s);
    draw_topology(s);
}
