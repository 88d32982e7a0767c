/* The server: a session for each peer, and who has something to be sent. It does not keep the asks
 * themselves: the stage does, with their return addresses. */
#include "common/link_server.h"

#include "common/check.h"
#include "common/link_peers.h"
#include "common/memory.h"

#include <stdlib.h>

struct link_server {
    struct link_server_settings settings;
    struct link_counters counters;
    bool is_open;
    int64_t proven;    /* boot ns: the stage's proof, or LINK_NO_PROOF */
    size_t sessions;   /* that are open */
    int64_t next_tick; /* mono ns: before it, no peer is silent or waits for a heartbeat */
    struct link_peers peers;
};

struct link_server *link_server_create(const struct link_server_settings *settings)
{
    struct link_server *server = memory_alloc(1, sizeof *server);
    server->settings = *settings;
    server->proven = LINK_NO_PROOF;
    server->next_tick = NEVER;
    link_peers_init(&server->peers);
    return server;
}

void link_server_destroy(struct link_server **server)
{
    link_peers_fini(&(*server)->peers);
    free(*server);
    *server = NULL;
}

/* ---- sessions ---- */

static void tell(struct link_server *server, uint64_t peer, enum link_event event, uint64_t theirs)
{
    server->settings.on_event(server->settings.owner, peer, event, theirs);
}

static bool has_session(const struct link_peer *peer)
{
    return peer && peer->state >= PEER_WAITING;
}

/* Of a peer without a session: it is told that this one is none, and then forgotten. */
static void reset(struct link_server *server, struct link_peer *peer, uint64_t session)
{
    peer->state = PEER_REFUSED;
    link_window_open(&peer->window, session, false, 0);
    batch_add_reset(link_window_gather(&peer->window));
    link_peers_make_ready(&server->peers, peer);
}

/* The peer itself stays, for what comes next. A lane and whose it is end together. */
static void end_session(struct link_server *server, struct link_peer *peer)
{
    bool was_open = peer->state == PEER_OPEN;
    struct link_peer *other = peer->other;
    peer->state = PEER_ABSENT;
    peer->generation++;
    peer->outstanding = 0;
    peer->subscription = (struct link_subscription){0};
    link_window_close(&peer->window);
    if (was_open) {
        server->sessions--;
        server->counters.sessions_lost++;
        tell(server, peer->name, LINK_LOST, 0);
    }
    if (other) {
        const uint64_t session = other->window.session;
        peer->other = other->other = NULL;
        end_session(server, other);
        reset(server, other, session);
    }
}

static void remove_peer(struct link_server *server, struct link_peer *peer)
{
    end_session(server, peer);
    link_peers_remove(&server->peers, peer);
}

/* Drops a batch, and tells its sender that there is no such session, or no longer. */
static void refuse(struct link_server *server, uint64_t name, uint64_t session)
{
    server->counters.batches_dropped++;
    struct link_peer *peer = link_peers_find(&server->peers, name);
    if (peer)
        end_session(server, peer);
    else
        peer = link_peers_add(&server->peers, name);
    if (peer)
        reset(server, peer, session);
}

static void welcome(struct link_server *server, struct link_peer *peer)
{
    peer->state = PEER_OPEN;
    server->sessions++;
    server->counters.sessions_opened++;
    batch_add_welcome(link_window_gather(&peer->window), server->settings.ring, LINK_CREDIT);
    link_peers_make_ready(&server->peers, peer);
    tell(server, peer->name, LINK_OPENED, 0);
    if (peer->ring == server->settings.ring)
        return;
    server->counters.other_rings++;
    tell(server, peer->name, LINK_OTHER_RING, peer->ring);
}

void link_server_open(struct link_server *server)
{
    server->is_open = true;
    for (uint32_t i = 0; i < server->peers.count; i++)
        if (server->peers.all[i]->state == PEER_WAITING)
            welcome(server, server->peers.all[i]);
}

/* ---- what arrives ---- */

static void take_hello(struct link_server *server, int64_t now, uint64_t name,
                       struct batch_reader *reader)
{
    const struct batch_header *header = &reader->header;
    struct link_peer *peer = link_peers_find(&server->peers, name);
    if (header->records != 1 || (has_session(peer) && peer->window.session == header->session)) {
        refuse(server, name, header->session);
        return;
    }
    if (peer)
        end_session(server, peer);
    else
        peer = link_peers_add(&server->peers, name);
    if (!peer) {
        server->counters.batches_dropped++;
        return;
    }
    struct record hello;
    batch_next(reader, &hello);
    peer->state = PEER_WAITING;
    peer->ring = hello.ring;
    peer->subscription.is_wanted = hello.notices;
    link_window_open(&peer->window, header->session, hello.heartbeat, now);
    if ((server->settings.needs_heartbeat && !hello.heartbeat) ||
        !link_window_accept(&peer->window, now, header)) {
        refuse(server, name, header->session);
        return;
    }
    server->counters.batches_received++;
    server->counters.records_received++;
    server->next_tick = clock_earlier(server->next_tick, link_window_next(&peer->window, now));
    if (server->is_open)
        welcome(server, peer);
}

