/* A reactor's bell: by it, the others of its process wake it. It is rung only while the reactor
 * waits, or is about to; whoever finds it awake costs it and himself nothing.
 *
 * await, then a last look at what others may have left, then the wait, then cease: whatever is left
 * behind the look finds a reactor that awaits it, and rings. */
#ifndef WEIR_REACTOR_BELL_H
#define WEIR_REACTOR_BELL_H

#include "common/error.h"

#include <stdatomic.h>
#include <stdbool.h>

struct reactor_bell {
    int ends[2]; /* descriptors: read and written; the same one where there are eventfds */
    atomic_bool is_awaited;
};

bool reactor_bell_open(struct reactor_bell *bell, struct error *error);
void reactor_bell_close(struct reactor_bell *bell);

/* Readable once it was rung, until it is cleared. */
static inline int reactor_bell_descriptor(const struct reactor_bell *bell)
{
    return bell->ends[0];
}

static inline void reactor_bell_await(struct reactor_bell *bell)
{
    atomic_store(&bell->is_awaited, true);
}

static inline void reactor_bell_cease(struct reactor_bell *bell)
{
    atomic_store(&bell->is_awaited, false);
}

/* From any thread, as long as the bell is open. The first of many rings it. */
void reactor_bell_ring(struct reactor_bell *bell);

void reactor_bell_clear(struct reactor_bell *bell);

#endif
