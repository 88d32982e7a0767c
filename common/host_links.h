/* What the links of one process need besides their sockets: its keys, the seed of the rings, and
 * the locks of the ipc addresses that it serves. Read and taken before the first reactor starts,
 * held until the last socket is gone. */
#ifndef WEIR_HOST_LINKS_H
#define WEIR_HOST_LINKS_H

#include "common/error.h"
#include "common/keys.h"
#include "common/topology.h"

struct host_links {
    bool are_split;      /* some leave this process: they want I/O threads of ZeroMQ's */
    bool needs_guard;    /* some that it serves are encrypted */
    struct key_pair own; /* where: */
    bool has_keys;
    unsigned char seed[KEYS_SEED_SIZE]; /* where: */
    bool has_seed;
    int *locks;
    size_t lock_count;
};

/* False on error; host_links_close in either case. */
bool host_links_open(struct host_links *links, const struct topology *topology,
                     struct error *error);
void host_links_close(struct host_links *links);

#endif
