/* The last step of topology_check: where another weir may take over from a process. */
#include "common/address.h"
#include "common/listener.h"
#include "common/topology_draft.h"

#include <stdio.h>
#include <string.h>

/* What only one process can bind, and could not be handed over: ZeroMQ keeps its sockets. */
static const struct topology_instance *find_bound(const struct topology *topology, size_t process)
{
    for (size_t i = 0; i < topology->instance_count; i++) {
        const struct topology_instance *instance = &topology->instances[i];
        if (instance->process == process && instance->serves &&
            address_scheme(instance->serves) != ADDRESS_INPROC)
            return instance;
    }
    return NULL;
}

static bool check_path(const struct topology_draft *draft, const char *name,
                       const struct draft_text *path)
{
    char address[DRAFT_MAX_TEXT + sizeof "unix:"];
    struct error reason;

    snprintf(address, sizeof address, "unix:%s", path->text);
    return listener_check_address(address, &reason) ||
           draft_refuse(draft, path->place, name, "takeover",
                        "must be an absolute path for a Unix socket, of about 100 bytes at most");
}

static bool check_process(const struct topology_draft *draft, struct topology *topology,
                          size_t index, const struct draft_text *path)
{
    const char *name = draft->processes[index].name;
    const struct topology_instance *bound = find_bound(topology, index);

    if (!path->text)
        return true;
    if (!check_path(draft, name, path))
        return false;
    if (bound)
        return draft_refuse(draft, path->place, name, "takeover",
                            "%s serves other processes at %s, which only one process can bind: "
                            "this one can be restarted, not taken over from",
                            bound->name, bound->serves);
    for (size_t i = 0; i < index; i++)
        if (topology->processes[i].takeover &&
            strcmp(topology->processes[i].takeover, path->text) == 0)
            return draft_refuse(draft, path->place, name, "takeover",
                                "%s is used twice; %s has it already", path->text,
                                draft->processes[i].name);
    topology->processes[index].takeover = path->text;
    return true;
}

bool draft_check_takeover(const struct topology_draft *draft, struct topology *topology)
{
    const bool has_processes = draft->processes[0].name != NULL;

    if (has_processes && draft->takeover.text)
        return draft_refuse(draft, draft->takeover.place, NULL, "takeover",
                            "belongs into each process that can be taken over from");
    for (size_t i = 0; i < draft->process_count; i++)
        if (!check_process(draft, topology, i,
                           has_processes ? &draft->processes[i].takeover : &draft->takeover))
            return false;
    return true;
}
