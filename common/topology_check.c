/* topology_check: the steps of the check, and the first of them, how stages are linked: addresses,
 * who asks whom. Settings and placement have files of their own. */
#include "common/topology.h"

#include "common/address.h"
#include "common/listener.h"
#include "common/memory.h"
#include "common/ring.h"
#include "common/text.h"
#include "common/topology_draft.h"
#include "common/trail.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool check_addresses(const struct topology_draft *draft, const struct draft_stage *stage)
{
    const struct draft_list *serves = &stage->serves;
    struct error reason;

    if (stage->kind->serves && serves->count == 0)
        return draft_refuse(draft, serves->place.line > 0 ? serves->place : stage->place,
                            stage->name, "serves", "is missing: one address for each shard");
    if (serves->count > RING_MAX_SHARDS)
        return draft_refuse(draft, serves->place, stage->name, "serves", "more than %d shards",
                            RING_MAX_SHARDS);
    for (size_t i = 0; i < serves->count; i++)
        if (!address_check(serves->items[i].text, &reason))
            return draft_refuse(draft, serves->items[i].place, stage->name, "serves", "%s",
                                reason.text);
    if (!stage->kind->listens)
        return true;
    if (!stage->listen.text)
        return draft_refuse(draft, stage->place, stage->name, "listen",
                            "is missing: an address as 127.0.0.1:8080, [::1]:8080 or unix:/path");
    /* Most likely the URL of Redis, with its password: not to be repeated, as the check would. */
    if (strstr(stage->listen.text, "://"))
        return draft_refuse(draft, stage->listen.place, stage->name, "listen",
                            "must be an address, not a URL: 127.0.0.1:8080, [::1]:8080 or "
                            "unix:/path");
    return listener_check_address(stage->listen.text, &reason) ||
           draft_refuse(draft, stage->listen.place, stage->name, "listen", "%s", reason.text);
}

static bool find_asked(const struct topology_draft *draft, const struct draft_stage *stage,
                       size_t *asked)
{
    char quoted[DRAFT_MAX_NAME + 3];

    *asked = SIZE_MAX;
    if (!stage->kind->asks || (stage->kind->asks_at_will && !stage->asks.text))
        return true;
    if (!stage->asks.text)
        return draft_refuse(draft, stage->place, stage->name, "asks",
                            "is missing: the stage it asks, towards the origin");
    for (size_t i = 0; i < draft->stage_count; i++)
        if (strcmp(draft->stages[i].name, stage->asks.text) == 0)
            *asked = i;
    if (*asked == SIZE_MAX)
        return draft_refuse(draft, stage->asks.place, stage->name, "asks", "%s is not a stage",
                            draft_quote(stage->asks.text, quoted));
    if (!draft->stages[*asked].kind->serves)
        return draft_refuse(draft, stage->asks.place, stage->name, "asks",
                            "%s cannot be asked: its kind, %s, serves no other stage",
                            stage->asks.text, draft->stages[*asked].kind->name);
    return true;
}

/* Each stage asks at most one other, so from any stage there is one way, and it either ends or is a
 * cycle that is closed within as many steps as there are stages. */
static bool check_cycle(const struct topology_draft *draft, const struct topology *topology,
                        size_t start)
{
    char way[256];
    size_t at = start, used = (size_t)snprintf(way, sizeof way, "%s", draft->stages[start].name);

    for (size_t steps = 0; steps < draft->stage_count; steps++) {
        at = topology->stages[at].asks;
        if (at == SIZE_MAX)
            return true;
        if (used < sizeof way)
            used +=
                (size_t)snprintf(way + used, sizeof way - used, " asks %s", draft->stages[at].name);
        if (at == start)
            return draft_refuse(draft, draft->stages[start].asks.place, draft->stages[start].name,
                                "asks", "goes in a circle: %s", way);
    }
    return true; /* it runs into a cycle that it is no part of: found from within */
}

/* An answer notes each cache that it passes, and has room for so many; there are no cycles. */
static bool check_row(const struct topology_draft *draft, const struct topology *topology,
                      size_t start)
{
    size_t caches = 0;

    for (size_t at = start; topology->stages[at].asks != SIZE_MAX; at = topology->stages[at].asks)
        caches += topology->stages[at].kind->serves;
    return caches <= TRAIL_MOST ||
           draft_refuse(draft, draft->stages[start].asks.place, draft->stages[start].name, "asks",
                        "leads through %zu caches; at most %d may stand in a row", caches,
                        TRAIL_MOST);
}

/* Port 0 takes a free port each time. */
static bool may_repeat(const char *address)
{
    size_t size = strlen(address);

    return strncmp(address, "unix:", 5) != 0 && size >= 2 && strcmp(address + size - 2, ":0") == 0;
}

/* One port can only be one stage's, whether it serves there or listens. */
static const char *bare(const char *address)
{
    return strncmp(address, "tcp://", 6) == 0 ? address + 6 : address;
}

