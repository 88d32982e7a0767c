/* One end of one session, whichever end: what was sent, received and acknowledged, and the records
 * that wait to be sent. See link.h for the rules; which records may come when is for the ends to
 * say. Embedded: a zeroed window is closed. */
#ifndef WEIR_LINK_WINDOW_H
#define WEIR_LINK_WINDOW_H

#include "common/link.h"

struct link_parcel; /* a batch in the queue */

struct link_window {
    uint64_t session;
    bool heartbeat;
    bool is_bulk; /* of a lane: set after opening */
    /* Sequences, modulo 2^32, of batches with records. */
    uint32_t sent, acknowledged;      /* ours, and how far the peer has acknowledged them */
    uint32_t received, told;          /* the peer's, and how far we have acknowledged them */
    int64_t sent_at, received_at;     /* mono ns: the last batch of any kind */
    struct link_parcel *first, *last; /* gathered, oldest first */
    struct link_parcel *lent;         /* handed out by flush; used again for the next batch */
    size_t backlog;                   /* bytes in all that is gathered but the last batch */
};

/* A closed window begins a session. */
void link_window_open(struct link_window *window, uint64_t session, bool heartbeat, int64_t now);

/* Drops all that is gathered. A batch that flush handed out is emptied, and stays a batch. */
void link_window_close(struct link_window *window);

void link_window_fini(struct link_window *window);

/* The batch that the next record goes into. */
struct batch *link_window_gather(struct link_window *window);

/* So much is gathered that nothing should be added that can be refused. */
static inline bool link_window_is_crowded(const struct link_window *window)
{
    return window->backlog >= LINK_BACKLOG;
}

/* A batch with records can leave: the peer has acknowledged enough of those before it. */
bool link_window_has_room(const struct link_window *window);

/* Takes note of a batch of this session. False, and nothing is changed: a gap, a repetition, an
 * acknowledgement of what was never sent, or more than a window may hold. */
bool link_window_accept(struct link_window *window, int64_t now, const struct batch_header *header);

/* The next batch to send, sealed: records where the window has room for them, an empty batch where
 * an acknowledgement or a heartbeat is due; else NULL. It holds until the next call. */
struct batch *link_window_flush(struct link_window *window, int64_t now);

/* The peer should have sent something by now. */
bool link_window_is_silent(const struct link_window *window, int64_t now);

/* A heartbeat should be sent now. */
bool link_window_is_idle(const struct link_window *window, int64_t now);

/* When one of the two will be so, given that what is due now is flushed now (mono ns). */
int64_t link_window_next(const struct link_window *window, int64_t now);

#endif
