/* GET over HTTP: a path is a key, a status of an answer is a status of HTTP.
 *
 * Owns its server (connections, order, limits: common/server) and the counters of statuses. Runs in
 * its reactor's thread; keeps nothing of a request itself. */
#include "stages/http_frontend/http_frontend.h"

#include "common/http_none_match.h"
#include "common/http_percent.h"
#include "common/http_server.h"
#include "common/memory.h"
#include "stages/http_frontend/fresh_fields.h"

#include <stdlib.h>

struct http_frontend {
    struct server *server;
    struct ask_port *asks;
    struct http_server http;
    struct fresh_fields chain;
    bool allows_refresh;
    char key[HTTP_MAX_TARGET]; /* decoded, until it has been asked for */
    struct buffer tags;        /* of If-None-Match, likewise */
};
SERVER_STAGE(struct http_frontend);

/* The form of a request, beside what http_server keeps there. */
#define FORM_REFRESH   HTTP_SERVER_SPARE_FORM        /* no stored answer will do */
#define FORM_ANY_MATCH (HTTP_SERVER_SPARE_FORM << 1) /* If-None-Match: * */

static const char usage[] = "This is weir, a cache in front of Redis.\n"
                            "GET /<key> answers with the value of the key; percent-encode what a "
                            "path cannot hold.\n";

/* What a client is told about each failure of an answer. */
static const struct failure {
    int status;
    const char *text;
} failures[STATUS_COUNT] = {
    [STATUS_NONE] = {404, "there is no such key"},
    [STATUS_WRONG_TYPE] = {409, "the key holds a value of another type than a string"},
    [STATUS_ORIGIN_ERROR] = {502, "Redis answered with an error"},
    [STATUS_ORIGIN_BROKEN] = {502, "Redis answered with something that is not its protocol"},
    [STATUS_AWAY] = {503, "Redis cannot be reached at the moment, try again later"},
    [STATUS_BUSY] = {503, "too much work is in progress, try again later"},
    [STATUS_WAITED_TOO_LONG] = {503, "the request waited too long for its turn, try again later"},
    [STATUS_TIMEOUT] = {504, "Redis did not answer in time"},
};

/* What the request says about stored answers: its note is the tags of If-None-Match. */
static void take_conditions(struct http_frontend *frontend, const struct http_request *request,
                            struct server_taken *taken)
{
    if (request->is_no_cache && frontend->allows_refresh)
        taken->form |= FORM_REFRESH;
    if (!request->has_none_match)
        return;
    frontend->tags.size = 0;
    if (http_none_match_parse(request->head, &frontend->tags) == HTTP_MATCH_ANY)
        taken->form |= FORM_ANY_MATCH;
    taken->note = buffer_bytes(&frontend->tags);
}

static enum server_take take(void *owner, void *session, struct bytes input,
                             struct server_taken *taken, struct buffer *reply)
{
    struct http_frontend *frontend = owner;
    struct http_server *http = &frontend->http;
    struct http_request request;
    enum server_take outcome = http_server_take(http, session, input, &request, taken, reply);
    if (outcome != SERVER_ASK)
        return outcome;
    if (request.path.size == 0) {
        http_server_text(http, 200, HTTP_PLAIN, bytes_of_text(usage), taken->form, taken->is_last,
                         reply);
        return SERVER_REPLY;
    }
    take_conditions(frontend, &request, taken);
    taken->key = request.path;
    if (!memchr(request.path.data, '%', request.path.size))
        return SERVER_ASK;
    taken->key.data = frontend->key;
    if (!http_percent_decode(request.path, frontend->key, &taken->key.size))
        return http_server_reject(http, 400, "a % in the path is not followed by two hex digits",
                                  taken, reply);
    return SERVER_ASK;
}

static enum status ask(void *owner, uint64_t token, uint32_t form, struct bytes key,
                       int64_t deadline)
{
    struct http_frontend *frontend = owner;
    struct ask asked = {
        .key = key, .deadline = deadline, .flags = (form & FORM_REFRESH) != 0 ? ASK_REFRESH : 0};
    return port_ask(frontend->asks, token, &asked);
}

