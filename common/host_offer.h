/* The first weir's side of a takeover (takeover.h): it listens at a path, and hands its listening
 * sockets to one that comes there. That one opens its front ends on them, so that for a moment both
 * accept clients, and says that it is ready; only then this process stops. If it goes away before,
 * or takes too long, nothing has happened.
 *
 * One at a time: who comes meanwhile waits. All in main's thread and loop; nothing blocks. */
#ifndef WEIR_HOST_OFFER_H
#define WEIR_HOST_OFFER_H

#include "common/error.h"
#include "common/host_listeners.h"
#include "common/log.h"

#include <uv.h>

struct host_offer;

struct host_offer_setup {
    const char *path; /* absolute */
    const struct host_listeners *listeners;
    struct log *log;
    uv_loop_t *loop;
    /* Another takes over, the process `pid`: it is told so when this returns, and the offer is
     * withdrawn. What the service manager is told here, it hears before the other says a word. */
    void (*on_taken)(void *owner, int64_t pid);
    void *owner;
};

/* Takes the socket at the path from `handed`, or binds it, mode 0600; duplicates the sockets of the
 * listeners, while none is taken yet. Nobody is heard before host_offer_begin. NULL on error. */
struct host_offer *host_offer_create(const struct host_offer_setup *setup,
                                     struct listener_handed *handed, struct error *error);

/* Our front ends are open, and what is in `handed` is ours. */
void host_offer_begin(struct host_offer *offer, const struct listener_handed *handed);

/* Closes all, at once; a takeover under way fails. Removes the path if it is ours. */
void host_offer_withdraw(struct host_offer *offer);

/* Its handles in the loop have been closed by then: withdraw it, and run the loop to its end. NULL
 * inside is allowed. */
void host_offer_destroy(struct host_offer **offer);

#endif
