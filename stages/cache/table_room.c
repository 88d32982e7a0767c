/* The table's bounds. They may change while it is in use: then what it is made of grows where it
 * must and never becomes less, and entries too many go by and by. Only where too little of a small
 * max_bytes would be left for entries, the table begins anew, empty. */
#include "common/clock.h"
#include "common/memory.h"
#include "stages/cache/list.h"
#include "stages/cache/table_inner.h"

#include <stdlib.h>

/* Entries removed to make room for one: a huge value must not stop the reactor for long. */
#define ROOM_MOST 16384

/* ---- its life ---- */

/* In a table of so many bytes (64 MiB) a page for each of many sizes, which is not full, is lost in
 * the whole; so sizes are fine, and all values that are copied lie inline: none is left to malloc
 * and what it fragments. In a smaller one sizes are coarse, and values above 1 KiB lie outside. It
 * stays as it began, whatever its bounds become. */
#define AMPLE             (64 << 20)
#define INLINE_MOST       (VALUE_BY_REFERENCE - 1)
#define INLINE_MOST_SMALL 1024

/* How many entries may be there: the smallest have a head and no more. */
static size_t most_entries(const struct table_limits *limits)
{
    size_t most = limits->max_bytes / ENTRY_HEAD;

    return limits->capacity < most ? limits->capacity : most;
}

void table_init(struct table *table, const struct table_limits *limits, struct key_hash hash,
                int64_t now)
{
    bool is_ample = limits->max_bytes >= AMPLE;

    *table = (struct table){.limits = *limits,
                            .inline_most = is_ample ? INLINE_MOST : INLINE_MOST_SMALL,
                            .grace = (uint64_t)(limits->grace / MILLISECOND)};
    pages_init(&table->pages, limits->max_bytes, is_ample);
    buckets_init(&table->buckets, &table->pages, hash, most_entries(limits));
    expiry_init(&table->expiry, &table->pages, now);
    table->outside = value_account_create(SIZE_MAX);
}

void table_fini(struct table *table)
{
    for (uint32_t left = table->reads; left;) {
        struct entry *entry = entry_at(&table->pages, left);
        table_release_outside(table, entry);
        left = entry->next != table->reads ? entry->next : 0;
    }
    value_account_abandon(&table->outside);
    expiry_fini(&table->expiry);
    buckets_fini(&table->buckets);
    pages_fini(&table->pages);
}

/* ---- how much there is ---- */

static size_t outside_bytes(const struct table *table)
{
    return atomic_load_explicit(&table->outside->bytes, memory_order_relaxed);
}

/* What the table takes when it is empty. */
static size_t fixed_bytes(const struct table *table)
{
    return sizeof *table + pages_least_bytes(&table->pages) + buckets_bytes(&table->buckets) +
           expiry_bytes(&table->expiry);
}

size_t table_own_bytes(const struct table *table)
{
    return sizeof *table + pages_bytes(&table->pages) + buckets_bytes(&table->buckets) +
           expiry_bytes(&table->expiry) + outside_bytes(table);
}

size_t table_bytes(const struct table *table)
{
    size_t bytes = 0;

    for (; table; table = table->before)
        bytes += table_own_bytes(table);
    return bytes;
}

/* ---- room ---- */

static bool has_room(const struct table *table, size_t size)
{
    size_t bytes = table_own_bytes(table), most = table->limits.max_bytes;

    return table->entries < table->limits.capacity && bytes <= most &&
           pages_growth(&table->pages, size) <= most - bytes;
}

bool table_can_fit(const struct table *table, size_t size, size_t more)
{
    size_t others = outside_bytes(table) - table->held;

    return fixed_bytes(table) + pages_page(&table->pages, size) + others + more <=
           table->limits.max_bytes;
}

/* Removes the entry that can best be spared; false when that would not help one of `size` bytes. */
static bool evict(struct table *table, size_t size)
{
    uint32_t oldest = list_last(&table->pages, table->reads);

    if (oldest == 0 || !table_can_fit(table, size, 0))
        return false;
    uint32_t expired = expiry_first(&table->expiry, table->expiry.now);
    if (expired) {
        table_end_entry(table, expired);
    } else {
        table->counters.evictions += !table_is_gone(table, oldest);
        table_remove_entry(table, oldest);
    }
    return true;
}

bool table_make_room(struct table *table, size_t size)
{
    for (unsigned removed = 0; !has_room(table, size); removed++)
        if (removed == ROOM_MOST || !evict(table, size))
            return false;
    return true;
}

/* ---- other bounds ---- */

static bool are_equal(const struct table_limits *a, const struct table_limits *b)
{
    return a->capacity == b->capacity && a->max_bytes == b->max_bytes && a->grace == b->grace;
}

static void move_table(struct table *to, const struct table *from)
{
    *to = *from;
    to->buckets.pages = to->expiry.pages = &to->pages;
}

/* Unless a new one would be no smaller. */
static void begin_anew(struct table *table, int64_t now)
{
    struct table *before = memory_alloc(1, sizeof *before), fresh;

    table_init(&fresh, &table->limits, table->buckets.hash, now);
    if (fixed_bytes(&fresh) >= fixed_bytes(table)) {
        table_fini(&fresh);
        free(before);
        return;
    }
    move_table(before, table);
    move_table(table, &fresh);
    table->counters = before->counters;
    table->counters.evictions += before->entries;
    table->before = before;
}

void table_configure(struct table *table, const struct table_limits *limits, int64_t now)
{
    if (are_equal(limits, &table->limits))
        return;
    table->limits = *limits;
    table->grace = (uint64_t)(limits->grace / MILLISECOND);
    pages_allow(&table->pages, limits->max_bytes);
    buckets_allow(&table->buckets, most_entries(limits));
    expiry_allow(&table->expiry);
    if (fixed_bytes(table) > limits->max_bytes / 2)
        begin_anew(table, now);
}

static bool is_within_bounds(const struct table *table)
{
    return table->entries <= table->limits.capacity &&
           table_own_bytes(table) <= table->limits.max_bytes;
}

/* The oldest of what it was before; false when nothing is left of that. */
static bool shrink_before(struct table *table, size_t most)
{
    struct table **oldest = &table->before;

    if (!*oldest)
        return false;
    while ((*oldest)->before)
        oldest = &(*oldest)->before;
    while (most > 0 && (*oldest)->reads) {
        table_remove_entry(*oldest, (*oldest)->reads);
        most--;
    }
    if (!(*oldest)->reads) {
        table_fini(*oldest);
        free(*oldest);
        *oldest = NULL;
    }
    return table->before;
}

bool table_shrink(struct table *table, size_t most)
{
    bool is_more = shrink_before(table, most);

    while (!is_within_bounds(table)) {
        if (most-- == 0)
            return true;
        if (!evict(table, ENTRY_HEAD))
            break;
    }
    return is_more;
}
