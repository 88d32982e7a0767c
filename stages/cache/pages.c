#include "stages/cache/pages.h"

#include "common/check.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

struct size_class {
    unsigned number;
    uint16_t size; /* bytes of its slots */
};

/* Multiples of 8 up to 128, then eight sizes for each doubling: a slot is at most an eighth larger
 * than what lies in it, or 7 bytes. */
static struct size_class class_of(size_t size)
{
    unsigned shift = 3;

    CHECK(size > 0 && size <= PAGES_MOST);
    while ((size - 1) >> shift >= 16)
        shift++;
    size_t steps = (size - 1) >> shift;
    return (struct size_class){8 * (shift - 3) + (unsigned)steps, (uint16_t)((steps + 1) << shift)};
}

static uint32_t numbers_for(size_t max_bytes)
{
    size_t numbers = max_bytes / PAGES_PAGE + 2;

    return numbers < PAGES_NUMBERS ? (uint32_t)numbers : PAGES_NUMBERS;
}

void pages_init(struct pages *pages, size_t max_bytes)
{
    *pages = (struct pages){.fresh = 1, .limit = numbers_for(max_bytes)};
    pages->directory = memory_alloc(pages->limit, sizeof *pages->directory);
}

void pages_allow(struct pages *pages, size_t max_bytes)
{
    uint32_t limit = numbers_for(max_bytes);

    if (limit <= pages->limit)
        return;
    pages->directory = memory_resize(pages->directory, limit, sizeof *pages->directory);
    memset(pages->directory + pages->limit, 0, (limit - pages->limit) * sizeof *pages->directory);
    pages->limit = limit;
}

void pages_fini(struct pages *pages)
{
    for (unsigned class = 0; class < PAGES_SIZES; class ++)
        for (uint32_t number = pages->tops[class]; number; number = pages->directory[number].below)
            free(pages->directory[number].slots);
    free(pages->directory);
    *pages = (struct pages){0};
}

static bool is_full(const struct pages *pages, uint32_t number)
{
    const struct page *page = &pages->directory[number];

    return number == 0 || (size_t)(page->used + 1) * page->size > PAGES_PAGE;
}

static uint32_t handle_of(const struct pages *pages, uint32_t number, unsigned slot)
{
    uint32_t unit = slot * (uint32_t)pages->directory[number].size / PAGES_UNIT;

    return number << PAGES_UNIT_BITS | unit;
}

size_t pages_growth(const struct pages *pages, size_t size)
{
    if (!is_full(pages, pages->tops[class_of(size).number]))
        return 0;
    return pages->free || pages->fresh < pages->limit ? PAGES_PAGE + MEMORY_OVERHEAD : SIZE_MAX;
}

static void add_page(struct pages *pages, struct size_class class)
{
    uint32_t number = pages->free;

    if (number)
        pages->free = pages->directory[number].below;
    else
        number = pages->fresh++;
    CHECK(number < pages->limit);
    pages->directory[number] = (struct page){
        .slots = memory_resize(NULL, 1, PAGES_PAGE),
        .below = pages->tops[class.number],
        .size = class.size,
    };
    pages->tops[class.number] = number;
    pages->count++;
}

static void remove_top(struct pages *pages, unsigned class)
{
    uint32_t number = pages->tops[class];
    struct page *page = &pages->directory[number];

    pages->tops[class] = page->below;
    free(page->slots);
    *page = (struct page){.below = pages->free};
    pages->free = number;
    pages->count--;
}

uint32_t pages_take(struct pages *pages, size_t size)
{
    struct size_class class = class_of(size);

    if (is_full(pages, pages->tops[class.number]))
        add_page(pages, class);
    uint32_t top = pages->tops[class.number];
    return handle_of(pages, top, pages->directory[top].used++);
}

uint32_t pages_give_back(struct pages *pages, uint32_t handle)
{
    uint16_t size = pages->directory[handle >> PAGES_UNIT_BITS].size;
    unsigned class = class_of(size).number;
    uint32_t top = pages->tops[class];
    uint32_t last = handle_of(pages, top, --pages->directory[top].used);

    if (last != handle)
        memcpy(pages_at(pages, handle), pages_at(pages, last), size);
    if (pages->directory[top].used == 0)
        remove_top(pages, class);
    return last == handle ? 0 : last;
}

size_t pages_bytes(const struct pages *pages)
{
    return pages_least_bytes(pages) + pages->count * (PAGES_PAGE + MEMORY_OVERHEAD);
}

size_t pages_least_bytes(const struct pages *pages)
{
    return pages->limit * sizeof *pages->directory + MEMORY_OVERHEAD;
}
