#include "common/metrics.h"

#include "common/memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

enum { TYPE, NAME, HELP, LABELS, VALUE, FIELDS };

struct sample {
    struct bytes fields[FIELDS];
};

static void add(struct metrics *metrics, const char *type, const char *name, const char *help,
                const char *labels)
{
    buffer_format(&metrics->text, "%s\t%s\t%s\tstage=\"%s\"%s%s\t", type, name, help,
                  metrics->stage, labels != NULL ? "," : "", labels != NULL ? labels : "");
}

void metrics_counter(struct metrics *metrics, const char *name, const char *help,
                     const char *labels, uint64_t value)
{
    add(metrics, "counter", name, help, labels);
    buffer_format(&metrics->text, "%" PRIu64 "\n", value);
}

void metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels,
                   int64_t value)
{
    add(metrics, "gauge", name, help, labels);
    buffer_format(&metrics->text, "%" PRId64 "\n", value);
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
    append_field(out, fields[NAME]);
    buffer_append_text(out, " ");
    append_field(out, fields[HELP]);
    buffer_append_text(out, "\n# TYPE ");
    append_field(out, fields[NAME]);
    buffer_append_text(out, " ");
    append_field(out, fields[TYPE]);
    buffer_append_text(out, "\n");
    for (size_t i = first; i < count; i++) {
        if (done[i] || !bytes_are_equal(samples[i].fields[NAME], fields[NAME]))
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
