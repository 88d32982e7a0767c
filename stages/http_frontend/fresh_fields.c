#include "stages/http_frontend/fresh_fields.h"

#include "common/check.h"
#include "common/http_none_match.h"
#include "common/http_put.h"

#include <stdio.h>

void fresh_fields_init(struct fresh_fields *chain, const char *const *caches, size_t count)
{
    CHECK(count <= TRAIL_MOST);
    chain->count = count;
    for (size_t i = 0; i < count; i++) {
        struct freshness_name *name = &chain->names[i];
        int size = snprintf(name->text, sizeof(name->text), "weir.%s", caches[i]);
        CHECK(size > 0 && (size_t)size < sizeof(name->text));
        name->size = (size_t)size;
    }
}

/* An answer may come from a cache halfway: its hops are those nearest the client. Of a fleet whose
 * files differ for a while there may be more of them than this process knows. */
static char *put_name(char *at, const struct fresh_fields *chain, size_t hops_left)
{
    if (hops_left > chain->count)
        return HTTP_PUT_TEXT(at, "weir");
    const struct freshness_name *name = &chain->names[chain->count - hops_left];
    return http_put(at, name->text, name->size);
}

/* As a decimal of RFC 8941, 3.3.2: seconds, with three places. */
static char *put_proof(char *at, uint32_t proof_ms)
{
    at = HTTP_PUT_TEXT(at, "; weir-proof=");
    at = http_put_number(at, proof_ms / 1000);
    *at++ = '.';
    *at++ = (char)('0' + proof_ms / 100 % 10);
    *at++ = (char)('0' + proof_ms / 10 % 10);
    *at++ = (char)('0' + proof_ms % 10);
    return at;
}

static char *put_hop(char *at, const struct hop *hop)
{
    switch (hop->outcome) {
    case HOP_HIT:
        at = HTTP_PUT_TEXT(at, "; hit; ttl=");
        at = http_put_number(at, hop->ttl_ms / 1000);
        break;
    case HOP_STALE: /* past its time: how sure it was before does not matter */
        return HTTP_PUT_TEXT(at, "; hit; detail=stale");
    case HOP_COLLAPSED:
        at = HTTP_PUT_TEXT(at, "; fwd=miss; collapsed");
        break;
    default:
        at = HTTP_PUT_TEXT(at, "; fwd=miss");
        break;
    }
    if (hop->is_stored)
        at = HTTP_PUT_TEXT(at, "; stored");
    if (!hop->is_announced)
        return at;
    at = hop->is_verified ? HTTP_PUT_TEXT(at, "; detail=verified")
                          : HTTP_PUT_TEXT(at, "; detail=unverified");
    return hop->proof_ms == MESSAGE_NO_PROOF ? at : put_proof(at, hop->proof_ms);
}

static char *put_status(char *at, const struct fresh_fields *chain, struct bytes trail)
{
    size_t hops_left = trail.size / TRAIL_HOP;
    struct hop hop;
    at = HTTP_PUT_TEXT(at, "Cache-Status: ");
    for (; trail_next(&trail, &hop); hops_left--) {
        at = put_hop(put_name(at, chain, hops_left), &hop);
        at = hops_left > 1 ? HTTP_PUT_TEXT(at, ", ") : HTTP_PUT_TEXT(at, "\r\n");
    }
    return at;
}

/* Both in whole seconds, rounded down: what is said to remain never goes beyond what does. Nobody
 * vouches for a life without an end. */
static char *put_age(char *at, const struct answer *answer)
{
    uint32_t age = answer->age_ms / 1000;
    uint32_t remains = answer->life_ms == MESSAGE_LIFE_UNBOUNDED ? 0 : answer->life_ms / 1000;
    at = HTTP_PUT_TEXT(at, "Age: ");
    at = http_put_number(at, age);
    at = HTTP_PUT_TEXT(at, "\r\nCache-Control: max-age=");
    at = http_put_number(at, age + remains);
    return HTTP_PUT_TEXT(at, "\r\n");
}

/* Whether any cache has kept what passed it, or answered from what it kept. */
static bool is_kept(struct bytes trail)
{
    struct hop hop;
    while (trail_next(&trail, &hop))
        if (hop.is_stored || hop.outcome == HOP_HIT || hop.outcome == HOP_STALE)
            return true;
    return false;
}

struct bytes fresh_fields_format(const struct fresh_fields *chain, const struct answer *answer,
                                 char room[FRESH_FIELDS_ROOM])
{
    char *at = room;
    bool has_tag = answer->status == STATUS_VALUE && answer->tag != 0;
    bool is_told = answer->status == STATUS_VALUE ? answer->trail.size > 0 : is_kept(answer->trail);
    if (is_told)
        at = put_age(at, answer);
    if (has_tag) {
        at = HTTP_PUT_TEXT(at, "ETag: ");
        at = http_put_tag(at, answer->tag);
        at = HTTP_PUT_TEXT(at, "\r\n");
    }
    if (is_told)
        at = put_status(at, chain, answer->trail);
    CHECK(at <= room + FRESH_FIELDS_ROOM);
    return (struct bytes){room, (size_t)(at - room)};
}
