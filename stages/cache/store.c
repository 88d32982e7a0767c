#include "stages/cache/store.h"

#include "common/check.h"
#include "common/text.h"

#define EXPIRE_MOST    256 /* entries removed in a turn, beyond those whose room is needed */
#define NEGATIVE_ENTRY 256 /* bytes of max_bytes set aside for each of negative_capacity, */
#define NEGATIVE_SHARE 4   /* but no more than this part of them all */
#define NEGATIVE_FIXED (1 << 20)

/* ---- its life ---- */

/* 0 where it was left out. */
static int64_t duration(const struct settings *settings, const char *name)
{
    return settings_text(settings, name) ? settings_number(settings, name) : 0;
}

static size_t negative_bytes(size_t max_bytes, size_t capacity)
{
    size_t wanted = NEGATIVE_FIXED + capacity * NEGATIVE_ENTRY;
    size_t most = max_bytes / NEGATIVE_SHARE;

    return wanted < most ? wanted : most;
}

static void read_settings(struct store *store, const struct settings *given)
{
    store->capacity = (size_t)settings_number(given, "capacity");
    store->max_bytes = (size_t)settings_number(given, "max_bytes");
    store->expiry = settings_number(given, "expiry");
    store->max_value_size = (size_t)settings_number(given, "max_value_size");
    store->negative_capacity = (size_t)settings_number(given, "negative_capacity");
    store->negative_expiry = duration(given, "negative_expiry");
    store->stale_while_revalidate = duration(given, "stale_while_revalidate");
    store->stale_if_error = duration(given, "stale_if_error");
}

static int64_t grace_of(const struct store *store)
{
    return store->stale_while_revalidate > store->stale_if_error ? store->stale_while_revalidate
                                                                 : store->stale_if_error;
}

static size_t set_aside(const struct store *store)
{
    return store->negative_expiry ? negative_bytes(store->max_bytes, store->negative_capacity) : 0;
}

static struct table_limits limits_of_values(const struct store *store)
{
    return (struct table_limits){store->capacity, store->max_bytes - set_aside(store),
                                 grace_of(store)};
}

/* Where absent keys are remembered. */
static struct table_limits limits_of_absent(const struct store *store)
{
    return (struct table_limits){store->negative_capacity, set_aside(store), grace_of(store)};
}

static struct table *create_table(struct table_limits limits, struct key_hash hash, int64_t now,
                                  const char *what, struct error *error)
{
    size_t needed = 0;
    struct table *table = table_create(&limits, hash, now, &needed);
    char text[24];

    if (!table)
        error_set(error, "is too small: a cache that can hold anything takes %s%s",
                  text_format_size((int64_t)needed, text), what);
    return table;
}

static bool create_tables(struct store *store, int64_t now, struct error *error)
{
    store->values = create_table(limits_of_values(store), store->hash, now, "", error);
    if (store->values && store->negative_expiry)
        store->absent = create_table(limits_of_absent(store), store->hash, now,
                                     " in its quarter for absent keys", error);
    return store->values && (store->absent || !store->negative_expiry);
}

bool store_check(const struct settings *given, const char **blamed, struct error *error)
{
    struct store store = {0};

    *blamed = "max_bytes";
    read_settings(&store, given);
    bool is_fine = create_tables(&store, 0, error);
    store_fini(&store);
    return is_fine;
}

static bool must_be_verified(const struct settings *given)
{
    return strcmp(settings_text(given, "on_disconnect"), "expire") == 0;
}

void store_init(struct store *store, const struct stage_setup *setup, struct key_hash hash,
                int64_t now)
{
    struct error error;

    *store = (struct store){.hash = hash, .is_near = setup->cache_count > 0};
    read_settings(store, setup->settings);
    freshness_init(&store->freshness, setup->origin, must_be_verified(setup->settings));
    CHECK(create_tables(store, now, &error)); /* store_check has said so */
}

