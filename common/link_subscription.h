/* What a server owes one peer beside answers: notices, in order, and the age of its proof when the
 * peer asks for it. Embedded in link_peers; pure; zeroed: the peer wants nothing. */
#ifndef WEIR_LINK_SUBSCRIPTION_H
#define WEIR_LINK_SUBSCRIPTION_H

#include "common/link_window.h"

#define LINK_NO_PROOF INT64_MIN /* in place of a moment */

struct link_subscription {
    bool is_wanted;   /* as HELLO said */
    bool owes_lost;   /* notices were dropped, and the peer does not know yet */
    bool is_asked;    /* for the age of the proof: */
    uint32_t number;  /* of the peer's last question */
    int64_t asked_at; /* mono ns: when that came */
};

/* Puts a notice, any but PROVEN, behind all that is gathered. False: too much is; it was dropped,
 * and the peer is told LOST in its place, as soon as it has caught up. */
bool link_subscription_notify(struct link_subscription *subscription, struct link_window *window,
                              const struct notice *notice);

/* The peer asks for the age of the proof. An older question of its own is forgotten. */
void link_subscription_ask(struct link_subscription *subscription, int64_t now, uint32_t number);

/* Adds what is owed to what is gathered, as far as it can be now. `proven`: the server's proof
 * (boot ns). Returns how many notices it added.
 *
 * The question is answered only when `now` is later than it was at its arrival. For a turn reads
 * the clock once, at its beginning, and the question may have been put since; an age as of that
 * reading would make the peer believe in a younger proof than there is. */
size_t link_subscription_settle(struct link_subscription *subscription, struct link_window *window,
                                struct moment now, int64_t proven);

#endif
