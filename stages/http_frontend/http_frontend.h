/* The stage that clients speak HTTP to: GET /<key> asks for the key. See docs/topology.md for its
 * settings. */
#ifndef WEIR_HTTP_FRONTEND_H
#define WEIR_HTTP_FRONTEND_H

#include "common/stage.h"

extern const struct stage_kind http_frontend_kind;

#endif
