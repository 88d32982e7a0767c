#include "tests/simulate/scenario.h"

#include "common/memory.h"
#include "common/text.h"
#include "stages/cache/cache.h"
#include "tests/simulate/origin.h"
#include "tests/simulate/process.h"
#include "tests/simulate/reader.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PROCESSES 8
#define MOST_SETTINGS  32
#define MOST_CACHES    (2 * PROCESS_ASKED)

/* The settings of one kind of stage, as they would come from a topology. */
struct values {
    struct settings settings;
    struct setting_value items[MOST_SETTINGS];
    char texts[MOST_SETTINGS][24];
};

struct scenario {
    struct world world;
    struct network network;
    struct redis_model model;
    struct redis_wire wire;
    struct reading reading;
    struct values origin, near, far;
    struct port_shard shards[MOST_CACHES + 1]; /* all that serve */
    char addresses[MOST_CACHES + 1][40];       /* each ends with the name */
    size_t shard_count;
    struct process processes[MOST_PROCESSES];
    char process_names[MOST_PROCESSES][32];
    size_t count;
    int64_t pause; /* ns, about: between two faults */
    bool is_over;  /* no more faults */
};

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
    set(values, "max_bytes", "4MiB");
    set_drawn(s, values, "expiry", 50, 5000, "ms");
    set_drawn(s, values, "max_fetches", 1, 8, "");
    set_drawn(s, values, "max_waiting", 1, 40, "");
    if (world_chance(&s->world, 50))
        set_drawn(s, values, "negative_expiry", 50, 2000, "ms");
    if (world_chance(&s->world, 30))
        set_drawn(s, values, "stale_while_revalidate", 50, 2000, "ms");
    if (world_chance(&s->world, 30))
        set_drawn(s, values, "stale_if_error", 50, 5000, "ms");
    if (world_chance(&s->world, 40))
        set(values, "on_disconnect", "expire");
}

/* ---- the topology ---- */

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
    bool has_near = !is_single && world_chance(world, 40);
    size_t readers = is_single ? 1 : (size_t)world_between(world, 1, 3);
    size_t fars = is_single ? 1 : (size_t)world_between(world, 1, 3);

    const struct port_shard *origin = add_shard(s, "origin", 0, is_single);
    struct process *process = add_process(s, "origin", 0);
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
                                      .kind = &cache_kind,
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
                                          .kind = &cache_kind,
                                          .settings = &s->near.settings,
                                          .origin = &s->origin.settings,
                                          .serves = asked},
                      far, fars);
        }
        add_stage(
            process,
            (struct stage_plan){.name = "reader", .kind = &reader_kind, .context = &s->reading},
            asked, has_near ? 1 : fars);
    }
}

/* ---- faults ---- */

static void start_again(void *owner, uint64_t index)
{
    process_start(&((struct scenario *)owner)->processes[index]);
}

static void go_on(void *owner, uint64_t index)
{
    process_continue(&((struct scenario *)owner)->processes[index]);
}

static void redis_returns(void *owner, uint64_t detail)
{
    (void)detail;
    ((struct scenario *)owner)->wire.is_down = false;
}

static int64_t in(struct scenario *s, int64_t low, int64_t high)
{
    return s->world.now + world_between(&s->world, low * MILLISECOND, high * MILLISECOND);
}