/* RFC 9110, 13.1.2: the client has what it asks for. */
static bool is_not_modified(uint32_t form, struct bytes tags, const struct answer *answer)
{
    return (form & FORM_ANY_MATCH) != 0 ||
           (tags.size > 0 && answer->tag != 0 && http_none_match_has(tags, answer->tag));
}

static void respond(void *owner, void *session, uint32_t form, struct bytes note, bool closes,
                    const struct answer *answer, struct server_output *out)
{
    struct http_frontend *frontend = owner;
    struct http_server *http = &frontend->http;
    char room[FRESH_FIELDS_ROOM];
    struct bytes freshness = {0};
    (void)session;
    if (answer->status == STATUS_VALUE || answer->status == STATUS_NONE)
        freshness = fresh_fields_format(&frontend->chain, answer, room);
    if (answer->status != STATUS_VALUE) {
        const struct failure *failure = &failures[answer->status];
        http_server_error_with(http, failure->status, failure->text, freshness, form, closes,
                               &out->bytes);
        return;
    }
    struct http_head head = {.status = 200,
                             .type = "application/octet-stream",
                             .length = answer_bytes(answer).size,
                             .fields = freshness};
    bool is_known = is_not_modified(form, note, answer);
    if (is_known)
        head = (struct http_head){.status = 304, .fields = freshness};
    http_server_head(http, &head, form, closes, &out->bytes);
    if (is_known || http_server_is_head(form))
        return;
    if (answer->value)
        server_output_add_value(out, answer->value);
    else
        buffer_append(&out->bytes, answer->bytes.data, answer->bytes.size);
}

static void refuse(void *owner, enum server_refusal refusal, struct buffer *out)
{
    struct http_frontend *frontend = owner;
    http_server_refuse(&frontend->http, refusal, out);
}

static const struct server_protocol protocol = {
    .name = "http",
    .session_size = sizeof(struct http_session),
    .announces_end = true,
    .take = take,
    .ask = ask,
    .respond = respond,
    .refuse = refuse,
};

/* ---- the stage ---- */

static void destroy(void **stage)
{
    struct http_frontend *frontend = *stage;
    *stage = NULL;
    if (!frontend)
        return;
    server_destroy(&frontend->server);
    buffer_fini(&frontend->tags);
    free(frontend);
}

static void *create(const struct stage_setup *setup, struct error *error)
{
    struct http_frontend *frontend = memory_alloc(1, sizeof(*frontend));
    frontend->asks = setup->asks;
    frontend->http.clock = setup->clock;
    frontend->allows_refresh = settings_number(setup->settings, "allow_refresh") != 0;
    fresh_fields_init(&frontend->chain, setup->caches, setup->cache_count);
    struct server_limits limits = server_limits_of(setup->settings);
    frontend->server = server_create(setup, &limits, &protocol, frontend, error);
    void *stage = frontend;
    if (!frontend->server)
        destroy(&stage);
    return stage;
}

static void configure(void *stage, struct moment now, const struct stage_setup *setup)
{
    struct http_frontend *frontend = stage;
    struct server_limits limits = server_limits_of(setup->settings);
    (void)now;
    frontend->allows_refresh = settings_number(setup->settings, "allow_refresh") != 0;
    server_configure(frontend->server, setup, &limits);
}

static void on_answer(void *stage, struct moment now, uint64_t token, const struct answer *answer)
{
    struct http_frontend *frontend = stage;
    (void)now;
    server_answer(frontend->server, token, answer);
}

static void measure(void *stage, struct moment now, struct metrics *metrics)
{
    struct http_frontend *frontend = stage;
    (void)now;
    http_server_measure(&frontend->http, protocol.name, metrics);
    server_measure(frontend->server, metrics);
}

// clang-format off
static const struct setting_spec settings[] = {
    SERVER_SETTINGS("60s"),
    {.name = "allow_refresh", .type = SETTING_FLAG, .preset = "false", .is_live = true},
    {0}};
// clang-format on

const struct stage_kind http_frontend_kind = {
    .spec =
        {
            .name = "http-frontend",
            .settings = settings,
            .asks = true,
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
