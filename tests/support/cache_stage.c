#include "tests/support/cache_stage.h"

#include "common/memory.h"
#include "common/settings.h"
#include "common/text.h"
#include "stages/cache/cache.h"
#include "tests/support/trouble.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

#define IDS_MOST      4096
#define FETCHES_MOST  65536
#define SETTINGS_MOST 16

struct fetch {
    uint64_t token;
    char *key; /* owned */
    size_t key_size;
    int64_t deadline; /* mono ns */
};

struct cache_stage {
    struct ask_port asks; /* first, so that the hooks of the port find the rest */
    struct serve_port serves;
    void *stage;
    struct clock clock;
    struct setting_value values[SETTINGS_MOST];
    struct settings settings;
    bool is_open;
    enum status refusal;
    struct fetch *fetches;
    size_t fetch_count;
    struct got {
        bool is_set;
        struct answer answer; /* bytes owned, value shared */
    } got[IDS_MOST];
};

/* ---- the fake ports ---- */

static enum status take_ask(struct ask_port *port, size_t shard, uint64_t token,
                            const struct ask *asked)
{
    struct cache_stage *stage = (struct cache_stage *)port;

    assert_true(shard == PORT_BY_KEY);
    if (stage->refusal != STATUS_VALUE)
        return stage->refusal;
    assert_true(stage->fetch_count < FETCHES_MOST);
    struct fetch *fetch = &stage->fetches[stage->fetch_count++];
    *fetch = (struct fetch){token, memory_alloc(1, asked->key.size + 1), asked->key.size,
                            asked->deadline};
    if (asked->key.size > 0)
        memcpy(fetch->key, asked->key.data, asked->key.size);
    return STATUS_VALUE;
}

static bool is_open(const struct ask_port *port)
{
    return ((const struct cache_stage *)port)->is_open;
}

static void forget_answer(struct got *got)
{
    free((char *)got->answer.bytes.data);
    value_release(&got->answer.value);
    *got = (struct got){0};
}

static void take_answer(struct serve_port *port, const struct return_address *to,
                        const struct answer *answer)
{
    struct cache_stage *stage =
        (struct cache_stage *)((char *)port - offsetof(struct cache_stage, serves));
    struct got *got = &stage->got[to->id];

    assert_true(to->id < IDS_MOST && to->peer == 7 && to->generation == to->id + 1);
    assert_false(got->is_set);
    *got = (struct got){true, *answer};
    got->answer.bytes.data = NULL;
    if (answer->value)
        value_share(answer->value);
    if (answer->bytes.size > 0) {
        char *copy = memory_alloc(1, answer->bytes.size);
        memcpy(copy, answer->bytes.data, answer->bytes.size);
        got->answer.bytes.data = copy;
    }
}

/* ---- its life ---- */

static int64_t preset_number(const struct setting_spec *spec)
{
    int64_t number = 0;
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
        {"capacity", options->capacity},       {"max_bytes", options->max_bytes},
        {"expiry", options->expiry},           {"max_value_size", options->max_value_size},
        {"max_fetches", options->max_fetches}, {"max_waiting", options->max_waiting},
    };
    const struct setting_spec *specs = cache_kind.spec.settings;

    for (size_t i = 0; specs[i].name; i++) {
        stage->values[i].number = preset_number(&specs[i]);
        for (size_t j = 0; j < sizeof given / sizeof *given; j++)
            if (given[j].number > 0 && strcmp(given[j].name, specs[i].name) == 0)
                stage->values[i].number = given[j].number;
    }
    stage->settings = (struct settings){&cache_kind.spec, stage->values};
}

struct cache_stage *cache_stage_create(const struct cache_stage_options *options)
{
    struct cache_stage *stage = memory_alloc(1, sizeof *stage);
    struct error error = {""};

    stage->asks = (struct ask_port){.shards = 1, .ask = take_ask, .is_open = is_open};
    stage->serves = (struct serve_port){.answer = take_answer};
    stage->is_open = true;
    stage->fetches = memory_alloc(FETCHES_MOST, sizeof *stage->fetches);
    stage->clock =
        (struct clock){{CACHE_STAGE_START, 3 * CACHE_STAGE_START + 1, 5 * CACHE_STAGE_START}, true};
    set_values(stage, options);
    struct stage_setup setup = {
        .name = "cache",
        .settings = &stage->settings,
        .asks = &stage->asks,
        .serves = &stage->serves,
        .clock = &stage->clock,
        .listener = -1,
    };
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

struct moment cache_stage_now(const struct cache_stage *stage)
{
    return stage->clock.now;
}

/* ---- towards the client ---- */

void cache_stage_ask_bytes(struct cache_stage *stage, uint64_t id, struct bytes key,
                           int64_t patience)
{
    struct moment now = stage->clock.now;
    struct return_address from = {7, (uint32_t)id + 1, id};

    assert_true(id < IDS_MOST);
    forget_answer(&stage->got[id]);
    cache_kind.on_ask(stage->stage, now, &from,
                      &(struct ask){.key = key, .deadline = now.mono + patience});
}

void cache_stage_ask(struct cache_stage *stage, uint64_t id, const char *key)
{
    cache_stage_ask_bytes(stage, id, bytes_of_text(key), CACHE_STAGE_PATIENCE);
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

/* ---- towards the origin ---- */

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
