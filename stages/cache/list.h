/* The list of reads: all entries of a table, the most recently read first. It is circular, linked
 * by handles, and is itself the handle of its first entry, 0 when it is empty. It owns an entry's
 * `next` and `previous`. All are O(1). */
#ifndef WEIR_CACHE_LIST_H
#define WEIR_CACHE_LIST_H

#include "stages/cache/entry.h"

#include <stdint.h>

/* Puts the entry first. */
void list_push(const struct pages *pages, uint32_t *list, uint32_t handle);

void list_remove(const struct pages *pages, uint32_t *list, uint32_t handle);

/* Puts an entry of the list first. */
void list_raise(const struct pages *pages, uint32_t *list, uint32_t handle);

/* The entry at `from` lies at `to` now. */
void list_follow(const struct pages *pages, uint32_t *list, uint32_t from, uint32_t to);

/* The last one; 0 when the list is empty. */
static inline uint32_t list_last(const struct pages *pages, uint32_t list)
{
    return list ? entry_at(pages, list)->previous : 0;
}

#endif
