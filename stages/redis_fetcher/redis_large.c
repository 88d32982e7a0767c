/* Owns the places; plain memory, no time and no order. */
#include "stages/redis_fetcher/redis_large.h"

#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(((struct redis_large *)0)->seed) == crypto_shorthash_KEYBYTES, "seed size");
_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "hash size");

static uint64_t hash_key(const struct redis_large *large, struct bytes key)
{
    uint64_t hash;

    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key.data, key.size,
                     large->seed);
    return hash ? hash : 1;
}

void redis_large_init(struct redis_large *large)
{
    memset(large, 0, sizeof(*large));
    randombytes_buf(large->seed, sizeof(large->seed));
}

void redis_large_learn(struct redis_large *large, struct bytes key, bool is_large)
{
    uint64_t hash, *place;

    if (!is_large && large->count == 0)
        return; /* the usual case costs nothing */
    hash = hash_key(large, key);
    place = &large->places[hash % LARGE_PLACES];
    if (is_large) {
        large->count += *place == 0;
        *place = hash;
    } else if (*place == hash) {
        large->count--;
        *place = 0;
    }
}

bool redis_large_knows(const struct redis_large *large, struct bytes key)
{
    uint64_t hash;

    if (large->count == 0)
        return false;
    hash = hash_key(large, key);
    return large->places[hash % LARGE_PLACES] == hash;
}
