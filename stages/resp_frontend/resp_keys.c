/* The read commands: what each asks for, and what its answer looks like to Redis's clients.
 *
 * One key is asked for as it stands; several, and a range, become a gather: the question that goes
 * through the server's admission is then a head, and behind it the keys. */
#include "stages/resp_frontend/resp_keys.h"

#include "stages/resp_frontend/resp_command.h"

struct question_head {
    int64_t note[2]; /* see enum resp_shape */
    uint64_t count;  /* of keys */
};

/* A failure of an answer, in the words of an error reply. */
static const char *const failures[STATUS_COUNT] = {
    [STATUS_WRONG_TYPE] = "WRONGTYPE Operation against a key holding the wrong kind of value",
    [STATUS_ORIGIN_ERROR] = "ERR Redis answered with an error",
    [STATUS_ORIGIN_BROKEN] = "ERR Redis answered with something that is not its protocol",
    [STATUS_AWAY] = "ERR Redis cannot be reached at the moment, try again later",
    [STATUS_BUSY] = "ERR too much work is in progress, try again later",
    [STATUS_WAITED_TOO_LONG] = "ERR the command waited too long for its turn, try again later",
    [STATUS_TIMEOUT] = "ERR Redis did not answer in time",
};

/* ---- from a command to a question ---- */

static enum server_take ask(struct resp_call *call, enum resp_shape shape, struct bytes key)
{
    const struct resp_session *session = call->session;
    call->taken->form = shape | (session->is_resp3 ? RESP_FORM_RESP3 : 0) |
                        (session->is_off || session->skips_this ? RESP_FORM_MUTED : 0);
    call->taken->key = key;
    return SERVER_ASK;
}

static enum server_take refuse_key(struct resp_call *call)
{
    return resp_call_error(call, "ERR a key of more than %d bytes cannot be asked for",
                           MESSAGE_MAX_KEY);
}

static enum server_take ask_one(struct resp_call *call, enum resp_shape shape)
{
    struct bytes key = call->arguments[1];
    return key.size > MESSAGE_MAX_KEY ? refuse_key(call) : ask(call, shape, key);
}

enum server_take resp_ask_gather(struct resp_call *call, enum resp_shape shape, size_t count,
                                 const struct bytes *keys, const int64_t note[2])
{
    struct question_head head = {.note = {note[0], note[1]}, .count = count};
    struct buffer *question = &call->frontend->question;
    question->size = 0;
    buffer_append(question, &head, sizeof head);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].size > MESSAGE_MAX_KEY)
            return refuse_key(call);
        gather_append_key(question, keys[i]);
    }
    return ask(call, shape, buffer_bytes(question));
}

enum server_take resp_get(struct resp_call *call)
{
    return ask_one(call, RESP_VALUE);
}

enum server_take resp_strlen(struct resp_call *call)
{
    return ask_one(call, RESP_LENGTH);
}

enum server_take resp_mget(struct resp_call *call)
{
    return resp_ask_gather(call, RESP_VALUES, call->count - 1, call->arguments + 1,
                           (int64_t[2]){0});
}

enum server_take resp_exists(struct resp_call *call)
{
    if (call->count == 2)
        return ask_one(call, RESP_EXISTENCE);
    return resp_ask_gather(call, RESP_COUNT, call->count - 1, call->arguments + 1, (int64_t[2]){0});
}

enum server_take resp_getrange(struct resp_call *call)
{
    int64_t range[2];
    if (!resp_call_integer(call, 2, &range[0]) || !resp_call_integer(call, 3, &range[1]))
        return SERVER_REPLY;
    return resp_ask_gather(call, RESP_RANGE, 1, call->arguments + 1, range);
}

/* ---- the question's turn has come ---- */

enum status resp_keys_ask(struct resp_frontend *frontend, uint64_t token, uint32_t form,
                          struct bytes key, int64_t deadline)
{
    enum resp_shape shape = form & RESP_SHAPE_MASK;
    if (shape < RESP_GATHERED)
        return port_ask(frontend->asks, token, &(struct ask){.key = key, .deadline = deadline});
    struct question_head head;
    memcpy(&head, key.data, sizeof head);
    struct gather_question question = {
        .token = token,
        .keys = {key.data + sizeof head, key.size - sizeof head},
        .count = head.count,
        .deadline = deadline,
        .wants_values = shape != RESP_COUNT,
        .max_bytes = frontend->limits.max_output,
        .note = {head.note[0], head.note[1]},
    };
    return shape == RESP_INFO
               ? gather_start_survey(&frontend->gathers, frontend->control, &question)
               : gather_start(&frontend->gathers, frontend->asks, &question);
}

/* ---- from an answer to a reply ---- */

