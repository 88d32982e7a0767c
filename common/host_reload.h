/* Reloads: the process reads its topology anew, and what of it may change while it runs does, in
 * all of its stages or in none.
 *
 *     load ─▶ compare ─▶ the guard ─▶ all reactors: origins ─▶ all reactors: others ─▶ told
 *       '── error, what cannot change, an allow_file that cannot be read ─▶ nothing ──▶ told
 *
 * All that can fail does so before anything is changed. A reload that is asked for while one is
 * under way follows it; asked for several times it follows once. The topology of the start stays
 * for good, for it is what runs; the settings in force are those of the latest reload.
 *
 * Lives in main's loop; reading the files blocks it, and nothing else. */
#ifndef WEIR_HOST_RELOAD_H
#define WEIR_HOST_RELOAD_H

#include "common/error.h"
#include "common/host_guard.h"
#include "common/log.h"
#include "common/reactor.h"
#include "common/topology.h"

#include <uv.h>

/* All that it points to outlives it. */
struct host_reload_setup {
    const struct topology *topology; /* of the start */
    /* Reads it anew, as it was read for the start; the caller's to destroy. NULL on error. */
    struct topology *(*load)(void *owner, struct error *error);
    void *owner; /* of `load` */
    /* Hands the order to all reactors of the topology. */
    void (*order)(void *host, const struct reactor_order *order);
    /* Each time that one begins, and when it is over. */
    void (*on_reload)(void *host, bool is_under_way);
    void *host;
    struct log *log;
};

struct host_reload;

struct host_reload *host_reload_create(const struct host_reload_setup *setup, uv_loop_t *loop);
void host_reload_close(struct host_reload *reload);    /* its handles: before the loop's end */
void host_reload_destroy(struct host_reload **reload); /* when the reactors and the loop are gone */

/* The guard, if the process has one, while it runs. */
void host_reload_set_guard(struct host_reload *reload, struct host_guard *guard);

/* For the reactors' set-up. */
struct reactor_reloads *host_reload_for_reactors(struct host_reload *reload);

/* Begins one, now or behind the one under way. In main's thread. */
void host_reload_begin(struct host_reload *reload);

/* With the settings in force. */
const struct topology *host_reload_topology(const struct host_reload *reload);

#endif
