/* Words that people write in settings: counts, durations, sizes, flags. All of them refuse zero, a
 * sign, white space, a missing unit and anything behind the number; they return false and set
 * nothing then. */
#ifndef WEIR_TEXT_H
#define WEIR_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* "512": 1 to INT32_MAX. */
bool text_parse_count(const char *text, int64_t *count);

/* "250ms", "60s", "5m", "1h": to nanoseconds; at most ten years. */
bool text_parse_duration(const char *text, int64_t *nanoseconds);

/* "800", "64KiB", "16MiB", "1GiB": to bytes; at most 2^50. */
bool text_parse_size(const char *text, int64_t *bytes);

/* "true", "false": 1, 0. */
bool text_parse_flag(const char *text, int64_t *flag);

/* Writes the shortest of these forms that says the same ("60s", "1GiB") and returns `out`. */
const char *text_format_duration(int64_t nanoseconds, char out[24]);
const char *text_format_size(int64_t bytes, char out[24]);

#endif
