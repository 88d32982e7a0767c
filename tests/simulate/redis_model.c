#include "tests/simulate/redis_model.h"

#include "common/memory.h"
#include "common/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void change(struct redis_model *model, int index, bool is_there, int64_t expires)
{
    struct model_key *key = &model->keys[index];
    if (key->count == key->capacity) {
        key->capacity = key->capacity > 0 ? 2 * key->capacity : 32;
        key->changes = memory_resize(key->changes, key->capacity, sizeof *key->changes);
    }
    key->changes[key->count++] =
        (struct model_change){.at = model->world->now, .expires = expires, .is_there = is_there};
}

void redis_model_init(struct redis_model *model, struct world *world)
{
    *model = (struct redis_model){.world = world, .has_ttl = world_chance(world, 50)};
    for (int i = 0; i < MODEL_KEYS; i++) {
        snprintf(model->keys[i].name, sizeof model->keys[i].name, "k%d", i);
        change(model, i, false, NEVER);
        model->keys[i].changes[0].at = 0;
        if (i % 4 != 3)
            change(model, i, true, NEVER);
    }
}

void redis_model_fini(struct redis_model *model)
{
    for (int i = 0; i < MODEL_KEYS; i++)
        free(model->keys[i].changes);
}

/* ---- writing ---- */

static void announce(struct redis_model *model, int key)
{
    model->announce(model->subscriber, key, false);
}

/* Redis deletes what has expired when it comes across it. */
static void delete_expired(void *owner, uint64_t index)
{
    announce(owner, (int)index);
}

static void write_one(struct redis_model *model)
{
    struct world *world = model->world;
    /* Half of the writes go to two keys, so that some are written faster than they are fetched. */
    int index = (int)world_between(world, 0, world_chance(world, 50) ? 1 : MODEL_KEYS - 1);
    bool is_there = !world_chance(world, 15);
    int64_t expires = NEVER;
    if (is_there && model->has_ttl && world_chance(world, 30)) {
        expires = world->now + world_between(world, 5 * MILLISECOND, 1500 * MILLISECOND);
        world_plan(world, expires + world_between(world, 0, 200 * MILLISECOND), delete_expired,
                   model, (uint64_t)index);
    }
    change(model, index, is_there, expires);
    world_tell(world, "redis: %s is version %zu%s", model->keys[index].name,
               model->keys[index].count - 1, is_there ? "" : " (deleted)");
    announce(model, index);
}

static void live(void *owner, uint64_t pause)
{
    struct redis_model *model = owner;
    if (model->is_over)
        return;
    write_one(model);
    world_plan(model->world, model->world->now + world_between(model->world, 0, 2 * (int64_t)pause),
               live, model, pause);
}

void redis_model_live(struct redis_model *model, int64_t pause)
{
    world_plan(model->world, model->world->now, live, model, (uint64_t)pause);
}

void redis_model_flush(struct redis_model *model)
{
    world_tell(model->world, "redis: FLUSHALL");
    for (int i = 0; i < MODEL_KEYS; i++)
        change(model, i, false, NEVER);
    announce(model, -1);
}

void redis_model_flood(struct redis_model *model)
{
    int key = (int)world_between(model->world, 0, 1);
    change(model, key, true, NEVER);
    world_tell(model->world, "redis: many keys change, and %s is version %zu",
               model->keys[key].name, model->keys[key].count - 1);
    model->announce(model->subscriber, key, true);
}

/* ---- reading ---- */

int redis_model_find(const struct redis_model *model, struct bytes name)
{
    for (int i = 0; i < MODEL_KEYS; i++)
        if (bytes_are_equal(name, bytes_of_text(model->keys[i].name)))
            return i;
    return -1;
}

int redis_model_get(const struct redis_model *model, int key, uint32_t *life_ms)
{
    const struct model_key *k = &model->keys[key];
    const struct model_change *last = &k->changes[k->count - 1];
    int64_t now = model->world->now;
    *life_ms = MESSAGE_LIFE_UNBOUNDED;
    if (!last->is_there || last->expires <= now)
        return -1;
    if (last->expires != NEVER)
        *life_ms = (uint32_t)((last->expires - now) / MILLISECOND);
    return (int)k->count - 1;
}

/* Until when it stood. */
static int64_t end_of(const struct model_key *key, size_t version)
{
    int64_t end = key->changes[version].expires;
    return version + 1 < key->count ? clock_earlier(end, key->changes[version + 1].at) : end;
}

bool redis_model_stood(const struct redis_model *model, int index, int version, int64_t from,
                       int64_t to)
{
    const struct model_key *key = &model->keys[index];
    if (version >= 0)
        return key->changes[version].is_there && key->changes[version].at <= to &&
               end_of(key, (size_t)version) >= from;
    for (size_t i = 0; i < key->count; i++) {
        const struct model_change *change = &key->changes[i];
        int64_t next = i + 1 < key->count ? key->changes[i + 1].at : NEVER;
        int64_t absent = change->is_there ? change->expires : change->at;
        if (absent < next && absent <= to && next >= from)
            return true;
    }
    return false;
}

int64_t redis_model_end(const struct redis_model *model, int key, int version)
{
    return end_of(&model->keys[key], (size_t)version);
}

int64_t redis_model_expiry(const struct redis_model *model, int key, int version)
{
    return model->keys[key].changes[version].expires;
}
