/* The asker: one session at a time, and the asks that are outstanding in it. */
#include "common/link_asker.h"

#include "common/check.h"
#include "common/link_slots.h"
#include "common/link_watch.h"
#include "common/memory.h"

#include <stdlib.h>

enum state { CLOSED, OPENING, OPEN };

struct link_asker {
    struct link_asker_settings settings;
    struct link_counters counters;
    enum state state;
    struct link_window window;
    struct link_watch watch;
    int64_t retry_at; /* mono ns; while CLOSED */
    struct lane {
        enum state state; /* not CLOSED only while the session is open */
        struct link_window window;
        int64_t retry_at; /* mono ns; while CLOSED */
    } lane;
    int64_t pause;   /* ns: the next one, before retrying */
    bool has_lost;   /* a session has ended, and its asks are yet to be answered */
    uint32_t credit; /* of the session */
    struct link_slots slots;
};

#define ANSWERS (RECORD_BIT(RECORD_VALUE) | RECORD_BIT(RECORD_NONE) | RECORD_BIT(RECORD_FAIL))
#define NOTICES                                                                                    \
    (RECORD_BIT(RECORD_KEY) | RECORD_BIT(RECORD_ALL) | RECORD_BIT(RECORD_LOST) |                   \
     RECORD_BIT(RECORD_PROVEN))

struct link_asker *link_asker_create(const struct link_asker_settings *settings)
{
    struct link_asker *asker = memory_alloc(1, sizeof *asker);
    asker->settings = *settings;
    asker->retry_at = INT64_MIN;
    asker->pause = LINK_RETRY_FIRST;
    link_slots_init(&asker->slots);
    return asker;
}

void link_asker_destroy(struct link_asker **asker)
{
    link_window_fini(&(*asker)->window);
    link_window_fini(&(*asker)->lane.window);
    link_slots_fini(&(*asker)->slots);
    free(*asker);
    *asker = NULL;
}

static void take_answer(struct link_asker *asker, const struct record *record)
{
    uint64_t token;
    if (link_slots_free(&asker->slots, record->id, &token))
        asker->settings.on_answer(asker->settings.owner, token, &record->answer);
    else
        asker->counters.late_answers++;
}

/* ---- notices ---- */

void link_asker_watch(struct link_asker *asker, int64_t every)
{
    CHECK(asker->settings.on_notice != NULL && every > 0);
    asker->watch.every = every;
}

static void tell_notice(struct link_asker *asker, const struct notice *notice)
{
    if (asker->settings.on_notice)
        asker->settings.on_notice(asker->settings.owner, notice);
}

static void take_notice(struct link_asker *asker, const struct record *record)
{
    struct notice notice = {.kind = NOTICE_PROVEN};
    if (record->kind == RECORD_PROVEN) {
        if (link_watch_take(&asker->watch, record, &notice.proven))
            tell_notice(asker, &notice);
        return;
    }
    if (record->kind == RECORD_KEY)
        notice = (struct notice){.kind = NOTICE_KEY, .key = record->key};
    else
        notice.kind = record->kind == RECORD_ALL ? NOTICE_ALL : NOTICE_LOST;
    asker->counters.notices_received++;
    tell_notice(asker, &notice);
}

/* ---- the session ---- */

static void open_session(struct link_asker *asker, int64_t now)
{
    const struct link_asker_settings *settings = &asker->settings;
    asker->state = OPENING;
    link_window_open(&asker->window, settings->random(settings->owner), settings->heartbeat, now);
    batch_add_hello(link_window_gather(&asker->window), settings->ring, settings->heartbeat,
                    settings->on_notice != NULL);
}

static void close_lane(struct link_asker *asker, int64_t retry_at)
{
    asker->lane.state = CLOSED;
    asker->lane.retry_at = retry_at;
    link_window_close(&asker->lane.window);
}

static void end_session(struct link_asker *asker, int64_t now)
{
    close_lane(asker, now);
    if (asker->state == OPEN) {
        asker->has_lost = true;
        asker->counters.sessions_lost++;
    }
    asker->state = CLOSED;
    link_window_close(&asker->window);
    uint64_t jitter = asker->settings.random(asker->settings.owner) % (uint64_t)(asker->pause / 4);
    asker->retry_at = now + asker->pause - (int64_t)jitter;
    asker->pause = clock_earlier(2 * asker->pause, LINK_RETRY_MOST);
}

/* Tells the stage that a session has ended. By now the state is CLOSED, so that what it asks in
 * return is refused, and not lost. */
