/* The peers of a serve address: found by the transport's number for a batch, by index for an
 * answer. Few (LINK_MAX_PEERS at most), and none moves while it is here. */
#ifndef WEIR_LINK_PEERS_H
#define WEIR_LINK_PEERS_H

#include "common/link_subscription.h"

enum link_peer_state {
    PEER_ABSENT,
    PEER_REFUSED, /* is to be told RESET, and then forgotten */
    PEER_WAITING, /* has said HELLO before the server was open */
    PEER_OPEN,
    PEER_LANE /* is another's second connection */
};

struct link_peer {
    uint64_t name; /* the transport's number */
    enum link_peer_state state;
    uint32_t index;
    uint32_t generation;  /* counts the sessions that have ended, so that late answers are known */
    uint32_t outstanding; /* asks */
    uint64_t ring;        /* as it said in HELLO */
    struct link_peer *other; /* of one that is open, its lane; of a lane, whose it is; or NULL */
    struct link_window window;
    struct link_subscription subscription; /* of its session */
    bool is_ready; /* is in the queue of those that may have something to send */
    struct link_peer *next_ready;
    struct link_peer *next; /* in its bucket, or among the free ones */
};

#define LINK_PEER_BUCKETS 1024 /* 2^10 */

struct link_peers {
    struct link_peer **all; /* by index; absent ones too */
    uint32_t count, capacity;
    struct link_peer *free;
    struct link_peer *buckets[LINK_PEER_BUCKETS];
    struct link_peer *first_ready, **ready_end;
};

void link_peers_init(struct link_peers *peers);
void link_peers_fini(struct link_peers *peers);

/* NULL: not there. */
struct link_peer *link_peers_find(const struct link_peers *peers, uint64_t name);

/* One that is not yet there; NULL beyond LINK_MAX_PEERS. The caller gives it a state. */
struct link_peer *link_peers_add(struct link_peers *peers, uint64_t name);

/* Puts it behind those that may have something to send, unless it is among them. */
void link_peers_make_ready(struct link_peers *peers, struct link_peer *peer);

/* Takes `first_ready` from there. */
void link_peers_take_first_ready(struct link_peers *peers);

/* Its place becomes free, its generation and index stay. */
void link_peers_remove(struct link_peers *peers, struct link_peer *peer);

#endif
