/* The asks that are outstanding on an asker. An ask's wire id is its slot and the slot's
 * generation, so that an answer that comes late finds nothing. Embedded in link_asker; pure. */
#ifndef WEIR_LINK_SLOTS_H
#define WEIR_LINK_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct link_slot {
    uint64_t token;
    uint32_t generation;
    uint32_t next; /* the free slot behind this one, or: */
};
#define SLOT_TAKEN UINT32_MAX       /* an ask is outstanding */
#define SLOT_NONE  (UINT32_MAX - 1) /* the last of the free ones */

struct link_slots {
    struct link_slot *all;
    uint32_t count, first_free;
    uint32_t taken; /* asks outstanding */
};

void link_slots_init(struct link_slots *slots);
void link_slots_fini(struct link_slots *slots);

/* More free slots, where there are none. */
void link_slots_grow(struct link_slots *slots);

/* Returns the id of an ask that is outstanding from now on. */
static inline uint64_t link_slots_take(struct link_slots *slots, uint64_t token)
{
    if (slots->first_free == SLOT_NONE)
        link_slots_grow(slots);
    const uint32_t index = slots->first_free;
    struct link_slot *slot = &slots->all[index];
    slots->first_free = slot->next;
    slot->next = SLOT_TAKEN;
    slot->token = token;
    slots->taken++;
    return (uint64_t)slot->generation << 32 | index;
}

/* Ends the ask of this id; false: there is none. */
static inline bool link_slots_free(struct link_slots *slots, uint64_t id, uint64_t *token)
{
    const uint32_t index = (uint32_t)id, generation = (uint32_t)(id >> 32);
    if (index >= slots->count)
        return false;
    struct link_slot *slot = &slots->all[index];
    if (slot->next != SLOT_TAKEN || slot->generation != generation)
        return false;
    slot->generation++;
    slot->next = slots->first_free;
    slots->first_free = index;
    slots->taken--;
    *token = slot->token;
    return true;
}

/* Ends the first ask in slot `*from` or behind it, and moves `*from` behind that; false: there is
 * none. */
bool link_slots_free_next(struct link_slots *slots, uint32_t *from, uint64_t *token);

#endif