static void settle(struct link_asker *asker)
{
    static const struct answer away = {.status = STATUS_AWAY};
    if (!asker->has_lost)
        return;
    asker->has_lost = false;
    uint64_t token;
    for (uint32_t from = 0; link_slots_free_next(&asker->slots, &from, &token);)
        if (asker->settings.on_lost_ask)
            asker->settings.on_lost_ask(asker->settings.owner, token);
        else
            asker->settings.on_answer(asker->settings.owner, token, &away);
    tell_notice(asker, &(struct notice){.kind = NOTICE_LOST});
    asker->settings.on_event(asker->settings.owner, LINK_LOST, 0);
}

static void end_and_settle(struct link_asker *asker, int64_t now)
{
    end_session(asker, now);
    settle(asker);
}

static void meet_other_version(struct link_asker *asker, int64_t now, uint8_t version)
{
    asker->counters.other_versions++;
    asker->pause = LINK_RETRY_MOST;
    end_and_settle(asker, now);
    asker->settings.on_event(asker->settings.owner, LINK_OTHER_VERSION, version);
}

static void take_welcome(struct link_asker *asker, int64_t now, const struct record *welcome)
{
    const struct link_asker_settings *settings = &asker->settings;
    asker->state = OPEN;
    asker->pause = LINK_RETRY_FIRST;
    asker->credit = welcome->credit < LINK_CREDIT ? welcome->credit : LINK_CREDIT;
    asker->counters.sessions_opened++;
    link_watch_begin(&asker->watch, now);
    settings->on_event(settings->owner, LINK_OPENED, 0);
    if (welcome->ring == settings->ring)
        return;
    asker->counters.other_rings++;
    settings->on_event(settings->owner, LINK_OTHER_RING, welcome->ring);
}

/* ---- what happens ---- */

enum status link_asker_ask(struct link_asker *asker, int64_t now, uint64_t token,
                           const struct ask *ask)
{
    if (asker->state != OPEN)
        return STATUS_AWAY;
    if (asker->slots.taken >= asker->credit || link_window_is_crowded(&asker->window) ||
        ask->key.size > MESSAGE_MAX_KEY) {
        asker->counters.refused_busy++;
        return STATUS_BUSY;
    }
    batch_add_ask(link_window_gather(&asker->window), link_slots_take(&asker->slots, token),
                  clock_remaining_ms(now, ask->deadline), ask->flags, ask->key);
    return STATUS_VALUE;
}

/* Whether these records may come now: WELCOME first, then answers; notices at any time after it, in
 * the same batch too, where they are wanted. */
static bool may_come(const struct link_asker *asker, const struct batch_reader *reader)
{
    const unsigned notices = asker->settings.on_notice ? NOTICES : 0;
    if (asker->state == OPEN)
        return (reader->kinds & ~(ANSWERS | notices)) == 0;
    struct batch_reader again = *reader;
    struct record record;
    unsigned allowed = RECORD_BIT(RECORD_WELCOME);
    for (; batch_next(&again, &record); allowed = notices)
        if ((RECORD_BIT(record.kind) & ~allowed) != 0)
            return false;
    return true;
}

/* A batch of our session, its records checked one by one but not whether they may come now. */
static bool take_batch(struct link_asker *asker, int64_t now, struct batch_reader *reader)
{
    if (!may_come(asker, reader) || !link_window_accept(&asker->window, now, &reader->header))
        return false;

    asker->counters.batches_received++;
    asker->counters.records_received += reader->header.records;
    struct record record;
    while (batch_next(reader, &record)) {
        if ((RECORD_BIT(record.kind) & ANSWERS) != 0)
            take_answer(asker, &record);
        else if (record.kind == RECORD_WELCOME)
            take_welcome(asker, now, &record);
        else
            take_notice(asker, &record);
    }
    return true;
}

static void take_reset(struct link_asker *asker, int64_t now, struct batch_reader *reader)
{
    struct record reset;
    batch_next(reader, &reset);
    if (reset.version != MESSAGE_VERSION)
        meet_other_version(asker, now, reset.version);
    else
        end_and_settle(asker, now);
}

void link_asker_receive(struct link_asker *asker, int64_t now, struct bytes first_frame,
                        struct value *const *values, size_t value_count)
{
    struct batch_reader reader;
    enum batch_verdict verdict = batch_read(&reader, first_frame, values, value_count);

    if (asker->state == CLOSED) {
        asker->counters.batches_dropped++;
    } else if (verdict == BATCH_OTHER_VERSION) {
        asker->counters.batches_dropped++;
        meet_other_version(asker, now, reader.version);
    } else if (verdict == BATCH_READY && reader.header.session != asker->window.session) {
        asker->counters.batches_dropped++;
    } else if (verdict == BATCH_READY && reader.kinds == RECORD_BIT(RECORD_RESET)) {
        asker->counters.batches_received++;
        take_reset(asker, now, &reader);
    } else if (verdict == BATCH_MALFORMED || !take_batch(asker, now, &reader)) {
        asker->counters.batches_dropped++;
        end_and_settle(asker, now);
    }
}

