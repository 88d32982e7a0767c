
#include "common/memory.h"
#include "common/settings.h"
#include "common/text.h"
#include "stages/cache/cache.h"
#include "tests/support/cache_stage_inner.h"
#include "tests/support/trouble.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

/* What is at the end of what the cache asks. */
static const struct setting_spec origin_settings[] = {
    {.name = "invalidation.mode", .type = SETTING_TEXT},
    {.name = "invalidation.prefixes", .type = SETTING_LIST},
    {.name = "max_staleness", .type = SETTING_DURATION},
    {0},
};
static const struct kind_spec origin_kind = {.name = "origin", .settings = origin_settings};

/* ---- the fake ports ---- */

static enum status take_ask(struct ask_port *port, size_t shard, uint64_t token,
                            const struct ask *asked)
{
    struct cache_stage *stage = (struct cache_stage *)port;

    assert_true(shard == ((asked->flags & ASK_PURGE_ALL) != 0 ? 0 : PORT_BY_KEY));
    if (stage->refusal != STATUS_VALUE)
        return stage->refusal;
    assert_true(stage->fetch_count < FETCHES_MOST);
    struct fetch *fetch = &stage->fetches[stage->fetch_count++];
    *fetch = (struct fetch){token, memory_alloc(1, asked->key.size + 1), asked->key.size,
                            asked->deadline, asked->flags};
    if (asked->key.size > 0)
        memcpy(fetch->key, asked->key.data, asked->key.size);
    return STATUS_VALUE;
}

static bool is_open(const struct ask_port *port)
{
    return ((const struct cache_stage *)port)->is_open;
}

static void take_watch(struct ask_port *port, int64_t every)
{
    ((struct cache_stage *)port)->watched = every;
}

static void forget_answer(struct got *got)
{
    free((char *)got->answer.bytes.data);
    value_release(&got->answer.value);
    *got = (struct got){0};
}

static struct cache_stage *stage_of(struct serve_port *port)
{
    return (struct cache_stage *)((char *)port - offsetof(struct cache_stage, serves));
}

static void take_answer(struct serve_port *port, const struct return_address *to,
                        const struct answer *answer)
{
    struct cache_stage *stage = stage_of(port);
    struct got *got = &stage->got[to->id];

    assert_true(to->id < IDS_MOST && to->peer == 7 && to->generation == to->id + 1);
    assert_false(got->is_set);
    *got = (struct got){.is_set = true, .answer = *answer};
    stage->answer_count++;
    assert_true(trail_is_valid(answer->trail));
    if (answer->trail.size > 0)
        memcpy(got->hops, answer->trail.data, answer->trail.size);
    got->answer.trail.data = got->hops;
    got->answer.bytes.data = NULL;
    if (answer->value)
        value_share(answer->value);
    if (answer->bytes.size > 0) {
        char *copy = memory_alloc(1, answer->bytes.size);
        memcpy(copy, answer->bytes.data, answer->bytes.size);
        got->answer.bytes.data = copy;
    }
}

static void take_notice(struct serve_port *port, const struct notice *notice)
{
    struct cache_stage *stage = stage_of(port);

    assert_true(stage->announced_count < NOTICES_MOST);
    struct announcement *announced = &stage->announced[stage->announced_count++];
    *announced = (struct announcement){*notice, stage->answer_count};
    char *copy = memory_alloc(1, notice->key.size + 1);
    if (notice->key.size > 0)
        memcpy(copy, notice->key.data, notice->key.size);
    announced->notice.key.data = copy;
}

/* ---- its life ---- */

static int64_t preset_number(const struct setting_spec *spec)
{
    int64_t number = 0;

    if (!spec->preset || spec->type == SETTING_TEXT)
        return 0;
    bool is_good = spec->type == SETTING_COUNT      ? text_parse_count(spec->preset, &number)
                   : spec->type == SETTING_DURATION ? text_parse_duration(spec->preset, &number)
                                                    : text_parse_size(spec->preset, &number);

    if (!is_good)
        trouble("the preset of %s cannot be read", spec->name);
    return number;
}

