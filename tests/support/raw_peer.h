/* A peer of a serve address that says whatever a test wants, right or wrong: a bare ZeroMQ socket
 * with none of weir's links behind it. One thread uses one peer. */
#ifndef TESTS_SUPPORT_RAW_PEER_H
#define TESTS_SUPPORT_RAW_PEER_H

#include "blob.h"
#include "common/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw_peer;

/* `address` as in a topology, without CURVE. */
struct raw_peer *raw_peer_open(const char *address);

/* What was sent still leaves, if anybody takes it within a moment. */
void raw_peer_close(struct raw_peer **peer);

/* Sends one message of one frame, or one frame with `more` to come. Blocks while the other side
 * takes nothing. */
void raw_peer_send(struct raw_peer *peer, const void *frame, size_t length, bool more);

/* Seals the batch as this one of the session, acknowledging nothing, sends it, and clears it. */
void raw_peer_send_batch(struct raw_peer *peer, struct batch *batch, uint64_t session,
                         uint32_t sequence);

/* The first frame of the next message with a record in it; false when none comes in time. */
bool raw_peer_receive(struct raw_peer *peer, struct blob *frame, int64_t deadline);

/* Whether the first record of a message is of this kind. */
bool raw_peer_is(const struct blob *frame, enum record_kind kind);

/* Opens a session as a link does: false unless WELCOME comes. */
bool raw_peer_greet(struct raw_peer *peer, uint64_t session);

/* Asks for one key as batch `sequence` of the session: false unless it is answered with `value`. */
bool raw_peer_ask(struct raw_peer *peer, uint64_t session, uint32_t sequence, const char *key,
                  const char *value);

#endif
