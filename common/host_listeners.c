#include "common/host_listeners.h"

#include "common/memory.h"

#include <stdlib.h>

static bool is_here(const struct topology *topology, const struct topology_stage *stage)
{
    return stage->listen != NULL &&
           topology->instances[stage->first_instance].process == topology->process;
}

static bool open_one(struct listener *listener, const struct topology_stage *stage,
                     struct listener_handed *handed, struct error *error)
{
    return listener_handed_adopt(handed, stage->listen, stage->instance_count, listener, error) &&
           (listener->count > 0 ||
            listener_open(listener, stage->listen, stage->instance_count, error));
}

bool host_listeners_open(struct host_listeners *listeners, const struct topology *topology,
                         struct listener_handed *handed, struct error *error)
{
    listeners->count = topology->stage_count;
    listeners->all = memory_alloc(listeners->count, sizeof *listeners->all);
    for (size_t i = 0; i < listeners->count; i++)
        if (is_here(topology, &topology->stages[i]) &&
            !open_one(&listeners->all[i], &topology->stages[i], handed, error)) {
            host_listeners_close(listeners);
            return false;
        }
    return true;
}

void host_listeners_own(struct host_listeners *listeners, const struct listener_handed *handed)
{
    for (size_t i = 0; i < listeners->count; i++)
        listeners->all[i].owns_path |= listener_handed_owns(handed, listeners->all[i].address);
}

void host_listeners_disown(struct host_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        listeners->all[i].owns_path = false;
}

void host_listeners_close(struct host_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (listeners->all[i].count > 0)
            listener_close(&listeners->all[i]);
    free(listeners->all);
    *listeners = (struct host_listeners){0};
}
