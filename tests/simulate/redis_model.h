/* A model of Redis: a few keys, each with the whole history of its values, so that it can be said
 * afterwards what a reader may have been given. It announces what changes, to whoever has
 * subscribed. */
#ifndef TESTS_SIMULATE_REDIS_MODEL_H
#define TESTS_SIMULATE_REDIS_MODEL_H

#include "common/bytes.h"
#include "tests/simulate/world.h"

#define MODEL_KEYS 12

/* One value of a key, from when it was written (and acknowledged: at once) to the next. */
struct model_change {
    int64_t at;      /* mono ns */
    int64_t expires; /* mono ns; NEVER */
    bool is_there;   /* false: the key was deleted */
};

struct model_key {
    char name[16];
    struct model_change *changes; /* the index is the version; 0: absent, since ever */
    size_t count, capacity;
};

struct redis_model {
    struct world *world;
    struct model_key keys[MODEL_KEYS];
    bool is_over; /* no more writes */
    bool has_ttl; /* some values have an end of their own */
    /* What it announces: a key, or -1 for all of them; perhaps behind a flood of others that
     * nobody reads, all at once. */
    void (*announce)(void *subscriber, int key, bool is_behind_flood);
    void *subscriber;
};

void redis_model_init(struct redis_model *model, struct world *world);
void redis_model_fini(struct redis_model *model);

/* Begins to write, about every `pause`. */
void redis_model_live(struct redis_model *model, int64_t pause);
void redis_model_flush(struct redis_model *model);
/* Writes one of the keys that are most often read, behind a flood. */
void redis_model_flood(struct redis_model *model);

/* Which key has this name; -1: none. */
int redis_model_find(const struct redis_model *model, struct bytes name);

/* GET and PTTL: the version, or -1 where there is nothing; `life_ms` as PTTL says. */
int redis_model_get(const struct redis_model *model, int key, uint32_t *life_ms);

/* Whether version `version` (-1: nothing) of the key stood at any moment from `from` to `to`. */
bool redis_model_stood(const struct redis_model *model, int key, int version, int64_t from,
                       int64_t to);

/* What the value is tagged with. */
static inline uint64_t redis_model_tag(int key, int version)
{
    return (uint64_t)(key + 1) << 40 | (uint64_t)version;
}

/* When it was gone, by its own time or by what was written next; NEVER. */
int64_t redis_model_end(const struct redis_model *model, int key, int version);

/* When the version ends by its own time; NEVER. */
int64_t redis_model_expiry(const struct redis_model *model, int key, int version);

#endif
