#include "tests/simulate/scenario_inner.h"

#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

#define RECOVERS (4 * SECOND) /* by then all works again, after the last fault */
#define RESTS    (5 * SECOND) /* by then nothing is under way, after the last read */

static int64_t in(struct scenario *s, int64_t low, int64_t high)
{
    return s->world.now + world_between(&s->world, low * MILLISECOND, high * MILLISECOND);
}

/* ---- faults ---- */

static void start_again(void *owner, uint64_t index)
{
    struct scenario *s = owner;
    if (!s->is_over)
        process_start(&s->processes[index]);
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

static void strike_process(struct scenario *s, uint64_t index)
{
    struct process *process = &s->processes[index];
    if (world_chance(&s->world, 50)) {
        process_kill(process);
        world_plan(&s->world, in(s, 1, 1000), start_again, s, index);
    } else if (process->is_running && !process->is_stopped) {
        process_stop(process, world_chance(&s->world, 50));
        world_plan(&s->world, in(s, 1, 2000), go_on, s, index);
    }
}

static void strike_network(struct scenario *s, uint64_t which)
{
    switch (world_between(&s->world, 0, 3)) {
    case 0:
        world_tell(&s->world, "a connection breaks");
        network_break(&s->network, which);
        break;
    case 1:
        world_tell(&s->world, "a connection stands still");
        network_hold(&s->network, which, in(s, 10, 2000));
        break;
    default:
        world_tell(&s->world, "messages get lost");
        network_lose(&s->network, which);
    }
}

static void strike_control(struct scenario *s)
{
    switch (world_between(&s->world, 0, 2)) {
    case 0:
        world_tell(&s->world, "the control connection breaks");
        redis_wire_break_control(&s->wire);
        break;
    case 1:
        world_tell(&s->world, "the control connection is cut silently");
        s->wire.drops_control = true;
        break;
    default:
        world_tell(&s->world, "the control connection stands still");
        s->wire.held_until = in(s, 10, 1500);
    }
}

static void strike_redis(struct scenario *s)
{
    switch (world_between(&s->world, 0, 3)) {
    case 0:
        world_tell(&s->world, "Redis becomes slow");
        s->wire.slow_until = in(s, 10, 1500);
        break;
    case 1:
        redis_model_flush(&s->model);
        break;
    case 2:
        redis_model_flood(&s->model);
        break;
    default:
        world_tell(&s->world, "Redis goes away");
        redis_wire_down(&s->wire);
        world_plan(&s->world, in(s, 10, 1000), redis_returns, s, 0);
    }
}

static void on_fault(void *owner, uint64_t detail)
{
    struct scenario *s = owner;
    (void)detail;
    if (!s->has_faults)
        return;
    uint64_t which = world_draw(&s->world) >> 1;
    switch (world_between(&s->world, 0, 3)) {
    case 0:
        strike_process(s, which % s->count);
        break;
    case 1:
        strike_network(s, which);
        break;
    case 2:
        strike_control(s);
        break;
    default:
        strike_redis(s);
    }
    world_plan(&s->world, s->world.now + world_between(&s->world, 0, 2 * s->pause), on_fault, s, 0);
}

/* ---- the run ---- */

static void heal(struct scenario *s)
{
    world_tell(&s->world, "no more faults");
    s->has_faults = s->wire.is_down = false;
    s->wire.held_until = s->wire.slow_until = 0;
    s->world.is_calm = true;
    for (size_t i = 0; i < s->count; i++) {
        process_start(&s->processes[i]);
        process_continue(&s->processes[i]);
    }
}

/* Everything must work again, in time. */
static void recover(struct scenario *s)
{
    s->reading.pause = 100 * MILLISECOND;
    s->reading.healthy_from = s->world.now + RECOVERS;
    world_run(&s->world, s->reading.healthy_from + SECOND);
    if (s->reading.healthy == 0)
        world_complain(&s->world, "nothing is answered although everything works");
}

static bool is_at_rest(struct scenario *s)
{
    for (size_t i = 0; i < s->count; i++)
        for (size_t j = 0; j < s->processes[i].count; j++) {
            struct process *process = &s->processes[i];
            const struct stage_kind *kind = process->plans[j].kind;
            if (kind == &reader_kind && reader_waiting(process->stages[j].owner.stage) > 0)
                return false;
            if (kind == &witness_kind && (process_metric(process, j, "weir_cache_fetches") != 0 ||
                                          process_metric(process, j, "weir_cache_waiting") != 0))
                return false;
        }
    return true;
}

/* What a stage says of itself at the end. */
static void check_stage(struct scenario *s, struct process *process, size_t i)
{
    const struct stage_plan *plan = &process->plans[i];
    if (plan->kind == &witness_kind &&
        process_metric(process, i, "weir_cache_hits_total") +
                process_metric(process, i, "weir_cache_misses_total") !=
            process_metric(process, i, "weir_cache_lookups_total"))
        world_complain(&s->world, "%s has hits and misses that are not its lookups", plan->name);
    if (!s->is_whole)
        return;
    if (process_link_metric(process, i, "weir_link_sessions_lost_total") > 0 ||
        process_link_metric(process, i, "weir_link_batches_dropped_total") > 0 ||
        process_link_metric(process, i, "weir_link_late_answers_total") > 0)
        world_complain(&s->world, "a link of %s fails although everything works", plan->name);
}

/* Nothing is read any more: every read is answered, and nothing is left. */
static void finish(struct scenario *s)
{
    int64_t until = s->world.now + RESTS;
    s->model.is_over = s->reading.is_over = true;
    while (s->world.trouble[0] == 0 && s->world.now < until && !is_at_rest(s))
        world_run(&s->world, s->world.now + 100 * MILLISECOND);
    if (s->world.trouble[0] == 0 && !is_at_rest(s))
        world_complain(&s->world, "something is still under way at the end");
    for (size_t i = 0; i < s->count && s->world.trouble[0] == 0; i++)
        for (size_t j = 0; j < s->processes[i].count; j++)
            check_stage(s, &s->processes[i], j);
}

static void play(struct scenario *s)
{
    for (size_t i = 0; i < s->count; i++)
        world_plan(&s->world, in(s, 0, 20), start_again, s, i);
    redis_model_live(&s->model, world_between(&s->world, 1, 60) * MILLISECOND);
    s->is_whole = !s->has_faults;
    if (s->has_faults)
        world_plan(&s->world, in(s, 0, 500), on_fault, s, 0);
    world_run(&s->world, s->world.now + s->lasts);
    heal(s);
    if (s->heals)
        recover(s);
    finish(s);
}

static void take_result(const struct scenario *s, struct scenario_result *result)
{
    *result = (struct scenario_result){
        .reads = s->reading.reads,
        .verified = s->reading.verified,
        .stale = s->reading.stale,
        .failed = s->reading.failed,
        .events = s->world.planned,
        .drawn = s->world.random,
    };
    memcpy(result->trouble, s->world.trouble, sizeof result->trouble);
}

void scenario_run(uint64_t seed, bool tells, struct scenario_result *result)
{
    struct scenario *s = memory_alloc(1, sizeof *s);
    world_init(&s->world, seed, tells);
    scenario_draw(s);
    play(s);
    take_result(s, result);
    s->is_over = true;
    for (size_t i = 0; i < s->count; i++)
        process_kill(&s->processes[i]);
    s->world.trouble[0] = 0;
    world_run(&s->world, INT64_MAX - 1); /* frees what is under way */
    network_fini(&s->network);
    redis_model_fini(&s->model);
    world_fini(&s->world);
    free(s);
}
