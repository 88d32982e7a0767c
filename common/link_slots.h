/* The asks that are outstanding on an asker. An ask's wire id is its slot and the slot's
 * generation, so that an answer that comes late finds nothing. Embedded in link_asker; pure. */
#ifndef WEIR_LINK_SLOTS_H
#define WEIR_LINK_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct link_slots {
    struct link_slot *all;
    uint32_t count, first_free;
    uint32_t taken; /* asks outstanding */
};

void link_slots_init(struct link_slots *slots);
void link_slots_fini(struct link_slots *slots);

/* Returns the id of an ask that is outstanding from now on. */
uint64_t link_slots_take(struct link_slots *slots, uint64_t token);

/* Ends the ask of this id; false: there is none. */
bool link_slots_free(struct link_slots *slots, uint64_t id, uint64_t *token);

/* Ends the first ask in slot `*from` or behind it, and moves `*from` behind that; false: there is
 * none. */
bool link_slots_free_next(struct link_slots *slots, uint32_t *from, uint64_t *token);

#endif
