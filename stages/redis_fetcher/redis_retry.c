/* Owns the pauses between attempts to connect; keeps no time. */
#include "stages/redis_fetcher/redis_retry.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

int64_t redis_retry_pause(struct redis_retry *retry, int64_t worked)
{
    if (retry->pause == 0 || worked >= RETRY_MOST)
        retry->pause = RETRY_FIRST;
    else
        retry->pause = clock_earlier(retry->pause * 2, RETRY_MOST);
    return retry->pause / 4 * 3 + randombytes_uniform((uint32_t)(retry->pause / 2));
}

bool redis_retry_is_news(struct redis_retry *retry, const char *trouble)
{
    char last[sizeof(retry->trouble)];

    memcpy(last, retry->trouble, sizeof(last));
    snprintf(retry->trouble, sizeof(retry->trouble), "%s", trouble);
    return strcmp(last, retry->trouble) != 0;
}
