/* GET over HTTP: a path is a key, a status of an answer is a status of HTTP.
 *
 * Owns its server (connections, order, limits: common/server) and the counters of statuses. Runs in
 * its reactor's thread; keeps nothing of a request itself. */
#include "stages/http_frontend/http_frontend.h"

#include "common/check.h"
#include "common/http.h"
#include "common/http_percent.h"
#include "common/http_response.h"
#include "common/memory.h"
#include "common/server.h"

#include <stdio.h>
#include <stdlib.h>

#define VALUE_TYPE "application/octet-stream"

struct http_frontend {
    struct server *server;
    struct ask_port *asks;
    struct clock *clock;
    struct http_date date;
    uint64_t responses[HTTP_STATUSES]; /* by http_status_index */
    char key[HTTP_MAX_TARGET];         /* decoded, until it has been asked for */
};

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

/* How a request wants its response, kept with it as a number. */
static uint32_t form_of(const struct http_request *request)
{
    return (uint32_t)request->is_head | (uint32_t)request->is_old << 1;
}

static struct http_manner manner_of(uint32_t form, bool closes)
{
    return (struct http_manner){.is_head = form & 1, .is_old = form & 2, .closes = closes};
}

static void count(struct http_frontend *http, int status)
{
    http->responses[http_status_index(status)]++;
}

static void reply_error(struct http_frontend *http, int status, const char *text,
                        struct http_manner manner, struct buffer *out)
{
    count(http, status);
    http_format_error(out, &http->date, clock_read(http->clock).wall, status, text, manner);
}

static enum server_take refuse_request(struct http_frontend *http, struct bytes input,
                                       const struct http_request *request, int status,
                                       const char *text, struct server_taken *taken,
                                       struct buffer *reply)
{
    taken->size = input.size;
    taken->is_last = true;
    reply_error(http, status, text, manner_of(form_of(request), true), reply);
    return SERVER_REPLY;
}

static enum server_take take(void *owner, struct bytes input, struct server_taken *taken,
                             struct buffer *reply)
{
    struct http_frontend *http = owner;
    struct http_request request;
    switch (http_parse(input, &request)) {
    case HTTP_MORE:
        return SERVER_MORE;
    case HTTP_BAD:
    case HTTP_TOO_BIG:
        return refuse_request(http, input, &request, request.status, request.problem, taken, reply);
    case HTTP_READY:
        break;
    }
    taken->size = request.size;
    taken->is_last = !request.keeps_alive;
    taken->form = form_of(&request);
    if (request.path.size == 0) {
        count(http, 200);
        http_format_text(reply, &http->date, clock_read(http->clock).wall, 200,
                         "text/plain; charset=utf-8", bytes_of_text(usage),
                         manner_of(taken->form, taken->is_last));
        return SERVER_REPLY;
    }
    taken->key = request.path;
    if (memchr(request.path.data, '%', request.path.size)) {
        taken->key.data = http->key;
        if (!http_percent_decode(request.path, http->key, &taken->key.size))
            return refuse_request(http, input, &request, 400,
                                  "a % in the path is not followed by two hex digits", taken,
                                  reply);
    }
    return SERVER_ASK;
}

static enum status ask(void *owner, uint64_t token, struct bytes key, int64_t deadline)
{
    struct http_frontend *http = owner;
    return port_ask(http->asks, token, key, deadline);
}

static void respond(void *owner, uint32_t form, bool closes, const struct answer *answer,
                    struct server_output *out)
{
    struct http_frontend *http = owner;
    struct http_manner manner = manner_of(form, closes);
    if (answer->status != STATUS_VALUE) {
        const struct failure *failure = &failures[answer->status];
        reply_error(http, failure->status, failure->text, manner, &out->bytes);
        return;
    }
    count(http, 200);
    http_format_head(&out->bytes, &http->date, clock_read(http->clock).wall, 200, VALUE_TYPE,
                     answer_bytes(answer).size, manner);
    if (manner.is_head)
        return;
    if (answer->value)
        server_output_add_value(out, answer->value);
    else
        buffer_append(&out->bytes, answer->bytes.data, answer->bytes.size);
}

static void refuse(void *owner, enum server_refusal refusal, struct buffer *out)
{
    struct http_frontend *http = owner;
    struct http_manner manner = {.closes = true};
    if (refusal == SERVER_TOO_MANY)
        reply_error(http, 503, "too many clients are connected, try again later", manner, out);
    else
        reply_error(http, 408, "the request did not arrive in time", manner, out);
}

static const struct server_protocol protocol = {
    .name = "http",
    .take = take,
    .ask = ask,
    .respond = respond,
    .refuse = refuse,
};

/* ---- the stage ---- */

static void destroy(void **stage)
{
    struct http_frontend *http = *stage;
    *stage = NULL;
    if (!http)
        return;
    server_destroy(&http->server);
    free(http);
}

static void *create(const struct stage_setup *setup, struct error *error)
{
    struct http_frontend *http = memory_alloc(1, sizeof(*http));
    http->asks = setup->asks;
    http->clock = setup->clock;
    struct server_limits limits = server_limits_of(setup->settings);
    http->server = server_create(setup, &limits, &protocol, http, error);
    void *stage = http;
    if (!http->server)
        destroy(&stage);
    return stage;
}

static void on_open(void *stage, struct moment now)
{
    struct http_frontend *http = stage;
    (void)now;
    server_open(http->server);
}

static void on_answer(void *stage, struct moment now, uint64_t token, const struct answer *answer)
{
    struct http_frontend *http = stage;
    (void)now;
    server_answer(http->server, token, answer);
}

static int64_t on_turn(void *stage, struct moment now)
{
    struct http_frontend *http = stage;
    return server_on_turn(http->server, now);
}

static void measure(void *stage, struct moment now, struct metrics *metrics)
{
    struct http_frontend *http = stage;
    (void)now;
    for (size_t i = 0; i < HTTP_STATUSES; i++) {
        char labels[32];
        snprintf(labels, sizeof(labels), "status=\"%d\"", http_status_at(i));
        metrics_counter(metrics, "weir_http_requests_total", "Requests answered.", labels,
                        http->responses[i]);
    }
    server_measure(http->server, metrics);
}

static const char *unready(void *stage, struct moment now)
{
    struct http_frontend *http = stage;
    (void)now;
    if (!http->asks->is_open(http->asks))
        return "has no session with the stage it asks";
    return server_unready(http->server);
}

static void drain(void *stage, struct moment now)
{
    struct http_frontend *http = stage;
    (void)now;
    server_drain(http->server);
}

static bool is_drained(void *stage)
{
    struct http_frontend *http = stage;
    return server_is_drained(http->server);
}

static const struct setting_spec settings[] = {SERVER_SETTINGS, {0}};

const struct stage_kind http_frontend_kind = {
    .spec =
        {
            .name = "http-frontend",
            .settings = settings,
            .asks = true,
            .listens = true,
        },
    .create = create,
    .on_open = on_open,
    .on_answer = on_answer,
    .on_turn = on_turn,
    .measure = measure,
    .unready = unready,
    .drain = drain,
    .is_drained = is_drained,
    .destroy = destroy,
};
