/* The Prometheus text format (version 0.0.4), read without any leniency: what weir exposes must be
 * exactly of the form that it promises in docs/metrics.md. */
#ifndef TESTS_SUPPORT_EXPOSITION_H
#define TESTS_SUPPORT_EXPOSITION_H

#include "blob.h"

#include <stdbool.h>
#include <stddef.h>

struct exposition_family {
    char name[96], type[16];
    char labels[128]; /* names, in their order, with ", " between; without a histogram's `le` */
};

struct exposition {
    struct exposition_family *families;
    size_t count;
};

/* Checks that
 *   - each family comes once, with HELP, TYPE and at least one sample, and its samples together;
 *   - names, labels and escapes are as the format has them, and no sample comes twice;
 *   - all samples of a family have the same labels;
 *   - counters end in _total and are integers, as all counts are; gauges are numbers, or NaN;
 *   - a histogram has, for each set of labels, buckets that grow up to +Inf, their sum, their
 * count. False, and the line and what is wrong with it in `error`; exposition_fini frees in any
 * case. */
bool exposition_parse(const char *text, struct exposition *exposition, struct blob *error);
void exposition_fini(struct exposition *exposition);

/* NULL: there is none. */
const struct exposition_family *exposition_find(const struct exposition *exposition,
                                                const char *name);

#endif
