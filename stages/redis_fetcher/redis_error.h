/* What the errors of Redis mean. An error reply begins with a code: "LOADING Redis is loading the
 * dataset in memory". All functions are pure. */
#ifndef WEIR_REDIS_ERROR_H
#define WEIR_REDIS_ERROR_H

#include "common/bytes.h"
#include "common/message.h"

#include <stdbool.h>

/* The first word. */
struct bytes redis_error_code(struct bytes text);

/* What an error makes of the GET it answers: WRONG_TYPE, AWAY where Redis cannot serve anybody for
 * now and will later, ORIGIN_ERROR else. */
enum status redis_error_status(struct bytes text);

/* Whether a Redis that answers PING with this error serves GETs none the less: only PING itself is
 * what it refuses. */
bool redis_error_is_of_ping(struct bytes text);

#endif
