/* Reads over the Redis protocol: the stage. What its clients say goes from the parser to a command
 * (resp_command), and from there to a reply, or to a question and later its reply (resp_keys).
 *
 * Owns its server (connections, order, limits: common/server), the sessions of its clients, the
 * gathers under way and the counters. Runs in its reactor's thread; never blocks but for the
 * password file, at the start. */
#include "stages/resp_frontend/resp_frontend.h"

#include "common/memory.h"
#include "common/password.h"
#include "common/redis_url.h"
#include "stages/resp_frontend/resp_command.h"
#include "stages/resp_frontend/resp_keys.h"
#include "stages/resp_frontend/resp_session.h"

#include <stdio.h>
#include <stdlib.h>

SERVER_STAGE(struct resp_frontend);

/* ---- what its server calls ---- */

static void on_connect(void *owner, void *session, int descriptor)
{
    resp_session_open(owner, session, descriptor);
}

static void on_close(void *owner, void *session)
{
    resp_session_close(owner, session);
}

static void reply_protocol_error(struct resp_call *call, size_t input_size)
{
    call->taken->size = input_size;
    call->taken->is_last = true;
    resp_call_error(call, "ERR %s", call->frontend->parser.error);
}

/* One that was not asked for. */
static void count_reply(struct resp_frontend *frontend, struct bytes reply)
{
    unsigned outcome = STATUS_VALUE;
    if (reply.size == 0)
        outcome = RESP_SILENT;
    else if (reply.data[0] == '-')
        outcome = RESP_REJECTED;
    frontend->counters.outcomes[outcome]++;
}

static enum server_take take(void *owner, void *session_memory, struct bytes input,
                             struct server_taken *taken, struct buffer *reply)
{
    struct resp_frontend *frontend = owner;
    struct resp_session *session = session_memory;
    struct resp_parser *parser = &frontend->parser;
    if (input.size < session->needed)
        return SERVER_MORE;
    const enum resp_parse parse = resp_parser_take(parser, input, !session->is_known);
    session->needed = parser->needed;
    if (parse == RESP_MORE)
        return SERVER_MORE;
    struct resp_call call = {
        .frontend = frontend,
        .session = session,
        .arguments = parser->arguments,
        .count = parser->count,
        .taken = taken,
        .reply = reply,
    };
    taken->size = parser->size;
    enum server_take outcome = SERVER_REPLY;
    if (parse == RESP_BAD)
        reply_protocol_error(&call, input.size);
    else if (call.count > 0)
        outcome = resp_command_run(&call);
    if (outcome == SERVER_REPLY) {
        if (resp_session_is_muted(session))
            reply->size = 0; /* what is not answered is still done */
        count_reply(frontend, buffer_bytes(reply));
    }
    resp_session_end_command(session);
    return outcome;
}

static enum status ask(void *owner, uint64_t token, uint32_t form, struct bytes key,
                       int64_t deadline)
{
    return resp_keys_ask(owner, token, form, key, deadline);
}

static void respond(void *owner, void *session, uint32_t form, struct bytes note, bool closes,
                    const struct answer *answer, struct server_output *out)
{
    (void)session, (void)note, (void)closes;
    resp_keys_respond(owner, form, answer, out);
}

/* Redis, too, closes without a word where a command does not arrive. */
static void refuse(void *owner, enum server_refusal refusal, struct buffer *out)
{
    if (refusal == SERVER_TOO_MANY)
        resp_reply_error(out, bytes_of_text("ERR max number of clients reached"));
    count_reply(owner, buffer_bytes(out));
}

static const struct server_protocol protocol = {
    .name = "resp",
    .session_size = sizeof(struct resp_session),
    .on_connect = on_connect,
    .on_close = on_close,
    .take = take,
    .ask = ask,
    .respond = respond,
    .refuse = refuse,
};

static void on_gathered(void *owner, struct gather *gather)
{
    struct resp_frontend *frontend = owner;
    frontend->done = gather;
    server_answer(frontend->server, gather->question.token,
                  &(struct answer){.status = gather->failure});
    frontend->done = NULL;
}

/* ---- the stage ---- */

static void destroy(void **stage)
{
    struct resp_frontend *frontend = *stage;
    *stage = NULL;
    if (!frontend)
        return;
    server_destroy(&frontend->server);
    gathers_fini(&frontend->gathers);
    resp_parser_fini(&frontend->parser);
    buffer_fini(&frontend->question);
    free(frontend->database);
    free(frontend);
}

static bool read_password(struct resp_frontend *frontend, const struct settings *settings,
                          struct error *error)
{
    const char *password = settings_text(settings, "password");
    const char *path = settings_text(settings, "password_file");
    struct error reason;
    if (!path) {
        resp_session_set_password(frontend, password);
        return true;
    }
    char *read = password_read(path, &reason);
    if (!read)
        return error_set(error, "password_file: %s", reason.text);
    resp_session_set_password(frontend, read);
    sodium_memzero(read, strlen(read));
    free(read);
    return true;
}

