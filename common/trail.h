/* The trail of an answer: what each cache that it passed made of it, the one nearest the origin
 * first. The caches write it, the HTTP front end shows it (RFC 9211), and a near cache keeps only
 * what its trail allows.
 *
 * It lies as it does on the wire, TRAIL_HOP bytes a cache: outcome u8 (with TRAIL_… bits),
 * ttl u32 (ms), proof u32 (ms). All functions are pure. */
#ifndef WEIR_TRAIL_H
#define WEIR_TRAIL_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define TRAIL_HOP  9 /* bytes */
#define TRAIL_MOST 8 /* hops: a topology with more caches in a row is refused */

enum hop_outcome {
    HOP_HIT = 0,
    HOP_STALE = 1,     /* a hit, past its time */
    HOP_MISS = 2,      /* it was fetched for this ask */
    HOP_COLLAPSED = 3, /* for another one, which this ask joined */
    HOP_OUTCOMES
};

struct hop {
    enum hop_outcome outcome;
    bool is_stored;    /* MISS, COLLAPSED: it was kept */
    bool is_announced; /* changes of this key are announced to the cache: it may be verified */
    bool is_verified;  /* the proof was young enough when the ask came */
    uint32_t ttl_ms;   /* HIT, STALE: what remained of its life; STALE: 0 */
    uint32_t proof_ms; /* the proof's age then, or MESSAGE_NO_PROOF */
};

/* Copies `before` and one more hop into `room`; the result lies there. A trail that is full stays
 * as it is. */
struct bytes trail_add(char room[TRAIL_MOST * TRAIL_HOP], struct bytes before,
                       const struct hop *hop);

/* Takes the first hop off; false at the end. */
bool trail_next(struct bytes *trail, struct hop *hop);

/* Whether the bytes, which may come from another machine, are a trail. */
bool trail_is_valid(struct bytes trail);

/* Whether a cache may keep what has come this way: no hop answered with something stale, or with
 * something unverified where it could have been. */
bool trail_is_fresh(struct bytes trail);

#endif
