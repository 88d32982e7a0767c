#include "tests/simulate/reader.h"

#include "common/memory.h"
#include "common/trail.h"
#include "tests/simulate/process.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 6
#define GRACE       (2500 * MILLISECOND) /* behind a deadline: silence is noticed after a second */

struct connection {
    bool is_waiting;
    uint32_t round; /* of its reads: half of the token */
    int key;
    unsigned flags;
    int64_t began;             /* ns, a moment of the world */
    int64_t deadline, read_at; /* mono ns */
    int seen[MODEL_KEYS];      /* the newest version among verified answers */
};

struct reader {
    struct reading *reading;
    const struct process *process;
    struct ask_port *asks;
    struct connection connections[CONNECTIONS];
};

/* ---- judging ---- */

/* What the caches on the way say of an answer, all together. */
struct verdict {
    bool is_verified, is_stale, is_hit, is_remembered;
};

static struct verdict judge(struct bytes trail)
{
    struct verdict verdict = {.is_verified = trail.size > 0};
    struct hop hop;
    while (trail_next(&trail, &hop)) {
        verdict.is_verified &= hop.is_announced && hop.is_verified && hop.outcome != HOP_STALE;
        verdict.is_stale |= hop.outcome == HOP_STALE;
        verdict.is_hit = hop.outcome == HOP_HIT;
        verdict.is_remembered |= hop.outcome <= HOP_STALE;
    }
    return verdict;
}

static int version_of(const struct answer *answer)
{
    struct bytes bytes = answer_bytes(answer);
    char text[16] = "";
    if (answer->status == STATUS_NONE)
        return -1;
    memcpy(text, bytes.data, bytes.size < sizeof text ? bytes.size : sizeof text - 1);
    return atoi(text);
}

/* Of every answer that says what Redis holds. */
static void check_marks(const struct reading *reading, const struct connection *c,
                        const struct answer *answer, struct verdict verdict, int version)
{
    struct world *world = reading->world;
    const char *name = reading->model->keys[c->key].name;
    if (answer->status == STATUS_VALUE && answer->tag != redis_model_tag(c->key, version))
        world_complain(world, "%s: version %d has the tag of another", name, version);
    if (verdict.is_stale && (c->flags & ASK_RENEW) != 0)
        world_complain(world, "%s: a renewal was answered with something stale", name);
    if (verdict.is_remembered && (c->flags & ASK_REFRESH) != 0)
        world_complain(world, "%s: a refresh was answered from memory", name);
    if (version < 0)
        return;
    if (verdict.is_hit &&
        c->began - MILLISECOND > redis_model_expiry(reading->model, c->key, version))
        world_complain(world, "%s: version %d was a hit behind Redis's own end of it", name,
                       version);
    if (c->began - redis_model_end(reading->model, c->key, version) >
        (answer->age_ms + 2) * MILLISECOND)
        world_complain(world, "%s: version %d says that it is younger than it is", name, version);
}

/* Of what is marked verified; and of all there is where nothing else may be answered. */
static void check_bound(const struct reading *reading, struct connection *c, struct verdict verdict,
                        int version)
{
    struct world *world = reading->world;
    const char *name = reading->model->keys[c->key].name;
    if ((verdict.is_verified || (reading->must_be_verified && !verdict.is_stale)) &&
        !redis_model_stood(reading->model, c->key, version, c->began - reading->max_staleness,
                           world->now))
        world_complain(world, "%s: version %d is marked %s, and too old for a read of %.6f", name,
                       version, verdict.is_verified ? "verified" : "unverified",
                       (double)(c->began - WORLD_BEGIN) / SECOND);
    if (!verdict.is_verified || version < 0)
        return;
    if (version < c->seen[c->key])
        world_complain(world, "%s: version %d behind version %d on one connection", name, version,
                       c->seen[c->key]);
    c->seen[c->key] = version;
}

static void check(struct reading *reading, struct connection *c, const struct answer *answer)
{
    struct verdict verdict = judge(answer->trail);
    int version = version_of(answer);
    check_marks(reading, c, answer, verdict, version);
    check_bound(reading, c, verdict, version);
    reading->stale += verdict.is_stale;
    reading->verified += verdict.is_verified;
    if (c->began < reading->healthy_from)
        return;
    reading->healthy++;
    /* A fetch may have been overtaken, by a write or by a later fetch, and promises nothing then.
     */
    if (reading->is_announcing && verdict.is_hit && !verdict.is_verified)
        world_complain(reading->world, "%s is unverified although everything works",
                       reading->model->keys[c->key].name);
}

