/* What both kinds of port share. */
#ifndef WEIR_PORT_INNER_H
#define WEIR_PORT_INNER_H

#include "common/port.h"
#include "common/reactor_socket.h"
#include "common/ring.h"

/* The ring over these shards: the same for those who ask and who serve. */
struct ring *port_ring_create(const struct port_owner *owner, const struct port_shard *shards,
                              size_t count);

/* Logs what became of a session with `peer`; what differs (`theirs`, `ours`) at most once a second,
 * as `logged_at` (mono ns) remembers: a peer may try again and again. */
void port_log_event(const struct port_owner *owner, const char *peer, enum link_event event,
                    uint64_t theirs, uint64_t ours, int64_t *logged_at);

/* `labels` name the link, as metrics.h wants them. */
void port_measure_link(struct metrics *metrics, const char *labels,
                       const struct link_counters *counters);

#endif
