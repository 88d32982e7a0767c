#include "stages/cache/pages.h"

#include "common/check.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

struct size_class {
    unsigned number;
    uint16_t size; /* bytes of its slots */
    enum page_breadth breadth;
};

/* Multiples of 4 up to 128, then sixteen sizes for each doubling: a slot is at most a sixteenth
 * larger than what lies in it, or 3 bytes. Coarse: up to 64, eight, an eighth. */
static struct size_class class_of(const struct pages *pages, size_t size)
{
    unsigned shift = 2;

    CHECK(size > 0 && size <= PAGES_MOST);
    if (size < PAGES_LEAST)
        size = PAGES_LEAST;
    while ((size - 1) >> shift >= pages->steps)
        shift++;
    size_t step = (size - 1) >> shift;
    return (struct size_class){
        .number = pages->steps / 2 * (shift - 2) + (unsigned)step,
        .size = (uint16_t)((step + 1) << shift),
        .breadth = size <= PAGES_NARROW ? NARROW : WIDE,
    };
}

/* Numbers and addresses for as many pages as fit into `max_bytes`, but at most `most`. */
static void init_range(struct page_range *range, size_t page, uint32_t first, size_t max_bytes,
                       uint32_t most)
{
    size_t count = max_bytes / page;

    *range = (struct page_range){.page = page, .first = first, .fresh = first};
    range->end = first + (count < most ? (uint32_t)count : most);
    if (range->end > first)
        range->begin = memory_reserve((range->end - first) * page);
}

void pages_init(struct pages *pages, size_t max_bytes, bool is_ample)
{
    struct page_range *narrow = &pages->ranges[NARROW], *wide = &pages->ranges[WIDE];

    *pages = (struct pages){.steps = is_ample ? 32 : 16};
    init_range(narrow, is_ample ? PAGES_PAGE : PAGES_SMALL_PAGE, 1, max_bytes,
               PAGES_NUMBERS - 1 - PAGES_WIDE);
    init_range(wide, PAGES_WIDE_PAGE, narrow->end, max_bytes, is_ample ? PAGES_WIDE : 0);
    pages->directory = memory_alloc(pages_numbers(pages), sizeof *pages->directory);
}

void pages_fini(struct pages *pages)
{
    for (int i = 0; i < BREADTHS; i++) {
        const struct page_range *range = &pages->ranges[i];
        if (range->begin)
            memory_unreserve(range->begin, (range->end - range->first) * range->page);
    }
    free(pages->directory);
    *pages = (struct pages){0};
}

static bool is_full(const struct pages *pages, struct size_class class)
{
    uint32_t number = pages->tops[class.number];
    size_t slots = pages->directory[number].used + 1u;
    size_t groups = (slots + PAGES_GROUP - 1) / PAGES_GROUP;

    return number == 0 ||
           slots * class.size + groups * sizeof(uint64_t) > pages->ranges[class.breadth].page;
}

size_t pages_page(const struct pages *pages, size_t size)
{
    return pages->ranges[class_of(pages, size).breadth].page;
}

size_t pages_growth(const struct pages *pages, size_t size)
{
    struct size_class class = class_of(pages, size);
    const struct page_range *range = &pages->ranges[class.breadth];

    if (!is_full(pages, class))
        return 0;
    return range->spare || range->free || range->fresh < range->end ? range->page : SIZE_MAX;
}

static uint32_t take_number(const struct pages *pages, struct page_range *range)
{
    uint32_t number = range->spare ? range->spare : range->free;

    if (number == 0)
        return range->fresh++;
    if (number == range->spare)
        range->spare = 0;
    else
        range->free = pages->directory[number].below;
    return number;
}

static void add_page(struct pages *pages, struct size_class class)
{
    struct page_range *range = &pages->ranges[class.breadth];
    uint32_t number = take_number(pages, range);

    CHECK(number < range->end);
    pages->directory[number] = (struct page){
        .slots = range->begin + (number - range->first) * range->page,
        .below = pages->tops[class.number],
        .size = class.size,
    };
    pages->tops[class.number] = number;
    pages->bytes += range->page;
}

static void remove_top(struct pages *pages, struct size_class class)
{
    struct page_range *range = &pages->ranges[class.breadth];
    uint32_t number = pages->tops[class.number];
    struct page *page = &pages->directory[number];

    pages->tops[class.number] = page->below;
    pages->bytes -= range->page;
    if (range->spare == 0) {
        range->spare = number;
        return;
    }
    memory_discard(page->slots, range->page);
    *page = (struct page){.below = range->free};
    range->free = number;
}

uint32_t pages_take(struct pages *pages, size_t size)
{
    struct size_class class = class_of(pages, size);

    if (is_full(pages, class))
        add_page(pages, class);
    uint32_t top = pages->tops[class.number];
    return pages_handle(top, pages->directory[top].used++);
}

uint32_t pages_give_back(struct pages *pages, uint32_t handle)
{
    struct size_class class = class_of(pages, pages->directory[pages_number(handle)].size);
    uint32_t top = pages->tops[class.number];
    uint32_t last = pages_handle(top, --pages->directory[top].used);

    if (last != handle)
        memcpy(pages_at(pages, handle), pages_at(pages, last), class.size);
    if (pages->directory[top].used == 0)
        remove_top(pages, class);
    return last == handle ? 0 : last;
}

size_t pages_bytes(const struct pages *pages)
{
    return pages_least_bytes(pages) + pages->bytes;
}

size_t pages_least_bytes(const struct pages *pages)
{
    size_t bytes = pages_numbers(pages) * sizeof *pages->directory + MEMORY_OVERHEAD;

    for (int i = 0; i < BREADTHS; i++)
        bytes += pages->ranges[i].begin ? pages->ranges[i].page : 0;
    return bytes;
}
