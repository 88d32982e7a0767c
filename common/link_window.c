#include "common/link_window.h"

#include "common/memory.h"

#include <stdlib.h>

struct link_parcel {
    struct batch batch;
    struct link_parcel *next;
};

static uint32_t size_of(const struct link_window *window)
{
    return window->is_bulk ? LINK_BULK_WINDOW : LINK_WINDOW;
}

static void free_parcel(struct link_parcel *parcel)
{
    batch_fini(&parcel->batch);
    free(parcel);
}

/* An empty batch: the one that was lent last, where it is back, so that a link that sends one batch
 * a turn allocates nothing. */
static struct link_parcel *take_parcel(struct link_window *window)
{
    struct link_parcel *parcel = window->lent;
    if (!parcel)
        return memory_alloc(1, sizeof *parcel);
    window->lent = NULL;
    batch_clear(&parcel->batch);
    parcel->next = NULL;
    return parcel;
}

static struct link_parcel *take_first(struct link_window *window)
{
    struct link_parcel *parcel = window->first;
    if (parcel == window->last)
        window->last = NULL;
    else
        window->backlog -= parcel->batch.frame.size;
    window->first = parcel->next;
    return parcel;
}

void link_window_open(struct link_window *window, uint64_t session, bool heartbeat, int64_t now)
{
    *window = (struct link_window){.session = session,
                                   .heartbeat = heartbeat,
                                   .sent_at = now,
                                   .received_at = now,
                                   .lent = window->lent};
}

void link_window_close(struct link_window *window)
{
    while (window->first)
        free_parcel(take_first(window));
    if (window->lent)
        batch_fini(&window->lent->batch);
    *window = (struct link_window){.lent = window->lent};
}

void link_window_fini(struct link_window *window)
{
    link_window_close(window);
    free(window->lent);
    window->lent = NULL;
}

struct batch *link_window_gather(struct link_window *window)
{
    struct link_parcel *last = window->last;
    if (last && !window->is_bulk && !batch_is_full(&last->batch))
        return &last->batch;

    struct link_parcel *parcel = take_parcel(window);
    if (last) {
        window->backlog += last->batch.frame.size;
        last->next = parcel;
    } else {
        window->first = parcel;
    }
    window->last = parcel;
    return &parcel->batch;
}

bool link_window_accept(struct link_window *window, int64_t now, const struct batch_header *header)
{
    uint32_t expected = window->received + (header->records > 0);
    if (header->sequence != expected || expected - window->told > size_of(window) ||
        header->acknowledged - window->acknowledged > window->sent - window->acknowledged)
        return false;
    window->received = expected;
    window->acknowledged = header->acknowledged;
    window->received_at = now;
    return true;
}

bool link_window_has_room(const struct link_window *window)
{
    return window->sent - window->acknowledged < size_of(window);
}

struct batch *link_window_flush(struct link_window *window, int64_t now)
{
    struct link_parcel *parcel;
    if (window->first && link_window_has_room(window)) {
        parcel = take_first(window);
        window->sent++;
    } else if (window->received - window->told >= size_of(window) / 2 ||
               link_window_is_idle(window, now)) {
        parcel = take_parcel(window);
    } else {
        return NULL;
    }
    if (window->lent)
        free_parcel(window->lent);
    window->lent = parcel;
    window->told = window->received;
    window->sent_at = now;
    batch_seal(&parcel->batch, window->session, window->sent, window->received);
    return &parcel->batch;
}

bool link_window_is_silent(const struct link_window *window, int64_t now)
{
    /* On the lane a heartbeat stands behind the huge value that is under way, for as long as that
     * takes; the link it belongs to tells whether the peer lives. */
    return window->heartbeat && !window->is_bulk && now - window->received_at >= LINK_SILENCE;
}

bool link_window_is_idle(const struct link_window *window, int64_t now)
{
    return window->heartbeat && now - window->sent_at >= LINK_HEARTBEAT;
}

int64_t link_window_next(const struct link_window *window, int64_t now)
{
    if (!window->heartbeat)
        return NEVER;
    int64_t sent_at = link_window_is_idle(window, now) ? now : window->sent_at;
    int64_t idle_at = sent_at + LINK_HEARTBEAT;
    return window->is_bulk ? idle_at : clock_earlier(idle_at, window->received_at + LINK_SILENCE);
}
