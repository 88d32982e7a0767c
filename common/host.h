/* The host: one process's reactors, each in a thread of its own, their start and their end.
 *
 * Start: listening addresses are bound, ZeroMQ's context made, every reactor's thread started and
 * its stages created, serving sides before asking sides; the call to start returns when all are up
 * or the first has failed. A front end begins to listen when all it asks within this process can be
 * asked. End: drain (SIGTERM, SIGINT), then stop, in the reverse order of the start. */
#ifndef WEIR_HOST_H
#define WEIR_HOST_H

#include "common/error.h"
#include "common/log.h"
#include "common/stage.h"
#include "common/topology.h"

struct host_setup {
    const struct topology *topology;
    const struct stage_kind *(*kind_of)(const struct kind_spec *spec); /* the hooks behind a spec */
    /* Reads the topology anew, as it was read for the start, for a reload (host_reload.h); the
     * host's to destroy. NULL on error. Called from main's thread. */
    struct topology *(*load)(void *owner, struct error *error);
    void *owner; /* of `load` */
    struct log *log;
    bool takes_over; /* from the weir that runs: its listening sockets become ours (takeover.h) */
};

/* Runs the whole topology until SIGTERM or SIGINT, then drains and returns the exit code: 0 after a
 * drain (cut at drain_timeout or not), 1 with `error` set when it could not start, or not take
 * over. A second signal ends the process at once; SIGHUP reloads.
 *
 * Where another weir takes over from this one, its clients are served on until they have left, or
 * for drain_timeout; then it drains as on SIGTERM, and the exit code is 0.
 *
 * What the service manager says in the environment (listener_activation.h, notify.h) is heeded, and
 * taken out of it. Called from main's thread, which waits here; it may be called once in a process.
 */
int host_run(const struct host_setup *setup, struct error *error);

#endif
