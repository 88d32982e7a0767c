/* The cache stage between a fake asker and a fake origin: messages in, messages out, and the time
 * stands where the test puts it. */
#ifndef WEIR_TESTS_CACHE_STAGE_H
#define WEIR_TESTS_CACHE_STAGE_H

#include "common/stage.h"
#include "common/trail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_STAGE_START    (1000 * SECOND) /* mono; boot and wall begin elsewhere */
#define CACHE_STAGE_PATIENCE SECOND          /* what an asker waits unless it says otherwise */

struct cache_stage;

struct cache_stage_options { /* 0: the preset, or left out where there is none */
    int64_t capacity, max_bytes, expiry, max_value_size, max_fetches, max_waiting;
    int64_t negative_expiry, negative_capacity, stale_while_revalidate, stale_if_error;
    const char *on_disconnect;
    bool is_near;          /* the origin is another cache */
    int64_t max_staleness; /* of the origin, which announces changes; 0: it does not */
    const char *prefixes;  /* of the keys whose changes it announces, as a settings_list */
};

struct cache_stage *cache_stage_create(const struct cache_stage_options *options);
void cache_stage_destroy(struct cache_stage **stage);

/* Other settings, all of them, from now on. */
void cache_stage_configure(struct cache_stage *stage, const struct cache_stage_options *options);

/* Lets time pass and ends a turn. Returns when the stage wants to be woken (mono ns). */
int64_t cache_stage_pass(struct cache_stage *stage, int64_t ns);
/* The same, the machine being suspended meanwhile. */
int64_t cache_stage_suspend(struct cache_stage *stage, int64_t ns);
struct moment cache_stage_now(const struct cache_stage *stage);

/* ---- towards the client ---- */

/* Someone, known by `id`, asks for a key. */
void cache_stage_ask(struct cache_stage *stage, uint64_t id, const char *key);
void cache_stage_ask_bytes(struct cache_stage *stage, uint64_t id, struct bytes key,
                           int64_t patience);

void cache_stage_ask_with(struct cache_stage *stage, uint64_t id, const char *key, unsigned flags);

/* The answer that `id` got since it last asked; NULL while there is none. A second one fails the
 * test. */
const struct answer *cache_stage_answer(const struct cache_stage *stage, uint64_t id);
bool cache_stage_got(const struct cache_stage *stage, uint64_t id, const char *value);
bool cache_stage_got_status(const struct cache_stage *stage, uint64_t id, enum status status);

/* What the cache says it made of that answer; */
struct hop cache_stage_hop(const struct cache_stage *stage, uint64_t id);
size_t cache_stage_hops(const struct cache_stage *stage, uint64_t id);

/* What was announced so far, 0 the first, and how many answers had been given before. */
size_t cache_stage_announced(const struct cache_stage *stage);
const struct notice *cache_stage_announcement(const struct cache_stage *stage, size_t index);
size_t cache_stage_answers_before(const struct cache_stage *stage, size_t index);

/* ---- towards the origin ---- */

/* The keys fetched so far, 0 the first. */
size_t cache_stage_fetches(const struct cache_stage *stage);
struct bytes cache_stage_fetch_key(const struct cache_stage *stage, size_t fetch);
int64_t cache_stage_fetch_deadline(const struct cache_stage *stage, size_t fetch);

unsigned cache_stage_fetch_flags(const struct cache_stage *stage, size_t fetch);

/* How often the origin's proof is asked for (ns); 0: never. */
int64_t cache_stage_watched(const struct cache_stage *stage);

/* The origin announces: that a key has changed, something without a key, that all that was
 * acknowledged until `age` ago has been announced. */
void cache_stage_tell_key(struct cache_stage *stage, const char *key);
void cache_stage_tell(struct cache_stage *stage, enum notice_kind kind);
void cache_stage_prove(struct cache_stage *stage, int64_t age);

/* The origin answers a fetch. */
void cache_stage_reply(struct cache_stage *stage, size_t fetch, const struct answer *answer);
void cache_stage_reply_text(struct cache_stage *stage, size_t fetch, const char *value);
void cache_stage_reply_status(struct cache_stage *stage, size_t fetch, enum status status);

/* What the ask port says to the next fetches: STATUS_VALUE takes them. */
void cache_stage_refuse(struct cache_stage *stage, enum status status);

/* ---- both ---- */

/* Has `key`, which is not held, fetched and stored; asked for by 0. */
void cache_stage_fill(struct cache_stage *stage, const char *key, const char *value);

/* Is `key`, asked for by 1, answered without a fetch? Otherwise that finds the origin away. */
bool cache_stage_is_hit(struct cache_stage *stage, const char *key);

/* ---- beside ---- */

int64_t cache_stage_metric(struct cache_stage *stage, const char *name);
const char *cache_stage_unready(struct cache_stage *stage, bool port_is_open);
bool cache_stage_is_drained(struct cache_stage *stage);

#endif
