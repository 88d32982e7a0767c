/* Operations over HTTP. A request becomes a survey of the reactors; the answers are put together
 * when the last has come, or when time is up. One request is in progress at a time, the others wait
 * for their turn.
 *
 * What only tells something is for GET; what does something is for POST, and not for browsers: a
 * page of anybody's could make one send it here, to the loopback too.
 *
 * Owns its server, its counters of statuses, and the survey; runs in its reactor's thread. */
#include "stages/admin/admin.h"

#include "common/control.h"
#include "common/http_server.h"
#include "common/memory.h"
#include "stages/admin/purge.h"
#include "stages/admin/survey.h"

#include <stdlib.h>

struct admin {
    struct server *server;
    struct http_server http;
    struct survey survey;
    struct purge purge;
    enum subject {
        METRICS,
        READINESS,
        RELOAD,
        PURGE,
        SUBJECTS
    } subject; /* of the request in
                  progress */
};
SERVER_STAGE(struct admin);

/* For a handful of people and scrapers. */
static const struct server_limits limits = {
    .max_clients = 64,
    .max_parallel = 1,
    .max_waiting = 64,
    .timeout = 10 * SECOND, /* a reload may have to wait for another */
    .head_timeout = 5 * SECOND,
    .idle_timeout = 120 * SECOND, /* longer than the pause between two scrapes */
    .send_timeout = 10 * SECOND,
    .max_output = 64 << 20,
};

#define SURVEY_TIME (1 * SECOND) /* then it is told what has come */

static const struct {
    const char *path;
    bool does_something;
    const char *key; /* for the control ports */
} subjects[SUBJECTS] = {
    [METRICS] = {"metrics", false, "metrics"},
    [READINESS] = {"readyz", false, "ready"},
    [RELOAD] = {"reload", true, "reload"},
    [PURGE] = {NULL, true, NULL}, /* purge_is_for */
};

static bool is_text(struct bytes bytes, const char *text)
{
    return bytes_are_equal(bytes, bytes_of_text(text));
}

static enum subject subject_of(struct bytes path)
{
    enum subject subject = 0;
    if (purge_is_for(path))
        return PURGE;
    while (subject < PURGE && !is_text(path, subjects[subject].path))
        subject++;
    return subject == PURGE ? SUBJECTS : subject;
}

static bool refuse_purge(struct admin *admin, const struct http_request *request,
                         const struct server_taken *taken, struct buffer *reply)
{
    static const char challenge[] = "WWW-Authenticate: Bearer\r\n"; /* RFC 6750, 3 */
    int status;
    const char *why = purge_refuse(&admin->purge, request->path, request->head, &status);
    if (why)
        http_server_error_with(&admin->http, status, why,
                               status == 401 ? bytes_of_text(challenge) : (struct bytes){0},
                               taken->form, taken->is_last, reply);
    return why;
}

static enum server_take take(void *owner, void *session, struct bytes input,
                             struct server_taken *taken, struct buffer *reply)
{
    struct admin *admin = owner;
    struct http_server *http = &admin->http;
    struct http_request request;
    enum server_take outcome = http_server_take(http, session, input, &request, taken, reply);
    if (outcome != SERVER_ASK)
        return outcome;
    const enum subject subject = subject_of(request.path);
    const bool is_health = is_text(request.path, "healthz");
    const bool is_action = subject != SUBJECTS && subjects[subject].does_something;
    if (subject == SUBJECTS && !is_health)
        http_server_error(http, 404,
                          "there are /metrics, /healthz, /readyz, /reload and /purge here",
                          taken->form, taken->is_last, reply);
    else if (request.is_post != is_action)
        http_server_error_method(http, is_action ? "POST" : "GET, HEAD", taken->form,
                                 taken->is_last, reply);
    else if (is_action && request.is_of_page)
        http_server_error(http, 403, "a web page may not ask for this", taken->form, taken->is_last,
                          reply);
    else if (is_health)
        http_server_text(http, 200, HTTP_PLAIN, bytes_of_text("ok\n"), taken->form, taken->is_last,
                         reply);
    else if (subject != PURGE || !refuse_purge(admin, &request, taken, reply)) {
        taken->key = request.path;
        return SERVER_ASK;
    }
    return SERVER_REPLY;
}

static enum status ask(void *owner, uint64_t token, uint32_t form, struct bytes key,
                       int64_t deadline)
{
    struct admin *admin = owner;
    (void)form;
    admin->subject = subject_of(key);
    if (admin->subject == PURGE)
        return purge_start(&admin->purge, token, key, deadline);
    const struct bytes question = bytes_of_text(subjects[admin->subject].key);
    if (subjects[admin->subject].does_something) /* what is done is for all of the process */
        return survey_start(&admin->survey, token, question, 1, deadline);
    const int64_t end = clock_read(admin->http.clock).mono + SURVEY_TIME;
    return survey_start(&admin->survey, token, question, admin->survey.asks->shards,
                        clock_earlier(end, deadline));
}

static void respond_reload(struct http_server *http, struct bytes text, uint32_t form, bool closes,
                           struct buffer *out)
{
    const struct bytes done = bytes_of_text(CONTROL_RELOADED);
    const struct bytes refused = bytes_of_text(CONTROL_REFUSED);
    const bool is_done = text.size > done.size && memcmp(text.data, done.data, done.size) == 0;
    const size_t skipped = is_done ? done.size : refused.size;
    if (text.size <= skipped)
        http_server_error(http, 503, "the reload has not ended yet; the log says how it does", form,
                          closes, out);
    else
        http_server_text(http, is_done ? 200 : 409, HTTP_PLAIN,
                         (struct bytes){text.data + skipped, text.size - skipped}, form, closes,
                         out);
}

