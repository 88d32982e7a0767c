#include "common/clock.h"
#include "common/memory.h"
#include "stages/cache/draft.h"
#include "stages/cache/list.h"
#include "stages/cache/table_inner.h"

#include <stdlib.h>

struct table *table_create(const struct table_limits *limits, struct key_hash hash, int64_t now,
                           size_t *needed)
{
    struct table *table = memory_alloc(1, sizeof *table);

    table_init(table, limits, hash, now);
    *needed = table_bytes(table) + pages_page(&table->pages, ENTRY_HEAD);
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

void table_release_outside(struct table *table, struct entry *entry)
{
    if (entry->value_size == ENTRY_VALUE_OUTSIDE)
        release_outside(table, entry_value_place(entry));
    if (entry->key_size == ENTRY_KEY_OUTSIDE)
        release_outside(table, entry->bytes);
}

void table_remove_entry(struct table *table, uint32_t handle)
{
    uint32_t moved;

    table_release_outside(table, entry_at(&table->pages, handle));
    buckets_remove(&table->buckets, handle);
    list_remove(&table->pages, &table->reads, handle);
    moved = pages_give_back(&table->pages, handle);
    if (moved) {
        buckets_follow(&table->buckets, moved, handle);
        list_follow(&table->pages, &table->reads, moved, handle);
        expiry_note(&table->expiry, handle);
    }
    expiry_forget(&table->expiry, pages_number(moved ? moved : handle));
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
    uint32_t link = buckets_first(&table->buckets, hash);

    while (buckets_is_entry(link)) {
        const struct entry *entry = entry_at(&table->pages, link);
        if (bytes_are_equal(entry_key(entry), key))
            return link;
        link = entry->chain;
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
        list_raise(&table->pages, &table->reads, handle);
    *found = (struct found){
        .answer = {.status = STATUS_VALUE,
                   .life_ms = expires > ms ? at_most_32_bits(expires - ms) : 0,
                   .age_ms = at_most_32_bits(entry_age(entry, ms)),
                   .tag = entry_tag(entry)},
        .past_ms = expires > ms ? 0 : ms - expires,
        .is_suspect = epochs_is_suspect(&table->epochs, entry_epoch(entry)),
    };
    set_bytes(&found->answer, entry);
    return true;
}

/* ---- storing ---- */

static void insert(struct table *table, uint32_t hash, const struct draft *draft, uint64_t read,
                   uint64_t expires)
{
    uint32_t handle = pages_take(&table->pages, draft->size);
    struct entry *entry = entry_at(&table->pages, handle);

    draft_write(draft, entry);
    entry_set_times(entry, table->epochs.now, read, expires);
    table->held += draft->charge;
    table->epochs.is_used = true;
    buckets_add(&table->buckets, hash, handle);
    list_push(&table->pages, &table->reads, handle);
    expiry_note(&table->expiry, handle);
    table->entries++;
}

bool table_store(struct table *table, uint32_t hash, struct bytes key, struct answer *answer,
                 int64_t read, int64_t expires, int64_t now)
{
    struct draft draft = draft_make(key, answer, table->inline_most);

    table_remove(table, hash, key, now);
    int64_t until = expiry_ms(&table->expiry, expires);
    if (until <= (int64_t)table->expiry.now || !table_can_fit(table, draft.size, draft.charge) ||
        !draft_take(&draft, table->outside, answer->value))
        return false;
    buckets_grow(&table->buckets, table->entries + 1);
    if (!table_make_room(table, draft.size)) {
        draft_fini(&draft);
        return false;
    }
    insert(table, hash, &draft, (uint64_t)expiry_ms(&table->expiry, read),
           until < ENTRY_EXPIRES_MOST ? (uint64_t)until : ENTRY_EXPIRES_MOST);
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

    while ((last = list_last(&table->pages, table->reads)) != 0 && table_is_gone(table, last)) {
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

/* An entry that is past its grace; 0: there is none. */
static uint32_t first_passed(struct table *table)
{
    uint64_t now = table->expiry.now;

    return now < table->grace ? 0 : expiry_first(&table->expiry, now - table->grace);
}

bool table_expire(struct table *table, int64_t now, size_t most)
{
    uint32_t passed;

    expiry_advance(&table->expiry, now);
    for (size_t i = 0; (passed = first_passed(table)) != 0 && i < most; i++)
        table_end_entry(table, passed);
    bool has_more = table_shrink(table, most);
    return !sweep(table, most) || first_passed(table) != 0 || has_more;
}

size_t table_entries(const struct table *table)
{
    return table->entries;
}

const struct table_counters *table_counters(const struct table *table)
{
    return &table->counters;
}
