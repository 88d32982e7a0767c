#include "common/link_peers.h"

#include "common/memory.h"

#include <stdlib.h>

/* The numbers are the transport's own, often consecutive, and not for others to choose: a
 * multiplication spreads them well enough. */
static size_t bucket_of(uint64_t name)
{
    return (size_t)(name * UINT64_C(0x9E3779B97F4A7C15) >> (64 - 10));
}

void link_peers_init(struct link_peers *peers)
{
    *peers = (struct link_peers){.ready_end = &peers->first_ready};
}

void link_peers_fini(struct link_peers *peers)
{
    for (uint32_t i = 0; i < peers->count; i++) {
        link_window_fini(&peers->all[i]->window);
        free(peers->all[i]);
    }
    free(peers->all);
    *peers = (struct link_peers){0};
}

struct link_peer *link_peers_find(const struct link_peers *peers, uint64_t name)
{
    struct link_peer *peer = peers->buckets[bucket_of(name)];
    while (peer && peer->name != name)
        peer = peer->next;
    return peer;
}

static struct link_peer *take_free(struct link_peers *peers)
{
    struct link_peer *peer = peers->free;
    if (peer) {
        peers->free = peer->next;
        return peer;
    }
    if (peers->count == LINK_MAX_PEERS)
        return NULL;
    if (peers->count == peers->capacity) {
        peers->capacity = peers->capacity > 0 ? 2 * peers->capacity : 8;
        peers->all = memory_resize(peers->all, peers->capacity, sizeof(struct link_peer *));
    }
    peer = memory_alloc(1, sizeof *peer);
    peer->index = peers->count;
    peers->all[peers->count++] = peer;
    return peer;
}

struct link_peer *link_peers_add(struct link_peers *peers, uint64_t name)
{
    struct link_peer *peer = take_free(peers);
    if (!peer)
        return NULL;
    struct link_peer **bucket = &peers->buckets[bucket_of(name)];
    peer->name = name;
    peer->next = *bucket;
    *bucket = peer;
    return peer;
}

void link_peers_make_ready(struct link_peers *peers, struct link_peer *peer)
{
    if (peer->is_ready)
        return;
    peer->is_ready = true;
    peer->next_ready = NULL;
    *peers->ready_end = peer;
    peers->ready_end = &peer->next_ready;
}

void link_peers_take_first_ready(struct link_peers *peers)
{
    struct link_peer *peer = peers->first_ready;
    peer->is_ready = false;
    peers->first_ready = peer->next_ready;
    if (!peers->first_ready)
        peers->ready_end = &peers->first_ready;
}

void link_peers_remove(struct link_peers *peers, struct link_peer *peer)
{
    struct link_peer **link = &peers->buckets[bucket_of(peer->name)];
    while (*link != peer)
        link = &(*link)->next;
    *link = peer->next;
    peer->state = PEER_ABSENT;
    peer->next = peers->free;
    peers->free = peer;
}
