#include "tests/simulate/process.h"

#include "common/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS     16
#define HASTY_MOST 1000 /* turns: no work takes as many */

static struct world *world_of(const struct process *process)
{
    return process->host.network->world;
}

/* ---- turns ---- */

static int64_t move(struct process *process)
{
    const struct moment now = process->clock.now;
    int64_t wake = NEVER;
    process->host.sockets.has_work = false;
    for (size_t i = 0; i < process->count; i++) {
        struct process_stage *stage = &process->stages[i];
        if (stage->asks)
            wake = clock_earlier(wake, port_ask_move(stage->asks, now));
        if (stage->serves)
            wake = clock_earlier(wake, port_serve_move(stage->serves, now));
    }
    return wake;
}

static void open_stages(struct process *process)
{
    struct error error;
    for (size_t i = 0; i < process->count; i++) {
        struct process_stage *stage = &process->stages[i];
        const struct stage_kind *kind = stage->owner.kind;
        bool can_ask = !stage->asks || stage->asks->is_open(stage->asks);
        if (can_ask && !stage->is_open) {
            stage->is_open = true;
            if (kind->on_open)
                kind->on_open(stage->owner.stage, process->clock.now, &error);
        }
        if (stage->serves && !stage->is_serving && can_ask) {
            stage->is_serving = true;
            port_serve_open(stage->serves);
        }
    }
}

static void plan_turn(struct process *process, int64_t at);

/* As common/reactor_turn.c has it. */
static void turn(struct process *process)
{
    int64_t stages_wake = NEVER;
    int64_t wake = move(process);
    for (int round = 1; round < ROUNDS && process->host.sockets.has_work; round++)
        wake = move(process);
    open_stages(process);
    for (size_t i = 0; i < process->count; i++) {
        const struct port_owner *owner = &process->stages[i].owner;
        stages_wake =
            clock_earlier(stages_wake, owner->kind->on_turn(owner->stage, process->clock.now));
    }
    if (process->host.sockets.has_work)
        wake = move(process);
    wake = clock_earlier(wake, stages_wake);
    int64_t soon = process_moment(process).mono + MICROSECOND;
    if (process->host.sockets.has_work || wake < soon)
        wake = soon;
    process->hasty = wake == soon ? process->hasty + 1 : 0;
    if (process->hasty > HASTY_MOST)
        world_complain(world_of(process), "%s turns without rest", process->name);
    if (wake != NEVER)
        plan_turn(process, wake + process->slept);
}

static void finish_turn(void *owner, uint64_t life)
{
    struct process *process = owner;
    if (!process->is_running || process->is_stopped || process->life != life ||
        !process->is_turning)
        return;
    process->is_turning = false;
    turn(process);
}

/* A turn reads the clock at its beginning, and so of a slow one what it takes may be younger. */
static void on_turn(void *owner, uint64_t life)
{
    struct process *process = owner;
    struct world *world = world_of(process);
    if (!process->is_running || process->is_stopped || process->life != life ||
        process->is_turning || process->turn_at > world->now)
        return;
    process->turn_at = NEVER;
    process->clock.now = process_moment(process);
    process->is_turning = true;
    if (process->is_slow && !world->is_calm && world_chance(world, 5))
        world_plan(world, world->now + world_between(world, 0, 50 * MILLISECOND), finish_turn,
                   process, life);
    else
        finish_turn(process, life);
}

/* At a moment of the world. What comes during a turn, that takes. */
static void plan_turn(struct process *process, int64_t at)
{
    if (at >= process->turn_at || process->is_turning)
        return;
    process->turn_at = at;
    world_plan(world_of(process), at, on_turn, process, process->life);
}

void process_wake(struct process *process)
{
    if (process->is_running)
        plan_turn(process, world_of(process)->now);
}

struct moment process_moment(const struct process *process)
{
    struct moment now = world_moment(world_of(process));
    now.mono -= process->slept;
    return now;
}

static void on_arrival(struct network_host *host)
{
    process_wake((struct process *)host);
}

/* ---- life and death ---- */