/* These return what became of the command, as enum resp_outcome has it. */

static unsigned put_failure(enum status status, struct server_output *out)
{
    resp_reply_error(&out->bytes, bytes_of_text(failures[status]));
    return status;
}

static void put_value(struct bytes bytes, struct value *value, struct server_output *out)
{
    if (!value) {
        resp_reply_bulk(&out->bytes, bytes);
        return;
    }
    resp_reply_bulk_head(&out->bytes, value->bytes.size);
    server_output_add_value(out, value);
    resp_reply_bulk_end(&out->bytes);
}

static void put_values(const struct gather *gather, bool is_resp3, struct server_output *out)
{
    resp_reply_array(&out->bytes, gather->asked);
    for (size_t i = 0; i < gather->asked; i++)
        if (gather->parts[i].status == STATUS_VALUE)
            put_value(gather_value(gather, i), gather->parts[i].value, out);
        else
            resp_reply_null(&out->bytes, is_resp3);
}

static void put_count(const struct gather *gather, struct server_output *out)
{
    int64_t count = 0;
    for (size_t i = 0; i < gather->asked; i++)
        count += gather->parts[i].status != STATUS_NONE;
    resp_reply_integer(&out->bytes, count);
}

/* The bytes from `first` to `last`, each counted from the end where it is negative. */
static struct bytes cut(struct bytes whole, int64_t first, int64_t last)
{
    const int64_t size = (int64_t)whole.size;
    if (first < 0 && last < 0 && first > last)
        return (struct bytes){0};
    first = first < 0 ? first + size : first;
    last = last < 0 ? last + size : last;
    first = first < 0 ? 0 : first;
    last = last < 0 ? 0 : last;
    last = last >= size ? size - 1 : last;
    if (first > last || size == 0)
        return (struct bytes){0};
    return (struct bytes){whole.data + first, (size_t)(last - first + 1)};
}

static unsigned put_range(const struct gather *gather, struct server_output *out)
{
    const struct gather_part *part = &gather->parts[0];
    const int64_t *range = gather->question.note;
    if (part->status == STATUS_WRONG_TYPE)
        return put_failure(STATUS_WRONG_TYPE, out);
    if (part->status == STATUS_NONE)
        resp_reply_bulk(&out->bytes, (struct bytes){0});
    else
        resp_reply_bulk(&out->bytes, cut(gather_value(gather, 0), range[0], range[1]));
    return part->status;
}

static unsigned respond_gathered(struct resp_frontend *frontend, enum resp_shape shape,
                                 bool is_resp3, struct server_output *out)
{
    const struct gather *gather = frontend->done;
    if (gather->is_too_large) {
        resp_reply_error(&out->bytes,
                         bytes_of_text("ERR the values are larger than max_output together"));
        return RESP_REJECTED;
    }
    if (shape == RESP_RANGE)
        return put_range(gather, out);
    if (shape == RESP_VALUES)
        put_values(gather, is_resp3, out);
    else if (shape == RESP_COUNT)
        put_count(gather, out);
    else
        resp_info_put(frontend, gather, is_resp3, &out->bytes);
    return STATUS_VALUE;
}

static unsigned respond_one(enum resp_shape shape, bool is_resp3, const struct answer *answer,
                            struct server_output *out)
{
    const enum status status = answer->status;
    if (shape == RESP_EXISTENCE && status <= STATUS_WRONG_TYPE)
        resp_reply_integer(&out->bytes, status != STATUS_NONE);
    else if (shape == RESP_LENGTH && status <= STATUS_NONE)
        resp_reply_integer(&out->bytes, (int64_t)answer_bytes(answer).size);
    else if (shape == RESP_VALUE && status == STATUS_VALUE)
        put_value(answer->bytes, answer->value, out);
    else if (shape == RESP_VALUE && status == STATUS_NONE)
        resp_reply_null(&out->bytes, is_resp3);
    else
        return put_failure(status, out);
    return status == STATUS_WRONG_TYPE ? STATUS_VALUE : status; /* it exists, and was counted */
}

void resp_keys_respond(struct resp_frontend *frontend, uint32_t form, const struct answer *answer,
                       struct server_output *out)
{
    const enum resp_shape shape = form & RESP_SHAPE_MASK;
    const bool is_resp3 = form & RESP_FORM_RESP3;
    unsigned outcome;
    if (form & RESP_FORM_MUTED)
        outcome = RESP_SILENT;
    else if (shape < RESP_GATHERED)
        outcome = respond_one(shape, is_resp3, answer, out);
    else if (answer->status == STATUS_VALUE)
        outcome = respond_gathered(frontend, shape, is_resp3, out);
    else
        outcome = put_failure(answer->status, out);
    frontend->counters.outcomes[outcome]++;
}
