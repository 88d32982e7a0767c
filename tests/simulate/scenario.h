/* One run: a topology, settings, load and faults, all drawn from one seed. */
#ifndef TESTS_SIMULATE_SCENARIO_H
#define TESTS_SIMULATE_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scenario_result {
    char trouble[512]; /* the promise that was broken; empty: all held */
    uint64_t reads, verified, stale, failed;
    uint64_t events, drawn; /* the same for the same seed */
};

void scenario_run(uint64_t seed, bool tells, struct scenario_result *result);

#endif
