/* What a topology that was read anew changes of the one that runs. Pure.
 *
 * Settings that their kinds declare as live may change, and beside them log_level, drain_timeout
 * and allow_file; nothing else may: the stages, how they are linked and where they are placed stay
 * as they were at the start. What is only about other processes than the one that runs, and about
 * no stage that it asks, counts as no difference; nor does the order in which stages are written,
 * nor another way to write the same value. */
#ifndef WEIR_TOPOLOGY_COMPARE_H
#define WEIR_TOPOLOGY_COMPARE_H

#include "common/topology.h"

/* Appends to `fixed` a line for each difference that cannot become true while weir runs
 *
 *     topology.yml:12: http.listen: cannot change while weir runs; restart it
 *
 * and to `changes` one for each that can: "cache.expiry: 60s -> 30s". The process to run is chosen
 * in both. */
void topology_compare(const struct topology *running, const struct topology *wanted,
                      struct buffer *fixed, struct buffer *changes);

#endif
