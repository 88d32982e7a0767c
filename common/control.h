/* A reactor's control port: what it tells about itself and its stages, asked by messages like any
 * stage, at an address of its own. No counter of a stage is read by another thread.
 *
 *     "metrics"   VALUE: the metrics of all its stages, links and of itself (metrics.h)
 *     "ready"     VALUE: "name: reason" and a newline for each stage that cannot do its work now,
 *                 or one line for the reactor while it drains
 *     "reload"    the process reads its settings anew (host_reload.h); VALUE, once that has come to
 *                 its end: CONTROL_RELOADED and then, a line each, what has changed, or
 *                 CONTROL_REFUSED and then why nothing has
 *     other keys  NONE
 */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include "common/port.h"

#define CONTROL_RELOADED "reloaded\n"
#define CONTROL_REFUSED  "refused\n"

/* The control ports of reactors 0 to `count` - 1, as shards of one port; to be freed. */
struct port_shard *control_shards(size_t count);

/* The hooks behind a control port; its `stage` is the struct reactor. */
const struct stage_kind *control_kind(void);

#endif
