#include "common/trail.h"

#include "common/message_wire.h"

#define STORED    4 /* bits beside the outcome */
#define ANNOUNCED 8
#define VERIFIED  16
#define KNOWN     (3 | STORED | ANNOUNCED | VERIFIED)

struct bytes trail_add(char room[TRAIL_MOST * TRAIL_HOP], struct bytes before,
                       const struct hop *hop)
{
    if (before.size > 0)
        memcpy(room, before.data, before.size);
    if (before.size > (TRAIL_MOST - 1) * TRAIL_HOP)
        return (struct bytes){room, before.size};
    char *at = put_u8(room + before.size, (unsigned)hop->outcome | (hop->is_stored ? STORED : 0U) |
                                              (hop->is_announced ? ANNOUNCED : 0U) |
                                              (hop->is_verified ? VERIFIED : 0U));
    at = put_u32(at, hop->ttl_ms);
    put_u32(at, hop->proof_ms);
    return (struct bytes){room, before.size + TRAIL_HOP};
}

bool trail_next(struct bytes *trail, struct hop *hop)
{
    if (trail->size < TRAIL_HOP)
        return false;
    unsigned bits = get_u8(trail->data);
    *hop = (struct hop){
        .outcome = (enum hop_outcome)(bits & 3),
        .is_stored = (bits & STORED) != 0,
        .is_announced = (bits & ANNOUNCED) != 0,
        .is_verified = (bits & VERIFIED) != 0,
        .ttl_ms = get_u32(trail->data + 1),
        .proof_ms = get_u32(trail->data + 5),
    };
    trail->data += TRAIL_HOP;
    trail->size -= TRAIL_HOP;
    return true;
}

bool trail_is_valid(struct bytes trail)
{
    if (trail.size % TRAIL_HOP != 0 || trail.size > TRAIL_MOST * TRAIL_HOP)
        return false;
    for (size_t i = 0; i < trail.size; i += TRAIL_HOP)
        if ((get_u8(trail.data + i) & ~(unsigned)KNOWN) != 0)
            return false;
    return true;
}

bool trail_is_fresh(struct bytes trail)
{
    struct hop hop;
    while (trail_next(&trail, &hop))
        if (hop.outcome == HOP_STALE || (hop.is_announced && !hop.is_verified))
            return false;
    return true;
}
