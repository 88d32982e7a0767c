#include "tests/simulate/witness.h"

#include "common/memory.h"
#include "stages/cache/cache.h"
#include "stages/cache/cache_inner.h"
#include "stages/cache/flights.h"
#include "tests/simulate/process.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ASKS    64
#define MOST_FETCHES 16
#define ROUNDING     (2 * MILLISECOND) /* of ages and lives, which are whole ms */

struct watched_ask {
    struct return_address from;
    int key;
};

struct watched_fetch {
    uint64_t token;
    int key;
    unsigned flags;
    bool is_clean; /* nothing was heard since it departed, nor more asked for than it can give */
};

struct witness {
    struct ask_port asks;     /* that the cache sees */
    struct serve_port serves; /* likewise */
    struct ask_port *real_asks;
    struct serve_port *real_serves;
    const struct witness_setup *setup;
    const struct clock *clock;
    const char *name;
    void *cache;
    size_t max_fetches, max_asks;
    size_t capacity[2];     /* of values and of absences */
    int64_t life[2], grace; /* ns: the longest of a value and of an absence; what may be beyond */
    bool must_be_verified;
    int64_t changed_at[MODEL_KEYS]; /* boot ns: when it was last told so */
    int64_t
        fetched_at[MODEL_KEYS]; /* boot ns: when an answer came last; what is held came no later */
    struct watched_ask waiting[MOST_ASKS];
    struct watched_fetch fetches[MOST_FETCHES];
    size_t waiting_count, fetch_count;
};

static struct witness *of_asks(struct ask_port *port)
{
    return (struct witness *)port;
}

static struct witness *of_serves(struct serve_port *port)
{
    return (struct witness *)((char *)port - offsetof(struct witness, serves));
}

static void complain(const struct witness *witness, int key, const char *what)
{
    world_complain(witness->setup->world, "%s: %s %s", witness->name,
                   witness->setup->model->keys[key].name, what);
}

/* ---- what the cache asks ---- */

static void check_fetches(struct witness *witness, int key, unsigned flags)
{
    unsigned same = 0;
    for (size_t i = 0; i < witness->fetch_count; i++) {
        struct watched_fetch *other = &witness->fetches[i];
        if (other->key != key)
            continue;
        if (other->is_clean && (flags & ~other->flags) == 0 && !witness->must_be_verified)
            complain(witness, key, "is fetched although it is on its way");
        other->is_clean = false;
        same++;
    }
    if (same >= FLIGHTS_OF_A_KEY)
        complain(witness, key, "is fetched a third time at once");
    if (witness->fetch_count >= witness->max_fetches)
        complain(witness, key, "is fetched above max_fetches");
}

static enum status ask(struct ask_port *port, size_t shard, uint64_t token, const struct ask *asked)
{
    struct witness *witness = of_asks(port);
    int key = redis_model_find(witness->setup->model, asked->key);
    world_tell(witness->setup->world, "%s fetches %s, flags %u, as %llx", witness->name,
               witness->setup->model->keys[key].name, asked->flags, (unsigned long long)token);
    check_fetches(witness, key, asked->flags);
    enum status status = witness->real_asks->ask(witness->real_asks, shard, token, asked);
    if (status == STATUS_VALUE && witness->fetch_count < MOST_FETCHES)
        witness->fetches[witness->fetch_count++] =
            (struct watched_fetch){token, key, asked->flags, true};
    return status;
}

static void watch(struct ask_port *port, int64_t every)
{
    struct witness *witness = of_asks(port);
    port_watch(witness->real_asks, every);
}

static bool is_open(const struct ask_port *port)
{
    const struct witness *witness = (const struct witness *)port;
    return witness->real_asks->is_open(witness->real_asks);
}

/* Also while a turn lasts: what is one too many goes before the next. */
static void check_capacity(const struct witness *witness)
{
    const struct store *store = &((const struct cache *)witness->cache)->store;
    if (table_entries(store->values) > witness->capacity[0] ||
        (store->absent && table_entries(store->absent) > witness->capacity[1]))
        world_complain(witness->setup->world, "%s is above its capacity", witness->name);
}

static void on_answer(void *stage, struct moment now, uint64_t token, const struct answer *answer)
{
    struct witness *witness = stage;
    world_tell(witness->setup->world, "%s is answered %llx with status %d", witness->name,
               (unsigned long long)token, answer->status);
    for (size_t i = 0; i < witness->fetch_count; i++)
        if (witness->fetches[i].token == token) {
            witness->fetched_at[witness->fetches[i].key] = now.boot;
            witness->fetches[i] = witness->fetches[--witness->fetch_count];
            break;
        }
    cache_kind.on_answer(witness->cache, now, token, answer);
    check_capacity(witness);
}

static void on_notice(void *stage, struct moment now, const struct notice *notice)
{
    struct witness *witness = stage;
    int key =
        notice->kind == NOTICE_KEY ? redis_model_find(witness->setup->model, notice->key) : -1;
    for (int i = 0; i < MODEL_KEYS; i++)
        if (notice->kind == NOTICE_ALL || i == key)
            witness->changed_at[i] = now.boot;
    for (size_t i = 0; i < witness->fetch_count; i++)
        if ((notice->kind != NOTICE_PROVEN && notice->kind != NOTICE_KEY) ||
            witness->fetches[i].key == key)
            witness->fetches[i].is_clean = false;
    cache_kind.on_notice(witness->cache, now, notice);
}

