/* Where the entries of a table lie: slots of a few dozen sizes, in pages of one size each.
 *
 * Each size is kept dense: its slots are filled one behind the other, and when one is given back,
 * the last of its size moves into the hole.
 *
 *     size 112   [xxxxxxxxxx] [xxxxxxxxxx] [xxxx......]
 *                        ^- given back ---------|
 *
 * So a size never has more than one page that is not full, whatever came and went; nothing
 * fragments, empty pages go back at once, and what a table takes is known to the byte. The price is
 * one copy and a few links for each slot given back.
 *
 * A slot is named by a handle of 32 bits, half a pointer: page number and place in the page, in
 * units of 8 bytes. That reaches 32 GiB. A handle holds until its slot is given back or moves. */
#ifndef WEIR_CACHE_PAGES_H
#define WEIR_CACHE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_PAGE      16384 /* bytes of a page */
#define PAGES_UNIT      8     /* bytes: all slots begin at a multiple of it */
#define PAGES_UNIT_BITS 11    /* of a handle: which unit of its page */
#define PAGES_NUMBERS   (UINT32_C(1) << (32 - PAGES_UNIT_BITS))
#define PAGES_MOST      2048 /* bytes: the largest slot */
#define PAGES_SIZES     48   /* how many sizes of slots there are */

struct page {
    char *slots;    /* PAGES_PAGE bytes */
    uint32_t below; /* the page of the same size filled before it; of a free number: the next one */
    uint16_t size;  /* bytes of its slots */
    uint16_t used;  /* slots, from the first */
};

struct pages {
    struct page *directory;     /* by number; number 0 is never used, so no handle is 0 */
    uint32_t limit;             /* numbers in the directory */
    uint32_t fresh;             /* numbers from here on were never used */
    uint32_t free;              /* a number to be used again; 0: none */
    uint32_t tops[PAGES_SIZES]; /* the page being filled of each size; 0: none */
    size_t count;               /* pages in use */
};

/* The directory is made for as many pages as fit into `max_bytes`. */
void pages_init(struct pages *pages, size_t max_bytes);
void pages_fini(struct pages *pages);

/* Room for as many pages as fit into `max_bytes`, if there is not so much already: it never becomes
 * less. */
void pages_allow(struct pages *pages, size_t max_bytes);

static inline void *pages_at(const struct pages *pages, uint32_t handle)
{
    uint32_t unit = handle & ((UINT32_C(1) << PAGES_UNIT_BITS) - 1);

    return pages->directory[handle >> PAGES_UNIT_BITS].slots + (size_t)unit * PAGES_UNIT;
}

/* What the next pages_take of this size would add to pages_bytes: 0, a page, or SIZE_MAX when there
 * is no number left for one. */
size_t pages_growth(const struct pages *pages, size_t size);

/* A slot of at least `size` bytes (1 to PAGES_MOST), not initialised; CHECK: pages_growth is not
 * SIZE_MAX. */
uint32_t pages_take(struct pages *pages, size_t size);

/* Gives a slot back. Another may have moved into its place: returns the handle which that one had
 * before, or 0. */
uint32_t pages_give_back(struct pages *pages, uint32_t handle);

/* Bytes of all pages and the directory, the allocator's own share included. */
size_t pages_bytes(const struct pages *pages);

/* What that would be without any page. */
size_t pages_least_bytes(const struct pages *pages);

#endif
