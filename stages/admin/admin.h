/* The stage that operators and their systems speak to, over HTTP: a page at /, /metrics, /healthz,
 * /readyz, POST /reload and POST /purge. It knows the other stages only through the control ports
 * of the reactors they live in. */
#ifndef WEIR_ADMIN_H
#define WEIR_ADMIN_H

#include "common/stage.h"

extern const struct stage_kind admin_kind;

#endif