/* The open session of this name that has no lane yet, or NULL. */
static struct link_peer *find_laneless(const struct link_server *server, uint64_t session)
{
    for (uint32_t i = 0; i < server->peers.count; i++) {
        struct link_peer *peer = server->peers.all[i];
        if (peer->state == PEER_OPEN && !peer->other && peer->window.session == session)
            return peer;
    }
    return NULL;
}

static void take_lane(struct link_server *server, int64_t now, uint64_t name,
                      struct batch_reader *reader)
{
    struct record lane;
    batch_next(reader, &lane);
    struct link_peer *peer = link_peers_find(&server->peers, name);
    struct link_peer *whose = find_laneless(server, lane.session);
    if (reader->header.records != 1 || has_session(peer) || !whose) {
        refuse(server, name, reader->header.session);
        return;
    }
    if (peer)
        end_session(server, peer);
    else
        peer = link_peers_add(&server->peers, name);
    if (!peer) {
        server->counters.batches_dropped++;
        return;
    }
    link_window_open(&peer->window, reader->header.session, true, now);
    peer->window.is_bulk = true;
    if (!link_window_accept(&peer->window, now, &reader->header)) {
        refuse(server, name, reader->header.session);
        return;
    }
    peer->state = PEER_LANE;
    peer->other = whose;
    whose->other = peer;
    server->counters.batches_received++;
    server->counters.records_received++;
    server->next_tick = clock_earlier(server->next_tick, link_window_next(&peer->window, now));
    batch_add_welcome(link_window_gather(&peer->window), server->settings.ring, 0);
    link_peers_make_ready(&server->peers, peer);
}

/* The records that may come in a session of this peer's, as RECORD_BITs. */
static unsigned allowed_of(const struct link_peer *peer)
{
    if (peer->state != PEER_OPEN)
        return 0;
    return RECORD_BIT(RECORD_ASK) | (peer->subscription.is_wanted ? RECORD_BIT(RECORD_PROVE) : 0);
}

static uint32_t count_asks(const struct batch_reader *reader)
{
    if ((reader->kinds & RECORD_BIT(RECORD_PROVE)) == 0)
        return reader->header.records;
    struct batch_reader again = *reader;
    struct record record;
    uint32_t count = 0;
    while (batch_next(&again, &record))
        count += record.kind == RECORD_ASK;
    return count;
}

/* It is answered in a later turn: see link_subscription_settle. */
static void take_question(struct link_server *server, int64_t now, struct link_peer *peer,
                          uint32_t number)
{
    link_subscription_ask(&peer->subscription, now, number);
    server->next_tick = clock_earlier(server->next_tick, now + 1);
}

static void take_records(struct link_server *server, int64_t now, struct link_peer *peer,
                         struct batch_reader *reader)
{
    const struct batch_header *header = &reader->header;
    if ((reader->kinds & ~allowed_of(peer)) != 0 ||
        count_asks(reader) > LINK_CREDIT - peer->outstanding ||
        !link_window_accept(&peer->window, now, header)) {
        refuse(server, peer->name, header->session);
        return;
    }
    server->counters.batches_received++;
    server->counters.records_received += header->records;
    link_peers_make_ready(&server->peers,
                          peer); /* the window may have room again, or be owed an acknowledgement */

    struct return_address from = {.peer = peer->index, .generation = peer->generation};
    struct record record;
    while (batch_next(reader, &record)) {
        if (record.kind == RECORD_PROVE) {
            take_question(server, now, peer, record.number);
            continue;
        }
        peer->outstanding++;
        from.id = record.id;
        server->settings.on_ask(server->settings.owner, &from,
                                &(struct ask){.key = record.key,
                                              .deadline = now + record.remaining_ms * MILLISECOND,
                                              .flags = record.flags});
    }
}

void link_server_receive(struct link_server *server, int64_t now, uint64_t peer_name,
                         struct bytes first_frame, struct value *const *values, size_t value_count)
{
    struct link_peer *peer = link_peers_find(&server->peers, peer_name);
    struct batch_reader reader;
    enum batch_verdict verdict = batch_read(&reader, first_frame, values, value_count);

