/* What the replies of Redis mean. An error reply begins with a code: "LOADING Redis is loading the
 * dataset in memory". All functions are pure. */
#ifndef WEIR_REDIS_ANSWER_H
#define WEIR_REDIS_ANSWER_H

#include "common/message.h"
#include "stages/redis_fetcher/redis_reply.h"

#include <stdbool.h>

/* The first word of an error. */
struct bytes redis_answer_error_code(struct bytes text);

/* The answer to the GET that was replied to so; it borrows the reply's bytes and value.
 * STATUS_ORIGIN_BROKEN: no GET is replied to so. */
struct answer redis_answer_to_get(const struct redis_reply *reply);

/* Whether a Redis that replies so to PING serves GETs. */
bool redis_answer_is_pong(const struct redis_reply *reply);

#endif
