#include "common/ring.h"

#include "common/check.h"
#include "common/memory.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert(RING_SEED_SIZE == crypto_shorthash_KEYBYTES, "the seed is SipHash's key");

struct ring {
    unsigned char seed[RING_SEED_SIZE];
    uint64_t digest;
    size_t count;
    uint64_t names[]; /* the hash of each shard's name */
};

static uint64_t hash(const unsigned char *seed, const void *data, size_t size)
{
    unsigned char out[crypto_shorthash_BYTES];
    crypto_shorthash(out, data, size, seed);
    uint64_t result = 0;
    for (size_t i = 0; i < sizeof out; i++) /* the same on every machine of the fleet */
        result |= (uint64_t)out[i] << (8 * i);
    return result;
}

/* Spreads the bits of two hashes into one score (the finalizer of SplitMix64: Steele, Lea & Flood,
 * "Fast Splittable Pseudorandom Number Generators", 2014), so that a key is hashed once, not once
 * for every shard. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

struct ring *ring_create(const char *const *names, size_t count,
                         const unsigned char seed[RING_SEED_SIZE])
{
    CHECK(count >= 1 && count <= RING_MAX_SHARDS);
    struct ring *ring = memory_alloc(1, sizeof *ring + count * sizeof ring->names[0]);
    memcpy(ring->seed, seed, RING_SEED_SIZE);
    ring->count = count;
    for (size_t i = 0; i < count; i++) {
        ring->names[i] = hash(seed, names[i], strlen(names[i]));
        ring->digest = mix(ring->digest + ring->names[i]);
    }
    return ring;
}

void ring_destroy(struct ring **ring)
{
    free(*ring);
    *ring = NULL;
}

void ring_seed_of_names(const char *const *names, size_t count, unsigned char seed[RING_SEED_SIZE])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, RING_SEED_SIZE);
    for (size_t i = 0; i < count; i++) /* with its zero, so that a boundary is part of the seed */
        crypto_generichash_update(&state, (const unsigned char *)names[i], strlen(names[i]) + 1);
    crypto_generichash_final(&state, seed, RING_SEED_SIZE);
}

size_t ring_pick(const struct ring *ring, struct bytes key)
{
    if (ring->count == 1)
        return 0;
    uint64_t key_hash = hash(ring->seed, key.data, key.size);
    size_t best = 0;
    uint64_t best_score = 0;
    for (size_t i = 0; i < ring->count; i++) {
        uint64_t score = mix(key_hash ^ ring->names[i]);
        if (score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

uint64_t ring_digest(const struct ring *ring)
{
    return ring->digest;
}
