/* What is known of how fresh things are, and what that allows.
 *
 * Where Redis announces changes, a proof says that every write acknowledged before a moment has
 * been announced to this cache. It stands for max_staleness from that moment on; meanwhile what is
 * held and not suspect is verified. Without one, `on_disconnect: serve` answers with what is held
 * all the same, marked, and `expire` does as if nothing were. Pure. */
#ifndef WEIR_CACHE_FRESHNESS_H
#define WEIR_CACHE_FRESHNESS_H

#include "common/message.h"
#include "common/settings.h"
#include "common/trail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct freshness {
    bool is_on;             /* changes are announced */
    bool must_be_verified;  /* on_disconnect: expire */
    struct bytes *prefixes; /* of the keys whose changes are; none: of all keys */
    size_t prefix_count;
    int64_t max_staleness; /* ns */
    int64_t proven;        /* boot ns: the latest proof, or NOT_PROVEN */
    int64_t since;         /* boot ns: earlier proofs are about other prefixes */
};

#define NOT_PROVEN INT64_MIN

/* `origin` as in struct stage_setup, whose texts are borrowed; NULL: no changes are announced. */
void freshness_init(struct freshness *freshness, const struct settings *origin,
                    bool must_be_verified);
void freshness_fini(struct freshness *freshness);

/* Other settings from `now` (boot ns) on; whether changes are announced stays as it was. True where
 * they are announced of other keys than before: then what is proven so far is about those. */
bool freshness_configure(struct freshness *freshness, const struct settings *origin,
                         bool must_be_verified, int64_t now);

/* All writes acknowledged before `proven` (boot ns) have been announced. False: that says nothing
 * about the keys meant, or no more than is known. */
bool freshness_prove(struct freshness *freshness, int64_t proven);

/* Notices may have been missed. */
void freshness_lose(struct freshness *freshness);

/* Whether the proof stands at `now` (boot ns). */
bool freshness_is_proven(const struct freshness *freshness, int64_t now);

/* What there is to say where changes are announced, of some keys. */
void freshness_mark_announced(const struct freshness *freshness, struct bytes key, int64_t now,
                              struct hop *hop);

/* Sets what a hop says of the proof when `key` is asked for: is_announced, is_verified, proof_ms.
 */
static inline void freshness_mark(const struct freshness *freshness, struct bytes key, int64_t now,
                                  struct hop *hop)
{
    hop->is_announced = false;
    hop->is_verified = false;
    hop->proof_ms = MESSAGE_NO_PROOF;
    if (freshness->is_on)
        freshness_mark_announced(freshness, key, now, hop);
}

/* Whether an ask marked so may be answered with what is held, and may still be when it failed to be
 * answered otherwise: then something suspect is better than nothing, unless it must be verified. */
static inline bool freshness_allows(const struct freshness *freshness, const struct hop *hop,
                                    bool is_suspect)
{
    if (hop->is_verified)
        return !is_suspect;
    return !hop->is_announced || !freshness->must_be_verified;
}

static inline bool freshness_allows_on_error(const struct freshness *freshness,
                                             const struct hop *hop, bool is_suspect)
{
    return !freshness->must_be_verified || freshness_allows(freshness, hop, is_suspect);
}

#endif
