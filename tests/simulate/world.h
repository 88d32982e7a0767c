/* Virtual time: everything that happens in a simulated run is an event, and events happen one at a
 * time, in the order of their times. All that is left to chance comes from one seed, so that a run
 * can be had again exactly. */
#ifndef TESTS_SIMULATE_WORLD_H
#define TESTS_SIMULATE_WORLD_H

#include "common/clock.h"
#include "common/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_BEGIN (1000 * SECOND) /* ns */

typedef void (*world_event)(void *owner, uint64_t detail);

struct world {
    uint64_t random;
    int64_t now; /* ns: mono where no machine was suspended; the other clocks run beside it */
    struct world_item {
        int64_t at;
        uint64_t order; /* of those at the same time, the first planned comes first */
        world_event run;
        void *owner;
        uint64_t detail;
    } * heap;
    size_t count, capacity;
    uint64_t planned;
    struct log log;
    bool tells;        /* every event of note to standard error */
    bool is_calm;      /* nothing comes late, but by what Redis takes */
    char trouble[512]; /* the first promise that was broken; empty: none */
};

void world_init(struct world *world, uint64_t seed, bool tells);
void world_fini(struct world *world);

/* Plans an event; one in the past happens now. Neither `owner` nor anything else is owned. */
void world_plan(struct world *world, int64_t at, world_event run, void *owner, uint64_t detail);

/* Lets happen what is planned until then; stops early at the first trouble. */
void world_run(struct world *world, int64_t until);

struct moment world_moment(const struct world *world);

uint64_t world_draw(struct world *world);
/* Uniform in [low, high]. */
int64_t world_between(struct world *world, int64_t low, int64_t high);
/* True `percent` times in a hundred. */
bool world_chance(struct world *world, unsigned percent);

/* A promise was broken. Only the first is kept. */
void world_complain(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* For a reader of a single run. */
void world_tell(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