/* Absent keys may have come to be remembered, or be so no longer: then those that are go first. */
static void configure_absent(struct store *store, int64_t now)
{
    struct table_limits limits = limits_of_absent(store);
    size_t needed;

    if (store->absent && store->negative_expiry)
        table_configure(store->absent, &limits, now);
    else if (store->absent)
        table_drop_all(store->absent);
    else if (store->negative_expiry)
        store->absent = table_create(&limits, store->hash, now, &needed);
}

bool store_configure(struct store *store, const struct stage_setup *setup, struct moment now)
{
    read_settings(store, setup->settings);
    const struct table_limits limits = limits_of_values(store);
    table_configure(store->values, &limits, now.boot);
    configure_absent(store, now.boot);
    return freshness_configure(&store->freshness, setup->origin, must_be_verified(setup->settings),
                               now.boot);
}

void store_fini(struct store *store)
{
    table_destroy(&store->values);
    table_destroy(&store->absent);
    freshness_fini(&store->freshness);
}

/* ---- looking up ---- */

static bool find_absent(struct store *store, int64_t now, uint32_t hash, struct bytes key,
                        struct found *found)
{
    if (!table_find(store->absent, hash, key, now, found))
        return false;
    found->answer.status = STATUS_NONE;
    return true;
}

static inline bool find(struct store *store, int64_t now, uint32_t hash, struct bytes key,
                        struct found *found)
{
    return table_find(store->values, hash, key, now, found) ||
           (store->absent && find_absent(store, now, hash, key, found));
}

/* Whether what has expired may be answered with for `limit` (ns) beyond its life. */
static bool is_within(const struct found *found, int64_t limit)
{
    return found->past_ms < (uint64_t)(limit / MILLISECOND);
}

static void mark_stale(struct hop *hop)
{
    hop->outcome = HOP_STALE;
    hop->ttl_ms = 0;
    hop->is_verified = false;
}

enum lookup store_look_up(struct store *store, struct moment now, uint32_t hash,
                          const struct ask *ask, struct found *found, struct hop *hop)
{
    *hop = (struct hop){.outcome = HOP_MISS};
    freshness_mark(&store->freshness, ask->key, now.boot, hop);
    if ((ask->flags & ASK_REFRESH) != 0 || !find(store, now.boot, hash, ask->key, found) ||
        !freshness_allows(&store->freshness, hop, found->is_suspect))
        return LOOKUP_MISS;
    if (found->answer.life_ms > 0) {
        hop->outcome = HOP_HIT;
        hop->ttl_ms = found->answer.life_ms;
        return LOOKUP_HIT;
    }
    if ((ask->flags & ASK_RENEW) != 0 || !is_within(found, store->stale_while_revalidate))
        return LOOKUP_MISS;
    mark_stale(hop);
    return LOOKUP_STALE;
}

bool store_look_up_on_error(struct store *store, struct moment now, uint32_t hash, struct bytes key,
                            struct found *found, struct hop *hop)
{
    *hop = (struct hop){0};
    freshness_mark(&store->freshness, key, now.boot, hop);
    if (store->stale_if_error == 0 || !find(store, now.boot, hash, key, found) ||
        !is_within(found, store->stale_if_error) ||
        !freshness_allows_on_error(&store->freshness, hop, found->is_suspect))
        return false;
    found->answer.life_ms = 0; /* it was to be fetched: who is given it keeps it not */
    mark_stale(hop);
    return true;
}

/* Where everything must be verified and nothing can be, a fetch is as good as max_staleness; unless
 * it is answered by another cache, which may have been that far behind when it was asked. */
int64_t store_joinable_since(const struct store *store, struct moment now, struct bytes key)
{
    const struct freshness *freshness = &store->freshness;
    struct hop hop = {0};

    freshness_mark(freshness, key, now.boot, &hop);
    if (!hop.is_announced || hop.is_verified || !freshness->must_be_verified)
        return INT64_MIN;
    return store->is_near ? now.boot : now.boot - freshness->max_staleness;
}

/* ---- keeping ---- */

static uint32_t ms_of(int64_t ns)
{
    int64_t ms = ns / MILLISECOND;

    return ms <= 0 ? 0 : ms < MESSAGE_LIFE_UNBOUNDED ? (uint32_t)ms : MESSAGE_LIFE_UNBOUNDED - 1;
}

