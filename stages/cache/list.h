/* Circular lists of entries, linked by handles. A list is the handle of its first entry, 0 when it
 * is empty; `which` says which of an entry's links are meant. All are O(1). */
#ifndef WEIR_CACHE_LIST_H
#define WEIR_CACHE_LIST_H

#include "stages/cache/entry.h"

#include <stdint.h>

/* Puts the entry first. */
void list_push(const struct pages *pages, uint32_t *list, enum entry_list which, uint32_t handle);

void list_remove(const struct pages *pages, uint32_t *list, enum entry_list which, uint32_t handle);

/* Puts an entry of the list first. */
void list_raise(const struct pages *pages, uint32_t *list, enum entry_list which, uint32_t handle);

/* Moves all of `from` behind those of `list`, in their order; `from` is empty then. */
void list_join(const struct pages *pages, uint32_t *list, enum entry_list which, uint32_t *from);

/* The entry at `from` lies at `to` now. */
void list_follow(const struct pages *pages, uint32_t *list, enum entry_list which, uint32_t from,
                 uint32_t to);

/* The last one; 0 when the list is empty. */
static inline uint32_t list_last(const struct pages *pages, uint32_t list, enum entry_list which)
{
    return list ? entry_at(pages, list)->links[which].previous : 0;
}

#endif
