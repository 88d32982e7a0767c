/* Owns the ZeroMQ socket of one end of a link, and the frames of the message it received last. One
 * thread uses it; only the references in sent frames go on to others. */
#include "common/transport.h"

#include "common/address.h"
#include "common/check.h"
#include "common/memory.h"
#include "common/transport_handover.h"
#include "common/transport_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* A ROUTER names its peers by five bytes of its own making, a zero and a counter. An asker within
 * the process has said another first byte and its descriptor, which no other socket here has. */
#define PEER_NAME_SIZE 5
#define LOCAL_NAME     1
#define NO_PEER        UINT64_MAX

struct transport {
    void *socket;
    enum transport_side side;
    bool is_local;                  /* both ends are in this process */
    uint64_t name;                  /* see transport_name */
    zmq_msg_t first;                /* the first frame of the message received last */
    struct value **values;          /* its further frames */
    size_t value_count;             /* of them */
    size_t value_capacity;          /* as allocated */
    const struct key_list *allowed; /* NULL: whoever is connected */
};

/* ---- opening and closing ---- */

static void write_name(unsigned char name[PEER_NAME_SIZE], uint64_t peer)
{
    for (size_t i = 0; i < PEER_NAME_SIZE; i++)
        name[i] = (unsigned char)(peer >> (8 * i));
}

static int descriptor_of(void *socket)
{
    int descriptor;
    size_t size = sizeof descriptor;
    CHECK(zmq_getsockopt(socket, ZMQ_FD, &descriptor, &size) == 0);
    return descriptor;
}

/* Chooses a name, so that the reactor knows which of its sockets is meant. */
static uint64_t choose_name(void *socket)
{
    const uint64_t name = LOCAL_NAME | (uint64_t)descriptor_of(socket) << 8;
    unsigned char bytes[PEER_NAME_SIZE];
    write_name(bytes, name);
    CHECK(zmq_setsockopt(socket, ZMQ_ROUTING_ID, bytes, sizeof bytes) == 0);
    return name;
}

struct transport *transport_open(void *context, const struct transport_setup *setup,
                                 struct error *error)
{
    const bool serves = setup->side == TRANSPORT_SERVES;
    const bool is_local = address_scheme(setup->address) == ADDRESS_INPROC;
    void *socket = zmq_socket(context, serves ? ZMQ_ROUTER : ZMQ_DEALER);
    if (socket == NULL) {
        error_set(error, "cannot open a socket for %s: %s", setup->address, zmq_strerror(errno));
        return NULL;
    }
    const uint64_t name = is_local && !serves ? choose_name(socket) : NO_PEER;
    if (!transport_set_options(socket, setup) ||
        (serves ? zmq_bind : zmq_connect)(socket, setup->address) != 0) {
        error_set(error, "cannot %s %s: %s", serves ? "serve" : "connect to", setup->address,
                  zmq_strerror(errno));
        zmq_close(socket);
        return NULL;
    }
    transport_guard_path(setup);
    struct transport *transport = memory_alloc(1, sizeof *transport);
    transport->socket = socket;
    transport->side = setup->side;
    transport->is_local = is_local;
    transport->name = name;
    zmq_msg_init(&transport->first);
    return transport;
}

void transport_close(struct transport **transport)
{
    if (*transport == NULL)
        return;
    transport_release(*transport);
    zmq_close((*transport)->socket);
    free((*transport)->values);
    free(*transport);
    *transport = NULL;
}

int transport_descriptor(const struct transport *transport)
{
    return descriptor_of(transport->socket);
}

uint64_t transport_name(const struct transport *transport)
{
    return transport->name;
}

void transport_allow(struct transport *transport, const struct key_list *allowed)
{
    transport->allowed = allowed;
}

/* Lets ZeroMQ look at what its other threads told this socket. */
static int catch_up(struct transport *transport)
{
    int events;
    size_t size = sizeof events;
    CHECK(zmq_getsockopt(transport->socket, ZMQ_EVENTS, &events, &size) == 0);
    return events;
}