    if (verdict == BATCH_OTHER_VERSION) {
        refuse(server, peer_name, 0);
        server->counters.other_versions++;
        tell(server, peer_name, LINK_OTHER_VERSION, reader.version);
    } else if (verdict == BATCH_MALFORMED && has_session(peer)) {
        refuse(server, peer_name, peer->window.session);
    } else if (verdict == BATCH_MALFORMED) {
        server->counters.batches_dropped++;
    } else if (reader.kinds == RECORD_BIT(RECORD_HELLO)) {
        take_hello(server, now, peer_name, &reader);
    } else if (reader.kinds == RECORD_BIT(RECORD_LANE)) {
        take_lane(server, now, peer_name, &reader);
    } else if (!has_session(peer)) {
        refuse(server, peer_name, reader.header.session);
    } else if (peer->window.session != reader.header.session) {
        server->counters.batches_dropped++;
    } else {
        take_records(server, now, peer, &reader);
    }
}

/* ---- what leaves ---- */

void link_server_answer(struct link_server *server, const struct return_address *to,
                        const struct answer *answer)
{
    static const struct answer busy = {.status = STATUS_BUSY};
    CHECK(to->peer < server->peers.count);
    struct link_peer *peer = server->peers.all[to->peer];
    if (peer->generation != to->generation) {
        server->counters.late_answers++;
        return;
    }
    CHECK(peer->outstanding > 0); /* an ask is answered once */
    peer->outstanding--;
    if (peer->other && answer_bytes(answer).size >= LINK_BULK)
        peer = peer->other;
    if (link_window_is_crowded(&peer->window)) {
        server->counters.refused_busy++;
        answer = &busy;
    }
    batch_add_answer(link_window_gather(&peer->window), to->id, answer);
    link_peers_make_ready(&server->peers, peer);
}

void link_server_notify(struct link_server *server, const struct notice *notice)
{
    if (notice->kind == NOTICE_PROVEN) {
        server->proven = notice->proven > server->proven ? notice->proven : server->proven;
        return;
    }
    if (notice->kind == NOTICE_LOST)
        server->proven = LINK_NO_PROOF;
    for (uint32_t i = 0; i < server->peers.count; i++) {
        struct link_peer *peer = server->peers.all[i];
        if (peer->state != PEER_OPEN || !peer->subscription.is_wanted)
            continue;
        if (link_subscription_notify(&peer->subscription, &peer->window, notice))
            server->counters.notices_sent++;
        else
            server->counters.notices_overflowed++;
        link_peers_make_ready(&server->peers, peer);
    }
}

int64_t link_server_tick(struct link_server *server, int64_t now)
{
    if (now < server->next_tick)
        return server->next_tick;
    server->next_tick = NEVER;
    for (uint32_t i = 0; i < server->peers.count; i++) {
        struct link_peer *peer = server->peers.all[i];
        if (!has_session(peer))
            continue;
        if (link_window_is_silent(&peer->window, now)) {
            remove_peer(server, peer);
            continue;
        }
        if (link_window_is_idle(&peer->window, now) || peer->subscription.is_asked)
            link_peers_make_ready(&server->peers, peer);
        server->next_tick = clock_earlier(server->next_tick, link_window_next(&peer->window, now));
    }
    return server->next_tick;
}

struct batch *link_server_flush(struct link_server *server, struct moment now, uint64_t *peer_name)
{
    struct link_peer *peer;
    while ((peer = server->peers.first_ready) != NULL) {
        if (peer->subscription.is_wanted)
            server->counters.notices_sent +=
                link_subscription_settle(&peer->subscription, &peer->window, now, server->proven);
        struct batch *batch = link_window_flush(&peer->window, now.mono);
        if (batch) {
            *peer_name = peer->name;
            link_count_sent(&server->counters, batch->records);
            return batch;
        }
        link_peers_take_first_ready(&server->peers);
        if (peer->state == PEER_REFUSED)
            remove_peer(server, peer);
    }
    return NULL;
}

void link_server_lose(struct link_server *server, uint64_t peer_name)
{
    struct link_peer *peer = link_peers_find(&server->peers, peer_name);
    if (peer)
        remove_peer(server, peer);
}

void link_server_bar(struct link_server *server, uint64_t peer_name)
{
    server->counters.batches_dropped++;
    link_server_lose(server, peer_name);
}

size_t link_server_peers(const struct link_server *server)
{
    return server->sessions;
}

const struct link_counters *link_server_counters(const struct link_server *server)
{
    return &server->counters;
}
