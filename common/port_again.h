/* The asks outstanding on one link that can be lost, each with its key, so that those in flight
 * when the peer died can be asked once more when it, or its successor, is back. Stages do not see
 * it: for them an ask is answered once, as ever. Embedded in a port, used in its thread; zeroed:
 * empty. */
#ifndef WEIR_PORT_AGAIN_H
#define WEIR_PORT_AGAIN_H

#include "common/clock.h"
#include "common/message.h"

#include <stdbool.h>
#include <stdint.h>

#define AGAIN_MAX_BYTES (16 * 1024 * 1024) /* of keys kept; asks beyond it are not asked again */
#define AGAIN_PATIENCE  (1 * SECOND)       /* a peer that is not back by then is away */

struct again {
    struct again_ask *asks;
    uint32_t count, first_free;
    uint32_t first_waiting, last_waiting;
    size_t bytes;       /* of keys kept */
    int64_t give_up_at; /* mono ns: the earliest of those waiting, or NEVER */
};

void again_init(struct again *again);
void again_fini(struct again *again);

/* Keeps an ask; returns its index, which stays its own until again_forget. */
uint32_t again_keep(struct again *again, uint64_t token, const struct ask *ask);

/* It has been answered, or not taken. Returns its token. */
uint64_t again_forget(struct again *again, uint32_t index);

/* Its session has ended. True: it waits to be asked again. False: it cannot be (it was already, its
 * key was not kept, its time is up), and is to be answered. */
bool again_wait(struct again *again, uint32_t index, int64_t now);

/* Takes out the one that waits longest, to be asked again or answered; false: none waits. */
struct again_due {
    uint32_t index;
    struct ask ask; /* its key is valid until again_forget */
};
bool again_take(struct again *again, struct again_due *due);

/* The same, for one whose patience or time is at its end. */
bool again_take_overdue(struct again *again, int64_t now, uint32_t *index);

#endif