/* ---- what the cache answers ---- */

static bool is_same(const struct return_address *a, const struct return_address *b)
{
    return a->peer == b->peer && a->generation == b->generation && a->id == b->id;
}

/* Of what is answered from memory: it was read after the last that was heard of it, and has not
 * been there for longer than an entry lives. */
static void check_entry(const struct witness *witness, int key, const struct answer *answer,
                        const struct hop *own)
{
    int64_t age = answer->age_ms * MILLISECOND, now = witness->clock->now.boot;
    int64_t life = witness->life[answer->status == STATUS_NONE];
    if (age > now - witness->changed_at[key] + ROUNDING)
        complain(witness, key, "was kept though it was told to have changed");
    if (now - witness->fetched_at[key] >
        life + ROUNDING + (own->outcome == HOP_STALE ? witness->grace : 0))
        complain(witness, key, "was kept for longer than its life");
}

static void check_answer(const struct witness *witness, int key, const struct answer *answer)
{
    struct bytes trail = answer->trail;
    struct hop own = {.outcome = HOP_MISS};
    while (trail_next(&trail, &own))
        continue;
    if (answer_is_known(answer) && own.outcome <= HOP_STALE && witness->setup->asks_origin)
        check_entry(witness, key, answer, &own);
}

static void give(struct serve_port *port, const struct return_address *to,
                 const struct answer *answer)
{
    struct witness *witness = of_serves(port);
    size_t i = 0;
    while (i < witness->waiting_count && !is_same(&witness->waiting[i].from, to))
        i++;
    if (i == witness->waiting_count) {
        world_complain(witness->setup->world, "%s answers what was not asked", witness->name);
        return;
    }
    int key = witness->waiting[i].key;
    witness->waiting[i] = witness->waiting[--witness->waiting_count];
    check_answer(witness, key, answer);
    port_answer(witness->real_serves, to, answer);
}

static void notify(struct serve_port *port, const struct notice *notice)
{
    port_notify(of_serves(port)->real_serves, notice);
}

static void on_ask(void *stage, struct moment now, const struct return_address *from,
                   const struct ask *asked)
{
    struct witness *witness = stage;
    int key = redis_model_find(witness->setup->model, asked->key);
    if (witness->waiting_count > witness->max_asks || witness->waiting_count == MOST_ASKS) {
        complain(witness, key, "is asked for, and too many wait already");
        return;
    }
    for (size_t i = 0; i < witness->fetch_count; i++)
        if (witness->fetches[i].key == key && (asked->flags & ~witness->fetches[i].flags) != 0)
            witness->fetches[i].is_clean = false;
    witness->waiting[witness->waiting_count++] = (struct watched_ask){*from, key};
    cache_kind.on_ask(witness->cache, now, from, asked);
}

/* ---- the stage ---- */

static int64_t duration(const struct settings *settings, const char *name)
{
    return settings_text(settings, name) ? settings_number(settings, name) : 0;
}

static void *create(const struct stage_setup *given, struct error *error)
{
    struct stage_setup inner = *given;
    struct witness *witness = memory_alloc(1, sizeof *witness);
    const struct settings *settings = given->settings;
    int64_t revalidate = duration(settings, "stale_while_revalidate");
    int64_t if_error = duration(settings, "stale_if_error");
    *witness = (struct witness){
        .asks = {given->asks->shards, ask, watch, is_open},
        .serves = {give, notify},
        .real_asks = given->asks,
        .real_serves = given->serves,
        .setup = ((const struct simulated_setup *)given)->context,
        .clock = given->clock,
        .name = given->name,
        .max_fetches = (size_t)settings_number(settings, "max_fetches"),
        .capacity = {(size_t)settings_number(settings, "capacity"),
                     (size_t)settings_number(settings, "negative_capacity")},
        .life = {settings_number(settings, "expiry"), duration(settings, "negative_expiry")},
        .grace = revalidate > if_error ? revalidate : if_error,
        .must_be_verified = strcmp(settings_text(settings, "on_disconnect"), "expire") == 0,
    };
    witness->max_asks = witness->max_fetches + (size_t)settings_number(settings, "max_waiting");
    inner.asks = &witness->asks;
    inner.serves = &witness->serves;
    witness->cache = cache_kind.create(&inner, error);
    return witness;
}

static void destroy(void **stage)
{
    struct witness *witness = *stage;
    *stage = NULL;
    cache_kind.destroy(&witness->cache);
    free(witness);
}

static int64_t on_turn(void *stage, struct moment now)
{
    return cache_kind.on_turn(((struct witness *)stage)->cache, now);
}

static void measure(void *stage, struct moment now, struct metrics *metrics)
{
    cache_kind.measure(((struct witness *)stage)->cache, now, metrics);
}

const struct stage_kind witness_kind = {
    .spec = {.name = "cache", .serves = true, .asks = true},
    .create = create,
    .on_ask = on_ask,
    .on_answer = on_answer,
    .on_notice = on_notice,
    .on_turn = on_turn,
    .measure = measure,
    .destroy = destroy,
};
