/* What the files of the stage share. */
#ifndef WEIR_CACHE_INNER_H
#define WEIR_CACHE_INNER_H

#include "common/stage.h"
#include "stages/cache/flights.h"
#include "stages/cache/purges.h"
#include "stages/cache/store.h"

#include <sodium.h>

struct cache {
    struct ask_port *asks;
    struct serve_port *serves;
    struct store store;
    struct flights *flights;
    struct purges purges;
    unsigned char hash_key[crypto_shorthash_KEYBYTES]; /* random: chosen keys cannot collide */
    struct {
        uint64_t lookups, hits, misses, coalesced, refused, late_answers;
        uint64_t stale, unverified, negative_hits, dirty, invalidations;
        struct histogram fetch_durations;
    } counters;
};

/* The stage's hook of that name. */
void cache_measure(void *stage, struct moment now, struct metrics *metrics);

#endif
