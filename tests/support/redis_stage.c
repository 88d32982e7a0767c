#include "redis_stage_inner.h"

#include "blob.h"
#include "deadline.h"
#include "stages/redis_fetcher/redis_fetcher.h"
#include "temp_dir.h"
#include "trouble.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the stage and its neighbour ---- */

static void note(struct serve_port *port, const struct notice *notice)
{
    struct redis_stage *stage = (struct redis_stage *)port;

    switch (notice->kind) {
    case NOTICE_KEY:
        blob_append_text(&stage->events, "key ");
        blob_append(&stage->events, notice->key.data, notice->key.size);
        blob_append_text(&stage->events, "\n");
        break;
    case NOTICE_ALL:
        blob_append_text(&stage->events, "all\n");
        break;
    case NOTICE_LOST:
        blob_append_text(&stage->events, "lost\n");
        break;
    case NOTICE_PROVEN:
        blob_append_format(&stage->events, "proven %d\n",
                           (int)((stage->clock.now.boot - notice->proven) / MILLISECOND));
        break;
    }
}

static void gather(struct serve_port *port, const struct return_address *to,
                   const struct answer *answer)
{
    struct redis_stage *stage = (struct redis_stage *)port;
    struct answer *kept = &stage->answers[to->id];

    assert_true(to->id < MAX_ANSWERS);
    assert_int_equal(kept->status, STATUS_COUNT); /* answered once */
    blob_append_format(&stage->events, "answer %d\n", (int)to->id);
    *kept = *answer;
    if (answer->value)
        value_share(kept->value);
    if (answer->bytes.size > 0) {
        char *copy = malloc(answer->bytes.size);
        if (!copy)
            trouble("no memory");
        memcpy(copy, answer->bytes.data, answer->bytes.size);
        kept->bytes.data = copy;
    } else {
        kept->bytes.data = NULL;
    }
}

