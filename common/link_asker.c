/* The asker: one session at a time, and the asks that are outstanding in it. */
#include "common/link_asker.h"

#include "common/link_window.h"
#include "common/memory.h"

#include <stdlib.h>

/* An ask's wire id is its slot and the slot's generation, so that an answer that comes late finds
 * nothing. */
struct slot {
    uint64_t token;
    uint32_t generation;
    uint32_t next; /* the free slot behind this one, or: */
};
#define SLOT_TAKEN UINT32_MAX       /* an ask is outstanding */
#define SLOT_NONE  (UINT32_MAX - 1) /* the last of the free ones */

#define FIRST_SLOTS 64

enum state { CLOSED, OPENING, OPEN };

struct link_asker {
    struct link_asker_settings settings;
    struct link_counters counters;
    enum state state;
    struct link_window window;
    int64_t retry_at; /* mono ns; while CLOSED */
    struct lane {
        enum state state; /* not CLOSED only while the session is open */
        struct link_window window;
        int64_t retry_at; /* mono ns; while CLOSED */
    } lane;
    int64_t pause;   /* ns: the next one, before retrying */
    bool has_lost;   /* a session has ended, and its asks are yet to be answered */
    uint32_t credit; /* of the session */
    struct slot *slots;
    uint32_t slot_count, first_free, outstanding;
};

#define ANSWERS (RECORD_BIT(RECORD_VALUE) | RECORD_BIT(RECORD_NONE) | RECORD_BIT(RECORD_FAIL))

struct link_asker *link_asker_create(const struct link_asker_settings *settings)
{
    struct link_asker *asker = memory_alloc(1, sizeof *asker);
    asker->settings = *settings;
    asker->retry_at = INT64_MIN;
    asker->pause = LINK_RETRY_FIRST;
    asker->first_free = SLOT_NONE;
    return asker;
}

void link_asker_destroy(struct link_asker **asker)
{
    link_window_fini(&(*asker)->window);
    link_window_fini(&(*asker)->lane.window);
    free((*asker)->slots);
    free(*asker);
    *asker = NULL;
}

/* ---- the asks that are outstanding ---- */

static void add_slots(struct link_asker *asker)
{
    uint32_t count = asker->slot_count > 0 ? 2 * asker->slot_count : FIRST_SLOTS;
    asker->slots = memory_resize(asker->slots, count, sizeof *asker->slots);
    for (uint32_t i = count; i-- > asker->slot_count;) {
        asker->slots[i] = (struct slot){.next = asker->first_free};
        asker->first_free = i;
    }
    asker->slot_count = count;
}

static uint64_t take_slot(struct link_asker *asker, uint64_t token)
{
    if (asker->first_free == SLOT_NONE)
        add_slots(asker);
    uint32_t index = asker->first_free;
    struct slot *slot = &asker->slots[index];
    asker->first_free = slot->next;
    slot->next = SLOT_TAKEN;
    slot->token = token;
    asker->outstanding++;
    return (uint64_t)slot->generation << 32 | index;
}

static uint64_t free_slot(struct link_asker *asker, uint32_t index)
{
    struct slot *slot = &asker->slots[index];
    slot->generation++;
    slot->next = asker->first_free;
    asker->first_free = index;
    asker->outstanding--;
    return slot->token;
}

static void take_answer(struct link_asker *asker, const struct record *record)
{
    uint32_t index = (uint32_t)record->id;
    uint32_t generation = (uint32_t)(record->id >> 32);
    if (index >= asker->slot_count || asker->slots[index].next != SLOT_TAKEN ||
        asker->slots[index].generation != generation) {
        asker->counters.late_answers++;
        return;
    }
    asker->settings.on_answer(asker->settings.owner, free_slot(asker, index), &record->answer);
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
    for (uint32_t i = 0; i < asker->slot_count && asker->outstanding > 0; i++)
        if (asker->slots[i].next != SLOT_TAKEN)
            continue;
        else if (asker->settings.on_lost_ask)
            asker->settings.on_lost_ask(asker->settings.owner, free_slot(asker, i));
        else
            asker->settings.on_answer(asker->settings.owner, free_slot(asker, i), &away);
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

static void take_welcome(struct link_asker *asker, const struct record *welcome)
{
    const struct link_asker_settings *settings = &asker->settings;
    asker->state = OPEN;
    asker->pause = LINK_RETRY_FIRST;
    asker->credit = welcome->credit < LINK_CREDIT ? welcome->credit : LINK_CREDIT;
    asker->counters.sessions_opened++;
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
    if (asker->outstanding >= asker->credit || link_window_is_crowded(&asker->window) ||
        ask->key.size > MESSAGE_MAX_KEY) {
        asker->counters.refused_busy++;
        return STATUS_BUSY;
    }
    batch_add_ask(link_window_gather(&asker->window), take_slot(asker, token),
                  clock_remaining_ms(now, ask->deadline), ask->flags, ask->key);
    return STATUS_VALUE;
}

/* A batch of our session, its records checked one by one but not whether they may come now. */
static bool take_batch(struct link_asker *asker, int64_t now, struct batch_reader *reader)
{
    unsigned allowed = asker->state == OPENING ? RECORD_BIT(RECORD_WELCOME) : ANSWERS;
    if ((reader->kinds & ~allowed) != 0 ||
        (asker->state == OPENING && reader->header.records > 1) ||
        !link_window_accept(&asker->window, now, &reader->header))
        return false;

    asker->counters.batches_received++;
    asker->counters.records_received += reader->header.records;
    struct record record;
    while (batch_next(reader, &record)) {
        if (record.kind == RECORD_WELCOME)
            take_welcome(asker, &record);
        else
            take_answer(asker, &record);
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

int64_t link_asker_tick(struct link_asker *asker, int64_t now)
{
    settle(asker);
    if (asker->state != CLOSED && link_window_is_silent(&asker->window, now))
        end_and_settle(asker, now);
    if (asker->state == CLOSED && now >= asker->retry_at)
        open_session(asker, now);
    if (asker->state == CLOSED)
        return asker->retry_at;
    const int64_t next = link_window_next(&asker->window, now);
    if (asker->state == OPENING || !asker->settings.has_lane)
        return next;
    return clock_earlier(next, tick_lane(asker, now));
}

static struct batch *flush(struct link_asker *asker, struct link_window *window, int64_t now)
{
    struct batch *batch = link_window_flush(window, now);
    if (batch) {
        asker->counters.batches_sent++;
        asker->counters.records_sent += batch->records;
    }
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
    return asker->outstanding;
}

const struct link_counters *link_asker_counters(const struct link_asker *asker)
{
    return &asker->counters;
}