/* The number of the database that is read through this stage; "0" where the origin has none. */
static char *database_of(const struct settings *origin)
{
    struct redis_url url;
    struct error ignored;
    if (!origin || strcmp(origin->kind->name, "redis-fetcher") != 0 ||
        !redis_url_parse(&url, settings_text(origin, "url"), &ignored))
        return memory_copy_text("0");
    char *database = memory_copy_text(url.database);
    redis_url_fini(&url);
    return database;
}

/* Each request in progress has one at most; those that were given up may have as many. */
static size_t most_gathers(const struct server_limits *limits)
{
    return 2 * limits->max_parallel;
}

static void *create(const struct stage_setup *setup, struct error *error)
{
    struct resp_frontend *frontend = memory_alloc(1, sizeof(*frontend));
    void *stage = frontend;
    frontend->limits = server_limits_of(setup->settings);
    frontend->asks = setup->asks;
    frontend->control = setup->control;
    frontend->clock = setup->clock;
    frontend->address = setup->address;
    frontend->started = clock_read(setup->clock).mono;
    frontend->database = database_of(setup->origin);
    frontend->gathers = (struct gathers){
        .on_done = on_gathered, .owner = frontend, .most = most_gathers(&frontend->limits)};
    if ((sodium_init() < 0 && !error_set(error, "libsodium does not start")) ||
        !read_password(frontend, setup->settings, error) ||
        !(frontend->server = server_create(setup, &frontend->limits, &protocol, frontend, error)))
        destroy(&stage);
    return stage;
}

static void configure(void *stage, struct moment now, const struct stage_setup *setup)
{
    struct resp_frontend *frontend = stage;
    (void)now;
    frontend->limits = server_limits_of(setup->settings);
    frontend->gathers.most = most_gathers(&frontend->limits);
    server_configure(frontend->server, setup, &frontend->limits);
}

static void on_answer(void *stage, struct moment now, uint64_t token, const struct answer *answer)
{
    struct resp_frontend *frontend = stage;
    if (token & GATHER_TOKEN)
        gather_take(&frontend->gathers, now.mono, token, answer);
    else
        server_answer(frontend->server, token, answer);
}

static const char *const outcome_labels[RESP_OUTCOMES] = {
    [STATUS_VALUE] = "status=\"ok\"",
    [STATUS_NONE] = "status=\"none\"",
    [STATUS_WRONG_TYPE] = "status=\"wrong_type\"",
    [STATUS_ORIGIN_ERROR] = "status=\"origin_error\"",
    [STATUS_ORIGIN_BROKEN] = "status=\"origin_broken\"",
    [STATUS_AWAY] = "status=\"away\"",
    [STATUS_BUSY] = "status=\"busy\"",
    [STATUS_WAITED_TOO_LONG] = "status=\"waited_too_long\"",
    [STATUS_TIMEOUT] = "status=\"timeout\"",
    [RESP_REJECTED] = "status=\"rejected\"",
    [RESP_SILENT] = "status=\"silent\"",
};

static void measure(void *stage, struct moment now, struct metrics *metrics)
{
    struct resp_frontend *frontend = stage;
    const struct resp_command *commands = resp_commands();
    char label[48];
    (void)now;
    for (size_t i = 0; commands[i].name; i++) {
        snprintf(label, sizeof label, "command=\"%s\"", commands[i].name);
        metrics_counter(metrics, "weir_resp_commands_total", "Commands of clients.", label,
                        frontend->counters.commands[i]);
    }
    metrics_counter(metrics, "weir_resp_refused_commands_total",
                    "Commands that weir does not serve.", NULL, frontend->counters.refused);
    for (size_t i = 0; i < RESP_OUTCOMES; i++)
        metrics_counter(metrics, "weir_resp_requests_total", "Commands answered.",
                        outcome_labels[i], frontend->counters.outcomes[i]);
    server_measure(frontend->server, metrics);
}

/* Redis itself keeps idle connections for ever, and pools of clients rely on it. */
static const struct setting_spec settings[] = {
    SERVER_SETTINGS("1h"),
    {.name = "password", .type = SETTING_SECRET},
    {.name = "password_file", .type = SETTING_TEXT},
    {0},
};

const struct stage_kind resp_frontend_kind = {
    .spec =
        {
            .name = "resp-frontend",
            .settings = settings,
            .asks = true,
            .asks_control = true,
            .listens = true,
        },
    .create = create,
    .configure = configure,
    .on_open = server_on_open,
    .on_answer = on_answer,
    .on_turn = server_on_turn,
    .measure = measure,
    .unready = server_unready,
    .drain = server_drain,
    .is_drained = server_is_drained,
    .destroy = destroy,
};
