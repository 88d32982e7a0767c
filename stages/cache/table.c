#include "common/clock.h"
#include "common/memory.h"
#include "stages/cache/list.h"
#include "stages/cache/table_inner.h"

#include <stdlib.h>

struct table *table_create(const struct table_limits *limits, int64_t now, size_t *needed)
{
    struct table *table = memory_alloc(1, sizeof *table);

    table_init(table, limits, now);
    *needed = table_bytes(table) + pages_growth(&table->pages, PAGES_MOST);
    if (*needed > limits->max_bytes)
        table_destroy(&table);
    return table;
}

static void release_outside(struct table *table, const char *place)
{
    struct value *value = entry_outside(place);

    table->held -= value_charge_size(value->bytes.size);
    value_release(&value);
}

void table_remove_entry(struct table *table, uint32_t handle)
{
    struct entry *entry = entry_at(&table->pages, handle);
    uint32_t moved;

    if (entry->value_size == ENTRY_VALUE_OUTSIDE)
        release_outside(table, entry_value_place(entry));
    if (entry->key_size == ENTRY_KEY_OUTSIDE)
        release_outside(table, entry->bytes);
    buckets_remove(&table->buckets, handle);
    list_remove(&table->pages, &table->reads, BY_READ, handle);
    expiry_remove(&table->expiry, handle);
    moved = pages_give_back(&table->pages, handle);
    if (moved) {
        buckets_follow(&table->buckets, moved, handle);
        list_follow(&table->pages, &table->reads, BY_READ, moved, handle);
        expiry_follow(&table->expiry, moved, handle);
    }
    table->entries--;
}

void table_end_entry(struct table *table, uint32_t handle)
{
    const struct entry *entry = entry_at(&table->pages, handle);

    if (!table_is_gone(table, handle) && expiry_is_due(&table->expiry, entry))
        table->counters.expirations++;
    table_remove_entry(table, handle);
}

void table_destroy(struct table **table)
{
    struct table *destroyed = *table;

    *table = NULL;
    while (destroyed) {
        struct table *before = destroyed->before;
        table_fini(destroyed);
        free(destroyed);
        destroyed = before;
    }
}

/* The entry of `key`, expired or not; 0 when there is none. */
static uint32_t find_entry(const struct table *table, uint32_t hash, struct bytes key)
{
    uint32_t handle = *buckets_find(&table->buckets, hash);

    while (handle) {
        const struct entry *entry = entry_at(&table->pages, handle);
        if (entry->hash == hash && bytes_are_equal(entry_key(entry), key))
            return handle;
        handle = entry->chain;
    }
    return 0;
}

static uint32_t at_most_32_bits(uint64_t ms)
{
    return ms < MESSAGE_LIFE_UNBOUNDED ? (uint32_t)ms : MESSAGE_LIFE_UNBOUNDED - 1;
}

static void set_bytes(struct answer *answer, struct entry *entry)
{
    const char *place = entry_value_place(entry);

    if (entry->value_size != ENTRY_VALUE_OUTSIDE) {
        answer->bytes = (struct bytes){place, entry->value_size};
        return;
    }
    struct value *value = entry_outside(place);
    if (value->bytes.size >= VALUE_BY_REFERENCE)
        answer->value = value;
    else
        answer->bytes = value->bytes;
}

bool table_find(struct table *table, uint32_t hash, struct bytes key, int64_t now,
                struct found *found)
{
    expiry_advance(&table->expiry, now);
    uint32_t handle = find_entry(table, hash, key);
    if (!handle || table_is_gone(table, handle))
        return false;
    struct entry *entry = entry_at(&table->pages, handle);
    uint64_t ms = table->expiry.now, expires = entry_expires(entry);
    if (expires + table->grace <= ms)
        return false;
    if (expires > ms)
        list_raise(&table->pages, &table->reads, BY_READ, handle);
    *found = (struct found){
        .answer = {.status = STATUS_VALUE,
                   .life_ms = expires > ms ? at_most_32_bits(expires - ms) : 0,
                   .age_ms = at_most_32_bits(entry_age(entry, ms)),
                   .tag = entry_tag(entry)},
        .past_ms = expires > ms ? 0 : ms - expires,
        .is_suspect = epochs_is_suspect(&table->epochs, entry->epoch),
    };
    set_bytes(&found->answer, entry);
    return true;
}

/* ---- storing ---- */

/* An entry that has not yet got its slot. */
struct draft {
    struct bytes key, value;
    struct value *key_outside, *value_outside; /* owned; NULL: it lies in the entry */
    uint64_t tag;
    size_t size; /* of the entry, bytes */
};

/* The bytes, charged to the table; of `shared`, where it can be kept as it is, else as a copy. NULL
 * when the system has no memory for it. */
static struct value *take_outside(struct table *table, struct bytes bytes, struct value *shared)
{
    struct value *value;

    if (shared && bytes.size >= VALUE_BY_REFERENCE)
        return value_charge(value_share(shared), table->outside);
    value = value_create(bytes.size);
    if (!value)
        return NULL;
    memcpy(value_writable(value), bytes.data, bytes.size);
    return value_charge(value, table->outside);
}

