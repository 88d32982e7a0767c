/* Moments for tests that have one time only. The clocks do not begin together, so that a time of
 * one that is taken for a time of another shows. */
#ifndef WEIR_TESTS_MOMENT_H
#define WEIR_TESTS_MOMENT_H

#include "common/clock.h"

#define MOMENT_BOOT (7000 * SECOND) /* what boot is ahead of mono, where nothing was suspended */

static inline int64_t moment_boot(int64_t mono)
{
    return mono + MOMENT_BOOT;
}

static inline struct moment moment_at(int64_t mono)
{
    return (struct moment){.mono = mono, .boot = moment_boot(mono)};
}

#endif
