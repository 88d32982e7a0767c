/* When to connect again, and whether to say why it did not work. Embedded: zeroed is fresh. */
#ifndef WEIR_REDIS_RETRY_H
#define WEIR_REDIS_RETRY_H

#include "common/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define RETRY_FIRST (50 * MILLISECOND) /* the pause; a quarter more or less, by chance */
#define RETRY_MOST  (1 * SECOND)       /* it doubles up to this */

struct redis_retry {
    int64_t pause;     /* ns: the last one, before chance */
    char trouble[160]; /* the last one, "" when there was none */
};

/* The pause (ns) after a connection that was lost or could not be made. One that has worked for
 * `worked` ns and then was lost begins anew with the shortest, unless it worked for less than the
 * longest pause: so one that is lost again and again does not spin. */
int64_t redis_retry_pause(struct redis_retry *retry, int64_t worked);

/* Whether `trouble` is another one than the last: the same one, at each of the attempts that go on
 * for ever, is worth saying once. "" when all is well. */
bool redis_retry_is_news(struct redis_retry *retry, const char *trouble);

#endif
