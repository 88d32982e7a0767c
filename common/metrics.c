#include "common/metrics.h"

#include "common/memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { TYPE, NAME, HELP, LABELS, VALUE, FIELDS };

struct sample {
    struct bytes fields[FIELDS];
    struct bytes family; /* the name, but for what tells a histogram's samples apart */
};

/* ---- into the sink ---- */

void metrics_quote(struct buffer *labels, const char *name, const char *value)
{
    buffer_format(labels, "%s=\"", name);
    for (const char *at = value; *at; at++) {
        const bool is_control = (unsigned char)*at < ' ' && *at != '\n';
        if (*at == '\\' || *at == '"')
            buffer_append(labels, "\\", 1);
        buffer_append(labels, is_control ? " " : *at == '\n' ? "\\n" : at, *at == '\n' ? 2 : 1);
    }
    buffer_format(labels, "\"");
}

/* All of a line but its value. `suffix` follows the name, `bound` the labels; each may be "". */
static void add(struct metrics *metrics, const char *type, const char *name, const char *suffix,
                const char *help, const char *labels, const char *bound)
{
    buffer_format(&metrics->text, "%s\t%s%s\t%s\t", type, name, suffix, help);
    metrics_quote(&metrics->text, "stage", metrics->stage);
    buffer_format(&metrics->text, "%s%s%s\t", labels != NULL ? "," : "",
                  labels != NULL ? labels : "", bound);
}

static void add_integer(struct metrics *metrics, uint64_t value)
{
    buffer_format(&metrics->text, "%" PRIu64 "\n", value);
}

static void add_seconds(struct metrics *metrics, uint64_t ns)
{
    buffer_format(&metrics->text, "%" PRIu64 ".%09" PRIu64 "\n", ns / SECOND, ns % SECOND);
}

void metrics_counter(struct metrics *metrics, const char *name, const char *help,
                     const char *labels, uint64_t value)
{
    add(metrics, "counter", name, "", help, labels, "");
    add_integer(metrics, value);
}

void metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels,
                   int64_t value)
{
    add(metrics, "gauge", name, "", help, labels, "");
    buffer_format(&metrics->text, "%" PRId64 "\n", value);
}

void metrics_seconds(struct metrics *metrics, const char *name, const char *help,
                     const char *labels, int64_t duration)
{
    add(metrics, "gauge", name, "", help, labels, "");
    if (duration == NEVER)
        buffer_append_text(&metrics->text, "NaN\n");
    else
        add_seconds(metrics, (uint64_t)duration);
}

static void format_bound(char out[32], uint64_t bound, bool is_time)
{
    const uint64_t us = bound * (HISTOGRAM_FINEST / MICROSECOND);
    if (is_time)
        snprintf(out, 32, ",le=\"%" PRIu64 ".%06" PRIu64 "\"", us / 1000000, us % 1000000);
    else
        snprintf(out, 32, ",le=\"%" PRIu64 "\"", bound);
}

static void add_histogram(struct metrics *metrics, const char *name, const char *help,
                          const char *labels, const struct histogram *histogram, size_t buckets,
                          bool is_time)
{
    static const char type[] = "histogram";
    char bound[32];
    uint64_t count = 0;
    for (size_t i = 0; i < buckets; i++) {
        count += histogram->counts[i];
        format_bound(bound, UINT64_C(1) << i, is_time);
        add(metrics, type, name, "_bucket", help, labels, bound);
        add_integer(metrics, count);
    }
    for (size_t i = buckets; i <= HISTOGRAM_BUCKETS; i++)
        count += histogram->counts[i];
    add(metrics, type, name, "_bucket", help, labels, ",le=\"+Inf\"");
    add_integer(metrics, count);
    add(metrics, type, name, "_sum", help, labels, "");
    (is_time ? add_seconds : add_integer)(metrics, histogram->sum);
    add(metrics, type, name, "_count", help, labels, "");
    add_integer(metrics, count);
}

void metrics_times(struct metrics *metrics, const char *name, const char *help, const char *labels,
                   const struct histogram *histogram)
{
    add_histogram(metrics, name, help, labels, histogram, HISTOGRAM_BUCKETS, true);
}

void metrics_counts(struct metrics *metrics, const char *name, const char *help, const char *labels,
                    const struct histogram *histogram, uint64_t most)
{
    add_histogram(metrics, name, help, labels, histogram, histogram_bucket(most) + 1, false);
}

/* ---- out of the sinks ---- */

/* A histogram's samples are called as it is, and _bucket, _sum or _count behind that. */
static struct bytes family_of(const struct sample *sample)
{
    struct bytes name = sample->fields[NAME];
    if (bytes_are_equal(sample->fields[TYPE], bytes_of_text("histogram")))
        while (name.size > 0 && name.data[--name.size] != '_')
            continue;
    return name;
}

/* Takes one line off `text`; false when it is not five fields. */
static bool parse_sample(struct bytes *text, struct sample *sample)
{
    const char *newline = memchr(text->data, '\n', text->size);
    struct bytes line = {text->data, newline ? (size_t)(newline - text->data) : text->size};
    size_t taken = line.size + (newline != NULL);
    *text = (struct bytes){text->data + taken, text->size - taken};

    for (size_t field = 0; field < FIELDS; field++) {
        const char *tab = line.size > 0 ? memchr(line.data, '\t', line.size) : NULL;
        bool is_last = field == FIELDS - 1;
        if (is_last != (tab == NULL))
            return false;
        size_t size = is_last ? line.size : (size_t)(tab - line.data);
        if (size == 0)
            return false;
        sample->fields[field] = (struct bytes){line.data, size};
        if (!is_last)
            line = (struct bytes){tab + 1, line.size - size - 1};
    }
    sample->family = family_of(sample);
    return true;
}

static void append_field(struct buffer *out, struct bytes field)
{
    buffer_append(out, field.data, field.size);
}

static void expose_family(const struct sample *samples, size_t count, size_t first, bool *done,
                          struct buffer *out)
{
    const struct bytes *fields = samples[first].fields;
    buffer_append_text(out, "# HELP ");
    append_field(out, samples[first].family);
    buffer_append_text(out, " ");
    append_field(out, fields[HELP]);
    buffer_append_text(out, "\n# TYPE ");
    append_field(out, samples[first].family);
    buffer_append_text(out, " ");
    append_field(out, fields[TYPE]);
    buffer_append_text(out, "\n");
    for (size_t i = first; i < count; i++) {
        if (done[i] || !bytes_are_equal(samples[i].family, samples[first].family))
            continue;
        done[i] = true;
        append_field(out, samples[i].fields[NAME]);
        buffer_append_text(out, "{");
        append_field(out, samples[i].fields[LABELS]);
        buffer_append_text(out, "} ");
        append_field(out, samples[i].fields[VALUE]);
        buffer_append_text(out, "\n");
    }
}

void metrics_expose(const struct bytes *texts, size_t count, struct buffer *out)
{
    struct sample *samples = NULL;
    size_t used = 0, room = 0;
    for (size_t i = 0; i < count; i++) {
        struct bytes rest = texts[i];
        while (rest.size > 0) {
            if (used == room) {
                room = room > 0 ? room * 2 : 64;
                samples = memory_resize(samples, room, sizeof *samples);
            }
            if (parse_sample(&rest, &samples[used]))
                used++;
        }
    }
    if (used > 0) {
        bool *done = memory_alloc(used, sizeof *done);
        for (size_t i = 0; i < used; i++)
            if (!done[i])
                expose_family(samples, used, i, done, out);
        free(done);
    }
    free(samples);
}
