#include "redis_stage.h"

#include "blob.h"
#include "deadline.h"
#include "stages/redis_fetcher/redis_fetcher.h"
#include "temp_dir.h"
#include "trouble.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#define MAX_ANSWERS  20000
#define MAX_SETTINGS 16

struct redis_stage {
    struct serve_port port; /* first: the port is the stage's whole */
    uv_loop_t loop;
    uv_timer_t tick; /* so that a turn waits a moment for the loop, not for ever */
    struct clock clock;
    struct log log;
    int log_ends[2];
    struct blob logged;
    char *directory;
    struct sockaddr_un address;
    int listener; /* -1: none */
    struct settings settings;
    struct setting_value values[MAX_SETTINGS];
    void *stage;
    int64_t wake;                       /* mono */
    struct answer answers[MAX_ANSWERS]; /* by id; status STATUS_COUNT: none yet */
};

/* ---- the stage and its neighbour ---- */

static void gather(struct serve_port *port, const struct return_address *to,
                   const struct answer *answer)
{
    struct redis_stage *stage = (struct redis_stage *)port;
    struct answer *kept = &stage->answers[to->id];

    assert_true(to->id < MAX_ANSWERS);
    assert_int_equal(kept->status, STATUS_COUNT); /* answered once */
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

static void create_stage(struct redis_stage *stage, const char *url)
{
    struct error error = {""};
    struct stage_setup setup = {.name = "redis",
                                .settings = &stage->settings,
                                .serves = &stage->port,
                                .loop = &stage->loop,
                                .clock = &stage->clock,
                                .listener = -1,
                                .log = &stage->log};
    char text[256];

    snprintf(text, sizeof(text), "redis+unix://%s", stage->address.sun_path);
    set(stage, "url", url ? url : text, 0);
    stage->stage = redis_fetcher_kind.create(&setup, &error);
    if (!stage->stage)
        trouble("the stage was not created: %s", error.text);
}

struct redis_stage *redis_stage_create(const char *url, const char *password_file,
                                       int64_t connections)
{
    struct redis_stage *stage = calloc(1, sizeof(*stage));

    if (!stage || pipe(stage->log_ends) != 0 || uv_loop_init(&stage->loop) != 0)
        trouble("no stage: %s", strerror(errno));
    fcntl(stage->log_ends[0], F_SETFL, O_NONBLOCK);
    fcntl(stage->log_ends[1], F_SETFL, O_NONBLOCK);
    log_init(&stage->log, stage->log_ends[1], LOG_DEBUG, false);
    uv_timer_init(&stage->loop, &stage->tick);
    stage->port.answer = gather;
    for (size_t i = 0; i < MAX_ANSWERS; i++)
        stage->answers[i].status = STATUS_COUNT;
    stage->clock = (struct clock){clock_now(), true};
    stage->directory = temp_dir_create();
    stage->address.sun_family = AF_UNIX;
    snprintf(stage->address.sun_path, sizeof(stage->address.sun_path), "%s/redis",
             stage->directory);
    stage->listener = -1;
    redis_stage_listen(stage);
    stage->settings = (struct settings){&redis_fetcher_kind.spec, stage->values};
    set(stage, "password_file", password_file, 0);
    set(stage, "connections", NULL, connections);
    set(stage, "timeout", NULL, REDIS_STAGE_TIMEOUT);
    create_stage(stage, url);
    return stage;
}

void redis_stage_destroy(struct redis_stage **stage)
{
    struct redis_stage *gone = *stage;

    redis_fetcher_kind.destroy(&gone->stage);
    assert_null(gone->stage);
    uv_close((uv_handle_t *)&gone->tick, NULL);
    uv_run(&gone->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&gone->loop), 0); /* nothing of the stage is left in it */
    for (size_t i = 0; i < MAX_ANSWERS; i++) {
        free((char *)gone->answers[i].bytes.data);
        value_release(&gone->answers[i].value);
    }
    redis_stage_stop_listening(gone);
    close(gone->log_ends[0]);
    close(gone->log_ends[1]);
    blob_fini(&gone->logged);
    temp_dir_destroy(&gone->directory);
    free(gone);
    *stage = NULL;
}

void redis_stage_turn(struct redis_stage *stage)
{
    uv_timer_start(&stage->tick, on_tick, 1, 0);
    uv_run(&stage->loop, UV_RUN_ONCE);
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

    redis_fetcher_kind.on_ask(stage->stage, stage->clock.now, &from, key,
                              stage->clock.now.mono + remaining);
}

void redis_stage_ask(struct redis_stage *stage, uint64_t id, const char *key)
{
    redis_stage_ask_bytes(stage, id, bytes_of_text(key), REDIS_STAGE_DEADLINE);
}

bool redis_stage_has_answered(const struct redis_stage *stage, uint64_t id)
{
    return stage->answers[id].status != STATUS_COUNT;
}

/* For the loops below: a turn, unless the test has waited for too long. */
static void turn_until(struct redis_stage *stage, int64_t deadline, const char *what)
{
    if (deadline_left(deadline) == 0)
        trouble("waited in vain for %s", what);
    redis_stage_turn(stage);
}