/* The links' windows keep far below the high-water mark, so what can take nothing has no peer. */
bool transport_is_connected(struct transport *transport, bool *has_input)
{
    const int events = catch_up(transport);
    *has_input = (events & ZMQ_POLLIN) != 0;
    return (events & ZMQ_POLLOUT) != 0;
}

/* Where either fails there is no connection, as before. */
void transport_reconnect(struct transport *transport, const char *address)
{
    zmq_disconnect(transport->socket, address);
    zmq_connect(transport->socket, address);
}

/* ---- sending ---- */

/* Sends one frame, which is used up, whatever the result. */
static enum transport_result send_frame(struct transport *transport, zmq_msg_t *frame, bool more)
{
    const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
    bool caught_up = false;
    while (zmq_msg_send(frame, transport->socket, flags) < 0) {
        const int reason = errno;
        if (reason == EINTR)
            continue;
        if (reason == EAGAIN && !caught_up) {
            /* There may be room that ZeroMQ has not been told of yet. */
            catch_up(transport);
            caught_up = true;
            continue;
        }
        zmq_msg_close(frame);
        return reason == EAGAIN ? TRANSPORT_FULL : TRANSPORT_GONE;
    }
    return TRANSPORT_SENT;
}

static void make_peer_frame(zmq_msg_t *frame, uint64_t peer)
{
    CHECK(zmq_msg_init_size(frame, PEER_NAME_SIZE) == 0); /* so small that it lies inline */
    write_name(zmq_msg_data(frame), peer);
}

/* In whichever thread drops the frame last, ZeroMQ's own included. */
static void on_value_sent(void *data, void *hint)
{
    struct value *value = hint;
    (void)data;
    handover_take(value);
    value_release(&value);
}

/* Takes over the reference. Within a process the frame is the value itself, and so it stays one
 * value wherever it goes; to others go its bytes. Without memory the frame stays empty: the peer
 * finds the batch malformed and the sequence broken, and the session ends. */
static void make_value_frame(const struct transport *transport, zmq_msg_t *frame,
                             struct value **value)
{
    struct value *given = *value;
    void *data = transport->is_local ? (void *)given : (void *)given->bytes.data;
    const size_t size = transport->is_local ? sizeof *given : given->bytes.size;
    handover_give(given);
    if (zmq_msg_init_data(frame, data, size, on_value_sent, given) == 0) {
        *value = NULL;
    } else {
        value_release(value);
        zmq_msg_init(frame);
    }
}

enum transport_result transport_send(struct transport *transport, uint64_t peer,
                                     struct batch *batch)
{
    zmq_msg_t first;
    if (zmq_msg_init_size(&first, batch->frame.size) != 0)
        return TRANSPORT_FULL;
    memcpy(zmq_msg_data(&first), batch->frame.data, batch->frame.size);
    handover_give(zmq_msg_data(&first));

    if (transport->side == TRANSPORT_SERVES) {
        zmq_msg_t name;
        make_peer_frame(&name, peer);
        const enum transport_result result = send_frame(transport, &name, true);
        if (result != TRANSPORT_SENT) {
            zmq_msg_close(&first);
            return result;
        }
    }
    /* Whether there is room shows with the first frame. Where the peer goes after that, ZeroMQ
     * still wants the rest, to know where the next message begins. */
    enum transport_result result = send_frame(transport, &first, batch->value_count > 0);
    for (size_t i = 0; i < batch->value_count; i++) {
        if (result == TRANSPORT_FULL)
            break;
        zmq_msg_t frame;
        make_value_frame(transport, &frame, &batch->values[i]);
        if (send_frame(transport, &frame, i + 1 < batch->value_count) != TRANSPORT_SENT)
            result = TRANSPORT_GONE;
    }
    return result;
}

/* ---- receiving ---- */

/* A frame from another process as a value: the bytes stay where ZeroMQ has them. */
struct frame {
    struct value value;
    zmq_msg_t message;
};

static void on_frame_unused(struct value *value)
{
    struct frame *frame = (struct frame *)value;
    zmq_msg_close(&frame->message);
    free(frame);
}

