/* Owns the list of Redis's error codes that weir tells apart. */
#include "stages/redis_fetcher/redis_answer.h"

#include "common/entity_tag.h"

struct bytes redis_answer_error_code(struct bytes text)
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

static enum status status_of_error(struct bytes text)
{
    /* Redis cannot serve anybody now, and will later. */
    static const char *const away[] = {
        "LOADING",     /* it has just started and reads its data set */
        "MASTERDOWN",  /* a replica that must not serve what may be stale */
        "BUSY",        /* a script runs for too long */
        "TRYAGAIN",    /* a cluster moves the slot at this moment */
        "CLUSTERDOWN", /* a cluster is not whole */
        "NOAUTH",      /* a password was set after we had connected */
        NULL,
    };
    struct bytes code = redis_answer_error_code(text);

    if (bytes_are_equal(code, bytes_of_text("WRONGTYPE")))
        return STATUS_WRONG_TYPE;
    return is_one_of(code, away) ? STATUS_AWAY : STATUS_ORIGIN_ERROR;
}

struct answer redis_answer_to_get(const struct redis_reply *reply)
{
    switch (reply->kind) {
    case REPLY_BULK:
        return (struct answer){.status = STATUS_VALUE,
                               .life_ms = MESSAGE_LIFE_UNBOUNDED,
                               .tag = reply->value ? reply->tag : entity_tag_of(reply->text),
                               .bytes = reply->text,
                               .value = reply->value};
    case REPLY_NIL:
        return (struct answer){.status = STATUS_NONE, .life_ms = MESSAGE_LIFE_UNBOUNDED};
    case REPLY_ERROR:
        return (struct answer){.status = status_of_error(reply->text)};
    case REPLY_SKIPPED: /* there is no room for it now */
        return (struct answer){.status = STATUS_BUSY};
    case REPLY_HUGE: /* a Redis with a raised proto-max-bulk-len */
        return (struct answer){.status = STATUS_ORIGIN_ERROR};
    case REPLY_MORE:
    case REPLY_STATUS:
    case REPLY_INTEGER:
    case REPLY_ARRAY:
    case REPLY_OTHER:
    case REPLY_BROKEN:
        break;
    }
    return (struct answer){.status = STATUS_ORIGIN_BROKEN};
}

bool redis_answer_to_pttl(const struct redis_reply *reply, uint32_t *life_ms)
{
    if (reply->kind != REPLY_INTEGER && reply->kind != REPLY_ERROR)
        return false;
    if (reply->kind == REPLY_ERROR || reply->number < -1)
        *life_ms = 0;
    else if (reply->number == -1)
        *life_ms = MESSAGE_LIFE_UNBOUNDED;
    else if (reply->number >= MESSAGE_LIFE_UNBOUNDED) /* seven weeks: less than it has will do */
        *life_ms = MESSAGE_LIFE_UNBOUNDED - 1;
    else
        *life_ms = (uint32_t)reply->number;
    return true;
}

bool redis_answer_to_info(const struct redis_reply *reply, char run_id[REDIS_RUN_ID])
{
    static const char field[] = "\nrun_id:";
    const char *found = NULL;

    if (reply->kind == REPLY_BULK && !reply->value)
        found = memmem(reply->text.data, reply->text.size, field, strlen(field));
    if (!found)
        return false;
    found += strlen(field);
    if (reply->text.data + reply->text.size - found < REDIS_RUN_ID - 1)
        return false;
    memcpy(run_id, found, REDIS_RUN_ID - 1);
    run_id[REDIS_RUN_ID - 1] = '\0';
    return true;
}

bool redis_answer_is_pong(const struct redis_reply *reply)
{
    /* Only PING itself is what is refused. */
    static const char *const refusals[] = {
        "NOPERM",  /* the user may not PING */
        "MISCONF", /* it cannot save to disk, and refuses writes, and PING among them */
        NULL,
    };

    if (reply->kind == REPLY_ERROR)
        return is_one_of(redis_answer_error_code(reply->text), refusals);
    return reply->kind == REPLY_STATUS && bytes_are_equal(reply->text, bytes_of_text("PONG"));
}
