/* An entry that has not yet got its slot: what it will take, and what of it lies outside. */
#ifndef WEIR_CACHE_DRAFT_H
#define WEIR_CACHE_DRAFT_H

#include "common/message.h"
#include "stages/cache/entry.h"

struct draft {
    struct bytes key, value;
    bool is_long, is_large;                    /* the key, the value is to lie outside */
    struct value *key_outside, *value_outside; /* owned, once taken */
    uint64_t tag;
    size_t size;   /* of the entry, bytes */
    size_t charge; /* for what lies outside, bytes */
};

/* Of bytes that must stay; values of up to `inline_most` lie in their entry. */
struct draft draft_make(struct bytes key, const struct answer *answer, size_t inline_most);

/* Makes what lies outside, and charges it to `account`; `shared` holds the value's bytes, or is
 * NULL. False when the system has no memory for it. */
bool draft_take(struct draft *draft, struct value_account *account, struct value *shared);

/* Gives back what was taken, where the draft has not become an entry. */
void draft_fini(struct draft *draft);

/* Makes an entry of it, to which all that was taken belongs; links and times are not set. */
void draft_write(const struct draft *draft, struct entry *entry);

#endif
