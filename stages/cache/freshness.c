#include "stages/cache/freshness.h"

#include "common/clock.h"
#include "common/memory.h"

#include <stdlib.h>

static void set_prefixes(struct freshness *freshness, const char *list)
{
    const char *item;
    size_t count = 0;

    free(freshness->prefixes);
    freshness->prefix_count = 0;

    for (item = list; *item; item = settings_list_next(item))
        count++;
    freshness->prefixes = memory_alloc(count + 1, sizeof *freshness->prefixes);
    for (item = list; *item; item = settings_list_next(item))
        freshness->prefixes[freshness->prefix_count++] = bytes_of_text(item);
}

void freshness_init(struct freshness *freshness, const struct settings *origin,
                    bool must_be_verified)
{
    *freshness = (struct freshness){.proven = NOT_PROVEN, .since = INT64_MIN};
    freshness->is_on = origin && settings_has(origin, "invalidation.mode") &&
                       settings_text(origin, "invalidation.mode");
    freshness_configure(freshness, origin, must_be_verified, INT64_MIN);
}

void freshness_fini(struct freshness *freshness)
{
    free(freshness->prefixes);
    *freshness = (struct freshness){0};
}

/* Whether these are the prefixes that there are. */
static bool has_prefixes(const struct freshness *freshness, const char *list)
{
    size_t i = 0;

    for (; *list && i < freshness->prefix_count; list = settings_list_next(list))
        if (!bytes_are_equal(freshness->prefixes[i++], bytes_of_text(list)))
            return false;
    return !*list && i == freshness->prefix_count;
}

bool freshness_configure(struct freshness *freshness, const struct settings *origin,
                         bool must_be_verified, int64_t now)
{
    freshness->must_be_verified = must_be_verified;
    if (!freshness->is_on)
        return false;
    const char *list = settings_list(origin, "invalidation.prefixes");
    bool is_changed = !has_prefixes(freshness, list);
    freshness->max_staleness = settings_number(origin, "max_staleness");
    set_prefixes(freshness, list);
    if (is_changed)
        freshness->since = now;
    return is_changed;
}

bool freshness_prove(struct freshness *freshness, int64_t proven)
{
    if (proven <= freshness->proven || proven < freshness->since)
        return false;
    freshness->proven = proven;
    return true;
}

void freshness_lose(struct freshness *freshness)
{
    freshness->proven = NOT_PROVEN;
}

bool freshness_is_proven(const struct freshness *freshness, int64_t now)
{
    return freshness->proven != NOT_PROVEN && now - freshness->proven <= freshness->max_staleness;
}

static bool is_covered(const struct freshness *freshness, struct bytes key)
{
    for (size_t i = 0; i < freshness->prefix_count; i++) {
        struct bytes prefix = freshness->prefixes[i];
        if (key.size >= prefix.size && memcmp(key.data, prefix.data, prefix.size) == 0)
            return true;
    }
    return freshness->prefix_count == 0;
}

/* Rounded up: a proof is never told to be younger than it is. */
static uint32_t proof_ms(const struct freshness *freshness, int64_t now)
{
    if (freshness->proven == NOT_PROVEN)
        return MESSAGE_NO_PROOF;
    int64_t ms = (now - freshness->proven + MILLISECOND - 1) / MILLISECOND;
    return ms < 0 ? 0 : ms < MESSAGE_NO_PROOF ? (uint32_t)ms : MESSAGE_NO_PROOF - 1;
}

void freshness_mark_announced(const struct freshness *freshness, struct bytes key, int64_t now,
                              struct hop *hop)
{
    if (!is_covered(freshness, key))
        return;
    hop->is_announced = true;
    hop->is_verified = freshness_is_proven(freshness, now);
    hop->proof_ms = proof_ms(freshness, now);
}
