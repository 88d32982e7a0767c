/* Plays a transcript. A transcript with `split: every-byte` is played once as it stands, then again
 * for each place where its requests can be cut in two, byte by byte, and glued: every response must
 * be the same each time. */
#include "transcript.h"

#include "deadline.h"
#include "transcript_client.h"
#include "trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long, in milliseconds, weir gets to read the first part of a request that is cut in two. It
 * is no wait for anything: were weir slower, it would read the request whole, which is right as
 * well. */
#define CUT_PAUSE 2

enum pace {
    PACE_WHOLE,  /* as the transcript stands */
    PACE_CUT,    /* each request in two writes */
    PACE_SINGLE, /* each byte in a write of its own */
    PACE_GLUED   /* all requests of a connection in one write */
};

struct play {
    const struct transcript *transcript;
    struct weir_fleet *fleet;
    struct redis_server *redis;
    struct blob *report;
    enum pace pace;
    size_t cut;                       /* where PACE_CUT cuts */
    struct transcript_client *client; /* NULL while not connected */
    bool glued;                       /* this connection's requests have been sent already */
    struct tally tally;               /* of all that was received */
    double *baselines;                /* by step: the metric when the transcript began */
};

static bool fail(struct play *play, const struct transcript_step *step, const char *what)
{
    struct blob *report = play->report;

    blob_append_format(report, "%s:%d: %s", play->transcript->path, step->line, what);
    if (play->pace == PACE_CUT)
        blob_append_format(report, ", when cut behind byte %zu", play->cut);
    if (play->pace == PACE_SINGLE)
        blob_append_text(report, ", when sent byte by byte");
    if (play->pace == PACE_GLUED)
        blob_append_text(report, ", when glued");
    blob_append_text(report, "\n");
    return false;
}

static bool play_redis(struct play *play, const struct transcript_step *step)
{
    const char *words[TRANSCRIPT_WORDS_MAX];
    size_t lengths[TRANSCRIPT_WORDS_MAX];

    for (size_t i = 0; i < step->word_count; i++) {
        words[i] = blob_text(&step->words[i]);
        lengths[i] = step->words[i].length;
    }
    redis_server_run_words(play->redis, (int)step->word_count, words, lengths);
    return true;
}

/* Sends in pieces. What weir refuses to take it may have answered already: the next step tells. */
static void send_piece(struct play *play, const char *data, size_t length)
{
    transcript_client_send(play->client, data, length);
}

static void send_cut(struct play *play, const struct blob *data)
{
    size_t cut = play->cut < data->length ? play->cut : data->length;

    send_piece(play, data->data, cut);
    transcript_client_wait(play->client, CUT_PAUSE);
    send_piece(play, data->data + cut, data->length - cut);
}

/* Everything that is sent from `step` on, up to the next connection. */
static void send_glued(struct play *play, const struct transcript_step *step)
{
    const struct transcript_step *end = play->transcript->steps + play->transcript->step_count;
    struct blob all = {0};

    if (play->glued)
        return;
    for (; step < end && step->kind != TRANSCRIPT_CONNECT; step++)
        if (step->kind == TRANSCRIPT_SEND)
            blob_append(&all, step->data.data, step->data.length);
    send_piece(play, all.data, all.length);
    blob_fini(&all);
    play->glued = true;
}

static bool play_send(struct play *play, const struct transcript_step *step)
{
    switch (play->pace) {
    case PACE_WHOLE:
        send_piece(play, step->data.data, step->data.length);
        break;
    case PACE_CUT:
        send_cut(play, &step->data);
        break;
    case PACE_SINGLE:
        for (size_t i = 0; i < step->data.length; i++)
            send_piece(play, step->data.data + i, 1);
        break;
    case PACE_GLUED:
        send_glued(play, step);
        break;
    }
    return true;
}

static bool play_receive(struct play *play, const struct transcript_step *step)
{
    struct transcript_mismatch mismatch = {0};
    struct blob *report = play->report;
    bool good = transcript_client_expect(play->client, step, &mismatch);

    if (!good) {
        fail(play, step, mismatch.what);
        blob_append_text(report, "    expected  ");
        blob_append_readable(report, blob_text(&mismatch.expected), mismatch.expected.length);
        blob_append_text(report, "\n    received  ");
        blob_append_readable(report, blob_text(&mismatch.received),
                             mismatch.received.length < 400 ? mismatch.received.length : 400);
        blob_append_text(report, "\n");
    }
    blob_fini(&mismatch.expected);
    blob_fini(&mismatch.received);
    return good;
}

