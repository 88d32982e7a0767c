#include "common/host_offer.h"

#include "common/memory.h"
#include "common/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The other may take this long from its first word to "ready": more than it allows itself. */
#define MOST_OF_ALL (2 * TAKEOVER_PATIENCE)

/* One that has come. It is closed when it fails; its memory is freed by the loop. */
struct taker {
    uv_poll_t poll;
    struct takeover_channel channel;
    struct host_offer *offer;
    bool has_been_served; /* all descriptors were sent: "ready" is next */
};

struct host_offer {
    struct host_offer_setup setup;
    struct listener path;          /* where takers come */
    struct host_listeners offered; /* duplicates; of them, and of `path`, takers get more */
    struct taker *taker;           /* NULL: none is there */
    uv_poll_t poll;                /* of `path` */
    uv_timer_t patience;           /* with the taker */
    bool is_withdrawn;
};

/* ---- a taker ---- */

static void await_taker(struct host_offer *offer);

static void on_taker_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void dismiss(struct host_offer *offer)
{
    struct taker *taker = offer->taker;
    if (taker == NULL)
        return;
    offer->taker = NULL;
    uv_timer_stop(&offer->patience);
    uv_close((uv_handle_t *)&taker->poll, on_taker_closed);
    takeover_close(&taker->channel);
}

/* Nothing has happened, but for the line in the log. */
static void give_up(struct host_offer *offer, const char *reason)
{
    takeover_say(&offer->taker->channel, NULL, "refused %s", reason);
    log_write(offer->setup.log, LOG_WARN, "host", "takeover-failed", LOG_TEXT("reason", reason));
    dismiss(offer);
    await_taker(offer);
}

static bool hand_one(const struct taker *taker, const struct listener *listener, bool is_own)
{
    return listener->count == 0 || takeover_say(&taker->channel, listener, "listener %s %zu",
                                                is_own ? "own" : "lent", listener->count);
}

static bool hand_all(const struct taker *taker)
{
    const struct host_offer *offer = taker->offer;
    for (size_t i = 0; i < offer->offered.count; i++)
        if (!hand_one(taker, &offer->offered.all[i], offer->setup.listeners->all[i].owns_path))
            return false;
    return hand_one(taker, &offer->path, offer->path.owns_path) &&
           takeover_say(&taker->channel, NULL, "end");
}

static void serve(struct taker *taker, int64_t version)
{
    char reason[96];
    taker->has_been_served = true;
    snprintf(reason, sizeof reason, "the running weir hands over in version %d, not %lld",
             TAKEOVER_VERSION, (long long)version);
    if (version != TAKEOVER_VERSION)
        give_up(taker->offer, reason);
    else if (!hand_all(taker))
        give_up(taker->offer, "the listening sockets could not be sent");
    else
        log_write(taker->offer->setup.log, LOG_INFO, "host", "handing-over",
                  LOG_TEXT("path", taker->offer->setup.path));
}

static void yield_to(struct taker *taker, int64_t pid)
{
    struct host_offer *offer = taker->offer;
    offer->setup.on_taken(offer->setup.owner, pid);
    takeover_say(&taker->channel, NULL, "draining");
    offer->path.owns_path = false;
    host_offer_withdraw(offer);
}

/* Whether it may say more: what it has said is not its last word. */
static bool hear(struct taker *taker)
{
    struct takeover_message message;
    switch (takeover_hear(&taker->channel, &message)) {
    case TAKEOVER_MORE:
        return false;
    case TAKEOVER_READ:
        if (message.word == TAKEOVER_HELLO && !taker->has_been_served)
            serve(taker, message.number);
        else if (message.word == TAKEOVER_READY && taker->has_been_served)
            yield_to(taker, message.number);
        else
            give_up(taker->offer, "it said something out of turn");
        break;
    case TAKEOVER_BAD:
        give_up(taker->offer, "it said something that is no message");
        break;
    case TAKEOVER_GONE:
        give_up(taker->offer, "it went away before it was ready");
        break;
    }
    return taker->offer->taker == taker;
}

