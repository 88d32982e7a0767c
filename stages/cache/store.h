/* What the cache remembers, and what that says to an ask: the values, the keys that Redis does not
 * have (where these are remembered), and how fresh all of it is known to be.
 *
 * A key is remembered as the one or the other. Both have a table of their own, so that a scan of
 * random names pushes out no values. */
#ifndef WEIR_CACHE_STORE_H
#define WEIR_CACHE_STORE_H

#include "common/clock.h"
#include "common/error.h"
#include "common/message.h"
#include "common/stage.h"
#include "common/trail.h"
#include "stages/cache/freshness.h"
#include "stages/cache/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store {
    struct key_hash hash;
    struct table *values;
    struct table *absent;            /* keys that Redis does not have; NULL: not remembered */
    int64_t expiry, negative_expiry; /* ns: of the one and the other; 0: not remembered any more */
    int64_t stale_while_revalidate;  /* ns beyond its life that it can be answered with, and */
    int64_t stale_if_error;          /* where nothing else is to be had; 0: never */
    size_t max_value_size;           /* bytes */
    size_t capacity, negative_capacity, max_bytes;
    bool is_near; /* it asks another cache */
    struct freshness freshness;
    uint64_t epochs;   /* how often all became suspect, or changed */
    uint64_t uncached; /* values that could have been kept, but for their size */
};

/* Whether a cache's settings, which docs/topology.md describes, go together: as kind_spec.check. */
bool store_check(const struct settings *given, const char **blamed, struct error *error);

/* Keys are hashed by `hash`. CHECK: store_check has said so, here and below. */
void store_init(struct store *store, const struct stage_setup *setup, struct key_hash hash,
                int64_t now);
void store_fini(struct store *store);

/* Other settings from now on. What is held keeps the life it got when it entered. True where
 * changes are announced of other keys than before: what is held must become suspect. */
bool store_configure(struct store *store, const struct stage_setup *setup, struct moment now);

enum lookup {
    LOOKUP_MISS,
    LOOKUP_HIT,
    LOOKUP_STALE /* it is past its time: to be answered, and to be renewed */
};

/* What memory says to an ask. Unless that is a MISS, `found` holds the answer, valid until the next
 * call that changes the store; `*hop` is always set, with a MISS as for one who begins a flight. */
enum lookup store_look_up(struct store *store, struct moment now, uint32_t hash,
                          const struct ask *ask, struct found *found, struct hop *hop);

/* The same for an ask that failed: whether something past its time is to be answered instead. */
bool store_look_up_on_error(struct store *store, struct moment now, uint32_t hash, struct bytes key,
                            struct found *found, struct hop *hop);

/* Since when (boot ns) a fetch must be under way for others to join it. */
int64_t store_joinable_since(const struct store *store, struct moment now, struct bytes key);

/* What was answered to an ask that departed at `departed` (boot ns): makes `*answer` what is to be
 * passed on now. Its age, and what the origin left of its life, are counted from then, for it was
 * read after that; this cache's own expiry from now, when it enters. If the flight is clean this is
 * what is known of the key from now on; returns whether it is held. */
bool store_take(struct store *store, struct moment now, uint32_t hash, struct bytes key,
                int64_t departed, bool is_clean, struct answer *answer);

/* Heeds a notice; false when it means nothing to this cache. */
bool store_heed(struct store *store, int64_t now, const struct notice *notice, uint32_t hash);

/* Gives room back, a bounded piece; true when there is more to be done. */
bool store_expire(struct store *store, int64_t now);

size_t store_entries(const struct store *store); /* of both tables */
size_t store_bytes(const struct store *store);

#endif
