/* Key -> shard: keyed hash, rendezvous.
 *
 * Every shard scores every key with SipHash-2-4 (libsodium's crypto_shorthash) of the key, mixed
 * with the hash of the shard's name; the highest score owns the key (Thaler & Ravishankar, 1998).
 * So adding a shard moves only the keys it now owns, and moving a shard to another address moves
 * none. The seed is the same in the whole fleet. Immutable once created: any thread may pick. */
#ifndef WEIR_RING_H
#define WEIR_RING_H

#include "common/bytes.h"

#include <stddef.h>
#include <stdint.h>

#define RING_SEED_SIZE  16 /* bytes */
#define RING_MAX_SHARDS 256

struct ring;

/* `names` are copied by hash only. CHECK: 1 <= count <= RING_MAX_SHARDS. */
struct ring *ring_create(const char *const *names, size_t count,
                         const unsigned char seed[RING_SEED_SIZE]);
void ring_destroy(struct ring **ring);

/* A seed made of the shard names themselves: the same wherever the names are. */
void ring_seed_of_names(const char *const *names, size_t count, unsigned char seed[RING_SEED_SIZE]);

/* The index of the shard that owns `key`. A ring of one does not hash. */
size_t ring_pick(const struct ring *ring, struct bytes key);

/* Equal for equal seeds and names in equal order: peers compare it when their link opens. */
uint64_t ring_digest(const struct ring *ring);

#endif
