/* Reads weir's counters, as a monitoring system would: GET /metrics from its admin port. */
#ifndef TESTS_SUPPORT_SCRAPE_H
#define TESTS_SUPPORT_SCRAPE_H

#include "blob.h"

#include <stdbool.h>
#include <stdint.h>

/* Appends the whole exposition of one process. */
void scrape_read(int admin_port, struct blob *metrics);

/* The sum, over all instances, of the samples of `name` whose labels contain `label` (such as
 * status="200"; NULL for any). 0 where there is none: a labelled counter may appear with its first
 * event. */
double scrape_sum(int admin_port, const char *name, const char *label);
double scrape_sum_in(const char *metrics, const char *name, const char *label);

/* Scrapes until the sum is `wanted`. False, with the last sum in `seen`, at the deadline. */
bool scrape_wait(int admin_port, const char *name, const char *label, double wanted,
                 int64_t deadline, double *seen);

#endif
