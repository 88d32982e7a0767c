/* Counters on their way out. A stage keeps plain integers and hands them over in its `measure`
 * hook; the sink gathers them as text, which travels in a message to whoever asked.
 *
 * A sink's text is one line a sample: type TAB name TAB help TAB labels TAB value. metrics_expose
 * groups the lines of many sinks into the Prometheus text format (version 0.0.4), each family once
 * with its HELP and TYPE. Names are weir_<stage>_<what>_<unit> in base units (seconds, bytes),
 * counters end in _total. docs/metrics.md describes them all. */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include "common/buffer.h"
#include "common/histogram.h"

#include <stddef.h>
#include <stdint.h>

struct metrics {
    struct buffer text;
    const char
        *stage; /* the instance, e.g. "cache.0": becomes the label stage="…" of each sample */
};

/* `labels` is further labels as they stand between braces (`status="200"`), or NULL; what is in
 * their quotes comes from metrics_quote where it is not a word of ours. `help` is one sentence
 * without tab, newline or backslash. */
void metrics_counter(struct metrics *metrics, const char *name, const char *help,
                     const char *labels, uint64_t value);
void metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels,
                   int64_t value);

/* A gauge in seconds of a duration in ns, to the last of them; NEVER stands for one that is not
 * known, and is exposed as NaN. */
void metrics_seconds(struct metrics *metrics, const char *name, const char *help,
                     const char *labels, int64_t duration);

/* The samples name_bucket, name_sum and name_count of a histogram of times, whose name ends in
 * _seconds; and of one of counts, with bounds up to the power of two `most`. */
void metrics_times(struct metrics *metrics, const char *name, const char *help, const char *labels,
                   const struct histogram *histogram);
void metrics_counts(struct metrics *metrics, const char *name, const char *help, const char *labels,
                    const struct histogram *histogram, uint64_t most);

/* Appends `name="value"`, and a NUL that does not count, with whatever the format wants escaped in
 * a value. What could break the sink's lines, other control characters, becomes a blank. */
void metrics_quote(struct buffer *labels, const char *name, const char *value);

/* Appends to `out` the exposition of `count` texts gathered as above. A line that is not of that
 * form (a peer sent it) is left out. */
void metrics_expose(const struct bytes *texts, size_t count, struct buffer *out);

#endif