static double scrape(const struct play *play, const struct transcript_step *step)
{
    return weir_fleet_sum(play->fleet, step->words[0].data,
                          step->word_count > 1 ? step->words[1].data : NULL);
}

/* Counters are looked at when the transcript is played as it stands: only then is it known what
 * was cached before. */
static bool play_metric(struct play *play, const struct transcript_step *step)
{
    double baseline = play->baselines[step - play->transcript->steps], seen;
    char what[128];

    if (play->pace != PACE_WHOLE ||
        weir_fleet_wait_sum(play->fleet, step->words[0].data,
                            step->word_count > 1 ? step->words[1].data : NULL,
                            baseline + step->delta, deadline_in(PATIENCE / 6), &seen))
        return true;
    snprintf(what, sizeof what, "%s moved by %+g instead of %+g", step->words[0].data,
             seen - baseline, step->delta);
    return fail(play, step, what);
}

static void reconnect(struct play *play)
{
    bool is_resp = play->transcript->is_resp;

    transcript_client_close(&play->client);
    play->client = transcript_client_open(
        is_resp, is_resp ? weir_fleet_resp_port(play->fleet) : weir_fleet_http_port(play->fleet),
        &play->tally);
    play->glued = false;
}

static bool play_step(struct play *play, const struct transcript_step *step)
{
    switch (step->kind) {
    case TRANSCRIPT_REDIS:
        return play_redis(play, step);
    case TRANSCRIPT_METRIC:
        return play_metric(play, step);
    case TRANSCRIPT_CONNECT:
        reconnect(play);
        return true;
    default:
        break;
    }
    if (!play->client)
        reconnect(play);
    switch (step->kind) {
    case TRANSCRIPT_SEND:
        return play_send(play, step);
    case TRANSCRIPT_RECEIVE:
        return play_receive(play, step);
    case TRANSCRIPT_HALF_CLOSE:
        transcript_client_half_close(play->client);
        return true;
    default:
        return transcript_client_wait_close(play->client) ||
               fail(play, step, "weir does not close the connection");
    }
}

static bool play_at(struct play *play, enum pace pace, size_t cut)
{
    const struct transcript *transcript = play->transcript;
    bool good = true;

    play->pace = pace;
    play->cut = cut;
    for (size_t i = 0; good && i < transcript->step_count; i++)
        good = play_step(play, &transcript->steps[i]);
    transcript_client_close(&play->client);
    return good;
}

static bool play_paces(struct play *play)
{
    size_t longest = 0;

    if (!play_at(play, PACE_WHOLE, 0))
        return false;
    if (!play->transcript->split)
        return true;
    for (size_t i = 0; i < play->transcript->step_count; i++) {
        const struct transcript_step *step = &play->transcript->steps[i];
        if (step->kind == TRANSCRIPT_SEND && step->data.length > longest)
            longest = step->data.length;
    }
    for (size_t cut = 1; cut < longest; cut++)
        if (!play_at(play, PACE_CUT, cut))
            return false;
    return play_at(play, PACE_SINGLE, 0) && play_at(play, PACE_GLUED, 0);
}

/* After whatever was played, weir has counted what the client saw. */
static bool check_tally(struct play *play)
{
    struct blob metrics = {0}, differences = {0};
    bool good;

    weir_fleet_append_metrics(play->fleet, &metrics);
    good = tally_check(&play->tally, blob_text(&metrics), &differences);
    if (!good)
        blob_append_format(play->report, "%s: at the end, %s", play->transcript->path,
                           blob_text(&differences));
    blob_fini(&differences);
    blob_fini(&metrics);
    return good;
}

bool transcript_play(const struct transcript *transcript, struct weir_fleet *fleet,
                     struct redis_server *redis, struct blob *report)
{
    struct play play = {.transcript = transcript, .fleet = fleet, .redis = redis, .report = report};
    bool good;

    play.baselines = calloc(transcript->step_count + 1, sizeof *play.baselines);
    if (!play.baselines)
        trouble("no memory to play %s", transcript->path);
    for (size_t i = 0; i < transcript->step_count; i++)
        if (transcript->steps[i].kind == TRANSCRIPT_METRIC)
            play.baselines[i] = scrape(&play, &transcript->steps[i]);
    good = play_paces(&play) && check_tally(&play);
    free(play.baselines);
    return good;
}
