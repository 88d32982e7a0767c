/* How keys are hashed, by whoever has the secret. */
#ifndef WEIR_CACHE_KEY_HASH_H
#define WEIR_CACHE_KEY_HASH_H

#include "common/bytes.h"

#include <stdint.h>

struct key_hash {
    uint32_t (*of)(const void *secret, struct bytes key);
    const void *secret; /* so that nobody can choose keys that collide; outlives all who hash */
};

static inline uint32_t key_hash(const struct key_hash *hash, struct bytes key)
{
    return hash->of(hash->secret, key);
}

#endif
