/* What the texts and arrays of one topology lie in: allocated one by one, freed all together.
 * Belongs to the draft, then to the topology made of it; used by one thread at a time. */
#ifndef WEIR_TOPOLOGY_ARENA_H
#define WEIR_TOPOLOGY_ARENA_H

#include <stddef.h>

struct topology_arena;

struct topology_arena *topology_arena_create(void);
void topology_arena_destroy(struct topology_arena **arena); /* NULL inside is allowed */

/* Zeroed memory for `count` items of `size` bytes, valid as long as the arena. */
void *topology_arena_take(struct topology_arena *arena, size_t count, size_t size);

/* A copy of `text` in the arena. */
const char *topology_arena_copy(struct topology_arena *arena, const char *text);

#endif
