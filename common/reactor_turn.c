/* One turn of a reactor: messages in rounds, readiness, the stages' end of turn, the next wake-up.
 */
#include "common/reactor_inner.h"

/* At most so many messages of one link in one turn; the rest goes first in the next. */
#define ROUNDS_PER_TURN 16

/* Every port takes a message and sends what has gathered. Returns when one of them wants another
 * round although nothing happens (mono ns); sockets.has_work says whether something has. */
static int64_t move_messages(struct reactor *reactor, struct moment now)
{
    int64_t wake = NEVER;
    reactor->sockets.has_work = false;
    for (size_t i = 0; i < reactor->stage_count; i++) {
        struct reactor_stage *stage = &reactor->stages[i];
        if (stage->asks != NULL)
            wake = clock_earlier(wake, port_ask_move(stage->asks, now));
        if (stage->control != NULL)
            wake = clock_earlier(wake, port_ask_move(stage->control, now));
        if (stage->serves != NULL)
            wake = clock_earlier(wake, port_serve_move(stage->serves, now));
    }
    return clock_earlier(wake, port_serve_move(reactor->control.serves, now));
}

static bool is_open(const struct reactor *reactor, const struct ask_port *port)
{
    return port == NULL ||
           (reactor->setup.opens_when_ready ? port_ask_is_whole(port) : port->is_open(port));
}

/* Whether others may begin to ask it. */
static bool may_serve(const struct reactor *reactor, const struct reactor_stage *stage,
                      bool can_ask, struct moment now)
{
    const struct stage_kind *kind = stage->owner.kind;
    const bool is_settled =
        kind->is_settled != NULL ? kind->is_settled(stage->owner.stage) : can_ask;
    return is_settled && (!reactor->setup.opens_when_ready || kind->unready == NULL ||
                          kind->unready(stage->owner.stage, now) == NULL);
}

/* Lets one stage be asked, and tells it that it can ask, when the time has come. Whether it has
 * for both. */
static bool open_stage(struct reactor *reactor, struct reactor_stage *stage, struct moment now)
{
    const struct stage_kind *kind = stage->owner.kind;
    const bool can_ask = is_open(reactor, stage->asks) && is_open(reactor, stage->control);
    if (can_ask && !stage->is_open) {
        stage->is_open = true;
        struct error reason, error;
        if (kind->on_open != NULL && !kind->on_open(stage->owner.stage, now, &reason)) {
            error_set(&error, "%s: %s", stage->owner.name, reason.text);
            reactor->setup.on_failed(reactor->setup.owner, &error);
        }
    }
    if (stage->serves != NULL && !stage->is_serving && may_serve(reactor, stage, can_ask, now)) {
        stage->is_serving = true;
        port_serve_open(stage->serves);
    }
    return stage->is_open && (stage->serves == NULL || stage->is_serving);
}

static void open_stages(struct reactor *reactor, struct moment now)
{
    bool all_are_open = true;
    for (size_t i = 0; i < reactor->stage_count; i++)
        all_are_open &= open_stage(reactor, &reactor->stages[i], now);
    reactor->is_opening = !all_are_open;
    if (all_are_open)
        reactor->setup.on_opened(reactor->setup.owner);
}

static int64_t end_turn_of_stages(struct reactor *reactor, struct moment now)
{
    int64_t wake = NEVER;
    for (size_t i = 0; i < reactor->stage_count; i++) {
        const struct port_owner *owner = &reactor->stages[i].owner;
        wake = clock_earlier(wake, owner->kind->on_turn(owner->stage, now));
    }
    return wake;
}

static bool all_are_drained(const struct reactor *reactor)
{
    for (size_t i = 0; i < reactor->stage_count; i++) {
        const struct port_owner *owner = &reactor->stages[i].owner;
        if (owner->kind->is_drained != NULL && !owner->kind->is_drained(owner->stage))
            return false;
    }
    return true;
}

/* libuv may call this just before it waits (up to 1.44): uv_stop keeps it from waiting. */
static void on_timer(uv_timer_t *timer)
{
    struct reactor *reactor = timer->data;
    reactor->timer_at = NEVER;
    uv_stop(&reactor->loop);
}

/* A timer that rings too early costs one idle turn, less than moving it in every turn. */
static void set_timer(struct reactor *reactor, int64_t now, int64_t wake)
{
    if (wake >= reactor->timer_at)
        return;
    reactor->timer_at = wake;
    uv_timer_start(&reactor->timer, on_timer, clock_remaining_ms(now, wake), 0);
}

void reactor_turn(struct reactor *reactor)
{
    const struct moment now = clock_read(&reactor->clock);
    reactor_sockets_look(&reactor->sockets);
    int64_t ports_wake = move_messages(reactor, now);
    for (int round = 1; round < ROUNDS_PER_TURN && reactor->sockets.has_work; round++)
        ports_wake = move_messages(reactor, now);
    if (reactor->is_opening)
        open_stages(reactor, now);
    /* Read again by what was received: time never goes back for a stage. */
    const int64_t stages_wake = end_turn_of_stages(reactor, clock_read(&reactor->clock));

    /* What the stages have just said leaves now; what it causes within this reactor comes in the
     * next turn. */
    if (reactor->sockets.has_work)
        ports_wake = move_messages(reactor, now);
    const int64_t wake = clock_earlier(stages_wake, ports_wake);
    reactor->has_work_left = reactor->sockets.has_work || wake <= now.mono;
    set_timer(reactor, now.mono, wake);

    if (reactor->is_draining && !reactor->is_drained && all_are_drained(reactor)) {
        reactor->is_drained = true;
        reactor->setup.on_drained(reactor->setup.owner);
    }
    reactor->turns++;
    const int64_t took = clock_now_mono() - now.mono;
    if (took > reactor->longest_turn)
        reactor->longest_turn = took;
}