static void set(struct redis_stage *stage, const char *name, const char *text, int64_t number)
{
    const struct setting_spec *specs = redis_fetcher_kind.spec.settings;
    size_t i = 0;

    while (strcmp(specs[i].name, name) != 0)
        i++;
    stage->values[i] = (struct setting_value){text, number};
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static struct stage_setup set_up(struct redis_stage *stage,
                                 const struct redis_stage_options *options)
{
    char *url = stage->url;

    snprintf(url, sizeof(stage->url), "redis+unix://%s%s%s", options->user ? options->user : "",
             stage->address.sun_path, options->query ? options->query : "");
    stage->settings = (struct settings){&redis_fetcher_kind.spec, stage->values};
    set(stage, "url", options->url ? options->url : url, 0);
    set(stage, "password_file", options->password_file, 0);
    set(stage, "connections", NULL, options->connections ? options->connections : 1);
    set(stage, "timeout", NULL, options->timeout ? options->timeout : REDIS_STAGE_TIMEOUT);
    set(stage, "respect_ttl", NULL, options->respect_ttl);
    set(stage, "invalidation.mode", options->is_invalidated ? "broadcast" : NULL, 0);
    set(stage, "invalidation.prefixes", options->prefixes, 0);
    set(stage, "max_staleness", NULL, options->max_staleness ? options->max_staleness : SECOND);
    stage->is_real = options->is_real;
    set(stage, "max_bytes", NULL, options->max_bytes ? options->max_bytes : INT64_MAX);
    return (struct stage_setup){.name = "redis",
                                .settings = &stage->settings,
                                .serves = &stage->port,
                                .loop = &stage->loop,
                                .clock = &stage->clock,
                                .listener = -1,
                                .log = &stage->log};
}

static bool create_stage(struct redis_stage *stage, const struct redis_stage_options *options,
                         struct error *error)
{
    const struct stage_setup setup = set_up(stage, options);

    stage->stage = redis_fetcher_kind.create(&setup, error);
    return stage->stage != NULL;
}

void redis_stage_configure(struct redis_stage *stage, const struct redis_stage_options *options)
{
    const struct stage_setup setup = set_up(stage, options);

    redis_fetcher_kind.configure(stage->stage, clock_read(&stage->clock), &setup);
}

static struct redis_stage *prepare(void)
{
    struct redis_stage *stage = calloc(1, sizeof(*stage));

    if (!stage || pipe(stage->log_ends) != 0 || uv_loop_init(&stage->loop) != 0)
        trouble("no stage: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN); /* as the host does */
    fcntl(stage->log_ends[0], F_SETFL, O_NONBLOCK);
    fcntl(stage->log_ends[1], F_SETFL, O_NONBLOCK);
    log_init(&stage->log, stage->log_ends[1], LOG_DEBUG, false);
    uv_timer_init(&stage->loop, &stage->tick);
    uv_timer_start(&stage->tick, on_tick, 1, 1);
    stage->port.answer = gather;
    stage->port.notify = note;
    for (size_t i = 0; i < MAX_ANSWERS; i++)
        stage->answers[i].status = STATUS_COUNT;
    stage->clock = (struct clock){clock_now(), CLOCK_HELD};
    stage->directory = temp_dir_create();
    stage->address.sun_family = AF_UNIX;
    snprintf(stage->address.sun_path, sizeof(stage->address.sun_path), "%s/redis",
             stage->directory);
    stage->listener = -1;
    return stage;
}

struct redis_stage *redis_stage_create(const struct redis_stage_options *options)
{
    struct redis_stage *stage = prepare();
    struct error error = {""};

    if (!options->is_away)
        redis_stage_listen(stage);
    if (!create_stage(stage, options, &error))
        trouble("the stage was not created: %s", error.text);
    return stage;
}

struct error redis_stage_refusal(const struct redis_stage_options *options)
{
    struct redis_stage *stage = prepare();
    struct error error = {""};

    assert_false(create_stage(stage, options, &error));
    redis_stage_destroy(&stage);
    return error;
}

void redis_stage_destroy(struct redis_stage **stage)
{
    struct redis_stage *gone = *stage;

    if (gone->stage)
        redis_fetcher_kind.destroy(&gone->stage);
    assert_null(gone->stage);
    uv_close((uv_handle_t *)&gone->tick, NULL);
    uv_run(&gone->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&gone->loop), 0); /* nothing of the stage is left in it */
    for (size_t i = 0; i < MAX_ANSWERS; i++) {
        free((char *)gone->answers[i].bytes.data);
        value_release(&gone->answers[i].value);
    }
    if (gone->listener >= 0)
        close(gone->listener);
    while (gone->connection_count > 0)
        close(gone->connections[--gone->connection_count]);
    close(gone->log_ends[0]);
    close(gone->log_ends[1]);
    blob_fini(&gone->logged);
    blob_fini(&gone->events);
    temp_dir_destroy(&gone->directory);
    free(gone);
    *stage = NULL;
}

void redis_stage_turn(struct redis_stage *stage)
{
    uv_run(&stage->loop, UV_RUN_ONCE);
    if (stage->is_real)
        stage->clock.now = clock_now();
    stage->wake = redis_fetcher_kind.on_turn(stage->stage, stage->clock.now);
}

void redis_stage_pass(struct redis_stage *stage, int64_t nanoseconds)
{
    stage->clock.now.mono += nanoseconds;
    stage->clock.now.boot += nanoseconds;
    redis_stage_turn(stage);
}

int64_t redis_stage_wake(const struct redis_stage *stage)
{
    return stage->wake == NEVER ? NEVER : stage->wake - stage->clock.now.mono;
}

void redis_stage_ask_bytes(struct redis_stage *stage, uint64_t id, struct bytes key,
                           int64_t remaining)
{
    struct return_address from = {.id = id};

    redis_fetcher_kind.on_ask(
        stage->stage, stage->clock.now, &from,
        &(struct ask){.key = key, .deadline = stage->clock.now.mono + remaining});
}

void redis_stage_ask(struct redis_stage *stage, uint64_t id, const char *key)
{
    redis_stage_ask_bytes(stage, id, bytes_of_text(key), REDIS_STAGE_DEADLINE);
}

bool redis_stage_has_answered(const struct redis_stage *stage, uint64_t id)
{
    return stage->answers[id].status != STATUS_COUNT;
}

void redis_stage_let_go(struct redis_stage *stage, uint64_t id)
{
    value_release(&stage->answers[id].value);
}

void redis_stage_turn_until(struct redis_stage *stage, int64_t deadline, const char *what)
{
    if (deadline_left(deadline) == 0)
        trouble("waited in vain for %s", what);
    redis_stage_turn(stage);
}

const struct answer *redis_stage_await(struct redis_stage *stage, uint64_t id)
{
    int64_t deadline = deadline_in(PATIENCE);

    while (!redis_stage_has_answered(stage, id))
        redis_stage_turn_until(stage, deadline, "an answer");
    return &stage->answers[id];
}

enum status redis_stage_await_status(struct redis_stage *stage, uint64_t id)
{
    return redis_stage_await(stage, id)->status;
}

const char *redis_stage_events(struct redis_stage *stage)
{
    return blob_text(&stage->events);
}

void redis_stage_expect_events(struct redis_stage *stage, const char *events)
{
    int64_t deadline = deadline_in(PATIENCE);

    while (strlen(redis_stage_events(stage)) < strlen(events))
        redis_stage_turn_until(stage, deadline, events);
    assert_string_equal(redis_stage_events(stage), events);
    blob_fini(&stage->events);
}

void redis_stage_await_event(struct redis_stage *stage, const char *event)
{
    int64_t deadline = deadline_in(PATIENCE);
    size_t size = strlen(event), begin = 0;

    for (;;) {
        const char *text = redis_stage_events(stage);
        const char *end = strchr(text + begin, '\n');
        if (!end) {
            redis_stage_turn_until(stage, deadline, event);
            continue;
        }
        bool is_found = strncmp(text + begin, event, size) == 0;
        begin = (size_t)(end - text) + 1;
        if (is_found)
            break;
    }
    blob_consume(&stage->events, begin);
}

bool redis_stage_is_settled(struct redis_stage *stage)
{
    return redis_fetcher_kind.is_settled(stage->stage);
}

const char *redis_stage_unready(struct redis_stage *stage)
{
    return redis_fetcher_kind.unready(stage->stage, stage->clock.now);
}

bool redis_stage_is_drained(struct redis_stage *stage)
{
    return redis_fetcher_kind.is_drained(stage->stage);
}

double redis_stage_seconds(struct redis_stage *stage, const char *name)
{
    struct metrics metrics = {.stage = "redis"};
    double value = -1;
    char *line;

    redis_fetcher_kind.measure(stage->stage, stage->clock.now, &metrics);
    buffer_append(&metrics.text, "", 1);
    line = strstr(metrics.text.data, name);
    if (line && (line = strstr(line, "\"\t")) != NULL) /* the end of the labels */
        value = strtod(line + 2, NULL);
    buffer_fini(&metrics.text);
    return value;
}

int64_t redis_stage_metric(struct redis_stage *stage, const char *name)
{
    return (int64_t)redis_stage_seconds(stage, name);
}

const char *redis_stage_log(struct redis_stage *stage)
{
    char text[4096];
    ssize_t size;

    while ((size = read(stage->log_ends[0], text, sizeof(text))) > 0)
        blob_append(&stage->logged, text, (size_t)size);
    return blob_text(&stage->logged);
}

size_t redis_stage_warnings(struct redis_stage *stage)
{
    const char *text = redis_stage_log(stage);
    size_t count = 0;

    while ((text = strstr(text, " warn ")) != NULL) {
        count++;
        text++;
    }
    return count;
}
