#include "stages/cache/table.h"

#include "common/clock.h"
#include "common/memory.h"
#include "stages/cache/buckets.h"
#include "stages/cache/entry.h"
#include "stages/cache/expiry.h"
#include "stages/cache/list.h"
#include "stages/cache/pages.h"

#include <stdlib.h>

/* Entries removed to make room for one: a huge value must not stop the reactor for long. */
#define ROOM_MOST 16384

struct table {
    struct table_limits limits;
    struct pages pages;
    struct buckets buckets;
    struct expiry expiry;
    struct epochs epochs;
    uint32_t reads; /* list of all entries; those that are gone are its end */
    size_t entries;
    struct value_account *outside; /* bytes that do not lie in the pages, until nobody has them */
    size_t held;                   /* bytes of these that are charged for entries */
    uint64_t grace;                /* ms */
    struct table_counters counters;
};

/* Enough slots for lives exact to 1 ms where memory is plenty, and never more than a 64th of it for
 * a level. */
static unsigned slot_bits_for(size_t max_bytes)
{
    unsigned bits = 10;

    while (bits < 16 && max_bytes >> (bits + 9) > 0)
        bits++;
    return bits;
}

struct table *table_create(const struct table_limits *limits, int64_t now, size_t *needed)
{
    size_t most = limits->max_bytes / ENTRY_HEAD;
    struct table *table = memory_alloc(1, sizeof *table);

    table->limits = *limits;
    table->grace = (uint64_t)(limits->grace / MILLISECOND);
    pages_init(&table->pages, limits->max_bytes);
    buckets_init(&table->buckets, &table->pages, limits->capacity < most ? limits->capacity : most);
    expiry_init(&table->expiry, &table->pages, now, limits->longest_life,
                slot_bits_for(limits->max_bytes));
    table->outside = value_account_create(SIZE_MAX);
    *needed = table_bytes(table) + pages_growth(&table->pages, PAGES_MOST);
    if (*needed > limits->max_bytes)
        table_destroy(&table);
    return table;
}

static size_t outside_bytes(const struct table *table)
{
    return atomic_load_explicit(&table->outside->bytes, memory_order_relaxed);
}

static void release_outside(struct table *table, const char *place)
{
    struct value *value = entry_outside(place);

    table->held -= value_charge_size(value->bytes.size);
    value_release(&value);
}

static void remove_entry(struct table *table, uint32_t handle)
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

static bool is_gone(const struct table *table, uint32_t handle)
{
    return epochs_is_gone(&table->epochs, entry_at(&table->pages, handle)->epoch);
}

/* Removes an entry for whose end there is a reason beside the room it takes. */
static void end_entry(struct table *table, uint32_t handle)
{
    const struct entry *entry = entry_at(&table->pages, handle);

    if (!is_gone(table, handle) && expiry_is_due(&table->expiry, entry))
        table->counters.expirations++;
    remove_entry(table, handle);
}

void table_destroy(struct table **table)
{
    struct table *destroyed = *table;

    *table = NULL;
    if (!destroyed)
        return;
    while (destroyed->reads)
        remove_entry(destroyed, destroyed->reads);
    value_account_abandon(&destroyed->outside);
    expiry_fini(&destroyed->expiry);
    buckets_fini(&destroyed->buckets);
    pages_fini(&destroyed->pages);
    free(destroyed);
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
    if (!handle || is_gone(table, handle))
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

static bool has_room(const struct table *table, size_t size)
{
    size_t bytes = table_bytes(table), most = table->limits.max_bytes;

    return table->entries < table->limits.capacity && bytes <= most &&
           pages_growth(&table->pages, size) <= most - bytes;
}

/* What the table takes when it is empty. */
static size_t fixed_bytes(const struct table *table)
{
    return sizeof *table + pages_least_bytes(&table->pages) + buckets_bytes(&table->buckets) +
           expiry_bytes(&table->expiry);
}

/* Whether an entry with `more` bytes outside would fit if it were the only one. Bytes that others
 * still hold of values do not go with the entries; that they hold those of one shows when its entry
 * is gone. */
static bool can_fit(const struct table *table, size_t more)
{
    size_t others = outside_bytes(table) - table->held;
    size_t page = PAGES_PAGE + MEMORY_OVERHEAD; /* the one that every entry fits into */

    return fixed_bytes(table) + page + others + more <= table->limits.max_bytes;
}

/* What lies outside the entry, where it has more than `most` bytes. */
static size_t charge_of(struct bytes bytes, size_t most)
{
    return bytes.size > most ? value_charge_size(bytes.size) : 0;
}

static bool make_room(struct table *table, size_t size)
{
    for (unsigned removed = 0; !has_room(table, size); removed++) {
        uint32_t oldest = list_last(&table->pages, table->reads, BY_READ);
        if (oldest == 0 || removed == ROOM_MOST || !can_fit(table, 0))
            return false;
        if (table->expiry.due) {
            end_entry(table, table->expiry.due);
        } else {
            table->counters.evictions += !is_gone(table, oldest);
            remove_entry(table, oldest);
        }
    }
    return true;
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
        !can_fit(table, charge_of(key, ENTRY_KEY_INLINE) +
                            charge_of(answer_bytes(answer), ENTRY_VALUE_INLINE)) ||
        !draft_init(&draft, table, key, answer))
        return false;
    buckets_grow(&table->buckets, table->entries + 1);
    if (!make_room(table, draft.size)) {
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
        end_entry(table, handle);
}

/* Removes at most `most` of the entries that are gone; true when none is left. They are never read,
 * so all others have been read or stored after them. */
static bool sweep(struct table *table, size_t most)
{
    uint32_t last;

    while ((last = list_last(&table->pages, table->reads, BY_READ)) != 0 && is_gone(table, last)) {
        if (most-- == 0)
            return false;
        remove_entry(table, last);
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
        end_entry(table, table->expiry.due);
    return !sweep(table, most) || has_passed(table, table->expiry.due);
}

size_t table_entries(const struct table *table)
{
    return table->entries;
}

size_t table_bytes(const struct table *table)
{
    return sizeof *table + pages_bytes(&table->pages) + buckets_bytes(&table->buckets) +
           expiry_bytes(&table->expiry) + outside_bytes(table);
}

const struct table_counters *table_counters(const struct table *table)
{
    return &table->counters;
}
