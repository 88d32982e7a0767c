/* The serving end of a link: the sessions of all askers of one serve address. See link.h. */
#ifndef WEIR_LINK_SERVER_H
#define WEIR_LINK_SERVER_H

#include "common/link.h"

struct link_server;

struct link_server_settings {
    uint64_t ring;        /* compared with the asker's; a difference is an event and no refusal */
    bool needs_heartbeat; /* a peer that promises none is refused: its end would not be noticed */
    void *owner;
    /* Called from link_server_receive only; may answer at once. */
    void (*on_ask)(void *owner, const struct return_address *from, const struct ask *ask);
    /* Called from all but link_server_answer and link_server_flush. `theirs`: the peer's version or
     * ring, where that is the event. */
    void (*on_event)(void *owner, uint64_t peer, enum link_event event, uint64_t theirs);
};

struct link_server *link_server_create(const struct link_server_settings *settings);
void link_server_destroy(struct link_server **server); /* calls no hook */

/* Until this is called no HELLO is answered (the asker's is kept, and answered then). */
void link_server_open(struct link_server *server);

/* A message of the peer that the transport knows by this number. */
void link_server_receive(struct link_server *server, int64_t now, uint64_t peer,
                         struct bytes first_frame, struct value *const *values, size_t value_count);

/* Answers one ask. Where the peer's session has ended since, it is counted as late and dropped;
 * where LINK_BACKLOG waits for that peer, the answer becomes STATUS_BUSY. */
void link_server_answer(struct link_server *server, const struct return_address *to,
                        const struct answer *answer);

/* KEY, ALL, LOST: put behind all that was given before to each peer that wants notices; where
 * LINK_NOTICE_BACKLOG waits for a peer, that one is told LOST in place of this and what follows,
 * when it has caught up. PROVEN: remembered, and told as an age to the peers that ask; LOST ends
 * it. */
void link_server_notify(struct link_server *server, const struct notice *notice);

/* Drops peers that are silent (those that promised heartbeats). Returns when to call next (mono
 * ns). Called in every turn, after what has arrived and before the flush. */
int64_t link_server_tick(struct link_server *server, int64_t now);

/* The next sealed batch and the peer it is for, or NULL; as link_asker_flush. */
struct batch *link_server_flush(struct link_server *server, struct moment now, uint64_t *peer);

/* The transport cannot reach this peer: its session ends. */
void link_server_lose(struct link_server *server, uint64_t peer);

/* A message of a peer that must not be served any more is dropped and counted, and its session
 * ends. */
void link_server_bar(struct link_server *server, uint64_t peer);

/* Sessions that are open. */
size_t link_server_peers(const struct link_server *server);
const struct link_counters *link_server_counters(const struct link_server *server);

#endif
