/* The cache stage's support: what the fake origin was asked, and what it answers and announces. */
#include "stages/cache/cache.h"
#include "tests/support/cache_stage_inner.h"
#include "tests/support/unit.h"

size_t cache_stage_fetches(const struct cache_stage *stage)
{
    return stage->fetch_count;
}

struct bytes cache_stage_fetch_key(const struct cache_stage *stage, size_t fetch)
{
    assert_true(fetch < stage->fetch_count);
    return (struct bytes){stage->fetches[fetch].key, stage->fetches[fetch].key_size};
}

int64_t cache_stage_fetch_deadline(const struct cache_stage *stage, size_t fetch)
{
    assert_true(fetch < stage->fetch_count);
    return stage->fetches[fetch].deadline;
}

unsigned cache_stage_fetch_flags(const struct cache_stage *stage, size_t fetch)
{
    assert_true(fetch < stage->fetch_count);
    return stage->fetches[fetch].flags;
}

int64_t cache_stage_watched(const struct cache_stage *stage)
{
    return stage->watched;
}

static void notify(struct cache_stage *stage, const struct notice *notice)
{
    cache_kind.on_notice(stage->stage, stage->clock.now, notice);
}

void cache_stage_tell_key(struct cache_stage *stage, const char *key)
{
    notify(stage, &(struct notice){.kind = NOTICE_KEY, .key = bytes_of_text(key)});
}

void cache_stage_tell(struct cache_stage *stage, enum notice_kind kind)
{
    notify(stage, &(struct notice){.kind = kind});
}

void cache_stage_prove(struct cache_stage *stage, int64_t age)
{
    notify(stage, &(struct notice){.kind = NOTICE_PROVEN, .proven = stage->clock.now.boot - age});
}

void cache_stage_reply(struct cache_stage *stage, size_t fetch, const struct answer *answer)
{
    assert_true(fetch < stage->fetch_count);
    cache_kind.on_answer(stage->stage, stage->clock.now, stage->fetches[fetch].token, answer);
}

void cache_stage_reply_text(struct cache_stage *stage, size_t fetch, const char *value)
{
    cache_stage_reply(stage, fetch,
                      &(struct answer){.status = STATUS_VALUE,
                                       .life_ms = MESSAGE_LIFE_UNBOUNDED,
                                       .bytes = bytes_of_text(value)});
}

void cache_stage_reply_status(struct cache_stage *stage, size_t fetch, enum status status)
{
    cache_stage_reply(stage, fetch, &(struct answer){.status = status});
}

void cache_stage_refuse(struct cache_stage *stage, enum status status)
{
    stage->refusal = status;
}