static void set_values(struct cache_stage *stage, const struct cache_stage_options *options)
{
    const struct {
        const char *name;
        int64_t number;
    } given[] = {
        {"capacity", options->capacity},
        {"max_bytes", options->max_bytes},
        {"expiry", options->expiry},
        {"max_value_size", options->max_value_size},
        {"max_fetches", options->max_fetches},
        {"max_waiting", options->max_waiting},
        {"negative_expiry", options->negative_expiry},
        {"negative_capacity", options->negative_capacity},
        {"stale_while_revalidate", options->stale_while_revalidate},
        {"stale_if_error", options->stale_if_error},
    };
    const struct setting_spec *specs = cache_kind.spec.settings;

    for (size_t i = 0; specs[i].name; i++) {
        assert_true(i < SETTINGS_MOST);
        stage->values[i] = (struct setting_value){specs[i].preset, preset_number(&specs[i])};
        for (size_t j = 0; j < sizeof given / sizeof *given; j++)
            if (given[j].number > 0 && strcmp(given[j].name, specs[i].name) == 0)
                stage->values[i] = (struct setting_value){"given", given[j].number};
        if (options->on_disconnect && strcmp(specs[i].name, "on_disconnect") == 0)
            stage->values[i].text = options->on_disconnect;
    }
    stage->settings = (struct settings){&cache_kind.spec, stage->values};
    stage->origin_values[0].text = options->max_staleness > 0 ? "broadcast" : NULL;
    stage->origin_values[1].text = options->prefixes;
    stage->origin_values[2].number = options->max_staleness;
    stage->origin = (struct settings){&origin_kind, stage->origin_values};
}

static struct stage_setup set_up(struct cache_stage *stage,
                                 const struct cache_stage_options *options)
{
    set_values(stage, options);
    return (struct stage_setup){
        .name = "cache",
        .settings = &stage->settings,
        .origin = &stage->origin,
        .cache_count = options->is_near,
        .asks = &stage->asks,
        .serves = &stage->serves,
        .clock = &stage->clock,
        .listener = -1,
    };
}

void cache_stage_configure(struct cache_stage *stage, const struct cache_stage_options *options)
{
    const struct stage_setup setup = set_up(stage, options);

    cache_kind.configure(stage->stage, stage->clock.now, &setup);
}

struct cache_stage *cache_stage_create(const struct cache_stage_options *options)
{
    struct cache_stage *stage = memory_alloc(1, sizeof *stage);
    struct error error = {""};

    stage->asks =
        (struct ask_port){.shards = 1, .ask = take_ask, .watch = take_watch, .is_open = is_open};
    stage->serves = (struct serve_port){.answer = take_answer, .notify = take_notice};
    stage->is_open = true;
    stage->fetches = memory_alloc(FETCHES_MOST, sizeof *stage->fetches);
    stage->clock = (struct clock){
        {CACHE_STAGE_START, 3 * CACHE_STAGE_START + 1, 5 * CACHE_STAGE_START}, CLOCK_HELD};
    const struct stage_setup setup = set_up(stage, options);
    stage->stage = cache_kind.create(&setup, &error);
    if (!stage->stage)
        trouble("no cache stage: %s", error.text);
    return stage;
}

void cache_stage_destroy(struct cache_stage **stage)
{
    struct cache_stage *destroyed = *stage;

    *stage = NULL;
    cache_kind.destroy(&destroyed->stage);
    for (size_t i = 0; i < IDS_MOST; i++)
        forget_answer(&destroyed->got[i]);
    for (size_t i = 0; i < destroyed->announced_count; i++)
        free((char *)destroyed->announced[i].notice.key.data);
    for (size_t i = 0; i < destroyed->fetch_count; i++)
        free(destroyed->fetches[i].key);
    free(destroyed->fetches);
    free(destroyed);
}

int64_t cache_stage_pass(struct cache_stage *stage, int64_t ns)
{
    stage->clock.now.mono += ns;
    stage->clock.now.boot += ns;
    stage->clock.now.wall += ns;
    return cache_kind.on_turn(stage->stage, stage->clock.now);
}

int64_t cache_stage_suspend(struct cache_stage *stage, int64_t ns)
{
    stage->clock.now.boot += ns;
    stage->clock.now.wall += ns;
    return cache_kind.on_turn(stage->stage, stage->clock.now);
}

struct moment cache_stage_now(const struct cache_stage *stage)
{
    return stage->clock.now;
}

/* ---- towards the client ---- */

