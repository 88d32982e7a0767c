/* The serving port: one link_server and one socket, for all who ask. */
#include "common/port_inner.h"

#include "common/address.h"
#include "common/link_server.h"
#include "common/memory.h"

#include <stdlib.h>

struct serving {
    struct serve_port port; /* first: what the stage sees of it */
    struct port_owner *owner;
    char *address;
    struct link_server *link;
    struct reactor_socket *socket;
    bool is_encrypted;
    struct reactor_rest rest;
    uint64_t ring;     /* its digest */
    int64_t logged_at; /* mono ns: see port_log_event */
};

/* ---- what the stage calls ---- */

static void answer_ask(struct serve_port *port, const struct return_address *to,
                       const struct answer *answer)
{
    struct serving *serving = (struct serving *)port;
    reactor_rest_end(&serving->rest);
    link_server_answer(serving->link, to, answer);
}

static void notify(struct serve_port *port, const struct notice *notice)
{
    struct serving *serving = (struct serving *)port;
    reactor_rest_end(&serving->rest);
    link_server_notify(serving->link, notice);
}

/* ---- what the link calls ---- */

static void on_ask(void *serving, const struct return_address *from, const struct ask *ask)
{
    const struct port_owner *owner = ((struct serving *)serving)->owner;
    owner->kind->on_ask(owner->stage, clock_read(owner->clock), from, ask);
}

static void on_event(void *owner, uint64_t peer, enum link_event event, uint64_t theirs)
{
    struct serving *serving = owner;
    (void)peer; /* a number that means nothing to a reader */
    port_log_event(serving->owner, serving->address, event, theirs, serving->ring,
                   &serving->logged_at);
}

/* ---- what the reactor calls ---- */

struct serve_port *port_serve_create(struct reactor_sockets *sockets, struct port_owner *owner,
                                     const struct port_shard *shards, size_t count, size_t own,
                                     struct error *error)
{
    const struct transport_setup setup = {
        .side = TRANSPORT_SERVES,
        .address = shards[own].address,
        .keys = shards[own].server_key ? sockets->keys : NULL,
    };
    struct serving *serving = memory_alloc(1, sizeof *serving);
    serving->rest = (struct reactor_rest){.sockets = sockets};
    serving->socket = reactor_socket_open(&serving->rest, &setup, error);
    if (serving->socket == NULL) {
        free(serving);
        return NULL;
    }
    struct ring *ring = port_ring_create(owner, shards, count);
    serving->port.answer = answer_ask;
    serving->port.notify = notify;
    serving->owner = owner;
    serving->address = memory_copy_text(shards[own].address);
    serving->is_encrypted = setup.keys != NULL;
    serving->ring = ring_digest(ring);
    serving->link = link_server_create(&(struct link_server_settings){
        .ring = serving->ring,
        .needs_heartbeat = address_scheme(shards[own].address) != ADDRESS_INPROC,
        .owner = serving,
        .on_ask = on_ask,
        .on_event = on_event,
    });
    ring_destroy(&ring);
    return &serving->port;
}

void port_serve_destroy(struct serve_port **port)
{
    struct serving *serving = (struct serving *)*port;
    if (serving == NULL)
        return;
    link_server_destroy(&serving->link);
    free(serving->address);
    free(serving);
    *port = NULL;
}

void port_serve_open(struct serve_port *port)
{
    struct serving *serving = (struct serving *)port;
    reactor_rest_end(&serving->rest);
    link_server_open(serving->link);
}

void port_serve_allow(struct serve_port *port, const struct key_list *allowed)
{
    struct serving *serving = (struct serving *)port;
    if (serving->is_encrypted)
        reactor_socket_allow(serving->socket, allowed);
}

static void take_message(struct serving *serving)
{
    struct transport_message message;
    if (!reactor_socket_receive(serving->socket, &message))
        return;
    /* This process may have stood still since the clock was last read, and an ask have been sent
     * meanwhile: it must not be answered by what was proven to be fresh before it was made. */
    struct clock *clock = serving->owner->clock;
    clock_catch_up(clock);
    if (message.is_barred)
        link_server_bar(serving->link, message.peer);
    else
        link_server_receive(serving->link, clock_read(clock).mono, message.peer,
                            message.first_frame, message.values, message.value_count);
    reactor_socket_release(serving->socket);
}

static void send_batches(struct serving *serving, struct moment now)
{
    uint64_t peer;
    for (struct batch *batch; (batch = link_server_flush(serving->link, now, &peer)) != NULL;) {
        const enum transport_result result = reactor_socket_send(serving->socket, peer, batch);
        batch_clear(batch);
        if (result != TRANSPORT_SENT)
            link_server_lose(serving->link, peer);
    }
}

int64_t port_serve_move(struct serve_port *port, struct moment now)
{
    struct serving *serving = (struct serving *)port;
    if (!reactor_rest_holds(&serving->rest, now.mono)) {
        take_message(serving);
        serving->rest.until = link_server_tick(serving->link, now.mono);
        send_batches(serving, now);
        reactor_rest_begin(&serving->rest, reactor_socket_has_input(serving->socket));
    }
    return serving->rest.until;
}

void port_serve_measure(const struct serve_port *port, struct metrics *metrics)
{
    const struct serving *serving = (const struct serving *)port;
    struct buffer labels = {0};
    metrics_quote(&labels, "link", serving->address);
    port_measure_link(metrics, labels.data, link_server_counters(serving->link));
    buffer_fini(&labels);
}
