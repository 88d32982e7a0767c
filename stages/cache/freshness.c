#include "stages/cache/freshness.h"

#include "common/clock.h"
#include "common/memory.h"

#include <stdlib.h>

static void set_prefixes(struct freshness *freshness, const char *list)
{
    const char *item;
    size_t count = 0;

    for (item = list; *item; item = settings_list_next(item))
        count++;
    freshness->prefixes = memory_alloc(count + 1, sizeof *freshness->prefixes);
    for (item = list; *item; item = settings_list_next(item))
        freshness->prefixes[freshness->prefix_count++] = bytes_of_text(item);
}

void freshness_init(struct freshness *freshness, const struct settings *origin,
                    bool must_be_verified)
{
    *freshness = (struct freshness){.must_be_verified = must_be_verified, .proven = NOT_PROVEN};
    freshness->is_on = origin && settings_has(origin, "invalidation.mode") &&
                       settings_text(origin, "invalidation.mode");
    if (!freshness->is_on)
        return;
    freshness->max_staleness = settings_number(origin, "max_staleness");
    set_prefixes(freshness, settings_list(origin, "invalidation.prefixes"));
}

void freshness_fini(struct freshness *freshness)
{
    free(freshness->prefixes);
    *freshness = (struct freshness){0};
}

void freshness_prove(struct freshness *freshness, int64_t proven)
{
    if (proven > freshness->proven)
        freshness->proven = proven;
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
