/* The inboxes of a process: in them, those who send to a socket within the process count what they
 * have sent, and wake its reactor where that waits.
 *
 * ZeroMQ would tell as well, but only a reader that has looked in vain; and such a look, the signal
 * it makes the next sender give, and the looks at that take some ten calls of the system for a
 * message. Who takes exactly what was counted never looks in vain, and causes none of them; what
 * remains is to ring a bell and to clear it, and that only where the reader waits. An answer so
 * comes through two other threads in 0.73 of the time (docs/measurements.md).
 *
 * Nothing else passes here: what is said stands in ZeroMQ's messages. */
#ifndef WEIR_REACTOR_INBOX_H
#define WEIR_REACTOR_INBOX_H

#include "common/reactor_bell.h"

#include <stddef.h>
#include <stdint.h>

/* Of all sockets of a process: each is added by its reactor's thread, and is there to the end. */
struct reactor_inboxes;

struct reactor_inbox {
    atomic_uint sent;                       /* messages that ZeroMQ has for it; goes round */
    _Atomic(struct reactor_bell *) bell;    /* of its reader's reactor; NULL: not opened yet */
    void *reader;                           /* the socket: for the thread of that reactor alone */
    uint64_t name;                          /* of an asker: see transport_name */
    char *address;                          /* of a server */
    struct reactor_inbox *next;             /* another asker of the same server; another server */
    _Atomic(struct reactor_inbox *) askers; /* of a server */
};

/* Outlives the reactors. */
struct reactor_inboxes *reactor_inboxes_create(void);
void reactor_inboxes_destroy(struct reactor_inboxes **inboxes);

/* Of the one that serves `address`, whether it is open by now or not. */
struct reactor_inbox *reactor_inbox_of_server(struct reactor_inboxes *inboxes, const char *address);

/* A new one, of an asker of `server`; to be opened before it sends. */
struct reactor_inbox *reactor_inbox_add_asker(struct reactor_inboxes *inboxes,
                                              struct reactor_inbox *server, uint64_t name);

/* NULL: there is none of that name. */
struct reactor_inbox *reactor_inbox_of_asker(const struct reactor_inbox *server, uint64_t name);

/* Its reader is there. */
void reactor_inbox_open(struct reactor_inbox *inbox, void *reader, struct reactor_bell *bell);

/* ZeroMQ has one more message for it. Rings, but not the sender's `own` bell: true where the reader
 * is in the sender's own reactor. */
static inline bool reactor_inbox_count(struct reactor_inbox *inbox, const struct reactor_bell *own)
{
    atomic_fetch_add(&inbox->sent, 1);
    struct reactor_bell *bell = atomic_load(&inbox->bell);
    if (bell != NULL && bell != own)
        reactor_bell_ring(bell);
    return bell == own;
}

#endif
