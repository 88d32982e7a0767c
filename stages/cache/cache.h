/* The cache: answers from memory what it can, and asks towards the origin for the rest, each key
 * once however many ask for it.
 *
 * Settings and metrics are declared in cache.c; docs/topology.md describes them. */
#ifndef WEIR_CACHE_CACHE_H
#define WEIR_CACHE_CACHE_H

#include "common/stage.h"

extern const struct stage_kind cache_kind;

#endif