static bool receive_frame(struct transport *transport, zmq_msg_t *frame)
{
    while (zmq_msg_recv(frame, transport->socket, ZMQ_DONTWAIT) < 0) {
        CHECK(errno == EAGAIN || errno == EINTR);
        if (errno == EAGAIN)
            return false;
    }
    handover_take(zmq_msg_data(frame));
    return true;
}

/* What make_value_frame made a frame of; uses the message up. */
static struct value *take_value(const struct transport *transport, zmq_msg_t *message)
{
    if (transport->is_local && zmq_msg_size(message) == sizeof(struct value)) {
        struct value *value = value_share(zmq_msg_data(message));
        zmq_msg_close(message);
        return value;
    }
    struct frame *frame = memory_alloc(1, sizeof *frame);
    zmq_msg_init(&frame->message);
    zmq_msg_move(&frame->message, message);
    atomic_init(&frame->value.references, 1);
    frame->value.bytes.data = zmq_msg_data(&frame->message);
    frame->value.bytes.size = zmq_msg_size(&frame->message);
    frame->value.on_last = on_frame_unused;
    return &frame->value;
}

/* Adds a further frame to those of the message; whether yet another follows. */
static bool receive_value(struct transport *transport)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    /* ZeroMQ hands out a message when all of its frames are there. */
    CHECK(receive_frame(transport, &message));
    const bool more = zmq_msg_more(&message);

    if (transport->value_count == transport->value_capacity) {
        transport->value_capacity = transport->value_capacity ? 2 * transport->value_capacity : 8;
        transport->values =
            memory_resize(transport->values, transport->value_capacity, sizeof(struct value *));
    }
    transport->values[transport->value_count++] = take_value(transport, &message);
    return more;
}

/* Reads to the end of a message without keeping anything. */
static void skip_frames(struct transport *transport)
{
    transport_release(transport);
    do
        CHECK(receive_frame(transport, &transport->first));
    while (zmq_msg_more(&transport->first));
    transport_release(transport);
}

static uint64_t peer_of_frame(zmq_msg_t *frame)
{
    if (zmq_msg_size(frame) != PEER_NAME_SIZE)
        return NO_PEER; /* one that chose a name for itself: no peer of ours does */
    const unsigned char *name = zmq_msg_data(frame);
    uint64_t peer = 0;
    for (size_t i = 0; i < PEER_NAME_SIZE; i++)
        peer |= (uint64_t)name[i] << (8 * i);
    return peer;
}

/* The guard has made the sender's key the user id of its connection. */
static bool is_barred(const struct transport *transport, zmq_msg_t *frame)
{
    unsigned char key[KEY_SIZE];
    if (transport->allowed == NULL)
        return false;
    const char *user = zmq_msg_gets(frame, "User-Id");
    return user == NULL || !keys_parse(user, strlen(user), key) ||
           !keys_are_listed(transport->allowed, key);
}

bool transport_receive(struct transport *transport, struct transport_message *message)
{
    zmq_msg_t *first = &transport->first;
    *message = (struct transport_message){0};
    if (!receive_frame(transport, first))
        return false;
    if (transport->side == TRANSPORT_SERVES) {
        message->peer = peer_of_frame(first);
        if (!zmq_msg_more(first)) {
            transport_release(transport);
            return true;
        }
        CHECK(receive_frame(transport, first));
        message->is_barred = is_barred(transport, first);
    }
    for (bool more = zmq_msg_more(first); more;) {
        if (message->peer == NO_PEER || transport->value_count == MESSAGE_MAX_RECORDS) {
            skip_frames(transport);
            return true;
        }
        more = receive_value(transport);
    }
    if (message->peer == NO_PEER)
        return true;
    message->first_frame.data = zmq_msg_data(first);
    message->first_frame.size = zmq_msg_size(first);
    message->values = transport->values;
    message->value_count = transport->value_count;
    return true;
}

void transport_release(struct transport *transport)
{
    for (size_t i = 0; i < transport->value_count; i++)
        value_release(&transport->values[i]);
    transport->value_count = 0;
    zmq_msg_close(&transport->first);
    zmq_msg_init(&transport->first);
}
