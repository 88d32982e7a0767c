#include "common/link_slots.h"

#include "common/memory.h"

#include <stdlib.h>

#define FIRST_SLOTS 64

void link_slots_init(struct link_slots *slots)
{
    *slots = (struct link_slots){.first_free = SLOT_NONE};
}

void link_slots_fini(struct link_slots *slots)
{
    free(slots->all);
    link_slots_init(slots);
}

void link_slots_grow(struct link_slots *slots)
{
    uint32_t count = slots->count > 0 ? 2 * slots->count : FIRST_SLOTS;
    slots->all = memory_resize(slots->all, count, sizeof *slots->all);
    for (uint32_t i = count; i-- > slots->count;) {
        slots->all[i] = (struct link_slot){.next = slots->first_free};
        slots->first_free = i;
    }
    slots->count = count;
}

bool link_slots_free_next(struct link_slots *slots, uint32_t *from, uint64_t *token)
{
    for (uint32_t i = *from; i < slots->count && slots->taken > 0; i++) {
        if (slots->all[i].next != SLOT_TAKEN)
            continue;
        *from = i + 1;
        return link_slots_free(slots, (uint64_t)slots->all[i].generation << 32 | i, token);
    }
    return false;
}