struct claim {
    const char *stage, *key;
    const struct draft_text *address;
};

static bool claim_address(const struct topology_draft *draft, struct claim *claims, size_t count,
                          struct claim claim)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(bare(claims[i].address->text), bare(claim.address->text)) == 0 &&
            !may_repeat(claim.address->text))
            return draft_refuse(draft, claim.address->place, claim.stage, claim.key,
                                "%s is used twice; %s.%s has it already", claim.address->text,
                                claims[i].stage, claims[i].key);
    claims[count] = claim;
    return true;
}

static bool check_unique(const struct topology_draft *draft)
{
    size_t most = 0, count = 0;
    bool is_fine = true;

    for (size_t i = 0; i < draft->stage_count; i++)
        most += draft->stages[i].serves.count + 1;
    struct claim *claims = memory_alloc(most, sizeof *claims);
    for (size_t i = 0; is_fine && i < draft->stage_count; i++) {
        const struct draft_stage *stage = &draft->stages[i];
        for (size_t j = 0; is_fine && j < stage->serves.count; j++, count++)
            is_fine = claim_address(draft, claims, count,
                                    (struct claim){stage->name, "serves", &stage->serves.items[j]});
        if (is_fine && stage->listen.text)
            is_fine = claim_address(draft, claims, count++,
                                    (struct claim){stage->name, "listen", &stage->listen});
    }
    free(claims);
    return is_fine;
}

bool draft_check_links(const struct topology_draft *draft, struct topology *topology)
{
    topology->stage_count = draft->stage_count;
    topology->stages =
        topology_arena_take(draft->arena, draft->stage_count, sizeof *topology->stages);
    for (size_t i = 0; i < draft->stage_count; i++) {
        const struct draft_stage *stage = &draft->stages[i];
        topology->stages[i] = (struct topology_stage){.name = stage->name,
                                                      .kind = stage->kind,
                                                      .line = stage->place.line,
                                                      .listen = stage->listen.text};
        if (!check_addresses(draft, stage) || !find_asked(draft, stage, &topology->stages[i].asks))
            return false;
    }
    for (size_t i = 0; i < draft->stage_count; i++)
        if (!check_cycle(draft, topology, i))
            return false;
    for (size_t i = 0; i < draft->stage_count; i++)
        if (!check_row(draft, topology, i))
            return false;
    return check_unique(draft);
}

static bool check_drain_timeout(const struct topology_draft *draft, struct topology *topology)
{
    const struct draft_text *written = &draft->drain_timeout;
    char quoted[DRAFT_MAX_NAME + 3];

    return text_parse_duration(written->text ? written->text : "10s", &topology->drain_timeout) ||
           draft_refuse(draft, written->place, NULL, "drain_timeout",
                        "%s is not a duration, such as 250ms, 60s, 5m or 1h",
                        draft_quote(written->text, quoted));
}

static bool check_log_level(const struct topology_draft *draft, struct topology *topology)
{
    const struct draft_text *written = &draft->log_level;
    char quoted[DRAFT_MAX_NAME + 3];

    return log_parse_level(written->text ? written->text : "info", &topology->log_level) ||
           draft_refuse(draft, written->place, NULL, "log_level",
                        "%s is not error, warn, info or debug", draft_quote(written->text, quoted));
}

/* The draft's arrays and texts lie in the arena that becomes the topology's. */
static const struct topology_draft *keep(const struct topology_draft *draft)
{
    struct topology_draft *kept = topology_arena_take(draft->arena, 1, sizeof *kept);

    *kept = *draft;
    kept->error = NULL;
    return kept;
}

struct topology *topology_check(struct topology_draft **draft, struct error *error)
{
    struct topology *topology = memory_alloc(1, sizeof *topology);

    (*draft)->error = error;
    topology->file = (*draft)->file;
    topology->arena = (*draft)->arena;
    topology->hash_key_file = (*draft)->hash_key_file.text;
    topology->said = keep(*draft);
    if (!draft_check_links(*draft, topology) || !draft_divide(*draft, topology) ||
        !draft_place_instances(*draft, topology) || !draft_check_reach(*draft, topology) ||
        !draft_check_takeover(*draft, topology) || !check_drain_timeout(*draft, topology) ||
        !check_log_level(*draft, topology))
        topology_destroy(&topology);
    (*draft)->arena = NULL; /* the topology's, or freed with it */
    topology_draft_destroy(draft);
    return topology;
}

size_t topology_find_instance(const struct topology *topology, const char *name)
{
    for (size_t i = 0; i < topology->instance_count; i++)
        if (strcmp(topology->instances[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

void topology_destroy(struct topology **topology)
{
    if (*topology)
        topology_arena_destroy(&(*topology)->arena);
    free(*topology);
    *topology = NULL;
}
