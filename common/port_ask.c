/* The asking port: a ring, and for each shard one link_asker and one socket. */
#include "common/port_inner.h"

#include "common/address.h"
#include "common/check.h"
#include "common/link_asker.h"
#include "common/memory.h"

#include <sodium.h>
#include <stdlib.h>

struct asking;

struct shard {
    struct asking *asking;
    char *name;
    struct link_asker *link;
    struct reactor_socket *socket;
    bool is_remote; /* in another process, or as if: it can be lost */
    bool was_connected;
};

struct asking {
    struct ask_port port; /* first: what the stage sees of it */
    struct port_owner *owner;
    struct ring *ring;
    struct shard *shards; /* port.shards of them */
};

/* ---- what the stage calls ---- */

static enum status ask(struct ask_port *port, size_t shard, uint64_t token, struct bytes key,
                       int64_t deadline)
{
    struct asking *asking = (struct asking *)port;
    if (shard == PORT_BY_KEY)
        shard = ring_pick(asking->ring, key);
    CHECK(shard < port->shards);
    return link_asker_ask(asking->shards[shard].link, clock_read(asking->owner->clock).mono, token,
                          key, deadline);
}

static bool is_open(const struct ask_port *port)
{
    const struct asking *asking = (const struct asking *)port;
    for (size_t i = 0; i < port->shards; i++)
        if (!asking->shards[i].is_remote && !link_asker_is_open(asking->shards[i].link))
            return false;
    return true;
}

/* ---- what the links call ---- */

static uint64_t name_session(void *owner)
{
    uint64_t name;
    (void)owner;
    randombytes_buf(&name, sizeof name);
    return name;
}

static void on_answer(void *shard, uint64_t token, const struct answer *answer)
{
    const struct port_owner *owner = ((struct shard *)shard)->asking->owner;
    owner->kind->on_answer(owner->stage, clock_read(owner->clock), token, answer);
}

static void on_event(void *shard, enum link_event event)
{
    const struct port_owner *owner = ((struct shard *)shard)->asking->owner;
    port_log_event(owner, ((struct shard *)shard)->name, event);
    if (event == LINK_LOST && owner->kind->on_notice != NULL)
        owner->kind->on_notice(owner->stage, clock_read(owner->clock), NOTICE_LOST);
}

/* ---- what the reactor calls ---- */

static struct reactor_socket *open_socket(struct reactor_sockets *sockets,
                                          const struct port_shard *shard, struct error *error)
{
    const struct transport_setup setup = {
        .side = TRANSPORT_ASKS,
        .address = shard->address,
        .keys = shard->server_key ? sockets->keys : NULL,
        .server_key = shard->server_key,
    };
    return reactor_socket_open(sockets, &setup, 1, error);
}

struct ask_port *port_ask_create(struct reactor_sockets *sockets, struct port_owner *owner,
                                 const struct port_shard *shards, size_t count, struct error *error)
{
    struct asking *asking = memory_alloc(1, sizeof *asking);
    struct ask_port *port = &asking->port;
    *port = (struct ask_port){.shards = count, .ask = ask, .is_open = is_open};
    asking->owner = owner;
    asking->ring = port_ring_create(owner, shards, count);
    asking->shards = memory_alloc(count, sizeof *asking->shards);
    for (size_t i = 0; i < count; i++) {
        struct shard *shard = &asking->shards[i];
        shard->asking = asking;
        shard->name = memory_copy_text(shards[i].name);
        shard->is_remote = address_scheme(shards[i].address) != ADDRESS_INPROC;
        shard->link = link_asker_create(&(struct link_asker_settings){
            .ring = ring_digest(asking->ring),
            .heartbeat = shard->is_remote,
            .random = name_session,
            .owner = shard,
            .on_answer = on_answer,
            .on_event = on_event,
        });
        shard->socket = open_socket(sockets, &shards[i], error);
        if (shard->socket == NULL) {
            port_ask_destroy(&port);
            return NULL;
        }
    }
    return port;
}

void port_ask_destroy(struct ask_port **port)
{
    struct asking *asking = (struct asking *)*port;
    if (asking == NULL)
        return;
    for (size_t i = 0; i < asking->port.shards; i++) {
        if (asking->shards[i].link != NULL) /* creation got that far */
            link_asker_destroy(&asking->shards[i].link);
        free(asking->shards[i].name);
    }
    free(asking->shards);
    ring_destroy(&asking->ring);
    free(asking);
    *port = NULL;
}

static bool take_message(struct shard *shard, int64_t now)
{
    struct transport_message message;
    if (!reactor_socket_receive(shard->socket, &message))
        return false;
    link_asker_receive(shard->link, now, message.first_frame, message.values, message.value_count);
    reactor_socket_release(shard->socket);
    return true;
}

static bool send_batches(struct shard *shard, int64_t now)
{
    bool moved = false;
    for (struct batch *batch; (batch = link_asker_flush(shard->link, now)) != NULL; moved = true) {
        const enum transport_result result = reactor_socket_send(shard->socket, 0, batch);
        batch_clear(batch);
        if (result != TRANSPORT_SENT)
            link_asker_lose(shard->link, now);
    }
    return moved;
}

/* Where the peer has just gone, its session ends now and not when its silence is noticed; where it
 * has just come, it is greeted now and not when the retry is due. */
static void follow_connection(struct shard *shard, int64_t now)
{
    const bool is_connected = reactor_socket_is_connected(shard->socket);
    if (is_connected == shard->was_connected)
        return;
    shard->was_connected = is_connected;
    if (is_connected)
        link_asker_hurry(shard->link, now);
    else
        link_asker_lose(shard->link, now);
}

bool port_ask_move(struct ask_port *port, int64_t now, int64_t *wake)
{
    struct asking *asking = (struct asking *)port;
    bool moved = false;
    for (size_t i = 0; i < port->shards; i++) {
        struct shard *shard = &asking->shards[i];
        moved |= take_message(shard, now);
        follow_connection(shard, now);
        *wake = clock_earlier(*wake, link_asker_tick(shard->link, now));
        moved |= send_batches(shard, now);
    }
    return moved;
}

static size_t count_away(const struct asking *asking)
{
    size_t count = 0;
    for (size_t i = 0; i < asking->port.shards; i++)
        count += !link_asker_is_open(asking->shards[i].link);
    return count;
}

bool port_ask_is_away(const struct ask_port *port)
{
    return count_away((const struct asking *)port) == port->shards;
}

void port_ask_measure(const struct ask_port *port, struct metrics *metrics)
{
    const struct asking *asking = (const struct asking *)port;
    for (size_t i = 0; i < port->shards; i++)
        port_measure_link(metrics, asking->shards[i].name,
                          link_asker_counters(asking->shards[i].link));
    metrics_gauge(metrics, "weir_links_away", "Links on which there is no session now.", NULL,
                  (int64_t)count_away(asking));
}
