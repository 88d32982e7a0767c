/* Remembers which keys had a large value when they were last fetched. A set of fixed size that
 * forgets: two keys may share a place, and then the later one has it. */
#ifndef WEIR_REDIS_LARGE_H
#define WEIR_REDIS_LARGE_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define LARGE_PLACES 1024

struct redis_large {
    unsigned char seed[16];        /* random: nobody can choose keys that collide */
    uint64_t places[LARGE_PLACES]; /* hash of the key; 0: free */
    uint32_t count;                /* of places taken */
};

void redis_large_init(struct redis_large *large);

/* The key has been fetched, and had a large value or not. */
void redis_large_learn(struct redis_large *large, struct bytes key, bool is_large);

bool redis_large_knows(const struct redis_large *large, struct bytes key);

#endif
