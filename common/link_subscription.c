#include "common/link_subscription.h"

bool link_subscription_notify(struct link_subscription *subscription, struct link_window *window,
                              const struct notice *notice)
{
    if (subscription->owes_lost || window->backlog >= LINK_NOTICE_BACKLOG) {
        subscription->owes_lost = true;
        return false;
    }
    struct batch *batch = link_window_gather(window);
    if (notice->kind == NOTICE_KEY)
        batch_add_key(batch, notice->key);
    else if (notice->kind == NOTICE_ALL)
        batch_add_all(batch);
    else
        batch_add_lost(batch);
    return true;
}

void link_subscription_ask(struct link_subscription *subscription, int64_t now, uint32_t number)
{
    subscription->is_asked = true;
    subscription->asked_at = now;
    subscription->number = number;
}

/* Rounded up: the proof may look older than it is, never younger. */
static uint32_t age_of(int64_t proven, int64_t now)
{
    if (proven == LINK_NO_PROOF)
        return MESSAGE_NO_PROOF;
    const uint32_t age = clock_remaining_ms(proven, now);
    return age < MESSAGE_NO_PROOF ? age : MESSAGE_NO_PROOF - 1;
}

size_t link_subscription_settle(struct link_subscription *subscription, struct link_window *window,
                                struct moment now, int64_t proven)
{
    size_t notices = 0;
    if (subscription->owes_lost && window->backlog == 0) {
        subscription->owes_lost = false;
        batch_add_lost(link_window_gather(window));
        notices = 1;
    }
    /* It stands behind every notice given so far, and one question costs at most one record a batch
     * that leaves, however many are asked. */
    if (subscription->is_asked && now.mono > subscription->asked_at && !subscription->owes_lost &&
        link_window_has_room(window)) {
        subscription->is_asked = false;
        batch_add_proven(link_window_gather(window), subscription->number,
                         age_of(proven, now.boot));
    }
    return notices;
}
