/* The stage that operators and their systems speak to, over HTTP: /metrics, /healthz, /readyz and
 * POST /reload. It knows the other stages only through the control ports of the reactors they live
 * in. */
#ifndef WEIR_ADMIN_H
#define WEIR_ADMIN_H

#include "common/stage.h"

extern const struct stage_kind admin_kind;

#endif
