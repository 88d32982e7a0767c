/* What clients have seen, held against what weir has counted: docs/metrics.md says how the counters
 * add up. All that was asked must have been answered and read. */
#ifndef TESTS_SUPPORT_TALLY_H
#define TESTS_SUPPORT_TALLY_H

#include "blob.h"

#include <stdbool.h>

#define TALLY_STATUSES 600

/* A zeroed one has seen nothing. */
struct tally {
    unsigned http[TALLY_STATUSES]; /* responses by status */
    unsigned replies, errors; /* over the Redis protocol: those that are none, and those that are */
};

void tally_response(struct tally *tally, int status);

/* `reply` begins with its type. */
void tally_reply(struct tally *tally, const struct blob *reply);

/* Compares with `metrics`, the expositions of all processes one behind the other. False, with a
 * line in `report` for each difference. */
bool tally_check(const struct tally *tally, const char *metrics, struct blob *report);

#endif
