/* Counters on their way out. A stage keeps plain integers and hands them over in its `measure`
 * hook; the sink gathers them as text, which travels in a message to whoever asked.
 *
 * A sink's text is one line a sample: type TAB name TAB help TAB labels TAB value. metrics_expose
 * groups the lines of many sinks into the Prometheus text format (version 0.0.4), each family once
 * with its HELP and TYPE. Names are weir_<stage>_<what>_<unit>, counters end in _total. */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include "common/buffer.h"

#include <stddef.h>
#include <stdint.h>

struct metrics {
    struct buffer text;
    const char
        *stage; /* the instance, e.g. "cache.0": becomes the label stage="…" of each sample */
};

/* `labels` is further labels as they stand between braces (`status="200"`), or NULL. `help` is one
 * sentence without tab or newline. */
void metrics_counter(struct metrics *metrics, const char *name, const char *help,
                     const char *labels, uint64_t value);
void metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels,
                   int64_t value);

/* Appends to `out` the exposition of `count` texts gathered as above. A line that is not of that
 * form (a peer sent it) is left out. */
void metrics_expose(const struct bytes *texts, size_t count, struct buffer *out);

#endif
