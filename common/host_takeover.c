#include "common/host_takeover.h"

#include <unistd.h>

/* A line of the first, whose loop may be busy. */
#define ANSWER_WITHIN (5 * SECOND)

static bool take_sockets(struct host_takeover *takeover, const struct takeover_message *message,
                         struct listener_handed *handed, struct error *error)
{
    for (int64_t i = 0; i < message->number; i++) {
        const int descriptor = takeover_take(&takeover->channel);
        if (descriptor < 0)
            return error_set(error, "the running weir sent fewer sockets than it said");
        if (!listener_handed_add(handed, descriptor, message->is_lent,
                                 "what the running weir handed over", error))
            return false;
    }
    return true;
}

static bool receive_all(struct host_takeover *takeover, struct listener_handed *handed,
                        struct error *error)
{
    for (;;) {
        struct takeover_message message;
        switch (takeover_await(&takeover->channel, &message, ANSWER_WITHIN)) {
        case TAKEOVER_MORE:
            return error_set(error, "the running weir does not answer");
        case TAKEOVER_GONE:
            return error_set(error, "the running weir went away");
        case TAKEOVER_BAD:
            return error_set(error, "what listens there is no weir");
        case TAKEOVER_READ:
            break;
        }
        if (message.word == TAKEOVER_END)
            return true;
        if (message.word == TAKEOVER_REFUSED)
            return error_set(error, "the running weir refuses: %s", message.reason);
        if (message.word != TAKEOVER_LISTENER)
            return error_set(error, "the running weir said something out of turn");
        if (!take_sockets(takeover, &message, handed, error))
            return false;
    }
}

bool host_takeover_receive(struct host_takeover *takeover, const char *path,
                           struct listener_handed *handed, struct error *error)
{
    struct error reason;
    if (!takeover_connect(&takeover->channel, path, &reason))
        return error_set(error, "--takeover: %s", reason.text);
    return (takeover_say(&takeover->channel, NULL, "weir-takeover %d", TAKEOVER_VERSION) ||
            error_set(&reason, "the running weir went away")) &&
                   receive_all(takeover, handed, &reason)
               ? true
               : error_set(error, "--takeover: %s: %s", path, reason.text);
}

static void be_done(struct host_takeover *takeover, const char *refusal)
{
    host_takeover_close(takeover);
    takeover->on_done(takeover->owner, refusal);
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
    struct host_takeover *takeover = poll->data;
    struct takeover_message message;
    (void)status, (void)events;
    const enum takeover_read read = takeover_hear(&takeover->channel, &message);
    if (read == TAKEOVER_MORE)
        return;
    be_done(takeover,
            read == TAKEOVER_READ && message.word == TAKEOVER_REFUSED ? message.reason : NULL);
}

/* It stands still, and keeps nobody from being served: we go on, as if it were gone. */
static void on_out_of_patience(uv_timer_t *timer)
{
    be_done(timer->data, NULL);
}

void host_takeover_finish(struct host_takeover *takeover, uv_loop_t *loop,
                          void (*on_done)(void *owner, const char *refusal), void *owner)
{
    takeover->on_done = on_done;
    takeover->owner = owner;
    uv_poll_init(loop, &takeover->poll, takeover->channel.descriptor);
    uv_timer_init(loop, &takeover->patience);
    takeover->poll.data = takeover->patience.data = takeover;
    uv_poll_start(&takeover->poll, UV_READABLE, on_answer);
    uv_timer_start(&takeover->patience, on_out_of_patience, ANSWER_WITHIN / MILLISECOND, 0);
    takeover_say(&takeover->channel, NULL, "ready %ld", (long)getpid()); /* gone: heard as such */
}

void host_takeover_close(struct host_takeover *takeover)
{
    if (takeover->on_done != NULL && takeover->channel.descriptor >= 0) {
        uv_close((uv_handle_t *)&takeover->poll, NULL);
        uv_close((uv_handle_t *)&takeover->patience, NULL);
    }
    takeover_close(&takeover->channel);
}
