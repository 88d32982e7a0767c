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

/* Addresses for `count` more pages; their numbers begin with `first`. */
static void add_extent(struct page_range *range, uint32_t first, uint32_t count)
{
    range->extents = memory_resize(range->extents, range->extent_count + 1, sizeof *range->extents);
    range->extents[range->extent_count++] = (struct page_extent){
        .begin = memory_reserve(count * range->page),
        .first = first,
        .count = count,
    };
    range->count += count;
    range->fresh += count;
}

void pages_init(struct pages *pages, size_t max_bytes, bool is_ample)
{
    *pages = (struct pages){.steps = is_ample ? 32 : 16};
    pages->ranges[NARROW].page = is_ample ? PAGES_PAGE : PAGES_SMALL_PAGE;
    pages->ranges[NARROW].most = PAGES_NUMBERS - 1 - PAGES_WIDE;
    pages->ranges[WIDE].page = PAGES_WIDE_PAGE;
    pages->ranges[WIDE].most = is_ample ? PAGES_WIDE : 0;
    pages->numbers = 1;
    pages->directory = memory_alloc(pages->numbers, sizeof *pages->directory);
    pages_allow(pages, max_bytes);
}

void pages_allow(struct pages *pages, size_t max_bytes)
{
    uint32_t held = pages->numbers;

    for (int i = 0; i < BREADTHS; i++) {
        struct page_range *range = &pages->ranges[i];
        size_t fitting = max_bytes / range->page;
        uint32_t count = fitting < range->most ? (uint32_t)fitting : range->most;
        if (count <= range->count)
            continue;
        count -= range->count;
        add_extent(range, pages->numbers, count);
        pages->numbers += count;
    }
    if (pages->numbers > held)
        pages->directory =
            memory_extend(pages->directory, held, pages->numbers, sizeof *pages->directory);
}

void pages_fini(struct pages *pages)
{
    for (int i = 0; i < BREADTHS; i++) {
        const struct page_range *range = &pages->ranges[i];
        for (unsigned j = 0; j < range->extent_count; j++)
            memory_unreserve(range->extents[j].begin, range->extents[j].count * range->page);
        free(range->extents);
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
    return range->spare || range->free || range->fresh ? range->page : SIZE_MAX;
}

static uint32_t take_fresh(struct pages *pages, struct page_range *range)
{
    struct page_extent *extent = &range->extents[range->filling];

    CHECK(range->fresh > 0);
    if (extent->used == extent->count)
        extent = &range->extents[++range->filling];
    uint32_t number = extent->first + extent->used;
    pages->directory[number].slots = extent->begin + extent->used * range->page;
    extent->used++;
    range->fresh--;
    return number;
}

/* Of a page that has its place. */
static uint32_t take_number(struct pages *pages, struct page_range *range)
{
    uint32_t number = range->spare ? range->spare : range->free;

    if (number == 0)
        return take_fresh(pages, range);
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

    pages->directory[number] = (struct page){
        .slots = pages->directory[number].slots,
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
    *page = (struct page){.slots = page->slots, .below = range->free};
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
    size_t bytes = pages->numbers * sizeof *pages->directory + MEMORY_OVERHEAD;

    for (int i = 0; i < BREADTHS; i++) {
        const struct page_range *range = &pages->ranges[i];
        if (range->count > 0)
            bytes += range->page + range->extent_count * sizeof *range->extents + MEMORY_OVERHEAD;
    }
    return bytes;
}
