/* A run as it is drawn (scenario_draw.c) and played (scenario.c). */
#ifndef TESTS_SIMULATE_SCENARIO_INNER_H
#define TESTS_SIMULATE_SCENARIO_INNER_H

#include "tests/simulate/origin.h"
#include "tests/simulate/process.h"
#include "tests/simulate/reader.h"
#include "tests/simulate/scenario.h"
#include "tests/simulate/witness.h"

#define MOST_PROCESSES 8
#define MOST_SETTINGS  32
#define MOST_CACHES    (2 * PROCESS_ASKED)

/* The settings of one kind of stage, as they would come from a topology. */
struct values {
    struct settings settings;
    struct setting_value items[MOST_SETTINGS];
    char texts[MOST_SETTINGS][24];
};

struct scenario {
    struct world world;
    struct network network;
    struct redis_model model;
    struct redis_wire wire;
    struct reading reading;
    struct values origin, near, far;
    struct witness_setup near_witness, far_witness;
    struct port_shard shards[MOST_CACHES + 1]; /* all that serve */
    char addresses[MOST_CACHES + 1][40];       /* each ends with the name */
    size_t shard_count;
    struct process processes[MOST_PROCESSES];
    char process_names[MOST_PROCESSES][32];
    size_t count;
    int64_t pause;   /* ns, about: between two faults */
    int64_t lasts;   /* ns: with faults */
    bool has_faults; /* now */
    bool is_whole;   /* there never were any */
    bool is_over;    /* nobody starts any more */
    bool heals;      /* all is made whole then, and must work again */
};

/* Everything that a seed decides before time begins. */
void scenario_draw(struct scenario *scenario);

#endif