/* The form of a request says how it wants its response; what it asked for is known from the survey
 * under way, for there is only one. */
static void respond(void *owner, void *session, uint32_t form, struct bytes note, bool closes,
                    const struct answer *answer, struct server_output *out)
{
    struct admin *admin = owner;
    struct bytes text = answer_bytes(answer);
    struct http_server *http = &admin->http;
    (void)session, (void)note;
    if (answer->status == STATUS_NONE)
        http_server_text(http, 200, HTTP_PLAIN, bytes_of_text("purged\n"), form, closes,
                         &out->bytes);
    else if (answer->status != STATUS_VALUE)
        http_server_error(http, 503, "the stages could not be asked, try again later", form, closes,
                          &out->bytes);
    else if (admin->subject == RELOAD)
        respond_reload(http, text, form, closes, &out->bytes);
    else if (admin->subject == METRICS)
        http_server_text(http, 200, "text/plain; version=0.0.4; charset=utf-8", text, form, closes,
                         &out->bytes);
    else if (text.size == 0)
        http_server_text(http, 200, HTTP_PLAIN, bytes_of_text("ready\n"), form, closes,
                         &out->bytes);
    else
        http_server_text(http, 503, HTTP_PLAIN, text, form, closes, &out->bytes);
}

static void refuse(void *owner, enum server_refusal refusal, struct buffer *out)
{
    struct admin *admin = owner;
    http_server_refuse(&admin->http, refusal, out);
}

static const struct server_protocol protocol = {
    .name = "admin",
    .session_size = sizeof(struct http_session),
    .announces_end = true,
    .take = take,
    .ask = ask,
    .respond = respond,
    .refuse = refuse,
};

static void expose(const struct survey *survey, struct buffer *out)
{
    size_t count = survey->asks->shards;
    struct bytes *texts = memory_alloc(count, sizeof(*texts));
    for (size_t i = 0; i < count; i++)
        texts[i] = buffer_bytes(&survey->parts[i].text);
    metrics_expose(texts, count, out);
    free(texts);
}

static void list_unready(const struct survey *survey, struct buffer *out)
{
    for (size_t i = 0; i < survey->asks->shards; i++) {
        const struct part *part = &survey->parts[i];
        if (part->has_come)
            buffer_append(out, part->text.data, part->text.size);
        else
            buffer_format(out, "reactor %zu: does not answer\n", i);
    }
}

static void conclude(struct admin *admin)
{
    struct buffer text = {0};
    if (admin->subject == READINESS)
        list_unready(&admin->survey, &text);
    else if (admin->subject == METRICS)
        expose(&admin->survey, &text);
    else if (admin->survey.parts[0].has_come)
        buffer_append(&text, admin->survey.parts[0].text.data, admin->survey.parts[0].text.size);
    survey_end(&admin->survey);
    server_answer(admin->server, admin->survey.token,
                  &(struct answer){.status = STATUS_VALUE, .bytes = buffer_bytes(&text)});
    buffer_fini(&text);
}

/* ---- the stage ---- */

static void destroy(void **stage)
{
    struct admin *admin = *stage;
    *stage = NULL;
    if (!admin)
        return;
    server_destroy(&admin->server);
    survey_fini(&admin->survey);
    free(admin);
}

static void *create(const struct stage_setup *setup, struct error *error)
{
    struct admin *admin = memory_alloc(1, sizeof(*admin));
    admin->http.clock = setup->clock;
    admin->http.takes_post = true;
    survey_init(&admin->survey, setup->control);
    if (purge_init(&admin->purge, setup, error))
        admin->server = server_create(setup, &limits, &protocol, admin, error);
    void *stage = admin;
    if (!admin->server)
        destroy(&stage);
    return stage;
}

static void on_answer(void *stage, struct moment now, uint64_t token, const struct answer *answer)
{
    struct admin *admin = stage;
    bool is_done;
    (void)now;
    if (!purge_take(&admin->purge, token, answer, &is_done)) {
        if (survey_take(&admin->survey, token, answer))
            conclude(admin);
    } else if (is_done) {
        server_answer(admin->server, admin->purge.request,
                      &(struct answer){.status = admin->purge.status});
    }
}

static int64_t on_turn(void *stage, struct moment now)
{
    struct admin *admin = stage;
    if (survey_is_overdue(&admin->survey, now.mono))
        conclude(admin);
    int64_t wake = server_on_turn(stage, now);
    return clock_earlier(wake, admin->survey.deadline);
}

static void measure(void *stage, struct moment now, struct metrics *metrics)
{
    struct admin *admin = stage;
    (void)now;
    http_server_measure(&admin->http, protocol.name, metrics);
    server_measure(admin->server, metrics);
}

static const struct setting_spec settings[] = {
    {.name = "token_file", .type = SETTING_TEXT},
    {0},
};

const struct stage_kind admin_kind = {
    .spec =
        {
            .name = "admin",
            .settings = settings,
            .asks = true,
            .asks_at_will = true,
            .asks_control = true,
            .listens = true,
        },
    .create = create,
    .on_open = server_on_open,
    .on_answer = on_answer,
    .on_turn = on_turn,
    .measure = measure,
    .unready = server_unready,
    .is_drained = server_is_idle, /* it goes on to say that the others drain */
    .destroy = destroy,
};
