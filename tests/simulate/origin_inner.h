/* What the files of the stage share. */
#ifndef TESTS_SIMULATE_ORIGIN_INNER_H
#define TESTS_SIMULATE_ORIGIN_INNER_H

#include "tests/simulate/origin.h"
#include "tests/simulate/process.h"

struct fetch;

/* What has reached the origin and waits for its next turn: a reply, or news. */
struct news {
    struct news *next;
    enum news_kind {
        NEWS_REPLY,
        NEWS_KEY,
        NEWS_FLOOD,
        NEWS_ALL,
        NEWS_PONG,
        NEWS_SUBSCRIBED,
        NEWS_LOST
    } kind;
    struct fetch *fetch;
    int key;
    int64_t sent;          /* boot ns: the PING */
    uint64_t subscription; /* of the control connection that it came on */
};

struct origin {
    struct redis_wire *wire;
    struct process *process;
    struct serve_port *serves;
    struct fetch *fetches;
    struct news *first, **end;
    uint64_t subscription; /* of this origin's control connection; 0: none */
    bool is_confirmed;
    int64_t ping_at, pong_by, connect_at; /* mono ns */
};

/* A copy of it is taken in the next turn. */
void origin_hand_over(struct origin *origin, const struct news *news);

/* When what is sent now reaches Redis (a moment of the world). */
int64_t origin_way_to_redis(struct world *world);

/* ---- the control connection: origin_control.c ---- */

/* Takes any news but a reply. */
void origin_take_news(struct origin *origin, const struct news *news);

/* The end of a turn. Returns when to call next (mono ns), or NEVER. */
int64_t origin_watch(struct origin *origin, struct moment now);

#endif
