#include "stages/cache/list.h"

/* Before the first, which is behind the last, for the list is a circle. */
static void link_before(const struct pages *pages, uint32_t first, uint32_t handle)
{
    struct entry *before = entry_at(pages, first), *linked = entry_at(pages, handle);

    linked->next = first;
    linked->previous = before->previous;
    entry_at(pages, before->previous)->next = handle;
    before->previous = handle;
}

static void unlink_entry(const struct pages *pages, const struct entry *entry)
{
    entry_at(pages, entry->previous)->next = entry->next;
    entry_at(pages, entry->next)->previous = entry->previous;
}

void list_push(const struct pages *pages, uint32_t *list, uint32_t handle)
{
    if (*list == 0) {
        struct entry *only = entry_at(pages, handle);
        only->next = only->previous = handle;
    } else {
        link_before(pages, *list, handle);
    }
    *list = handle;
}

void list_remove(const struct pages *pages, uint32_t *list, uint32_t handle)
{
    const struct entry *removed = entry_at(pages, handle);

    if (removed->next == handle) {
        *list = 0;
        return;
    }
    unlink_entry(pages, removed);
    if (*list == handle)
        *list = removed->next;
}

void list_raise(const struct pages *pages, uint32_t *list, uint32_t handle)
{
    if (handle == *list)
        return;
    if (handle != list_last(pages, *list)) { /* the last lies before the first already */
        unlink_entry(pages, entry_at(pages, handle));
        link_before(pages, *list, handle);
    }
    *list = handle;
}

void list_follow(const struct pages *pages, uint32_t *list, uint32_t from, uint32_t to)
{
    struct entry *moved = entry_at(pages, to);

    if (moved->next == from) {
        moved->next = moved->previous = to;
    } else {
        entry_at(pages, moved->previous)->next = to;
        entry_at(pages, moved->next)->previous = to;
    }
    if (*list == from)
        *list = to;
}
