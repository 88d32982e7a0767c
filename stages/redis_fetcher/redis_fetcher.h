/* The stage that fetches from Redis: it is asked, and asks Redis over its connections. */
#ifndef WEIR_REDIS_FETCHER_H
#define WEIR_REDIS_FETCHER_H

#include "common/stage.h"

extern const struct stage_kind redis_fetcher_kind;

#endif