/* When it ends (boot ns), or NEVER: by this cache's expiry, counted from now, when it enters, or by
 * what the origin left of its life, counted from when that was asked. */
static int64_t end_of(const struct store *store, int64_t now, int64_t departed,
                      const struct answer *answer)
{
    int64_t expires = answer->status == STATUS_VALUE ? now + store->expiry
                      : store->negative_expiry       ? now + store->negative_expiry
                                                     : NEVER;

    return answer->life_ms == MESSAGE_LIFE_UNBOUNDED
               ? expires
               : clock_earlier(expires, departed + answer->life_ms * MILLISECOND);
}

/* Whatever was held of the key is no longer true. */
static void forget(struct store *store, int64_t now, uint32_t hash, struct bytes key)
{
    table_remove(store->values, hash, key, now);
    if (store->absent)
        table_remove(store->absent, hash, key, now);
}

static bool keep(struct store *store, struct moment now, uint32_t hash, struct bytes key,
                 struct answer *answer, int64_t read, int64_t expires)
{
    bool is_value = answer->status == STATUS_VALUE;
    struct table *table = is_value ? store->values : store->negative_expiry ? store->absent : NULL;

    if (!table || answer->life_ms == 0)
        return false;
    if (answer_bytes(answer).size <= store->max_value_size &&
        table_store(table, hash, key, answer, read, expires, now.boot))
        return true;
    store->uncached += is_value;
    return false;
}

bool store_take(struct store *store, struct moment now, uint32_t hash, struct bytes key,
                int64_t departed, bool is_clean, struct answer *answer)
{
    bool is_known = answer_is_known(answer);
    int64_t read = departed - answer->age_ms * MILLISECOND;
    int64_t expires = end_of(store, now.boot, departed, answer);

    if (is_known) {
        answer->age_ms = ms_of(now.boot - read);
        if (!is_clean)
            answer->life_ms = 0;
        else if (expires != NEVER)
            answer->life_ms = ms_of(expires - now.boot);
    }
    if (!is_clean || (!is_known && answer->status != STATUS_WRONG_TYPE) ||
        !trail_is_fresh(answer->trail))
        return false;
    forget(store, now.boot, hash, key);
    return is_known && keep(store, now, hash, key, answer, read, expires);
}

/* ---- notices ---- */

static void suspect_all(struct store *store)
{
    table_suspect_all(store->values);
    if (store->absent)
        table_suspect_all(store->absent);
    store->epochs++;
}

static void drop_all(struct store *store)
{
    table_drop_all(store->values);
    if (store->absent)
        table_drop_all(store->absent);
    store->epochs++;
}

bool store_heed(struct store *store, int64_t now, const struct notice *notice, uint32_t hash)
{
    switch (notice->kind) {
    case NOTICE_KEY:
        forget(store, now, hash, notice->key);
        return true;
    case NOTICE_ALL:
        drop_all(store);
        return true;
    case NOTICE_LOST:
        if (store->freshness.is_on)
            suspect_all(store);
        freshness_lose(&store->freshness);
        return store->freshness.is_on;
    case NOTICE_PROVEN:
        return store->freshness.is_on && freshness_prove(&store->freshness, notice->proven);
    }
    return false;
}

/* ---- time and room ---- */

bool store_expire(struct store *store, int64_t now)
{
    bool is_more = table_expire(store->values, now, EXPIRE_MOST);

    if (store->absent)
        is_more |= table_expire(store->absent, now, EXPIRE_MOST);
    if (store->absent && !store->negative_expiry && table_entries(store->absent) == 0)
        table_destroy(&store->absent);
    return is_more;
}

size_t store_entries(const struct store *store)
{
    return table_entries(store->values) + (store->absent ? table_entries(store->absent) : 0);
}

size_t store_bytes(const struct store *store)
{
    return table_bytes(store->values) + (store->absent ? table_bytes(store->absent) : 0);
}
