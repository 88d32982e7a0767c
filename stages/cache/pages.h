/* Where the entries of a table lie: slots of many sizes, in pages of one size each.
 *
 * Each size is kept dense: its slots are filled one behind the other, and when one is given back,
 * the last of its size moves into the hole.
 *
 *     size 108   [xxxxxxxxxx] [xxxxxxxxxx] [xxxx......]
 *                        ^- given back ---------|
 *
 * So a size never has more than one page that is not full, whatever came and went; nothing
 * fragments. The price is one copy and a few links for each slot given back.
 *
 * Pages are pieces of address ranges of the table's own. One that is empty goes back to the
 * system at once, a page at a time, wherever it lies: so what a table takes is known to the byte,
 * is what the system counts too, and no turn stands still for the many pages that a heap gives back
 * at once. Only one of each breadth is kept, and always counted: a full table, in which one size
 * must give up a page before another gets one, would else spend its time in the system (18 s in
 * place of 3, of the ten million operations of table_churn_test).
 *
 * A slot is named by a handle of 31 bits, less than half a pointer: the number of its page and its
 * own within that. A handle holds until its slot is given back or moves. */
#ifndef WEIR_CACHE_PAGES_H
#define WEIR_CACHE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_PAGE       16384                   /* bytes of a page */
#define PAGES_SMALL_PAGE 8192                    /* the same in a table that is not ample */
#define PAGES_WIDE_PAGE  65536                   /* of one for slots above PAGES_NARROW */
#define PAGES_NARROW     2048                    /* bytes */
#define PAGES_MOST       9216                    /* bytes: the largest slot */
#define PAGES_LEAST      32                      /* bytes: the smallest */
#define PAGES_SLOT_BITS  9                       /* of a handle: which slot of its page */
#define PAGES_NUMBERS    (UINT32_C(1) << 22)     /* so that pages of a table reach 48 GiB, and */
#define PAGES_WIDE       (PAGES_NUMBERS / 4 - 1) /* wide ones beside them 64 GiB */
#define PAGES_GROUP      32 /* slots, behind which a page has 8 bytes at its end for others to use */
#define PAGES_SIZES      130 /* how many sizes of slots there are */

struct page {
    char *slots;
    uint32_t below; /* the page of the same size filled before it; of a free number: the next one */
    uint16_t size;  /* bytes of its slots */
    uint16_t used;  /* slots, from the first */
};

enum page_breadth { NARROW, WIDE, BREADTHS };

/* Pages of one breadth that lie one behind the other, and whose numbers do. */
struct page_extent {
    char *begin;
    uint32_t first; /* number */
    uint32_t count;
    uint32_t used; /* numbers, from the first, that ever were */
};

/* All pages of one breadth. */
struct page_range {
    size_t page;   /* bytes */
    uint32_t most; /* pages there may ever be */
    uint32_t count;
    uint32_t fresh; /* of these, never used */
    uint32_t free;  /* a number to be used again; 0: none */
    uint32_t spare; /* that of an empty page that is kept, to be used next; 0: none */
    struct page_extent *extents;
    unsigned extent_count;
    unsigned filling; /* the extent that fresh numbers are taken from */
};

struct pages {
    struct page *directory; /* by number; number 0 is never used, so no handle is 0 */
    uint32_t numbers;       /* all are below */
    struct page_range ranges[BREADTHS];
    unsigned steps;             /* how fine sizes are: class_of */
    uint32_t tops[PAGES_SIZES]; /* the page being filled of each size; 0: none */
    size_t bytes;               /* of the pages in use */
};

/* The directory is made, and addresses are reserved, for as many pages as fit into `max_bytes`.
 * Where it `is_ample`, there are twice as many sizes, and those above PAGES_NARROW, in larger
 * pages. */
void pages_init(struct pages *pages, size_t max_bytes, bool is_ample);
void pages_fini(struct pages *pages);

/* The same for other `max_bytes`, if there is not room for so much already: it never becomes less.
 * What is there stays where it is, and as ample as it was. */
void pages_allow(struct pages *pages, size_t max_bytes);

static inline uint32_t pages_number(uint32_t handle)
{
    return handle >> PAGES_SLOT_BITS;
}

static inline uint32_t pages_handle(uint32_t number, unsigned slot)
{
    return number << PAGES_SLOT_BITS | slot;
}

/* The slot's number in its page. */
static inline unsigned pages_slot(uint32_t handle)
{
    return handle & ((UINT32_C(1) << PAGES_SLOT_BITS) - 1);
}

static inline void *pages_at(const struct pages *pages, uint32_t handle)
{
    const struct page *page = &pages->directory[pages_number(handle)];

    return page->slots + (size_t)pages_slot(handle) * page->size;
}

/* What a page has for the group: undefined when the first of its slots is taken. */
static inline uint64_t *pages_group(const struct pages *pages, uint32_t number, unsigned group)
{
    const struct page *page = &pages->directory[number];
    void *end = page->slots + pages->ranges[page->size > PAGES_NARROW ? WIDE : NARROW].page;

    return (uint64_t *)end - 1 - group;
}

/* Bytes of the pages that slots of this size lie in. */
size_t pages_page(const struct pages *pages, size_t size);

/* What the next pages_take of this size would add to pages_bytes: 0, a page, or SIZE_MAX when there
 * is no number left for one. */
size_t pages_growth(const struct pages *pages, size_t size);

/* A slot of at least `size` bytes (1 to PAGES_MOST or PAGES_NARROW), not initialised; CHECK:
 * pages_growth is not SIZE_MAX. */
uint32_t pages_take(struct pages *pages, size_t size);

/* Gives a slot back. Another may have moved into its place: returns the handle which that one had
 * before, or 0. */
uint32_t pages_give_back(struct pages *pages, uint32_t handle);

/* Bytes of all pages, those kept empty included, and of the directory. */
size_t pages_bytes(const struct pages *pages);

/* What that would be without any entry. */
size_t pages_least_bytes(const struct pages *pages);

#endif
