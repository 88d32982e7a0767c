/* A cache with somebody who watches it: the real one, between ports that look at what passes. What
 * it promises to its neighbours, and no reader could tell, is checked here. */
#ifndef TESTS_SIMULATE_WITNESS_H
#define TESTS_SIMULATE_WITNESS_H

#include "common/stage.h"
#include "tests/simulate/redis_model.h"

/* What a cache is created with as its context; outlives it. */
struct witness_setup {
    struct world *world;
    const struct redis_model *model;
    bool asks_origin; /* and no other cache: what it is answered was read for it */
};

extern const struct stage_kind witness_kind;

#endif
