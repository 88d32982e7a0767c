#include "raw_peer.h"

#include "deadline.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define LINGER 5000 /* ms */

struct raw_peer {
    void *context, *socket;
};

struct raw_peer *raw_peer_open(const char *address)
{
    struct raw_peer *peer = calloc(1, sizeof *peer);
    int linger = LINGER;

    if (!peer)
        trouble("no memory for a peer");
    peer->context = zmq_ctx_new();
    peer->socket = zmq_socket(peer->context, ZMQ_DEALER);
    zmq_setsockopt(peer->socket, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_connect(peer->socket, address) < 0)
        trouble("cannot connect to %s: %s", address, zmq_strerror(errno));
    return peer;
}

void raw_peer_close(struct raw_peer **peer)
{
    if (!*peer)
        return;
    zmq_close((*peer)->socket);
    zmq_ctx_term((*peer)->context);
    free(*peer);
    *peer = NULL;
}

void raw_peer_send(struct raw_peer *peer, const void *frame, size_t length, bool more)
{
    if (zmq_send(peer->socket, frame, length, more ? ZMQ_SNDMORE : 0) < 0)
        trouble("cannot send to weir: %s", zmq_strerror(errno));
}

void raw_peer_send_batch(struct raw_peer *peer, struct batch *batch, uint64_t session,
                         uint32_t sequence)
{
    batch_seal(batch, session, sequence, 0);
    raw_peer_send(peer, batch->frame.data, batch->frame.size, batch->value_count > 0);
    for (size_t i = 0; i < batch->value_count; i++)
        raw_peer_send(peer, batch->values[i]->bytes.data, batch->values[i]->bytes.size,
                      i + 1 < batch->value_count);
    batch_clear(batch);
}

/* Takes one message and keeps its first frame. */
static bool receive_any(struct raw_peer *peer, struct blob *frame, int64_t deadline)
{
    zmq_pollitem_t item = {.socket = peer->socket, .events = ZMQ_POLLIN};
    zmq_msg_t message;
    bool is_first = true, more = true;

    if (zmq_poll(&item, 1, deadline_left(deadline)) <= 0)
        return false;
    frame->length = 0;
    while (more) {
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, peer->socket, 0) < 0)
            trouble("cannot receive from weir: %s", zmq_strerror(errno));
        if (is_first)
            blob_append(frame, zmq_msg_data(&message), zmq_msg_size(&message));
        is_first = false;
        more = zmq_msg_more(&message);
        zmq_msg_close(&message);
    }
    return true;
}

bool raw_peer_receive(struct raw_peer *peer, struct blob *frame, int64_t deadline)
{
    while (receive_any(peer, frame, deadline))
        if (frame->length > MESSAGE_HEADER_SIZE)
            return true;
    return false;
}

bool raw_peer_is(const struct blob *frame, enum record_kind kind)
{
    return frame->length > MESSAGE_HEADER_SIZE && frame->data[MESSAGE_HEADER_SIZE] == (char)kind;
}

bool raw_peer_greet(struct raw_peer *peer, uint64_t session)
{
    struct batch batch = {0};
    struct blob frame = {0};
    bool is_welcome;

    batch_add_hello(&batch, 1, true, false);
    raw_peer_send_batch(peer, &batch, session, 1);
    is_welcome = raw_peer_receive(peer, &frame, deadline_in(PATIENCE)) &&
                 raw_peer_is(&frame, RECORD_WELCOME);
    batch_fini(&batch);
    blob_fini(&frame);
    return is_welcome;
}

bool raw_peer_ask(struct raw_peer *peer, uint64_t session, uint32_t sequence, const char *key,
                  const char *value)
{
    struct batch batch = {0};
    struct blob frame = {0};
    struct batch_reader reader;
    struct record record = {0};
    bool is_right;

    batch_add_ask(&batch, sequence, PATIENCE, 0, bytes_of_text(key));
    raw_peer_send_batch(peer, &batch, session, sequence);
    is_right =
        raw_peer_receive(peer, &frame, deadline_in(PATIENCE)) &&
        batch_read(&reader, (struct bytes){frame.data, frame.length}, NULL, 0) == BATCH_READY &&
        batch_next(&reader, &record) && record.kind == RECORD_VALUE && record.id == sequence &&
        bytes_are_equal(answer_bytes(&record.answer), bytes_of_text(value));
    batch_fini(&batch);
    blob_fini(&frame);
    return is_right;
}
