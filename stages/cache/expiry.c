#include "stages/cache/expiry.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/memory.h"
#include "stages/cache/list.h"

#include <stdlib.h>
#include <string.h>

#define LEVEL_SHIFT 4 /* a tick of one level is 16 of the level below */
#define LEVEL_MOST  16

static uint64_t ms_of(const struct expiry *expiry, int64_t boot)
{
    return boot > expiry->origin ? (uint64_t)(boot - expiry->origin) / MILLISECOND : 0;
}

static uint64_t tick_of(uint64_t ms, unsigned level)
{
    return ms >> (LEVEL_SHIFT * level);
}

static uint32_t *slot_of(const struct expiry *expiry, unsigned level, uint64_t tick)
{
    uint64_t slots = UINT64_C(1) << expiry->slot_bits;

    return &expiry->slots[level * slots + (tick & (slots - 1))];
}

/* The lowest level that reaches from `now` to `expires`. */
static unsigned level_for(const struct expiry *expiry, uint64_t expires)
{
    uint64_t slots = UINT64_C(1) << expiry->slot_bits;
    unsigned level = 0;

    while (tick_of(expires, level) - tick_of(expiry->now, level) >= slots)
        level++;
    return level;
}

static unsigned levels_for(int64_t longest_life, unsigned slot_bits)
{
    /* A life may straddle one tick more than it is long. */
    uint64_t ms = (uint64_t)longest_life / MILLISECOND + 1;
    unsigned level = 0;

    while (tick_of(ms, level) + 1 >= UINT64_C(1) << slot_bits)
        level++;
    CHECK(level < LEVEL_MOST);
    return level + 1;
}

void expiry_init(struct expiry *expiry, const struct pages *pages, int64_t now,
                 int64_t longest_life, unsigned slot_bits)
{
    *expiry = (struct expiry){.pages = pages,
                              .origin = now,
                              .levels = levels_for(longest_life, slot_bits),
                              .slot_bits = slot_bits};
    expiry->slots = memory_alloc((size_t)expiry->levels << slot_bits, sizeof *expiry->slots);
}

void expiry_allow(struct expiry *expiry, int64_t longest_life)
{
    unsigned levels = levels_for(longest_life, expiry->slot_bits);

    if (levels <= expiry->levels)
        return;
    size_t slots = (size_t)1 << expiry->slot_bits;
    expiry->slots = memory_resize(expiry->slots, levels * slots, sizeof *expiry->slots);
    memset(expiry->slots + expiry->levels * slots, 0,
           (levels - expiry->levels) * slots * sizeof *expiry->slots);
    expiry->levels = levels;
}

void expiry_fini(struct expiry *expiry)
{
    free(expiry->slots);
    expiry->slots = NULL;
}

void expiry_advance(struct expiry *expiry, int64_t now)
{
    uint64_t ms = ms_of(expiry, now), slots = UINT64_C(1) << expiry->slot_bits;

    if (ms <= expiry->now)
        return;
    for (unsigned level = 0; level < expiry->levels; level++) {
        uint64_t tick = tick_of(expiry->now, level), last = tick_of(ms, level);
        if (last - tick > slots)
            tick = last - slots;
        while (tick < last)
            list_join(expiry->pages, &expiry->due, BY_EXPIRY, slot_of(expiry, level, ++tick));
    }
    expiry->now = ms;
}

bool expiry_is_ahead(const struct expiry *expiry, int64_t expires)
{
    return ms_of(expiry, expires) > expiry->now;
}

void expiry_add(struct expiry *expiry, uint32_t handle, int64_t read, int64_t expires)
{
    uint64_t ms = ms_of(expiry, expires);
    int64_t read_ms = (read - expiry->origin) / MILLISECOND;

    CHECK(ms > expiry->now);
    unsigned level = level_for(expiry, ms);
    CHECK(level < expiry->levels);
    uint64_t tick = tick_of(ms, level);
    entry_set_times(entry_at(expiry->pages, handle), (uint64_t)read_ms,
                    tick << (LEVEL_SHIFT * level), level);
    list_push(expiry->pages, slot_of(expiry, level, tick), BY_EXPIRY, handle);
}

/* The list that the entry is in. */
static uint32_t *list_of(struct expiry *expiry, const struct entry *entry)
{
    unsigned level = entry_level(entry);

    if (expiry_is_due(expiry, entry))
        return &expiry->due;
    return slot_of(expiry, level, tick_of(entry_expires(entry), level));
}

void expiry_remove(struct expiry *expiry, uint32_t handle)
{
    uint32_t *list = list_of(expiry, entry_at(expiry->pages, handle));

    list_remove(expiry->pages, list, BY_EXPIRY, handle);
}

void expiry_follow(struct expiry *expiry, uint32_t from, uint32_t to)
{
    uint32_t *list = list_of(expiry, entry_at(expiry->pages, to));

    list_follow(expiry->pages, list, BY_EXPIRY, from, to);
}

size_t expiry_bytes(const struct expiry *expiry)
{
    return ((size_t)expiry->levels << expiry->slot_bits) * sizeof *expiry->slots;
}
