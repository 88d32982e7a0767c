/* The stage that clients speak the Redis protocol to: they read through what it asks, and find only
 * the commands that read. See docs/topology.md for its settings. */
#ifndef WEIR_RESP_FRONTEND_H
#define WEIR_RESP_FRONTEND_H

#include "common/stage.h"

extern const struct stage_kind resp_frontend_kind;

#endif
