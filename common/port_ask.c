/* The asking port: a ring, and for each shard one link_asker and one socket; where the link can be
 * lost, a second socket for huge values, and the asks that can be asked again. */
#include "common/port_inner.h"

#include "common/address.h"
#include "common/check.h"
#include "common/link_asker.h"
#include "common/memory.h"
#include "common/port_again.h"

#include <sodium.h>
#include <stdlib.h>

struct asking;

struct shard {
    struct asking *asking;
    char *name;
    struct link_asker *link;
    struct reactor_socket *socket;
    bool is_remote; /* in another process, or as if: it can be lost. Only then: */
    struct reactor_socket *lane;
    bool was_connected, lane_was_connected;
    int64_t tried_at, lane_tried_at; /* mono ns: last seen connected, or connected anew */
    struct again again;
    struct reactor_rest rest;
    int64_t proven;    /* boot ns: the shard's proof since its last LOST, or NO_PROOF */
    int64_t logged_at; /* mono ns: see port_log_event */
};
#define NO_PROOF INT64_MIN

struct asking {
    struct ask_port port; /* first: what the stage sees of it */
    struct port_owner *owner;
    struct ring *ring;
    struct shard *shards; /* port.shards of them */
    int64_t proven;       /* boot ns: of all shards, as the stage was told since the last LOST */
};

/* ---- what the stage calls ---- */

static enum status ask_remote(struct shard *shard, int64_t now, uint64_t token,
                              const struct ask *ask)
{
    if (!link_asker_is_open(shard->link))
        return STATUS_AWAY;
    const uint32_t index = again_keep(&shard->again, token, ask);
    const enum status status = link_asker_ask(shard->link, now, index, ask);
    if (status != STATUS_VALUE)
        again_forget(&shard->again, index);
    return status;
}

static enum status ask(struct ask_port *port, size_t index, uint64_t token, const struct ask *ask)
{
    struct asking *asking = (struct asking *)port;
    if (index == PORT_BY_KEY)
        index = ring_pick(asking->ring, ask->key);
    CHECK(index < port->shards);
    struct shard *shard = &asking->shards[index];
    const int64_t now = clock_read(asking->owner->clock).mono;
    reactor_rest_end(&shard->rest);
    if (shard->is_remote)
        return ask_remote(shard, now, token, ask);
    return link_asker_ask(shard->link, now, token, ask);
}

