/* Owns the list of Redis's error codes that weir tells apart. */
#include "stages/redis_fetcher/redis_error.h"

struct bytes redis_error_code(struct bytes text)
{
    const char *end = text.size > 0 ? memchr(text.data, ' ', text.size) : NULL;

    return (struct bytes){text.data, end ? (size_t)(end - text.data) : text.size};
}

static bool is_one_of(struct bytes code, const char *const *codes)
{
    for (; *codes; codes++)
        if (bytes_are_equal(code, bytes_of_text(*codes)))
            return true;
    return false;
}

enum status redis_error_status(struct bytes text)
{
    static const char *const away[] = {
        "LOADING",     /* it has just started and reads its data set */
        "MASTERDOWN",  /* a replica that must not serve what may be stale */
        "BUSY",        /* a script runs for too long */
        "TRYAGAIN",    /* a cluster moves the slot at this moment */
        "CLUSTERDOWN", /* a cluster is not whole */
        "NOAUTH",      /* a password was set after we had connected */
        NULL,
    };
    struct bytes code = redis_error_code(text);

    if (bytes_are_equal(code, bytes_of_text("WRONGTYPE")))
        return STATUS_WRONG_TYPE;
    return is_one_of(code, away) ? STATUS_AWAY : STATUS_ORIGIN_ERROR;
}

bool redis_error_is_of_ping(struct bytes text)
{
    static const char *const refusals[] = {
        "NOPERM",  /* the user may not PING */
        "MISCONF", /* it cannot save to disk, and refuses writes, and PING among them */
        NULL,
    };

    return is_one_of(redis_error_code(text), refusals);
}
