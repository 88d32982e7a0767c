/* A stage in the fetcher's place, before the model of Redis: it fetches with delays, hears of
 * changes over a control connection, and proves and loses as the real one does. Its connections can
 * be made to fail. */
#ifndef TESTS_SIMULATE_ORIGIN_H
#define TESTS_SIMULATE_ORIGIN_H

#include "common/stage.h"
#include "tests/simulate/redis_model.h"

struct process;

/* What connects origins (one after the other: a process may be started again) to Redis. Outlives
 * them. */
struct redis_wire {
    struct world *world;
    struct redis_model *model;
    int64_t max_staleness; /* ns */
    bool is_announcing;    /* the topology has invalidation */
    struct origin *origin; /* that runs now; NULL */
    bool is_down;          /* Redis does not answer, and cannot be connected to */
    int64_t slow_until;    /* mono ns: replies of the data connections come late */
    int64_t held_until;    /* mono ns: nothing passes on the control connection */
    bool drops_control;    /* the control connection is cut, and nobody is told */
    uint64_t subscription; /* that Redis knows; 0: none */
    uint64_t subscriptions;
    int64_t arrives; /* mono ns: of the last message of the control connection */
};

extern const struct stage_kind origin_kind;

/* Redis goes: every connection breaks, and what was asked fails. */
void redis_wire_down(struct redis_wire *wire);
void redis_wire_break_control(struct redis_wire *wire);

void redis_wire_announce(void *wire, int key, bool is_behind_flood);

#endif