static void watch(struct ask_port *port, int64_t every)
{
    struct asking *asking = (struct asking *)port;
    for (size_t i = 0; i < port->shards; i++)
        link_asker_watch(asking->shards[i].link, every);
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

static void tell_answer(struct shard *shard, uint64_t token, const struct answer *answer)
{
    const struct port_owner *owner = shard->asking->owner;
    if (shard->is_remote)
        token = again_forget(&shard->again, (uint32_t)token);
    owner->kind->on_answer(owner->stage, clock_read(owner->clock), token, answer);
}

static void tell_failure(struct shard *shard, uint64_t token, enum status status)
{
    tell_answer(shard, token, &(struct answer){.status = status});
}

static void on_answer(void *shard, uint64_t token, const struct answer *answer)
{
    tell_answer(shard, token, answer);
}

static void on_lost_ask(void *owner, uint64_t token)
{
    struct shard *shard = owner;
    const int64_t now = clock_read(shard->asking->owner->clock).mono;
    if (!shard->is_remote || !again_wait(&shard->again, (uint32_t)token, now))
        tell_failure(shard, token, STATUS_AWAY);
}

/* The oldest of the shards' proofs, or NO_PROOF where one has none. */
static int64_t find_proof(const struct asking *asking)
{
    int64_t proven = INT64_MAX;
    for (size_t i = 0; i < asking->port.shards; i++)
        proven = clock_earlier(proven, asking->shards[i].proven);
    return proven;
}

static void on_notice(void *owner, const struct notice *notice)
{
    struct shard *shard = owner;
    struct asking *asking = shard->asking;
    struct notice told = *notice;
    if (notice->kind == NOTICE_PROVEN) {
        shard->proven = notice->proven > shard->proven ? notice->proven : shard->proven;
        told.proven = find_proof(asking);
        if (told.proven <= asking->proven)
            return;
        asking->proven = told.proven;
    } else if (notice->kind == NOTICE_LOST) {
        shard->proven = asking->proven = NO_PROOF;
    }
    const struct port_owner *port = asking->owner;
    port->kind->on_notice(port->stage, clock_read(port->clock), &told);
}

static void on_event(void *owner, enum link_event event, uint64_t theirs)
{
    struct shard *shard = owner;
    const struct port_owner *port = shard->asking->owner;
    port_log_event(port, shard->name, event, theirs, ring_digest(shard->asking->ring),
                   &shard->logged_at);
}

/* ---- opening and closing ---- */

static struct reactor_socket *open_socket(struct reactor_rest *rest, const struct port_shard *shard,
                                          bool is_bulk, struct error *error)
{
    const struct transport_setup setup = {
        .side = TRANSPORT_ASKS,
        .address = shard->address,
        .is_bulk = is_bulk,
        .keys = shard->server_key ? rest->sockets->keys : NULL,
        .server_key = shard->server_key,
    };
    return reactor_socket_open(rest, &setup, error);
}

static bool open_shard(struct asking *asking, struct shard *shard, struct reactor_sockets *sockets,
                       const struct port_shard *setup, struct error *error)
{
    shard->asking = asking;
    shard->rest = (struct reactor_rest){.sockets = sockets};
    shard->proven = NO_PROOF;
    shard->name = memory_copy_text(setup->name);
    shard->is_remote = address_scheme(setup->address) != ADDRESS_INPROC;
    again_init(&shard->again);
    shard->tried_at = shard->lane_tried_at = clock_read(asking->owner->clock).mono;
    shard->link = link_asker_create(&(struct link_asker_settings){
        .ring = ring_digest(asking->ring),
        .heartbeat = shard->is_remote,
        .has_lane = shard->is_remote,
        .random = name_session,
        .owner = shard,
        .on_answer = on_answer,
        .on_lost_ask = on_lost_ask,
        .on_notice = asking->owner->kind->on_notice != NULL ? on_notice : NULL,
        .on_event = on_event,
    });
    shard->socket = open_socket(&shard->rest, setup, false, error);
    if (shard->socket != NULL && shard->is_remote)
        shard->lane = open_socket(&shard->rest, setup, true, error);
    return shard->socket != NULL && (shard->lane != NULL || !shard->is_remote);
}

struct ask_port *port_ask_create(struct reactor_sockets *sockets, struct port_owner *owner,
                                 const struct port_shard *shards, size_t count, struct error *error)
{
    struct asking *asking = memory_alloc(1, sizeof *asking);
    struct ask_port *port = &asking->port;
    *port = (struct ask_port){.shards = count, .ask = ask, .watch = watch, .is_open = is_open};
    asking->owner = owner;
    asking->proven = NO_PROOF;
    asking->ring = port_ring_create(owner, shards, count);
    asking->shards = memory_alloc(count, sizeof *asking->shards);
    for (size_t i = 0; i < count && port != NULL; i++)
        if (!open_shard(asking, &asking->shards[i], sockets, &shards[i], error))
            port_ask_destroy(&port);
    return port;
}

void port_ask_destroy(struct ask_port **port)
{
    struct asking *asking = (struct asking *)*port;
    if (asking == NULL)
        return;
    for (size_t i = 0; i < asking->port.shards; i++) {
        struct shard *shard = &asking->shards[i];
        if (shard->link == NULL) /* creation did not get that far */
            continue;
        link_asker_destroy(&shard->link);
        again_fini(&shard->again);
        free(shard->name);
    }
    free(asking->shards);
    ring_destroy(&asking->ring);
    free(asking);
    *port = NULL;
}

/* ---- what the reactor calls ---- */

static void take_message(struct shard *shard, struct reactor_socket *socket, int64_t now)
{
    struct transport_message message;
    if (!reactor_socket_receive(socket, &message))
        return;
    (socket == shard->lane ? link_asker_receive_lane : link_asker_receive)(
        shard->link, now, message.first_frame, message.values, message.value_count);
    reactor_socket_release(socket);
}

static void send_batches(struct shard *shard, struct reactor_socket *socket, int64_t now)
{
    const bool is_lane = socket == shard->lane;
    struct batch *batch;
    while ((batch = (is_lane ? link_asker_flush_lane : link_asker_flush)(shard->link, now)) !=
           NULL) {
        const enum transport_result result = reactor_socket_send(socket, 0, batch);
        batch_clear(batch);
        if (result != TRANSPORT_SENT) {
            (is_lane ? link_asker_lose_lane : link_asker_lose)(shard->link, now);
            shard->rest.until = now; /* its stage is to be told */
        }
    }
}

/* Longer than ZeroMQ takes for any try of its own. */
#define RECONNECT_AFTER (3 * SECOND)

static void see_to_connection(struct reactor_socket *socket, bool is_connected, int64_t now,
                              int64_t *tried_at)
{
    if (!is_connected && now - *tried_at < RECONNECT_AFTER)
        return;
    *tried_at = now;
    if (!is_connected)
        reactor_socket_reconnect(socket);
}

/* Where the peer has just gone, its session ends now and not when its silence is noticed; where it
 * has just come, it is greeted now and not when the retry is due. */
static void follow_connections(struct shard *shard, int64_t now)
{
    const bool is_connected = reactor_socket_is_connected(shard->socket);
    const bool lane_is_connected = reactor_socket_is_connected(shard->lane);
    if (!is_connected && shard->was_connected)
        link_asker_lose(shard->link, now);
    if (!lane_is_connected && shard->lane_was_connected)
        link_asker_lose_lane(shard->link, now);
    if ((is_connected && !shard->was_connected) ||
        (lane_is_connected && !shard->lane_was_connected))
        link_asker_hurry(shard->link, now);
    shard->was_connected = is_connected;
    shard->lane_was_connected = lane_is_connected;
    see_to_connection(shard->socket, is_connected, now, &shard->tried_at);
    see_to_connection(shard->lane, lane_is_connected, now, &shard->lane_tried_at);
}

/* Asks once more what was in flight when the session ended, or says that it cannot be. */
static void ask_again(struct shard *shard, int64_t now, int64_t *wake)
{
    struct again_due due;
    uint32_t overdue;
    while (link_asker_is_open(shard->link) && again_take(&shard->again, &due)) {
        const enum status status = link_asker_ask(shard->link, now, due.index, &due.ask);
        if (status != STATUS_VALUE)
            tell_failure(shard, due.index, status);
    }
    while (again_take_overdue(&shard->again, now, &overdue))
        tell_failure(shard, overdue, STATUS_AWAY);
    *wake = clock_earlier(*wake, shard->again.give_up_at);
}

static void move_shard(struct shard *shard, struct moment now)
{
    take_message(shard, shard->socket, now.mono);
    if (shard->is_remote) {
        take_message(shard, shard->lane, now.mono);
        follow_connections(shard, now.mono);
    }
    shard->rest.until = link_asker_tick(shard->link, now);
    if (shard->is_remote) {
        ask_again(shard, now.mono, &shard->rest.until);
        send_batches(shard, shard->lane, now.mono);
    }
    send_batches(shard, shard->socket, now.mono);
    reactor_rest_begin(&shard->rest,
                       reactor_socket_has_input(shard->socket) ||
                           (shard->is_remote && reactor_socket_has_input(shard->lane)));
}

int64_t port_ask_move(struct ask_port *port, struct moment now)
{
    struct asking *asking = (struct asking *)port;
    int64_t wake = NEVER;
    for (size_t i = 0; i < port->shards; i++) {
        struct shard *shard = &asking->shards[i];
        if (!reactor_rest_holds(&shard->rest, now.mono))
            move_shard(shard, now);
        wake = clock_earlier(wake, shard->rest.until);
    }
    return wake;
}

bool port_ask_is_whole(const struct ask_port *port)
{
    const struct asking *asking = (const struct asking *)port;
    for (size_t i = 0; i < asking->port.shards; i++)
        if (!link_asker_is_open(asking->shards[i].link))
            return false;
    return true;
}

bool port_ask_is_away(const struct ask_port *port)
{
    const struct asking *asking = (const struct asking *)port;
    for (size_t i = 0; i < port->shards; i++)
        if (!asking->shards[i].is_remote || link_asker_is_open(asking->shards[i].link))
            return false;
    return true;
}

static void measure_shard(const struct shard *shard, struct metrics *metrics)
{
    struct buffer labels = {0};
    metrics_quote(&labels, "link", shard->name);
    port_measure_link(metrics, labels.data, link_asker_counters(shard->link));
    metrics_gauge(metrics, "weir_link_away", "Whether there is no session now.", labels.data,
                  !link_asker_is_open(shard->link));
    metrics_gauge(metrics, "weir_link_credit_used", "Asks outstanding.", labels.data,
                  link_asker_outstanding(shard->link));
    metrics_gauge(metrics, "weir_link_credit",
                  "Asks that may be outstanding; 0 while there is no session.", labels.data,
                  link_asker_credit(shard->link));
    buffer_fini(&labels);
}

void port_ask_measure(const struct ask_port *port, struct metrics *metrics)
{
    const struct asking *asking = (const struct asking *)port;
    for (size_t i = 0; i < port->shards; i++)
        measure_shard(&asking->shards[i], metrics);
}