const struct answer *redis_stage_await(struct redis_stage *stage, uint64_t id)
{
    int64_t deadline = deadline_in(PATIENCE);

    while (!redis_stage_has_answered(stage, id))
        turn_until(stage, deadline, "an answer");
    return &stage->answers[id];
}

enum status redis_stage_await_status(struct redis_stage *stage, uint64_t id)
{
    return redis_stage_await(stage, id)->status;
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

int64_t redis_stage_metric(struct redis_stage *stage, const char *name)
{
    struct metrics metrics = {.stage = "redis"};
    int64_t value = -1;
    char *line;

    redis_fetcher_kind.measure(stage->stage, stage->clock.now, &metrics);
    buffer_append(&metrics.text, "", 1);
    line = strstr(metrics.text.data, name);
    if (line && (line = strstr(line, "\"\t")) != NULL) /* the end of the labels */
        value = atoll(line + 2);
    buffer_fini(&metrics.text);
    return value;
}

const char *redis_stage_log(struct redis_stage *stage)
{
    char text[4096];
    ssize_t size;

    while ((size = read(stage->log_ends[0], text, sizeof(text))) > 0)
        blob_append(&stage->logged, text, (size_t)size);
    return blob_text(&stage->logged);
}

/* ---- Redis ---- */

void redis_stage_listen(struct redis_stage *stage)
{
    unlink(stage->address.sun_path);
    stage->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (stage->listener < 0 ||
        bind(stage->listener, (struct sockaddr *)&stage->address, sizeof(stage->address)) != 0 ||
        listen(stage->listener, 16) != 0)
        trouble("cannot listen on %s: %s", stage->address.sun_path, strerror(errno));
    fcntl(stage->listener, F_SETFL, O_NONBLOCK);
}

void redis_stage_stop_listening(struct redis_stage *stage)
{
    if (stage->listener >= 0)
        close(stage->listener);
    stage->listener = -1;
}

int redis_stage_accept(struct redis_stage *stage)
{
    int64_t deadline = deadline_in(PATIENCE);
    int connection;

    while ((connection = accept(stage->listener, NULL, NULL)) < 0)
        turn_until(stage, deadline, "a connection");
    fcntl(connection, F_SETFL, O_NONBLOCK);
    return connection;
}

void redis_stage_expect(struct redis_stage *stage, int connection, const char *text)
{
    int64_t deadline = deadline_in(PATIENCE);
    size_t left = strlen(text);
    char got[4096];

    while (left > 0) {
        ssize_t size = recv(connection, got, left < sizeof(got) ? left : sizeof(got), 0);
        if (size > 0) {
            assert_memory_equal(got, text, (size_t)size);
            text += size;
            left -= (size_t)size;
        } else if (size == 0 || errno != EAGAIN) {
            trouble("the stage has closed; not received: %s", text);
        } else {
            turn_until(stage, deadline, text);
        }
    }
    assert_int_equal(recv(connection, got, 1, MSG_PEEK), -1); /* nothing more */
}

void redis_stage_expect_get(struct redis_stage *stage, int connection, const char *key)
{
    struct blob command = {0};

    blob_append_format(&command, "*2\r\n$3\r\nGET\r\n$%zu\r\n%s\r\n", strlen(key), key);
    redis_stage_expect(stage, connection, command.data);
    blob_fini(&command);
}

void redis_stage_say_bytes(struct redis_stage *stage, int connection, const void *data, size_t size)
{
    int64_t deadline = deadline_in(PATIENCE);

    while (size > 0) {
        ssize_t sent = send(connection, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            trouble("the stage has closed while being told something");
        if (sent < 0) {
            turn_until(stage, deadline, "the stage to read");
            continue;
        }
        data = (const char *)data + sent;
        size -= (size_t)sent;
    }
}

void redis_stage_say(struct redis_stage *stage, int connection, const char *text)
{
    redis_stage_say_bytes(stage, connection, text, strlen(text));
}

int redis_stage_greet(struct redis_stage *stage)
{
    int connection = redis_stage_accept(stage);
    int64_t deadline = deadline_in(PATIENCE);
    int64_t up = redis_stage_metric(stage, "weir_redis_connections_up");

    redis_stage_expect(stage, connection, "*1\r\n$4\r\nPING\r\n");
    redis_stage_say(stage, connection, "+PONG\r\n");
    while (redis_stage_metric(stage, "weir_redis_connections_up") == up)
        turn_until(stage, deadline, "the connection to be up");
    return connection;
}

void redis_stage_expect_end(struct redis_stage *stage, int connection)
{
    int64_t deadline = deadline_in(PATIENCE);
    char got[4096];
    ssize_t size;

    while ((size = recv(connection, got, sizeof(got), 0)) != 0) {
        if (size < 0 && errno != EAGAIN)
            break; /* reset: closed with our bytes unread */
        turn_until(stage, deadline, "the connection to be closed");
    }
    close(connection);
}
