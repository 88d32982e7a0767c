#include "common/text.h"

#include "common/clock.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LONGEST_DURATION (INT64_C(3650) * 24 * 3600 * SECOND)
#define LARGEST_SIZE     (INT64_C(1) << 50)

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first, so that formatting finds the shortest form. */
static const struct unit durations[] = {
    {"h", 3600 * SECOND}, {"m", 60 * SECOND}, {"s", SECOND}, {"ms", MILLISECOND}, {NULL, 0}};
static const struct unit sizes[] = {
    {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}, {NULL, 0}};
static const struct unit counts[] = {{"", 1}, {NULL, 0}};

static bool parse(const char *text, const struct unit *units, int64_t most, int64_t *result)
{
    int64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (number > most / 10)
            return false;
        number = number * 10 + (*at - '0');
    }
    if (at == text || number == 0)
        return false;
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (strcmp(at, unit->name) != 0)
            continue;
        if (number > most / unit->factor)
            return false;
        *result = number * unit->factor;
        return true;
    }
    return false;
}

static const char *format(int64_t number, const struct unit *units, char out[24])
{
    const struct unit *unit = units;
    while (unit[1].name != NULL && (number == 0 || number % unit->factor != 0))
        unit++;
    snprintf(out, 24, "%" PRId64 "%s", number / unit->factor, unit->name);
    return out;
}

bool text_parse_count(const char *text, int64_t *count)
{
    return parse(text, counts, INT32_MAX, count);
}

bool text_parse_duration(const char *text, int64_t *nanoseconds)
{
    return parse(text, durations, LONGEST_DURATION, nanoseconds);
}

bool text_parse_size(const char *text, int64_t *bytes)
{
    return parse(text, sizes, LARGEST_SIZE, bytes);
}

bool text_parse_flag(const char *text, int64_t *flag)
{
    bool is_true = strcmp(text, "true") == 0;

    if (!is_true && strcmp(text, "false") != 0)
        return false;
    *flag = is_true;
    return true;
}

const char *text_format_duration(int64_t nanoseconds, char out[24])
{
    return format(nanoseconds, durations, out);
}

const char *text_format_size(int64_t bytes, char out[24])
{
    return format(bytes, sizes, out);
}