static void ask(struct cache_stage *stage, uint64_t id, const struct ask *asked)
{
    struct return_address from = {7, (uint32_t)id + 1, id};

    assert_true(id < IDS_MOST);
    forget_answer(&stage->got[id]);
    cache_kind.on_ask(stage->stage, stage->clock.now, &from, asked);
}

void cache_stage_ask_bytes(struct cache_stage *stage, uint64_t id, struct bytes key,
                           int64_t patience)
{
    ask(stage, id, &(struct ask){.key = key, .deadline = stage->clock.now.mono + patience});
}

void cache_stage_ask(struct cache_stage *stage, uint64_t id, const char *key)
{
    cache_stage_ask_with(stage, id, key, 0);
}

void cache_stage_ask_with(struct cache_stage *stage, uint64_t id, const char *key, unsigned flags)
{
    ask(stage, id,
        &(struct ask){.key = bytes_of_text(key),
                      .deadline = stage->clock.now.mono + CACHE_STAGE_PATIENCE,
                      .flags = flags});
}

const struct answer *cache_stage_answer(const struct cache_stage *stage, uint64_t id)
{
    return stage->got[id].is_set ? &stage->got[id].answer : NULL;
}

bool cache_stage_got(const struct cache_stage *stage, uint64_t id, const char *value)
{
    const struct answer *answer = cache_stage_answer(stage, id);

    return answer && answer->status == STATUS_VALUE &&
           bytes_are_equal(answer_bytes(answer), bytes_of_text(value));
}

bool cache_stage_got_status(const struct cache_stage *stage, uint64_t id, enum status status)
{
    const struct answer *answer = cache_stage_answer(stage, id);

    return answer && answer->status == status;
}

size_t cache_stage_hops(const struct cache_stage *stage, uint64_t id)
{
    assert_true(stage->got[id].is_set);
    return stage->got[id].answer.trail.size / TRAIL_HOP;
}

struct hop cache_stage_hop(const struct cache_stage *stage, uint64_t id)
{
    struct bytes trail = stage->got[id].answer.trail;
    struct hop hop;

    assert_true(stage->got[id].is_set && trail.size > 0);
    while (trail_next(&trail, &hop))
        ;
    return hop;
}

size_t cache_stage_announced(const struct cache_stage *stage)
{
    return stage->announced_count;
}

const struct notice *cache_stage_announcement(const struct cache_stage *stage, size_t index)
{
    assert_true(index < stage->announced_count);
    return &stage->announced[index].notice;
}

size_t cache_stage_answers_before(const struct cache_stage *stage, size_t index)
{
    assert_true(index < stage->announced_count);
    return stage->announced[index].answers;
}

/* ---- both ---- */

void cache_stage_fill(struct cache_stage *stage, const char *key, const char *value)
{
    size_t fetch = cache_stage_fetches(stage);

    cache_stage_ask(stage, 0, key);
    assert_int_equal(cache_stage_fetches(stage), fetch + 1);
    cache_stage_reply_text(stage, fetch, value);
    assert_true(cache_stage_got(stage, 0, value));
}

bool cache_stage_is_hit(struct cache_stage *stage, const char *key)
{
    size_t fetches = cache_stage_fetches(stage);

    cache_stage_ask(stage, 1, key);
    if (cache_stage_fetches(stage) == fetches)
        return cache_stage_answer(stage, 1) != NULL;
    cache_stage_reply_status(stage, fetches, STATUS_AWAY);
    return false;
}

/* ---- beside ---- */

int64_t cache_stage_metric(struct cache_stage *stage, const char *name)
{
    struct metrics metrics = {.stage = "cache"};
    long long value;

    cache_kind.measure(stage->stage, stage->clock.now, &metrics);
    buffer_append(&metrics.text, "", 1);
    const char *line = strstr(metrics.text.data, name);
    if (!line || line[strlen(name)] != '\t')
        trouble("no metric %s", name);
    const char *end = strchr(line, '\n');
    while (end[-1] != '\t')
        end--;
    value = atoll(end);
    buffer_fini(&metrics.text);
    return value;
}

const char *cache_stage_unready(struct cache_stage *stage, bool port_is_open)
{
    stage->is_open = port_is_open;
    return cache_kind.unready(stage->stage, stage->clock.now);
}

bool cache_stage_is_drained(struct cache_stage *stage)
{
    return cache_kind.is_drained(stage->stage);
}
