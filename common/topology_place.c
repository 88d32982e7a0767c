/* Which instances run in which process and reactor: as `reactors:` or `processes:` say, each
 * exactly once, or spread by rule where neither is written. */
#include "common/topology_draft.h"

#include <stdint.h>
#include <string.h>

/* The placement in progress. As each instance is placed exactly once, the reactors' lists are
 * slices of one array. */
struct placement {
    const struct topology_draft *draft;
    struct topology *topology;
    const struct draft_process *process; /* whose reactors are being filled */
    size_t *order;                       /* all instances, reactor by reactor */
    size_t placed;
    bool *is_placed; /* by instance */
};

static bool refuse(const struct placement *placement, struct draft_place where, const char *name,
                   const char *reason)
{
    return draft_refuse(placement->draft, where, placement->process->name, "reactors", "%s%s", name,
                        reason);
}

static bool place(struct placement *placement, struct topology_reactor *reactor, size_t instance,
                  struct draft_place where)
{
    struct topology_instance *placed = &placement->topology->instances[instance];

    if (placement->is_placed[instance])
        return refuse(placement, where, placed->name, " is placed twice");
    placement->is_placed[instance] = true;
    placed->process = (size_t)(placement->process - placement->draft->processes);
    placement->order[placement->placed++] = instance;
    reactor->count++;
    return true;
}

/* `written` names an instance, or a stage and so all its instances. */
static bool place_named(struct placement *placement, struct topology_reactor *reactor,
                        const struct draft_text *written)
{
    const struct topology *topology = placement->topology;
    char quoted[DRAFT_MAX_NAME + 3];
    bool is_found = false;

    for (size_t i = 0; i < topology->instance_count; i++) {
        const struct topology_instance *instance = &topology->instances[i];
        if (strcmp(written->text, instance->name) != 0 &&
            strcmp(written->text, topology->stages[instance->stage].name) != 0)
            continue;
        is_found = true;
        if (!place(placement, reactor, i, written->place))
            return false;
    }
    return is_found || refuse(placement, written->place, draft_quote(written->text, quoted),
                              " is neither a stage nor an instance of one");
}

static bool place_as_written(struct placement *placement, struct topology_process *into)
{
    const struct draft_process *process = placement->process;

    for (size_t i = 0; i < process->reactor_count; i++) {
        const struct draft_list *written = &process->reactors[i];
        struct topology_reactor *reactor = &into->reactors[i];
        reactor->instances = placement->order + placement->placed;
        if (written->count == 0)
            return refuse(placement, written->place, "",
                          "a reactor without stages would be an idle thread");
        for (size_t j = 0; j < written->count; j++)
            if (!place_named(placement, reactor, &written->items[j]))
                return false;
    }
    return true;
}

static size_t most_instances(const struct topology *topology)
{
    size_t most = 0;

    for (size_t i = 0; i < topology->stage_count; i++)
        if (topology->stages[i].instance_count > most)
            most = topology->stages[i].instance_count;
    return most;
}

/* As many reactors as the most divided stage has instances, and instance i of every stage in
 * reactor i: so each stage is spread as widely as it can be, and where the counts are equal every
 * reactor holds a whole pipeline. */
static bool place_by_rule(struct placement *placement, struct topology_process *into)
{
    struct topology *topology = placement->topology;

    for (size_t i = 0; i < into->reactor_count; i++) {
        into->reactors[i].instances = placement->order + placement->placed;
        for (size_t j = 0; j < topology->stage_count; j++)
            if (i < topology->stages[j].instance_count)
                place(placement, &into->reactors[i], topology->stages[j].first_instance + i,
                      (struct draft_place){0});
    }
    return true;
}

static bool place_process(struct placement *placement, struct topology_process *into)
{
    const struct draft_process *process = placement->process;

    into->name = process->name;
    into->reactor_count =
        process->reactors ? process->reactor_count : most_instances(placement->topology);
    into->reactors =
        topology_arena_take(placement->draft->arena, into->reactor_count, sizeof *into->reactors);
    return process->reactors ? place_as_written(placement, into) : place_by_rule(placement, into);
}

/* An address can be listened on by one process only. */
static bool check_listening(const struct topology_draft *draft, const struct topology *topology)
{
    for (size_t i = 0; i < topology->stage_count; i++) {
        const struct topology_stage *stage = &topology->stages[i];
        const struct topology_instance *first = &topology->instances[stage->first_instance];
        for (size_t j = 1; stage->listen && j < stage->instance_count; j++)
            if (first[j].process != first->process)
                return draft_refuse(draft, draft->stages[i].instances.place, stage->name,
                                    "instances",
                                    "all must be in one process, for they share %s; make those of "
                                    "another process a stage of its own",
                                    stage->listen);
    }
    return true;
}

bool draft_place_instances(const struct topology_draft *draft, struct topology *topology)
{
    struct placement placement = {
        .draft = draft,
        .topology = topology,
        .order = topology_arena_take(draft->arena, topology->instance_count, sizeof(size_t)),
        .is_placed = topology_arena_take(draft->arena, topology->instance_count, sizeof(bool)),
    };
    const bool has_processes = draft->processes[0].name != NULL;

    topology->process_count = draft->process_count;
    topology->processes =
        topology_arena_take(draft->arena, draft->process_count, sizeof *topology->processes);
    for (size_t i = 0; i < draft->process_count; i++) {
        placement.process = &draft->processes[i];
        if (!place_process(&placement, &topology->processes[i]))
            return false;
    }
    for (size_t i = 0; i < topology->instance_count; i++)
        if (!placement.is_placed[i])
            return draft_refuse(
                draft, has_processes ? draft->processes_place : draft->processes[0].reactors_place,
                NULL, has_processes ? "processes" : "reactors", "%s is placed nowhere",
                topology->instances[i].name);
    topology->process = draft->process;
    if (draft->process != SIZE_MAX) {
        topology->reactors = topology->processes[draft->process].reactors;
        topology->reactor_count = topology->processes[draft->process].reactor_count;
    }
    return check_listening(draft, topology);
}
