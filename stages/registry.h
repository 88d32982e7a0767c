/* kind -> stage: the only list of what stages there are. */
#ifndef WEIR_REGISTRY_H
#define WEIR_REGISTRY_H

#include "common/stage.h"

#define REGISTRY_COUNT 5

/* The kinds, in the order in which they stand on the way of a request. */
const struct stage_kind *registry_kind(size_t index);

/* The kind that has this spec (as found in a topology). */
const struct stage_kind *registry_of(const struct kind_spec *spec);

#endif