/* Dismissed, it is freed by the loop, later. */
static void on_taker(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    while (hear(poll->data))
        ;
}

static void on_out_of_patience(uv_timer_t *timer)
{
    give_up(timer->data, "it was not ready in time");
}

static void welcome(struct host_offer *offer, int descriptor)
{
    struct taker *taker = memory_alloc(1, sizeof *taker);
    struct error error;
    offer->taker = taker;
    taker->offer = offer;
    takeover_open(&taker->channel, descriptor);
    uv_poll_init(offer->setup.loop, &taker->poll, descriptor);
    taker->poll.data = taker;
    if (!takeover_check_peer(&taker->channel, &error)) {
        give_up(offer, error.text);
        return;
    }
    uv_poll_start(&taker->poll, UV_READABLE, on_taker);
    uv_timer_start(&offer->patience, on_out_of_patience, MOST_OF_ALL / MILLISECOND, 0);
}

/* ---- the path ---- */

static void on_path(uv_poll_t *poll, int status, int events)
{
    struct host_offer *offer = poll->data;
    (void)status, (void)events;
    const int descriptor = accept(offer->path.descriptors[0], NULL, NULL);
    if (descriptor < 0)
        return;
    uv_poll_stop(&offer->poll);
    welcome(offer, descriptor);
}

static void await_taker(struct host_offer *offer)
{
    uv_poll_start(&offer->poll, UV_READABLE, on_path);
}

/* The mode is set when it listens already; who was faster is turned away for the user it runs as.
 */
static bool open_path(struct host_offer *offer, struct listener_handed *handed, struct error *error)
{
    char address[LISTENER_ADDRESS_SIZE];
    snprintf(address, sizeof address, "unix:%s", offer->setup.path);
    if (!listener_handed_adopt(handed, address, 1, &offer->path, error))
        return false;
    return offer->path.count > 0 ||
           (listener_open(&offer->path, address, 1, error) &&
            (chmod(offer->setup.path, S_IRUSR | S_IWUSR) == 0 ||
             error_set(error, "%s: %s", offer->setup.path, strerror(errno))));
}

static bool duplicate(struct host_offer *offer, struct error *error)
{
    const struct host_listeners *from = offer->setup.listeners;
    struct host_listeners *into = &offer->offered;
    into->all = memory_alloc(from->count, sizeof *into->all);
    into->count = from->count;
    for (size_t i = 0; i < from->count; i++)
        for (size_t j = 0; j < from->all[i].count; j++) {
            const int copy = fcntl(from->all[i].descriptors[j], F_DUPFD_CLOEXEC, 0);
            if (copy < 0)
                return error_set(error, "too few descriptors: %s", strerror(errno));
            into->all[i].descriptors[into->all[i].count++] = copy;
        }
    return true;
}

struct host_offer *host_offer_create(const struct host_offer_setup *setup,
                                     struct listener_handed *handed, struct error *error)
{
    struct host_offer *offer = memory_alloc(1, sizeof *offer);
    offer->setup = *setup;
    if (!open_path(offer, handed, error) || !duplicate(offer, error)) {
        host_listeners_close(&offer->offered);
        listener_close(&offer->path);
        free(offer);
        return NULL;
    }
    uv_poll_init(setup->loop, &offer->poll, offer->path.descriptors[0]);
    uv_timer_init(setup->loop, &offer->patience);
    offer->poll.data = offer->patience.data = offer;
    return offer;
}

void host_offer_begin(struct host_offer *offer, const struct listener_handed *handed)
{
    offer->path.owns_path |= listener_handed_owns(handed, offer->path.address);
    await_taker(offer);
}

void host_offer_withdraw(struct host_offer *offer)
{
    if (offer->is_withdrawn)
        return;
    offer->is_withdrawn = true;
    dismiss(offer);
    uv_close((uv_handle_t *)&offer->poll, NULL);
    uv_close((uv_handle_t *)&offer->patience, NULL);
    listener_close(&offer->path);
    host_listeners_close(&offer->offered);
}

void host_offer_destroy(struct host_offer **offer)
{
    free(*offer);
    *offer = NULL;
}
