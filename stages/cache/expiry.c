#include "stages/cache/expiry.h"

#include "common/clock.h"
#include "common/memory.h"

#include <stdlib.h>

void expiry_init(struct expiry *expiry, const struct pages *pages, int64_t now)
{
    *expiry = (struct expiry){.pages = pages, .origin = now};
    expiry_allow(expiry);
}

void expiry_allow(struct expiry *expiry)
{
    uint32_t held = expiry->numbers, numbers = expiry->pages->numbers;

    if (numbers <= held)
        return;
    expiry->directory = memory_extend(expiry->directory, held, numbers, sizeof *expiry->directory);
    expiry->heap = memory_extend(expiry->heap, held, numbers, sizeof *expiry->heap);
    expiry->numbers = numbers;
}

void expiry_fini(struct expiry *expiry)
{
    free(expiry->directory);
    free(expiry->heap);
    *expiry = (struct expiry){0};
}

int64_t expiry_ms(const struct expiry *expiry, int64_t boot)
{
    return (boot - expiry->origin) / MILLISECOND;
}

void expiry_advance(struct expiry *expiry, int64_t now)
{
    int64_t ms = expiry_ms(expiry, now);

    if (ms > (int64_t)expiry->now)
        expiry->now = (uint64_t)ms;
}

/* ---- the heap ---- */

static uint64_t earliest_at(const struct expiry *expiry, uint32_t place)
{
    return expiry->directory[expiry->heap[place]].earliest;
}

static void put(struct expiry *expiry, uint32_t place, uint32_t number)
{
    expiry->heap[place] = number;
    expiry->directory[number].place = place;
}

static void sift_up(struct expiry *expiry, uint32_t number)
{
    uint32_t place = expiry->directory[number].place;
    uint64_t earliest = expiry->directory[number].earliest;

    for (; place > 1 && earliest_at(expiry, place / 2) > earliest; place /= 2)
        put(expiry, place, expiry->heap[place / 2]);
    put(expiry, place, number);
}

static void sift_down(struct expiry *expiry, uint32_t number)
{
    uint32_t place = expiry->directory[number].place, child;
    uint64_t earliest = expiry->directory[number].earliest;

    for (; (child = 2 * place) <= expiry->count; place = child) {
        if (child < expiry->count && earliest_at(expiry, child + 1) < earliest_at(expiry, child))
            child++;
        if (earliest_at(expiry, child) >= earliest)
            break;
        put(expiry, place, expiry->heap[child]);
    }
    put(expiry, place, number);
}

void expiry_note(struct expiry *expiry, uint32_t handle)
{
    uint32_t number = pages_number(handle), slot = pages_slot(handle);
    struct expiry_page *page = &expiry->directory[number];
    uint64_t *group = pages_group(expiry->pages, number, slot / PAGES_GROUP);
    uint64_t expires = entry_expires(entry_at(expiry->pages, handle));
    bool is_alone = slot % PAGES_GROUP == 0 && expiry->pages->directory[number].used == slot + 1;

    if (is_alone || expires < *group)
        *group = expires;
    if (page->place == 0)
        *page = (struct expiry_page){expires, ++expiry->count};
    else if (expires < page->earliest)
        page->earliest = expires;
    else
        return;
    sift_up(expiry, number);
}

void expiry_forget(struct expiry *expiry, uint32_t number)
{
    uint32_t place = expiry->directory[number].place;

    if (place == 0 || expiry->pages->directory[number].used > 0)
        return;
    expiry->directory[number].place = 0;
    uint32_t last = expiry->heap[expiry->count--];
    if (last == number)
        return;
    put(expiry, place, last);
    sift_up(expiry, last);
    sift_down(expiry, last);
}

/* The time of the page's group that has the earliest. */
static uint64_t *first_group(const struct expiry *expiry, uint32_t number)
{
    unsigned groups = (expiry->pages->directory[number].used + PAGES_GROUP - 1) / PAGES_GROUP;
    uint64_t *first = pages_group(expiry->pages, number, 0);

    for (unsigned i = 1; i < groups; i++) {
        uint64_t *group = pages_group(expiry->pages, number, i);
        if (*group < *first)
            first = group;
    }
    return first;
}

/* The entry of the group that expires first; the group's time is true then. */
static uint32_t look_through(const struct expiry *expiry, uint32_t number, uint64_t *group)
{
    unsigned used = expiry->pages->directory[number].used;
    unsigned slot = (unsigned)(pages_group(expiry->pages, number, 0) - group) * PAGES_GROUP;
    unsigned end = slot + PAGES_GROUP < used ? slot + PAGES_GROUP : used, first = slot;
    uint64_t earliest = UINT64_MAX;

    for (; slot < end && earliest > *group; slot++) {
        uint64_t expires = entry_expires(entry_at(expiry->pages, pages_handle(number, slot)));
        if (expires < earliest) {
            earliest = expires;
            first = slot;
        }
    }
    *group = earliest;
    return pages_handle(number, first);
}

uint32_t expiry_first(struct expiry *expiry, uint64_t until)
{
    while (expiry->count > 0 && earliest_at(expiry, 1) <= until) {
        uint32_t number = expiry->heap[1];
        uint64_t *group = first_group(expiry, number), noted = *group;
        if (noted == earliest_at(expiry, 1)) { /* else another page may be earlier */
            uint32_t first = look_through(expiry, number, group);
            if (*group == noted)
                return first;
        }
        expiry->directory[number].earliest = *first_group(expiry, number);
        sift_down(expiry, number);
    }
    return 0;
}

size_t expiry_bytes(const struct expiry *expiry)
{
    return expiry->numbers * (sizeof *expiry->directory + sizeof *expiry->heap) +
           2 * MEMORY_OVERHEAD;
}
