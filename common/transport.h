/* The transport under the links: batches as ZeroMQ messages, between a DEALER (the asking side) and
 * a ROUTER (the serving side), over inproc, ipc or tcp, the last encrypted by CURVE where the setup
 * has keys. Whose key may connect at all is for the process's guard to say (host_guard).
 *
 * A transport is used by one thread. Nothing here blocks, and nothing is dropped in silence: what
 * cannot be sent is the caller's to know. What may be lost on the way (a connection that breaks) is
 * the links' to notice. When a socket is worth reading is the reactor's to know (reactor_socket).
 */
#ifndef WEIR_TRANSPORT_H
#define WEIR_TRANSPORT_H

#include "common/error.h"
#include "common/keys.h"
#include "common/message.h"

struct transport;

enum transport_side {
    TRANSPORT_ASKS,  /* connects to one address; its peer is there or will come */
    TRANSPORT_SERVES /* binds the address; many peers, each with a number */
};

enum transport_result {
    TRANSPORT_SENT,
    TRANSPORT_FULL, /* the peer takes no more, or there is no memory */
    TRANSPORT_GONE  /* there is no such peer */
};

struct transport_setup {
    enum transport_side side;
    const char *address;             /* see address.h */
    bool is_bulk;                    /* huge values pass here: an I/O thread of its own */
    const struct key_pair *keys;     /* this process's; NULL: the link is not encrypted */
    const unsigned char *server_key; /* of who serves there, where this side asks and has keys */
};

/* A message as it arrived, valid until transport_release. */
struct transport_message {
    uint64_t peer;               /* who sent it, where this side serves */
    bool is_barred;              /* its sender's key is off the list by now: not to be served */
    struct bytes first_frame;    /* empty, which no batch is, for a message no peer of ours makes */
    struct value *const *values; /* the further frames; value_share to keep one, never copied: */
                                 /* within a process they are the very values that were sent */
    size_t value_count;
};

/* `context` is ZeroMQ's; all transports over inproc share one. */
struct transport *transport_open(void *context, const struct transport_setup *setup,
                                 struct error *error);
void transport_close(struct transport **transport);

/* The descriptor that becomes readable when something may have changed (see reactor_socket). */
int transport_descriptor(const struct transport *transport);

/* From now on, messages from those whose key is not on the list are barred. (Before, all
 * connections are newer than the list that the guard read at the start.) The list outlives the
 * transport. */
void transport_allow(struct transport *transport, const struct key_list *allowed);

/* The number by which the serving side knows this one; for the asking side within a process. */
uint64_t transport_name(const struct transport *transport);

/* Whether a peer is there to be sent to; for the asking side. Eats the descriptor's edge, and says
 * in `has_input` whether there is something to receive. */
bool transport_is_connected(struct transport *transport, bool *has_input);

/* Ends the connection, or what has become of it, and begins with a new one; for the asking side.
 * Otherwise ZeroMQ connects again by itself, but not after its peer has broken its protocol:
 * because it does without keys, say, or was another program. */
void transport_reconnect(struct transport *transport, const char *address);

/* Sends a sealed batch to `peer` (ignored where this side asks). The frame is copied; a value's
 * reference passes to the message, and is nulled in the batch then. */
enum transport_result transport_send(struct transport *transport, uint64_t peer,
                                     struct batch *batch);

/* Takes one message that has arrived; false when there is none. */
bool transport_receive(struct transport *transport, struct transport_message *message);

/* Done with the message received last. */
void transport_release(struct transport *transport);

#endif
