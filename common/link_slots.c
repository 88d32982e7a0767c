#include "common/link_slots.h"

#include "common/memory.h"

#include <stdlib.h>

struct link_slot {
    uint64_t token;
    uint32_t generation;
    uint32_t next; /* the free slot behind this one, or: */
};
#define SLOT_TAKEN UINT32_MAX       /* an ask is outstanding */
#define SLOT_NONE  (UINT32_MAX - 1) /* the last of the free ones */

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

static void add_slots(struct link_slots *slots)
{
    uint32_t count = slots->count > 0 ? 2 * slots->count : FIRST_SLOTS;
    slots->all = memory_resize(slots->all, count, sizeof *slots->all);
    for (uint32_t i = count; i-- > slots->count;) {
        slots->all[i] = (struct link_slot){.next = slots->first_free};
        slots->first_free = i;
    }
    slots->count = count;
}

uint64_t link_slots_take(struct link_slots *slots, uint64_t token)
{
    if (slots->first_free == SLOT_NONE)
        add_slots(slots);
    uint32_t index = slots->first_free;
    struct link_slot *slot = &slots->all[index];
    slots->first_free = slot->next;
    slot->next = SLOT_TAKEN;
    slot->token = token;
    slots->taken++;
    return (uint64_t)slot->generation << 32 | index;
}

static uint64_t free_slot(struct link_slots *slots, uint32_t index)
{
    struct link_slot *slot = &slots->all[index];
    slot->generation++;
    slot->next = slots->first_free;
    slots->first_free = index;
    slots->taken--;
    return slot->token;
}

bool link_slots_free(struct link_slots *slots, uint64_t id, uint64_t *token)
{
    const uint32_t index = (uint32_t)id, generation = (uint32_t)(id >> 32);
    if (index >= slots->count || slots->all[index].next != SLOT_TAKEN ||
        slots->all[index].generation != generation)
        return false;
    *token = free_slot(slots, index);
    return true;
}

bool link_slots_free_next(struct link_slots *slots, uint32_t *from, uint64_t *token)
{
    for (uint32_t i = *from; i < slots->count && slots->taken > 0; i++) {
        if (slots->all[i].next != SLOT_TAKEN)
            continue;
        *token = free_slot(slots, i);
        *from = i + 1;
        return true;
    }
    return false;
}
