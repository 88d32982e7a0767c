/* The listening sockets of this process: one struct listener for each stage of the topology, empty
 * where the stage does not listen, or not here. */
#ifndef WEIR_HOST_LISTENERS_H
#define WEIR_HOST_LISTENERS_H

#include "common/listener_handed.h"
#include "common/topology.h"

struct host_listeners {
    struct listener *all;
    size_t count;
};

/* Takes those that were handed over, by their addresses, and binds the rest. False on error, and
 * nothing is open then. */
bool host_listeners_open(struct host_listeners *listeners, const struct topology *topology,
                         struct listener_handed *handed, struct error *error);

/* The paths of those that were handed over for good are ours to remove from now on. */
void host_listeners_own(struct host_listeners *listeners, const struct listener_handed *handed);

/* No path is ours to remove any more. */
void host_listeners_disown(struct host_listeners *listeners);

void host_listeners_close(struct host_listeners *listeners);

#endif
