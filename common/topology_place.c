/* Which instances run in which reactor: as `reactors:` says, each exactly once, or spread by rule
 * where it is not written. */
#include "common/topology_draft.h"

#include <stdint.h>
#include <string.h>

/* The placement in progress. As each instance is placed exactly once, the reactors' lists are
 * slices of one array. */
struct placement {
    const struct topology_draft *draft;
    struct topology *topology;
    size_t *order; /* all instances, reactor by reactor */
    size_t placed;
    bool *is_placed; /* by instance */
};

static bool place(struct placement *placement, struct topology_reactor *reactor, size_t instance,
                  struct draft_place where)
{
    if (placement->is_placed[instance])
        return draft_refuse(placement->draft, where, "reactors", NULL, "%s is placed twice",
                            placement->topology->instances[instance].name);
    placement->is_placed[instance] = true;
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
    return is_found || draft_refuse(placement->draft, written->place, "reactors", NULL,
                                    "%s is neither a stage nor an instance of one",
                                    draft_quote(written->text, quoted));
}

static bool place_as_written(struct placement *placement)
{
    const struct topology_draft *draft = placement->draft;
    struct topology *topology = placement->topology;

    for (size_t i = 0; i < draft->reactor_count; i++) {
        const struct draft_list *written = &draft->reactors[i];
        struct topology_reactor *reactor = &topology->reactors[i];
        reactor->instances = placement->order + placement->placed;
        if (written->count == 0)
            return draft_refuse(draft, written->place, "reactors", NULL,
                                "a reactor without stages would be an idle thread");
        for (size_t j = 0; j < written->count; j++)
            if (!place_named(placement, reactor, &written->items[j]))
                return false;
    }
    for (size_t i = 0; i < topology->instance_count; i++)
        if (!placement->is_placed[i])
            return draft_refuse(draft, draft->reactors_place, "reactors", NULL,
                                "%s is placed nowhere", topology->instances[i].name);
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
static bool place_by_rule(struct placement *placement)
{
    struct topology *topology = placement->topology;

    for (size_t i = 0; i < topology->reactor_count; i++) {
        topology->reactors[i].instances = placement->order + placement->placed;
        for (size_t j = 0; j < topology->stage_count; j++)
            if (i < topology->stages[j].instance_count)
                place(placement, &topology->reactors[i], topology->stages[j].first_instance + i,
                      (struct draft_place){0});
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

    topology->reactor_count = draft->reactors ? draft->reactor_count : most_instances(topology);
    topology->reactors =
        topology_arena_take(draft->arena, topology->reactor_count, sizeof *topology->reactors);
    return draft->reactors ? place_as_written(&placement) : place_by_rule(&placement);
}
