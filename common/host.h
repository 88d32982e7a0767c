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

/* Runs the whole topology until SIGTERM or SIGINT, then drains and returns the exit code: 0 after a
 * drain (cut at drain_timeout or not), 1 with `error` set when it could not start. A second signal
 * ends the process at once. `kind_of` finds the hooks behind a spec. Called from main's thread,
 * which waits here; it may be called once in a process. */
int host_run(const struct topology *topology,
             const struct stage_kind *(*kind_of)(const struct kind_spec *spec), struct log *log,
             struct error *error);

#endif
