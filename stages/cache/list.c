#include "stages/cache/list.h"

static struct entry_links *links_of(const struct pages *pages, enum entry_list which,
                                    uint32_t handle)
{
    return &entry_at(pages, handle)->links[which];
}

void list_push(const struct pages *pages, uint32_t *list, enum entry_list which, uint32_t handle)
{
    struct entry_links *pushed = links_of(pages, which, handle);

    if (*list == 0) {
        *pushed = (struct entry_links){handle, handle};
    } else {
        struct entry_links *first = links_of(pages, which, *list);
        *pushed = (struct entry_links){*list, first->previous};
        links_of(pages, which, first->previous)->next = handle;
        first->previous = handle;
    }
    *list = handle;
}

void list_remove(const struct pages *pages, uint32_t *list, enum entry_list which, uint32_t handle)
{
    struct entry_links removed = *links_of(pages, which, handle);

    if (removed.next == handle) {
        *list = 0;
        return;
    }
    links_of(pages, which, removed.previous)->next = removed.next;
    links_of(pages, which, removed.next)->previous = removed.previous;
    if (*list == handle)
        *list = removed.next;
}

void list_raise(const struct pages *pages, uint32_t *list, enum entry_list which, uint32_t handle)
{
    struct entry_links *first = links_of(pages, which, *list);

    if (handle == *list)
        return;
    if (handle != first->previous) {
        struct entry_links *raised = links_of(pages, which, handle);
        links_of(pages, which, raised->previous)->next = raised->next;
        links_of(pages, which, raised->next)->previous = raised->previous;
        *raised = (struct entry_links){*list, first->previous};
        links_of(pages, which, first->previous)->next = handle;
        first->previous = handle;
    } /* else it lies before the first already, for the list is a circle */
    *list = handle;
}

void list_join(const struct pages *pages, uint32_t *list, enum entry_list which, uint32_t *from)
{
    if (*list == 0) {
        *list = *from;
    } else if (*from) {
        struct entry_links *first = links_of(pages, which, *list);
        struct entry_links *joined = links_of(pages, which, *from);
        uint32_t last = first->previous, last_joined = joined->previous;
        links_of(pages, which, last)->next = *from;
        joined->previous = last;
        links_of(pages, which, last_joined)->next = *list;
        first->previous = last_joined;
    }
    *from = 0;
}

void list_follow(const struct pages *pages, uint32_t *list, enum entry_list which, uint32_t from,
                 uint32_t to)
{
    struct entry_links *moved = links_of(pages, which, to);

    if (moved->next == from) {
        *moved = (struct entry_links){to, to};
    } else {
        links_of(pages, which, moved->previous)->next = to;
        links_of(pages, which, moved->next)->previous = to;
    }
    if (*list == from)
        *list = to;
}