static void strike(struct scenario *s)
{
    struct world *world = &s->world;
    uint64_t which = world_draw(world) >> 1;
    uint64_t index = which % s->count;
    struct process *process = &s->processes[index];
    switch (world_between(world, 0, 10)) {
    case 0:
        process_kill(process);
        world_plan(world, in(s, 1, 1500), start_again, s, index);
        break;
    case 1:
        if (process->is_running && !process->is_stopped) {
            process_stop(process);
            world_plan(world, in(s, 1, 2500), go_on, s, index);
        }
        break;
    case 2:
        world_tell(world, "a connection breaks");
        network_break(&s->network, which);
        break;
    case 3:
    case 4:
        world_tell(world, "messages get lost");
        network_lose(&s->network, which);
        break;
    case 5:
        world_tell(world, "a connection stands still");
        network_hold(&s->network, which, in(s, 10, 3000));
        break;
    case 6:
        world_tell(world, "the control connection breaks");
        redis_wire_break_control(&s->wire);
        break;
    case 7:
        world_tell(world, "the control connection is cut silently");
        s->wire.drops_control = true;
        break;
    case 8:
        s->wire.held_until = in(s, 10, 1500);
        break;
    case 9:
        s->wire.slow_until = in(s, 10, 1500);
        break;
    default:
        if (world_chance(world, 50)) {
            redis_model_flush(&s->model);
        } else {
            world_tell(world, "Redis goes away");
            redis_wire_down(&s->wire);
            world_plan(world, in(s, 10, 1500), redis_returns, s, 0);
        }
    }
}

static void on_fault(void *owner, uint64_t detail)
{
    struct scenario *s = owner;
    (void)detail;
    if (s->is_over)
        return;
    strike(s);
    world_plan(&s->world, s->world.now + world_between(&s->world, 0, 2 * s->pause), on_fault, s, 0);
}

/* ---- the run ---- */

static void draw(struct scenario *s)
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
                                  .pause = world_between(world, 1, 40) * MILLISECOND};
    s->pause = world_between(world, 100, 1500) * MILLISECOND;
    draw_topology(s);
}

/* Nothing is asked any more, and nothing fails: every read is answered, and no bound was passed. */
static void settle(struct scenario *s)
{
    s->is_over = s->model.is_over = s->reading.is_over = true;
    s->wire.is_down = false;
    for (size_t i = 0; i < s->count; i++)
        process_continue(&s->processes[i]);
    world_run(&s->world, s->world.now + 5 * SECOND);
    for (size_t i = 0; i < s->count && s->world.trouble[0] == 0; i++)
        for (size_t j = 0; j < s->processes[i].count; j++) {
            struct process *process = &s->processes[i];
            if (process->plans[j].kind == &reader_kind &&
                reader_waiting(process->stages[j].owner.stage) > 0)
                world_complain(&s->world, "reads are still waiting at the end");
            if (process->plans[j].kind != &cache_kind)
                continue;
            if (process_metric(process, j, "weir_cache_entries") >
                settings_number(process->plans[j].settings, "capacity"))
                world_complain(&s->world, "%s is above its capacity", process->plans[j].name);
            if (process_metric(process, j, "weir_cache_fetches") != 0 ||
                process_metric(process, j, "weir_cache_waiting") != 0)
                world_complain(&s->world, "%s has work left at the end", process->plans[j].name);
        }
}

void scenario_run(uint64_t seed, bool tells, struct scenario_result *result)
{
    struct scenario *s = memory_alloc(1, sizeof *s);
    world_init(&s->world, seed, tells);
    draw(s);
    for (size_t i = 0; i < s->count; i++)
        world_plan(&s->world, in(s, 0, 50), start_again, s, i);
    redis_model_live(&s->model, world_between(&s->world, 1, 100) * MILLISECOND);
    world_plan(&s->world, in(s, 0, 1000), on_fault, s, 0);
    world_run(&s->world, s->world.now + world_between(&s->world, 1, 5) * SECOND);
    settle(s);

    memcpy(result->trouble, s->world.trouble, sizeof result->trouble);
    result->reads = s->reading.reads;
    result->verified = s->reading.verified;
    result->stale = s->reading.stale;
    result->failed = s->reading.failed;
    for (size_t i = 0; i < s->count; i++)
        process_kill(&s->processes[i]);
    s->world.trouble[0] = 0;
    world_run(&s->world, INT64_MAX - 1); /* frees what is under way */
    network_fini(&s->network);
    redis_model_fini(&s->model);
    world_fini(&s->world);
    free(s);
}
