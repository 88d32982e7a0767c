/* See gather.h. */
#include "stages/resp_frontend/gather.h"

#include "common/check.h"
#include "common/memory.h"

#include <stdlib.h>

#define KEPT_PARTS 64          /* memory of a larger gather is given back */
#define KEPT_BYTES (64 * 1024) /* likewise */

/* ---- the pool ---- */

static void free_gather(struct gather *gather)
{
    buffer_fini(&gather->keys);
    buffer_fini(&gather->bytes);
    free(gather->parts);
    free(gather);
}

static void release_values(struct gather *gather)
{
    for (size_t i = 0; i < gather->asked; i++)
        value_release(&gather->parts[i].value);
}

void gathers_fini(struct gathers *gathers)
{
    for (size_t i = 0; i < gathers->count; i++) {
        release_values(gathers->all[i]);
        free_gather(gathers->all[i]);
    }
    free(gathers->all);
    *gathers = (struct gathers){0};
}

static struct gather *take_gather(struct gathers *gathers)
{
    struct gather *gather = gathers->free;
    if (gather) {
        gathers->free = gather->next_free;
        gather->next_free = NULL;
        return gather;
    }
    if (gathers->count >= gathers->most)
        return NULL;
    gather = memory_alloc(1, sizeof *gather);
    gather->index = (uint32_t)gathers->count;
    gathers->all = memory_resize(gathers->all, gathers->count + 1, sizeof(*gathers->all));
    gathers->all[gathers->count++] = gather;
    return gather;
}

static void empty(struct buffer *buffer)
{
    buffer->size = 0;
    if (buffer->capacity > KEPT_BYTES)
        buffer_fini(buffer);
}

static void give_gather(struct gathers *gathers, struct gather *gather)
{
    release_values(gather);
    empty(&gather->keys);
    empty(&gather->bytes);
    if (gather->part_capacity > KEPT_PARTS) {
        free(gather->parts);
        gather->parts = NULL;
        gather->part_capacity = 0;
    }
    gather->asked = 0;
    gather->next_free = gathers->free;
    gathers->free = gather;
}

/* ---- asking ---- */

void gather_append_key(struct buffer *keys, struct bytes key)
{
    uint32_t size = (uint32_t)key.size;
    buffer_append(keys, &size, sizeof size);
    buffer_append(keys, key.data, key.size);
}

static struct bytes key_at(const struct gather *gather, size_t at)
{
    uint32_t size;
    memcpy(&size, gather->keys.data + at, sizeof size);
    return (struct bytes){gather->keys.data + at + sizeof size, size};
}

static bool is_all_asked(const struct gather *gather)
{
    return gather->asked == gather->question.count || gather->failure != STATUS_VALUE ||
           gather->is_too_large;
}

/* Where the port is busy and answers are under way, the rest is asked when those have come. */
static void ask_more(struct gather *gather)
{
    struct ask_port *port = gather->port;
    while (gather->missing < GATHER_WINDOW && !is_all_asked(gather)) {
        size_t part = gather->asked;
        uint64_t token = GATHER_TOKEN | (uint64_t)gather->index << 32 | part;
        struct bytes key = key_at(gather, gather->next_key);
        const struct ask ask = {.key = key, .deadline = gather->question.deadline};
        enum status status = port->ask(port, gather->is_survey ? part : PORT_BY_KEY, token, &ask);
        if (status == STATUS_BUSY && gather->missing > 0)
            return;
        gather->parts[part] = (struct gather_part){.status = status};
        gather->asked++;
        if (!gather->is_survey)
            gather->next_key += sizeof(uint32_t) + key.size;
        if (status == STATUS_VALUE)
            gather->missing++;
        else if (!gather->is_survey)
            gather->failure = status;
    }
}

static enum status start(struct gathers *gathers, struct ask_port *port, bool is_survey,
                         const struct gather_question *question)
{
    struct gather *gather = take_gather(gathers);
    if (!gather)
        return STATUS_BUSY;
    if (question->count > gather->part_capacity) {
        gather->parts = memory_resize(gather->parts, question->count, sizeof(*gather->parts));
        gather->part_capacity = question->count;
    }
    buffer_append(&gather->keys, question->keys.data, question->keys.size);
    gather->question = *question;
    gather->port = port;
    gather->is_survey = is_survey;
    gather->next_key = 0;
    gather->missing = 0;
    gather->failure = STATUS_VALUE;
    gather->is_too_large = false;
    gather->held = 0;
    ask_more(gather);
    if (gather->missing > 0)
        return STATUS_VALUE;
    enum status failure = is_survey ? STATUS_AWAY : gather->failure;
    give_gather(gathers, gather);
    return failure;
}

enum status gather_start(struct gathers *gathers, struct ask_port *port,
                         const struct gather_question *question)
{
    return start(gathers, port, false, question);
}

enum status gather_start_survey(struct gathers *gathers, struct ask_port *port,
                                const struct gather_question *question)
{
    struct gather_question survey = *question;
    survey.count = port->shards;
    return start(gathers, port, true, &survey);
}

/* ---- what comes back ---- */

static void keep_value(struct gather *gather, struct gather_part *part, const struct answer *answer)
{
    const struct bytes bytes = answer_bytes(answer);
    part->size = bytes.size;
    if (!gather->question.wants_values || gather->is_too_large)
        return;
    gather->held += bytes.size;
    if (gather->held > gather->question.max_bytes) {
        gather->is_too_large = true;
    } else if (answer->value) {
        part->value = value_share(answer->value);
    } else {
        part->at = gather->bytes.size;
        buffer_append(&gather->bytes, bytes.data, bytes.size);
    }
}

/* A key that is not there, or holds something else, is an answer like any other. */
static bool is_failure(enum status status)
{
    return status != STATUS_VALUE && status != STATUS_NONE && status != STATUS_WRONG_TYPE;
}

void gather_take(struct gathers *gathers, int64_t now, uint64_t token, const struct answer *answer)
{
    size_t index = (uint32_t)(token >> 32) & INT32_MAX;
    CHECK(index < gathers->count);
    struct gather *gather = gathers->all[index];
    CHECK((uint32_t)token < gather->asked && gather->missing > 0);
    struct gather_part *part = &gather->parts[(uint32_t)token];
    part->status = answer->status;
    if (answer->status == STATUS_VALUE)
        keep_value(gather, part, answer);
    else if (is_failure(answer->status) && !gather->is_survey)
        gather->failure = answer->status;
    gather->missing--;
    if (now >= gather->question.deadline && !is_all_asked(gather))
        gather->failure = STATUS_TIMEOUT;
    ask_more(gather);
    if (gather->missing > 0)
        return;
    gathers->on_done(gathers->owner, gather);
    give_gather(gathers, gather);
}

struct bytes gather_value(const struct gather *gather, size_t part)
{
    const struct gather_part *at = &gather->parts[part];
    if (at->value)
        return at->value->bytes;
    return (struct bytes){at->size > 0 ? gather->bytes.data + at->at : NULL, at->size};
}
