/* How values are spread: plain counters in the memory of whoever measures, read by its own thread.
 *
 * Bucket i counts what is at most 2^i units and does not fit the bucket before it, so that adding
 * takes a few instructions and no table; the last one counts what is larger than all of them. A
 * unit is 1 where things are counted, and HISTOGRAM_FINEST where they take time. metrics.h makes
 * samples of it. */
#ifndef WEIR_HISTOGRAM_H
#define WEIR_HISTOGRAM_H

#include "common/clock.h"

#include <stdint.h>

#define HISTOGRAM_BUCKETS 21                 /* those with a bound */
#define HISTOGRAM_FINEST  (16 * MICROSECOND) /* so the last bound of time is 16.8 s */

/* A zeroed one is empty. */
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS + 1];
    uint64_t sum; /* of all that was added; ns, where it is time */
};

static inline unsigned histogram_bucket(uint64_t units)
{
    unsigned bucket = units > 1 ? 64 - (unsigned)__builtin_clzll(units - 1) : 0;
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS;
}

static inline void histogram_add_count(struct histogram *histogram, uint64_t count)
{
    histogram->counts[histogram_bucket(count)]++;
    histogram->sum += count;
}

/* `duration` in ns, not negative. */
static inline void histogram_add_time(struct histogram *histogram, int64_t duration)
{
    uint64_t ns = (uint64_t)duration;
    histogram->counts[histogram_bucket((ns + HISTOGRAM_FINEST - 1) / HISTOGRAM_FINEST)]++;
    histogram->sum += ns;
}

#endif