/* Of a read that no value, or absence, was given to. */
static void check_failure(struct reading *reading, const struct connection *c, enum status status)
{
    reading->failed++;
    if (status == STATUS_AWAY && c->began >= reading->healthy_from)
        world_complain(reading->world, "%s is away although everything works",
                       reading->model->keys[c->key].name);
}

/* ---- reading ---- */

static void read_next(struct reader *reader, size_t index)
{
    struct reading *reading = reader->reading;
    struct world *world = reading->world;
    struct connection *c = &reader->connections[index];
    c->read_at = NEVER;
    if (reading->is_over)
        return;
    c->key = (int)world_between(world, 0, world_chance(world, 50) ? 1 : MODEL_KEYS - 1);
    c->flags = world_chance(world, 5) ? ASK_RENEW : world_chance(world, 3) ? ASK_REFRESH : 0;
    c->began = world->now;
    c->deadline =
        process_moment(reader->process).mono + world_between(world, 20 * MILLISECOND, 1 * SECOND);
    c->round++;
    const struct ask ask = {bytes_of_text(reading->model->keys[c->key].name), c->deadline,
                            c->flags};
    enum status status = port_ask(reader->asks, (uint64_t)c->round << 32 | index, &ask);
    c->is_waiting = status == STATUS_VALUE;
    reading->reads++;
    if (c->is_waiting)
        return;
    check_failure(reading, c, status);
    c->read_at = process_moment(reader->process).mono + world_between(world, 0, 2 * reading->pause);
}

/* ---- the stage ---- */

static void *create(const struct stage_setup *given, struct error *error)
{
    const struct simulated_setup *setup = (const struct simulated_setup *)given;
    struct reader *reader = memory_alloc(1, sizeof *reader);
    (void)error;
    reader->reading = setup->context;
    reader->process = setup->process;
    reader->asks = given->asks;
    for (size_t i = 0; i < CONNECTIONS; i++)
        reader->connections[i].read_at =
            given->clock->now.mono + world_between(reader->reading->world, 0, 20 * MILLISECOND);
    return reader;
}

static void destroy(void **stage)
{
    free(*stage);
    *stage = NULL;
}

static void on_answer(void *stage, struct moment now, uint64_t token, const struct answer *answer)
{
    struct reader *reader = stage;
    struct world *world = reader->reading->world;
    struct connection *c = &reader->connections[(uint32_t)token % CONNECTIONS];
    if (!c->is_waiting || c->round != token >> 32) {
        world_complain(world, "an answer to what was not asked, or a second one");
        return;
    }
    c->is_waiting = false;
    c->read_at = now.mono + world_between(world, 0, 2 * reader->reading->pause);
    world_tell(world, "%s/%u is answered %s with status %d, version %d%s", reader->process->name,
               (unsigned)token, reader->reading->model->keys[c->key].name, answer->status,
               answer_is_known(answer) ? version_of(answer) : -1,
               judge(answer->trail).is_verified ? ", verified" : "");
    if (answer_is_known(answer))
        check(reader->reading, c, answer);
    else
        check_failure(reader->reading, c, answer->status);
}

static int64_t on_turn(void *stage, struct moment now)
{
    struct reader *reader = stage;
    int64_t wake = NEVER, continued = reader->process->continued_at - reader->process->slept;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct connection *c = &reader->connections[i];
        if (!c->is_waiting && c->read_at <= now.mono)
            read_next(reader, i);
        int64_t late = (c->deadline > continued ? c->deadline : continued) + GRACE;
        wake = clock_earlier(wake, c->is_waiting ? late : c->read_at);
        if (c->is_waiting && now.mono >= late)
            world_complain(reader->reading->world, "a read was never answered");
    }
    return wake;
}

unsigned reader_waiting(const void *stage)
{
    const struct reader *reader = stage;
    unsigned waiting = 0;
    for (size_t i = 0; i < CONNECTIONS; i++)
        waiting += reader->connections[i].is_waiting;
    return waiting;
}

const struct stage_kind reader_kind = {
    .spec = {.name = "reader", .asks = true},
    .create = create,
    .on_answer = on_answer,
    .on_turn = on_turn,
    .destroy = destroy,
};
