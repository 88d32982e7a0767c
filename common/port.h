/* Ports: what stands between a stage and its links. A stage hands over one ask or answer at a time;
 * the port finds the shard and the session, and what was gathered in a turn leaves as one batch a
 * link. The implementations of struct ask_port and struct serve_port of stage.h.
 *
 * A port belongs to one reactor and is used in its thread only. All functions here are the
 * reactor's to call. */
#ifndef WEIR_PORT_H
#define WEIR_PORT_H

#include "common/error.h"
#include "common/stage.h"

struct key_list;
struct reactor_sockets;

/* Whose a port is. */
struct port_owner {
    const char *name; /* of the instance */
    const struct stage_kind *kind;
    void *stage; /* what `create` of the kind made; set before anything can arrive */
    const unsigned char *ring_seed; /* the fleet's; NULL: made of the shards' names */
    struct clock *clock;
    struct log *log;
};

/* ---- asking: a link to each shard ---- */

struct port_shard {
    const char *name; /* of the instance that serves it: what the ring knows it by */
    const char *address;
    const unsigned char *server_key; /* of the process that serves there; NULL: not encrypted */
};

/* Opens a socket for each shard. NULL on error. `owner` and `sockets` outlive the port; the sockets
 * it opens there are closed with all the others. */
struct ask_port *port_ask_create(struct reactor_sockets *sockets, struct port_owner *owner,
                                 const struct port_shard *shards, size_t count,
                                 struct error *error);
void port_ask_destroy(struct ask_port **port);

/* One round: takes at most one message from each link, hands it to the stage, and sends what has
 * gathered. What is left, and what others of the reactor were sent, shows in reactor_sockets'
 * has_work. Returns when the port wants a round all the same (mono ns). */
int64_t port_ask_move(struct ask_port *port, struct moment now);

/* Whether every shard has a session, those in other processes too. */
bool port_ask_is_whole(const struct ask_port *port);

/* Whether all shards are in other processes, and none of them has a session. */
bool port_ask_is_away(const struct ask_port *port);

void port_ask_measure(const struct ask_port *port, struct metrics *metrics);

/* ---- serving: the links of all who ask ---- */

/* `shards` are all that serve beside it, in the order in which their askers know them, and `own` is
 * the index of this one. */
struct serve_port *port_serve_create(struct reactor_sockets *sockets, struct port_owner *owner,
                                     const struct port_shard *shards, size_t count, size_t own,
                                     struct error *error);
void port_serve_destroy(struct serve_port **port);

/* From now on sessions are granted. */
void port_serve_open(struct serve_port *port);

int64_t port_serve_move(struct serve_port *port, struct moment now);

/* From now on nobody is served whose key is not on the list, where the link is encrypted. */
void port_serve_allow(struct serve_port *port, const struct key_list *allowed);

void port_serve_measure(const struct serve_port *port, struct metrics *metrics);

#endif
