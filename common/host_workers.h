/* The reactors' threads, as main's thread sees them: one for each reactor of the topology, started
 * and stopped by a handshake (zactor), asked to do things from main, and heard of through main's
 * loop. */
#ifndef WEIR_HOST_WORKERS_H
#define WEIR_HOST_WORKERS_H

#include "common/error.h"
#include "common/reactor.h"

#include <uv.h>

struct host_workers;

struct host_workers_setup {
    struct reactor_setup reactor; /* for all of them; number, callbacks and owner are filled in */
    uv_loop_t *loop;              /* main's */
    void (*on_news)(void *owner); /* in main's loop: the answer to one of the questions below may
                                     have changed */
    void *owner;
};

/* Nothing is started yet. */
struct host_workers *host_workers_create(const struct host_workers_setup *setup);

/* Starts the threads; returns when all reactors are up, or the first has failed. */
bool host_workers_start(struct host_workers *workers, struct error *error);

/* Ends them, those that were started last first; returns when all threads have ended. */
void host_workers_stop(struct host_workers *workers);

/* For all reactors; see reactor.h. */
void host_workers_drain(struct host_workers *workers, enum drain_manner manner);
void host_workers_order(struct host_workers *workers, const struct reactor_order *order);
void host_workers_ping(struct host_workers *workers);

bool host_workers_have_opened(const struct host_workers *workers);
bool host_workers_have_answered(
    const struct host_workers *workers); /* the last ping, all of them */
size_t host_workers_undrained(const struct host_workers *workers);

/* Why one of them cannot go on; NULL: all can. */
const struct error *host_workers_failure(const struct host_workers *workers);

/* Closes its handles in main's loop, which is to be run to its end before the rest is freed. */
void host_workers_close(struct host_workers *workers);
void host_workers_destroy(struct host_workers **workers);

#endif
