/* The network of a simulated run: what common/reactor_socket.h promises to ports, without ZeroMQ.
 * It takes that file's place when the simulator is linked, so that ports and links are the real
 * ones.
 *
 * Messages of one connection arrive in order, after a delay; those of two (a session's and its
 * lane's) in any. Connections break, and are made anew; they stand still; messages get lost on them
 * without either end being told. Within a process nothing is delayed or lost. */
#ifndef TESTS_SIMULATE_NETWORK_H
#define TESTS_SIMULATE_NETWORK_H

#include "common/reactor_socket.h"
#include "tests/simulate/world.h"

struct network {
    struct world *world;
    struct reactor_socket *sockets; /* all that are open */
    struct connection *connections;
    uint64_t peers; /* numbers given */
};

/* What a process is to the network: the head of its memory. */
struct network_host {
    struct reactor_sockets sockets; /* first: ports know no more of it */
    struct network *network;
    void (*wake)(struct network_host *host); /* something has arrived */
};

void network_fini(struct network *network);

/* The process has died: what it has open is gone, and the others' connections to it break. */
void network_close(struct network_host *host);

/* Faults, each at a connection chosen by `which`; there may be none. */
void network_break(struct network *network, uint64_t which); /* both ends are told, in time */
void network_lose(struct network *network, uint64_t which);  /* what is under way; nobody is told */
void network_hold(struct network *network, uint64_t which, int64_t until); /* stands still */

#endif
