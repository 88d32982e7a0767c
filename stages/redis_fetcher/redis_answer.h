/* What the replies of Redis mean. An error reply begins with a code: "LOADING Redis is loading the
 * dataset in memory". All functions are pure. */
#ifndef WEIR_REDIS_ANSWER_H
#define WEIR_REDIS_ANSWER_H

#include "common/message.h"
#include "stages/redis_fetcher/redis_reply.h"

#include <stdbool.h>

#define REDIS_RUN_ID 41 /* 40 hexadecimal digits and a zero byte */

/* The first word of an error. */
struct bytes redis_answer_error_code(struct bytes text);

/* The answer to the GET that was replied to so; it borrows the reply's bytes and value.
 * STATUS_ORIGIN_BROKEN: no GET is replied to so. */
struct answer redis_answer_to_get(const struct redis_reply *reply);

/* The life (ms) of a value whose PTTL was replied to so: 0 where the key was gone by then, or Redis
 * does not say. False: no PTTL is replied to so. */
bool redis_answer_to_pttl(const struct redis_reply *reply, uint32_t *life_ms);

/* The run_id in what INFO server was replied to so: which Redis it is, since when it was started.
 * False: there is none. */
bool redis_answer_to_info(const struct redis_reply *reply, char run_id[REDIS_RUN_ID]);

/* Whether a Redis that replies so to PING serves GETs. */
bool redis_answer_is_pong(const struct redis_reply *reply);

#endif