static void create_stage(struct process *process, size_t i)
{
    struct process_stage *stage = &process->stages[i];
    const struct stage_plan *plan = &process->plans[i];
    struct error error = {""};
    *stage = (struct process_stage){.owner = {.name = plan->name,
                                              .kind = plan->kind,
                                              .clock = &process->clock,
                                              .log = &world_of(process)->log}};
    if (plan->serves)
        stage->serves =
            port_serve_create(&process->host.sockets, &stage->owner, plan->serves, 1, 0, &error);
    if (plan->ask_count > 0)
        stage->asks = port_ask_create(&process->host.sockets, &stage->owner, plan->asks,
                                      plan->ask_count, &error);
    struct simulated_setup setup = {
        .setup = {.name = plan->name,
                  .settings = plan->settings,
                  .origin = plan->origin,
                  .cache_count = plan->cache_count,
                  .asks = stage->asks,
                  .serves = stage->serves,
                  .clock = &process->clock,
                  .log = &world_of(process)->log,
                  .listener = -1},
        .context = plan->context,
        .process = process,
    };
    stage->owner.stage = plan->kind->create(&setup.setup, &error);
    if (!stage->owner.stage)
        world_complain(world_of(process), "%s was not created: %s", plan->name, error.text);
    CHECK(stage->owner.stage);
}

void process_start(struct process *process)
{
    if (process->is_running)
        return;
    world_tell(world_of(process), "%s starts", process->name);
    process->host.wake = on_arrival;
    process->clock = (struct clock){process_moment(process), CLOCK_HELD};
    process->life++;
    process->is_running = true;
    process->is_stopped = process->is_turning = false;
    process->turn_at = NEVER;
    for (size_t i = 0; i < process->count; i++)
        create_stage(process, i);
    process_wake(process);
}

void process_kill(struct process *process)
{
    if (!process->is_running)
        return;
    world_tell(world_of(process), "%s dies", process->name);
    process->is_running = false;
    for (size_t i = 0; i < process->count; i++) {
        struct process_stage *stage = &process->stages[i];
        stage->owner.kind->destroy(&stage->owner.stage);
        port_ask_destroy(&stage->asks);
        if (stage->serves)
            port_serve_destroy(&stage->serves);
    }
    network_close(&process->host);
}

void process_stop(struct process *process, bool is_suspended)
{
    world_tell(world_of(process), "%s %s", process->name,
               is_suspended ? "is suspended" : "stands still");
    process->is_stopped = true;
    process->is_suspended = is_suspended;
    process->stopped_at = world_of(process)->now;
}

void process_continue(struct process *process)
{
    if (!process->is_stopped)
        return;
    world_tell(world_of(process), "%s goes on", process->name);
    process->is_stopped = false;
    process->turn_at = NEVER;
    process->continued_at = world_of(process)->now;
    if (process->is_suspended)
        process->slept += process->continued_at - process->stopped_at;
    finish_turn(process, process->life); /* that it was in */
    process_wake(process);
}

/* The sum of all samples of this name; -1: there is none. */
static int64_t sum_of(struct metrics *metrics, const char *name)
{
    char wanted[64];
    int64_t sum = -1;
    snprintf(wanted, sizeof wanted, "\t%s\t", name);
    buffer_append(&metrics->text, "", 1);
    for (char *at = metrics->text.data; (at = strstr(at, wanted)) != NULL; at++) {
        char *end = strchr(at, '\n');
        while (end[-1] != '\t')
            end--;
        sum = (sum < 0 ? 0 : sum) + strtoll(end, NULL, 10);
    }
    buffer_fini(&metrics->text);
    return sum;
}

int64_t process_metric(struct process *process, size_t index, const char *name)
{
    struct process_stage *stage = &process->stages[index];
    struct metrics metrics = {.stage = stage->owner.name};
    stage->owner.kind->measure(stage->owner.stage, process->clock.now, &metrics);
    return sum_of(&metrics, name);
}

int64_t process_link_metric(struct process *process, size_t index, const char *name)
{
    struct process_stage *stage = &process->stages[index];
    struct metrics metrics = {.stage = stage->owner.name};
    if (stage->asks)
        port_ask_measure(stage->asks, &metrics);
    if (stage->serves)
        port_serve_measure(stage->serves, &metrics);
    return sum_of(&metrics, name);
}
