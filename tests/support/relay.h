/* The wire between two hosts, which a test can spoil: what one end's TUN device gives is written to
 * the other's, later, or never.
 *
 *     left TUN ──packets──▶ [delay, loss, cut; a record of all that came] ──packets──▶ right TUN
 *              ◀──packets──                                               ◀──packets──
 *
 * It runs in a thread of its own; every function may be called from any other thread and is in
 * force for the next packet. */
#ifndef TESTS_SUPPORT_RELAY_H
#define TESTS_SUPPORT_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relay;

struct relay_weather {
    int delay;   /* ms, each way */
    int jitter;  /* ms more, from none to this, at random: packets overtake each other */
    int loss;    /* percent of packets, at random, the same in every run */
    int rate;    /* bytes in a millisecond, each way; 0: as many as come. What waits for its turn */
                 /* is 256 KiB at most; more is lost, as a router's queue would */
    bool is_cut; /* nothing passes */
};

/* Takes over two descriptors that give and take one IP packet at a time. The weather is fine. */
struct relay *relay_start(int left, int right);

/* The packets on their way still arrive. */
void relay_set_weather(struct relay *relay, struct relay_weather weather);

/* Swallows the next packet that carries data over TCP, and resets its connection at both ends, as
 * a middle box that has forgotten it would. False when no such packet comes before the deadline. */
bool relay_break_connection(struct relay *relay, int64_t deadline);

/* Whether these bytes stood in some packet; how many bytes came at all. */
bool relay_has_seen(struct relay *relay, const void *data, size_t length);
size_t relay_bytes(struct relay *relay);

void relay_destroy(struct relay **relay);

#endif
