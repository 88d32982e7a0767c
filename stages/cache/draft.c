#include "stages/cache/draft.h"

struct draft draft_make(struct bytes key, const struct answer *answer, size_t inline_most)
{
    struct draft draft = {.key = key, .value = answer_bytes(answer), .tag = answer->tag};

    draft.is_long = key.size > ENTRY_KEY_INLINE;
    draft.is_large = draft.value.size > inline_most;
    draft.size = ENTRY_HEAD + (draft.is_long ? sizeof(struct value *) : key.size) +
                 (draft.is_large ? sizeof(struct value *) : draft.value.size);
    draft.charge = (draft.is_long ? value_charge_size(key.size) : 0) +
                   (draft.is_large ? value_charge_size(draft.value.size) : 0);
    return draft;
}

/* Of `shared`, where it can be kept as it is, else a copy. */
static struct value *take(struct bytes bytes, struct value *shared, struct value_account *account)
{
    struct value *value;

    if (shared && bytes.size >= VALUE_BY_REFERENCE)
        return value_charge(value_share(shared), account);
    value = value_create(bytes.size);
    if (!value)
        return NULL;
    memcpy(value_writable(value), bytes.data, bytes.size);
    return value_charge(value, account);
}

bool draft_take(struct draft *draft, struct value_account *account, struct value *shared)
{
    if (draft->is_long)
        draft->key_outside = take(draft->key, NULL, account);
    if (draft->is_large)
        draft->value_outside = take(draft->value, shared, account);
    if ((!draft->is_long || draft->key_outside) && (!draft->is_large || draft->value_outside))
        return true;
    draft_fini(draft);
    return false;
}

void draft_fini(struct draft *draft)
{
    value_release(&draft->key_outside);
    value_release(&draft->value_outside);
}

/* The bytes, or the address of what lies outside. */
static void put(char *place, struct bytes bytes, struct value *outside)
{
    if (outside)
        memcpy(place, &outside, sizeof outside);
    else if (bytes.size > 0)
        memcpy(place, bytes.data, bytes.size);
}

void draft_write(const struct draft *draft, struct entry *entry)
{
    entry->key_size = draft->is_long ? ENTRY_KEY_OUTSIDE : draft->key.size & 1023;
    entry->value_size = draft->is_large ? ENTRY_VALUE_OUTSIDE : draft->value.size & 16383;
    entry_set_tag(entry, draft->tag);
    put(entry->bytes, draft->key, draft->key_outside);
    put(entry_value_place(entry), draft->value, draft->value_outside);
}
