/* The asker's end of the round trip by which a proof passes a link: it asks for the age of the
 * server's proof (PROVE), and counts that age back from the moment it asked (PROVEN). No clocks are
 * compared, and the time on the way makes the proof older than it is, never younger. Embedded in
 * link_asker; pure; zeroed: it asks nothing. */
#ifndef WEIR_LINK_WATCH_H
#define WEIR_LINK_WATCH_H

#include "common/link_window.h"

struct link_watch {
    int64_t every;    /* ns from one question to the next; 0: none is asked */
    int64_t asked_at; /* boot ns: the last question, of this session */
    int64_t due_at;   /* mono ns: the next */
    uint32_t number;  /* of the last question */
    bool is_waiting;  /* for the answer to it: one is under way at a time */
};

/* A session has begun (mono ns); what was asked in another is forgotten. */
void link_watch_begin(struct link_watch *watch, int64_t now);

/* Asks, where that is due. Returns when to call next (mono ns), or NEVER. */
int64_t link_watch_tick(struct link_watch *watch, struct moment now, struct link_window *window);

/* Takes a PROVEN. True: it answers the question that is under way, and there is a proof, the moment
 * (boot ns) in `*proven`. */
bool link_watch_take(struct link_watch *watch, const struct record *record, int64_t *proven);

#endif
