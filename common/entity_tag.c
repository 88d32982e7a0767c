/* Owns the state of a hash; plain memory. */
#include "common/entity_tag.h"

#include "common/memory.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>

#define HASH_SIZE 16 /* bytes: the least that libsodium gives */

#define ALIGNMENT 64 /* bytes, of libsodium's state: more than malloc promises */

struct entity_tag {
    unsigned char room[sizeof(crypto_generichash_state) + ALIGNMENT - 1];
};

_Static_assert(HASH_SIZE >= crypto_generichash_BYTES_MIN, "hash size");

/* The same on every machine. */
static uint64_t tag_of_hash(const unsigned char hash[HASH_SIZE])
{
    uint64_t tag = 0;

    for (int i = 0; i < 8; i++)
        tag = tag << 8 | hash[i];
    return tag;
}

uint64_t entity_tag_of(struct bytes bytes)
{
    unsigned char hash[HASH_SIZE];

    crypto_generichash(hash, sizeof hash, (const unsigned char *)bytes.data, bytes.size, NULL, 0);
    return tag_of_hash(hash);
}

static crypto_generichash_state *state_of(struct entity_tag *tag)
{
    size_t beyond = (uintptr_t)tag->room % ALIGNMENT;

    return (void *)(tag->room + (beyond > 0 ? ALIGNMENT - beyond : 0));
}

struct entity_tag *entity_tag_create(void)
{
    struct entity_tag *tag = memory_alloc(1, sizeof(*tag));

    entity_tag_begin(tag);
    return tag;
}

void entity_tag_destroy(struct entity_tag **tag)
{
    free(*tag);
    *tag = NULL;
}

void entity_tag_begin(struct entity_tag *tag)
{
    crypto_generichash_init(state_of(tag), NULL, 0, HASH_SIZE);
}

void entity_tag_add(struct entity_tag *tag, struct bytes bytes)
{
    crypto_generichash_update(state_of(tag), (const unsigned char *)bytes.data, bytes.size);
}

uint64_t entity_tag_end(struct entity_tag *tag)
{
    unsigned char hash[HASH_SIZE];

    crypto_generichash_final(state_of(tag), hash, sizeof hash);
    return tag_of_hash(hash);
}
