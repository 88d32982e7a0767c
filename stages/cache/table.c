#include "stages/cache/table.h"

#include "common/clock.h"
#include "common/memory.h"
#include "stages/cache/buckets.h"
#include "stages/cache/draft.h"
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
    size_t inline_most;            /* bytes of a value that lies in its entry */
    uint64_t grace;                /* ms */
    struct table_counters counters;
};

/* In a table of so many bytes (64 MiB) a page for each of many sizes, which is not full, is lost in
 * the whole; so sizes are fine, and all values that are copied lie inline: none is left to malloc
 * and what it fragments. In a smaller one sizes are coarse, and values above 1 KiB lie outside. */
#define AMPLE             (64 << 20)
#define INLINE_MOST       (VALUE_BY_REFERENCE - 1)
#define INLINE_MOST_SMALL 1024

struct table *table_create(const struct table_limits *limits, struct key_hash hash, int64_t now,
                           size_t *needed)
{
    size_t most = limits->max_bytes / ENTRY_HEAD;
    bool is_ample = limits->max_bytes >= AMPLE;
    struct table *table = memory_alloc(1, sizeof *table);

    table->limits = *limits;
    table->inline_most = is_ample ? INLINE_MOST : INLINE_MOST_SMALL;
    table->grace = (uint64_t)(limits->grace / MILLISECOND);
    pages_init(&table->pages, limits->max_bytes, is_ample);
    buckets_init(&table->buckets, &table->pages, hash,
                 limits->capacity < most ? limits->capacity : most);
    expiry_init(&table->expiry, &table->pages, now);
    table->outside = value_account_create(SIZE_MAX);
    *needed = table_bytes(table) + pages_page(&table->pages, ENTRY_HEAD);
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

static void release_all_outside(struct table *table, struct entry *entry)
{
    if (entry->value_size == ENTRY_VALUE_OUTSIDE)
        release_outside(table, entry_value_place(entry));
    if (entry->key_size == ENTRY_KEY_OUTSIDE)
        release_outside(table, entry->bytes);
}

static void remove_entry(struct table *table, uint32_t handle)
{
    uint32_t moved;

    release_all_outside(table, entry_at(&table->pages, handle));
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

static bool is_gone(const struct table *table, uint32_t handle)
{
    return epochs_is_gone(&table->epochs, entry_epoch(entry_at(&table->pages, handle)));
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
    for (uint32_t left = destroyed->reads; left;) {
        struct entry *entry = entry_at(&destroyed->pages, left);
        release_all_outside(destroyed, entry);
        left = entry->next != destroyed->reads ? entry->next : 0;
    }
    value_account_abandon(&destroyed->outside);
    expiry_fini(&destroyed->expiry);
    buckets_fini(&destroyed->buckets);
    pages_fini(&destroyed->pages);
    free(destroyed);
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
    if (!handle || is_gone(table, handle))
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

/* Whether an entry of `size` bytes with `more` outside would fit if it were the only one. Bytes
 * that others still hold of values do not go with the entries; that they hold those of one shows
 * when its entry is gone. */
static bool can_fit(const struct table *table, size_t size, size_t more)
{
    size_t others = outside_bytes(table) - table->held;

    return fixed_bytes(table) + pages_page(&table->pages, size) + others + more <=
           table->limits.max_bytes;
}

static bool make_room(struct table *table, size_t size)
{
    for (unsigned removed = 0; !has_room(table, size); removed++) {
        uint32_t oldest = list_last(&table->pages, table->reads);
        if (oldest == 0 || removed == ROOM_MOST || !can_fit(table, size, 0))
            return false;
        uint32_t expired = expiry_first(&table->expiry, table->expiry.now);
        if (expired) {
            end_entry(table, expired);
        } else {
            table->counters.evictions += !is_gone(table, oldest);
            remove_entry(table, oldest);
        }
    }
    return true;
}

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
    if (until <= (int64_t)table->expiry.now || !can_fit(table, draft.size, draft.charge) ||
        !draft_take(&draft, table->outside, answer->value))
        return false;
    buckets_grow(&table->buckets, table->entries + 1);
    if (!make_room(table, draft.size)) {
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
        end_entry(table, handle);
}

/* Removes at most `most` of the entries that are gone; true when none is left. They are never read,
 * so all others have been read or stored after them. */
static bool sweep(struct table *table, size_t most)
{
    uint32_t last;

    while ((last = list_last(&table->pages, table->reads)) != 0 && is_gone(table, last)) {
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
        end_entry(table, passed);
    return !sweep(table, most) || passed != 0;
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
