/* The new weir's side of a takeover (takeover.h): it gets the listening sockets of the one that
 * runs before it opens its own, and tells it to stop once its front ends are open. */
#ifndef WEIR_HOST_TAKEOVER_H
#define WEIR_HOST_TAKEOVER_H

#include "common/error.h"
#include "common/listener_handed.h"
#include "common/takeover.h"

#include <uv.h>

struct host_takeover {
    struct takeover_channel channel;
    uv_poll_t poll;
    uv_timer_t patience; /* for the first to answer */
    void (*on_done)(void *owner, const char *refusal);
    void *owner;
};

/* Connects to the weir at `path` and adds its sockets to `handed`. Blocks for some seconds at most,
 * where that one does not answer. */
bool host_takeover_receive(struct host_takeover *takeover, const char *path,
                           struct listener_handed *handed, struct error *error);

/* Says that our front ends are open. on_done follows, in the loop: `refusal` is NULL where the
 * first has stopped accepting, or is gone; else it says why the first goes on, and so this process
 * must not. */
void host_takeover_finish(struct host_takeover *takeover, uv_loop_t *loop,
                          void (*on_done)(void *owner, const char *refusal), void *owner);

/* Without having finished: the first goes on. After that, and where nothing was received, nothing
 * happens. Closes its handles in the loop, which is to be run to its end before `takeover` goes. */
void host_takeover_close(struct host_takeover *takeover);

#endif