static void draft_fini(struct draft *draft)
{
    value_release(&draft->key_outside);
    value_release(&draft->value_outside);
}

static bool draft_init(struct draft *draft, struct table *table, struct bytes key,
                       const struct answer *answer)
{
    *draft = (struct draft){.key = key, .value = answer_bytes(answer), .tag = answer->tag};
    bool is_long = key.size > ENTRY_KEY_INLINE, is_large = draft->value.size > ENTRY_VALUE_INLINE;
    if (is_long)
        draft->key_outside = take_outside(table, key, NULL);
    if (is_large)
        draft->value_outside = take_outside(table, draft->value, answer->value);
    draft->size = ENTRY_HEAD + (is_long ? sizeof(struct value *) : key.size) +
                  (is_large ? sizeof(struct value *) : draft->value.size);
    if ((!is_long || draft->key_outside) && (!is_large || draft->value_outside))
        return true;
    draft_fini(draft);
    return false;
}

/* Writes the bytes, or the address of what lies outside. */
static void put(struct table *table, char *place, struct bytes bytes, struct value *outside)
{
    if (outside) {
        memcpy(place, &outside, sizeof outside);
        table->held += value_charge_size(bytes.size);
    } else if (bytes.size > 0) {
        memcpy(place, bytes.data, bytes.size);
    }
}

/* What lies outside the entry, where it has more than `most` bytes. */
static size_t charge_of(struct bytes bytes, size_t most)
{
    return bytes.size > most ? value_charge_size(bytes.size) : 0;
}

static uint32_t insert(struct table *table, uint32_t hash, const struct draft *draft)
{
    uint32_t handle = pages_take(&table->pages, draft->size);
    struct entry *entry = entry_at(&table->pages, handle);

    entry->hash = hash;
    entry->key_size = draft->key_outside ? ENTRY_KEY_OUTSIDE : (unsigned)draft->key.size;
    entry->value_size = draft->value_outside ? ENTRY_VALUE_OUTSIDE : (unsigned)draft->value.size;
    entry->epoch = table->epochs.now % EPOCHS;
    table->epochs.is_used = true;
    entry_set_tag(entry, draft->tag);
    put(table, entry->bytes, draft->key, draft->key_outside);
    put(table, entry_value_place(entry), draft->value, draft->value_outside);
    buckets_add(&table->buckets, handle);
    list_push(&table->pages, &table->reads, BY_READ, handle);
    table->entries++;
    return handle;
}

bool table_store(struct table *table, uint32_t hash, struct bytes key, struct answer *answer,
                 int64_t read, int64_t expires, int64_t now)
{
    struct draft draft;

    table_remove(table, hash, key, now);
    if (!expiry_is_ahead(&table->expiry, expires) ||
        !table_can_fit(table, charge_of(key, ENTRY_KEY_INLINE) +
                                  charge_of(answer_bytes(answer), ENTRY_VALUE_INLINE)) ||
        !draft_init(&draft, table, key, answer))
        return false;
    buckets_grow(&table->buckets, table->entries + 1);
    if (!table_make_room(table, draft.size)) {
        draft_fini(&draft);
        return false;
    }
    expiry_add(&table->expiry, insert(table, hash, &draft), read, expires);
    if (draft.value.size >= VALUE_BY_REFERENCE) {
        if (answer->value) /* from now on the table pays */
            value_relieve(answer->value);
        answer->value = draft.value_outside;
    }
    return true;
}

/* ---- ends ---- */

void table_remove(struct table *table, uint32_t hash, struct bytes key, int64_t now)
{
    expiry_advance(&table->expiry, now);
    uint32_t handle = find_entry(table, hash, key);
    if (handle)
        table_end_entry(table, handle);
}

/* Removes at most `most` of the entries that are gone; true when none is left. They are never read,
 * so all others have been read or stored after them. */
static bool sweep(struct table *table, size_t most)
{
    uint32_t last;

    while ((last = list_last(&table->pages, table->reads, BY_READ)) != 0 &&
           table_is_gone(table, last)) {
        if (most-- == 0)
            return false;
        table_remove_entry(table, last);
    }
    epochs_have_been_swept(&table->epochs);
    return true;
}

void table_suspect_all(struct table *table)
{
    if (epochs_are_used_up(&table->epochs))
        sweep(table, SIZE_MAX);
    epochs_begin(&table->epochs);
}

void table_drop_all(struct table *table)
{
    if (epochs_are_used_up(&table->epochs))
        sweep(table, SIZE_MAX);
    epochs_drop(&table->epochs);
}

static bool has_passed(const struct table *table, uint32_t handle)
{
    return handle != 0 &&
           entry_expires(entry_at(&table->pages, handle)) + table->grace <= table->expiry.now;
}

bool table_expire(struct table *table, int64_t now, size_t most)
{
    expiry_advance(&table->expiry, now);
    for (size_t i = 0; i < most && has_passed(table, table->expiry.due); i++)
        table_end_entry(table, table->expiry.due);
    bool has_more = table_shrink(table, most);
    return !sweep(table, most) || has_passed(table, table->expiry.due) || has_more;
}

size_t table_entries(const struct table *table)
{
    return table->entries;
}

const struct table_counters *table_counters(const struct table *table)
{
    return &table->counters;
}
