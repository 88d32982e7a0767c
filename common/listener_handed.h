/* Listening sockets that this process was handed, and so need not bind: by the service manager that
 * started it (listener_activation.h), or by the weir that it takes over from (takeover.h). They are
 * told apart by the addresses that they are bound to, which the system knows.
 *
 * Whoever handed them keeps them open: what waits in their queues is not lost, and closing them
 * here shuts nobody out. */
#ifndef WEIR_LISTENER_HANDED_H
#define WEIR_LISTENER_HANDED_H

#include "common/listener.h"

struct listener_handed_socket {
    int descriptor;                      /* non-blocking, close-on-exec; -1: adopted */
    bool is_lent;                        /* its path, if it has one, is for the lender to remove */
    char address[LISTENER_ADDRESS_SIZE]; /* as listener_name_socket writes it */
};

/* A zeroed one is empty. */
struct listener_handed {
    struct listener_handed_socket *sockets;
    size_t count;
};

/* Takes the descriptor. False, and it is closed, unless it is a stream socket that listens;
 * `origin` is how the error calls it. */
bool listener_handed_add(struct listener_handed *handed, int descriptor, bool is_lent,
                         const char *origin, struct error *error);

/* Gives `listener` the sockets of `address`, one for each of `instances`. Where there is one for
 * several, it is duplicated. More or fewer are an error: a queue that nobody takes from would lose
 * what waits in it. Without any, `listener` stays empty. It never owns its path: see
 * listener_handed_owns. */
bool listener_handed_adopt(struct listener_handed *handed, const char *address, size_t instances,
                           struct listener *listener, struct error *error);

/* Whether this address, as listener_name_socket writes it, was handed to us for good, not lent. */
bool listener_handed_owns(const struct listener_handed *handed, const char *address);

/* The first that nobody has adopted; NULL: all are. */
const struct listener_handed_socket *listener_handed_spare(const struct listener_handed *handed);

/* Closes it, and removes its path where that was handed over for good. */
void listener_handed_drop(struct listener_handed *handed,
                          const struct listener_handed_socket *spare);

/* Closes those that nobody has adopted. */
void listener_handed_close(struct listener_handed *handed);

#endif
