/* See topology_arena.h. A list of blocks, one for each allocation: a topology has a few hundred. */
#include "common/topology_arena.h"

#include "common/check.h"
#include "common/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next;
    max_align_t bytes[];
};

struct topology_arena {
    struct block *blocks;
};

struct topology_arena *topology_arena_create(void)
{
    return memory_alloc(1, sizeof(struct topology_arena));
}

void topology_arena_destroy(struct topology_arena **arena)
{
    struct block *block = *arena ? (*arena)->blocks : NULL;

    while (block) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    free(*arena);
    *arena = NULL;
}

void *topology_arena_take(struct topology_arena *arena, size_t count, size_t size)
{
    CHECK(size == 0 || count <= (SIZE_MAX - sizeof(struct block)) / size);
    struct block *block = memory_alloc(1, sizeof *block + count * size);

    block->next = arena->blocks;
    arena->blocks = block;
    return block->bytes;
}

const char *topology_arena_copy(struct topology_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(topology_arena_take(arena, size, 1), text, size);
}