static void open_lane(struct link_asker *asker, int64_t now)
{
    const struct link_asker_settings *settings = &asker->settings;
    asker->lane.state = OPENING;
    link_window_open(&asker->lane.window, settings->random(settings->owner), true, now);
    asker->lane.window.is_bulk = true;
    batch_add_lane(link_window_gather(&asker->lane.window), asker->window.session);
}

/* While the session is open. Returns when to call next. */
static int64_t tick_lane(struct link_asker *asker, int64_t now)
{
    struct lane *lane = &asker->lane;
    if (lane->state != CLOSED && link_window_is_silent(&lane->window, now))
        link_asker_lose_lane(asker, now);
    if (asker->state == CLOSED)
        return now; /* that ended the session */
    if (lane->state == CLOSED && now >= lane->retry_at)
        open_lane(asker, now);
    return lane->state == CLOSED ? lane->retry_at : link_window_next(&lane->window, now);
}

int64_t link_asker_tick(struct link_asker *asker, struct moment now)
{
    settle(asker);
    if (asker->state != CLOSED && link_window_is_silent(&asker->window, now.mono))
        end_and_settle(asker, now.mono);
    if (asker->state == CLOSED && now.mono >= asker->retry_at)
        open_session(asker, now.mono);
    if (asker->state == CLOSED)
        return asker->retry_at;
    int64_t next = link_window_next(&asker->window, now.mono);
    if (asker->state == OPENING)
        return next;
    next = clock_earlier(next, link_watch_tick(&asker->watch, now, &asker->window));
    return asker->settings.has_lane ? clock_earlier(next, tick_lane(asker, now.mono)) : next;
}

static struct batch *flush(struct link_asker *asker, struct link_window *window, int64_t now)
{
    struct batch *batch = link_window_flush(window, now);
    if (batch)
        link_count_sent(&asker->counters, batch->records);
    return batch;
}

struct batch *link_asker_flush(struct link_asker *asker, int64_t now)
{
    return asker->state == CLOSED ? NULL : flush(asker, &asker->window, now);
}

struct batch *link_asker_flush_lane(struct link_asker *asker, int64_t now)
{
    return asker->lane.state == CLOSED ? NULL : flush(asker, &asker->lane.window, now);
}

/* A batch of the lane's session. */
static bool take_lane_batch(struct link_asker *asker, int64_t now, struct batch_reader *reader)
{
    struct lane *lane = &asker->lane;
    const unsigned allowed = RECORD_BIT(lane->state == OPENING ? RECORD_WELCOME : RECORD_VALUE);
    if ((reader->kinds & ~allowed) != 0 || reader->header.records > 1 ||
        !link_window_accept(&lane->window, now, &reader->header))
        return false;
    asker->counters.batches_received++;
    asker->counters.records_received += reader->header.records;
    struct record record;
    if (batch_next(reader, &record) && record.kind == RECORD_WELCOME)
        lane->state = OPEN;
    else if (reader->header.records > 0)
        take_answer(asker, &record);
    return true;
}

void link_asker_receive_lane(struct link_asker *asker, int64_t now, struct bytes first_frame,
                             struct value *const *values, size_t value_count)
{
    struct batch_reader reader;
    enum batch_verdict verdict = batch_read(&reader, first_frame, values, value_count);
    const bool is_of_session = asker->lane.state != CLOSED && verdict == BATCH_READY &&
                               reader.header.session == asker->lane.window.session;
    if (is_of_session && take_lane_batch(asker, now, &reader))
        return;
    asker->counters.batches_dropped++;
    if (is_of_session || verdict == BATCH_MALFORMED)
        link_asker_lose_lane(asker, now);
}

void link_asker_lose_lane(struct link_asker *asker, int64_t now)
{
    if (asker->lane.state == OPEN)
        end_session(asker, now);
    else if (asker->lane.state == OPENING)
        close_lane(asker, now + LINK_RETRY_MOST);
}

void link_asker_lose(struct link_asker *asker, int64_t now)
{
    if (asker->state != CLOSED)
        end_session(asker, now);
}

void link_asker_hurry(struct link_asker *asker, int64_t now)
{
    if (asker->state == CLOSED)
        asker->retry_at = now;
    if (asker->lane.state == CLOSED)
        asker->lane.retry_at = now;
}

bool link_asker_is_open(const struct link_asker *asker)
{
    return asker->state == OPEN;
}

uint32_t link_asker_outstanding(const struct link_asker *asker)
{
    return asker->slots.taken;
}

uint32_t link_asker_credit(const struct link_asker *asker)
{
    return asker->state == OPEN ? asker->credit : 0;
}

const struct link_counters *link_asker_counters(const struct link_asker *asker)
{
    return &asker->counters;
}
