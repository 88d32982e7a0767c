/* What both kinds of port share. */
#ifndef WEIR_PORT_INNER_H
#define WEIR_PORT_INNER_H

#include "common/port.h"
#include "common/reactor_socket.h"
#include "common/ring.h"

/* When a link next wants a round. One that stands still is passed over until something is handed to
 * it, arrives, or its time comes: a turn has several rounds, and in each of them most links have
 * nothing to do. That takes 8,000 of 17,000 instructions off a turn with one request. */
struct port_rest {
    bool is_resting; /* its last round moved nothing, and nothing was handed to it since */
    int64_t until;   /* mono ns: when it wants one all the same */
};

static inline bool port_rests(const struct port_rest *rest, int64_t now)
{
    return rest->is_resting && now < rest->until;
}

/* The ring over these shards: the same for those who ask and who serve. */
struct ring *port_ring_create(const struct port_owner *owner, const struct port_shard *shards,
                              size_t count);

/* Logs what became of a session with `peer`; what differs (`theirs`, `ours`) at most once a second,
 * as `logged_at` (mono ns) remembers: a peer may try again and again. */
void port_log_event(const struct port_owner *owner, const char *peer, enum link_event event,
                    uint64_t theirs, uint64_t ours, int64_t *logged_at);

void port_measure_link(struct metrics *metrics, const char *peer,
                       const struct link_counters *counters);

#endif
