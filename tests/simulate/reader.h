/* A stage in a front end's place: connections that read one key after the other, and judge what
 * they are given against the model of Redis. */
#ifndef TESTS_SIMULATE_READER_H
#define TESTS_SIMULATE_READER_H

#include "common/stage.h"
#include "tests/simulate/redis_model.h"

/* What all readers of a run share; outlives them. */
struct reading {
    struct world *world;
    const struct redis_model *model;
    int64_t max_staleness; /* ns; of an answer that is marked verified */
    int64_t pause;         /* ns, about: between two reads of a connection */
    int64_t healthy_from;  /* mono ns: all that could fail has been whole for long; or NEVER */
    bool is_announcing;    /* changes are */
    bool must_be_verified; /* every cache does as if it held nothing where nothing is proven */
    bool is_over;          /* no more reads */
    uint64_t reads, verified, stale, failed;
    uint64_t healthy; /* answered since then */
};

extern const struct stage_kind reader_kind;

/* Reads that no answer has come to. */
unsigned reader_waiting(const void *stage);

#endif
