/* The asking end of a link: one session with one server (one shard). See link.h. */
#ifndef WEIR_LINK_ASKER_H
#define WEIR_LINK_ASKER_H

#include "common/link.h"

struct link_asker;

struct link_asker_settings {
    uint64_t ring;                   /* ring_digest, told to the peer */
    bool heartbeat;                  /* off over inproc, which cannot lose */
    bool has_lane;                   /* there is a second connection for huge values */
    uint64_t (*random)(void *owner); /* session names; not predictable from outside */
    void *owner;                     /* handed to all hooks */
    /* Called from link_asker_receive and link_asker_tick only, as all below. May ask again at once.
     */
    void (*on_answer)(void *owner, uint64_t token, const struct answer *answer);
    /* NULL, or called in place of on_answer for an ask that was outstanding when a session ended.
     */
    void (*on_lost_ask)(void *owner, uint64_t token);
    /* KEY, ALL, LOST and PROVEN, in the server's order; LOST also when a session has ended, after
     * its asks were answered. NULL: none are wanted. */
    void (*on_notice)(void *owner, const struct notice *notice);
    /* `theirs`: the peer's version or ring, where that is the event. */
    void (*on_event)(void *owner, enum link_event event, uint64_t theirs);
};

struct link_asker *link_asker_create(const struct link_asker_settings *settings);
void link_asker_destroy(struct link_asker **asker); /* calls no hook */

/* Adds an ask to the batch being gathered. STATUS_VALUE: it will be answered exactly once, to
 * `token`; STATUS_AWAY (no session) or STATUS_BUSY (no credit, too much gathered, key too long): it
 * was not taken. */
enum status link_asker_ask(struct link_asker *asker, int64_t now, uint64_t token,
                           const struct ask *ask);

/* From now on the server is asked for the age of its proof, every `every` ns of a session. CHECK:
 * there is an on_notice. */
void link_asker_watch(struct link_asker *asker, int64_t every);

/* A message has arrived; its frames are borrowed for the call. */
void link_asker_receive(struct link_asker *asker, int64_t now, struct bytes first_frame,
                        struct value *const *values, size_t value_count);

/* Time passes: opens sessions, notices silence. Returns when to call next (mono ns). Called in
 * every turn, after what has arrived and before the flush. */
int64_t link_asker_tick(struct link_asker *asker, struct moment now);

/* The next sealed batch to send, or NULL. The caller sends it and then calls batch_clear on it;
 * where it cannot be sent, link_asker_lose. Called until NULL. The batch is the asker's: the
 * pointer holds until the next call. */
struct batch *link_asker_flush(struct link_asker *asker, int64_t now);

/* The transport says that the peer is gone, or took nothing: ends the session. Calls no hook: the
 * outstanding asks are answered in the next link_asker_tick, which is due at once. */
void link_asker_lose(struct link_asker *asker, int64_t now);

/* The transport says that a peer has come: where there is no session, one is tried for in the next
 * link_asker_tick. */
void link_asker_hurry(struct link_asker *asker, int64_t now);

/* The same three for the lane's connection. Losing it ends the session too, once the lane was open:
 * answers may have been lost on it. */
void link_asker_receive_lane(struct link_asker *asker, int64_t now, struct bytes first_frame,
                             struct value *const *values, size_t value_count);
struct batch *link_asker_flush_lane(struct link_asker *asker, int64_t now);
void link_asker_lose_lane(struct link_asker *asker, int64_t now);

bool link_asker_is_open(const struct link_asker *asker);
uint32_t link_asker_outstanding(const struct link_asker *asker); /* asks */
uint32_t link_asker_credit(const struct link_asker *asker); /* how many may be; 0: no session */
const struct link_counters *link_asker_counters(const struct link_asker *asker);

#endif
