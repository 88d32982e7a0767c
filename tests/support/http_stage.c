#include "http_stage.h"

#include "blob.h"
#include "common/listener.h"
#include "common/text.h"
#include "deadline.h"
#include "net.h"
#include "stages/http_frontend/http_frontend.h"
#include "trouble.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define MAX_ASKS     4096
#define MAX_SETTINGS 16

struct http_stage {
    struct ask_port port; /* first: the port is the stage's whole */
    uv_loop_t loop;
    struct clock clock;
    struct log log;
    struct listener listener;
    struct settings settings;
    struct setting_value values[MAX_SETTINGS];
    void *stage;
    struct turn turn;
    size_t turns_ended;
    enum status verdict;
    struct {
        uint64_t token;
        struct blob key;
        unsigned flags;
    } asks[MAX_ASKS];
    size_t ask_count;
    struct blob head;
};

/* ---- the stage and its neighbour ---- */

static enum status gather(struct ask_port *port, size_t shard, uint64_t token,
                          const struct ask *asked)
{
    struct http_stage *stage = (struct http_stage *)port;
    assert_true(shard == PORT_BY_KEY);
    assert_true(asked->deadline > stage->clock.now.mono);
    if (stage->verdict != STATUS_VALUE)
        return stage->verdict;
    assert_true(stage->ask_count < MAX_ASKS);
    stage->asks[stage->ask_count].token = token;
    blob_append(&stage->asks[stage->ask_count].key, asked->key.data, asked->key.size);
    stage->asks[stage->ask_count].flags = asked->flags;
    stage->ask_count++;
    return STATUS_VALUE;
}

static bool is_open(const struct ask_port *port)
{
    (void)port;
    return true;
}

static void end_turn(struct turn *turn)
{
    struct http_stage *stage =
        (struct http_stage *)((char *)turn - offsetof(struct http_stage, turn));
    stage->turns_ended++;
    http_frontend_kind.on_turn(stage->stage, stage->clock.now);
}

static size_t find_setting(const char *name)
{
    size_t i = 0;
    while (strcmp(http_frontend_kind.spec.settings[i].name, name) != 0)
        i++;
    return i;
}

static void set(struct http_stage *stage, const char *name, int64_t number)
{
    const struct setting_spec *spec = http_frontend_kind.spec.settings;
    size_t i = find_setting(name);
    if (number == 0 && spec[i].type == SETTING_COUNT)
        text_parse_count(spec[i].preset, &number);
    else if (number == 0 && spec[i].type == SETTING_SIZE)
        text_parse_size(spec[i].preset, &number);
    else if (number == 0)
        text_parse_duration(spec[i].preset, &number);
    stage->values[i].number = number;
}

static void set_all(struct http_stage *stage, const struct server_limits *limits)
{
    stage->settings = (struct settings){&http_frontend_kind.spec, stage->values};
    set(stage, "max_clients", (int64_t)limits->max_clients);
    set(stage, "max_parallel", (int64_t)limits->max_parallel);
    set(stage, "max_waiting", (int64_t)limits->max_waiting);
    set(stage, "timeout", limits->timeout);
    set(stage, "head_timeout", limits->head_timeout);
    set(stage, "idle_timeout", limits->idle_timeout);
    set(stage, "send_timeout", limits->send_timeout);
    set(stage, "max_output", (int64_t)limits->max_output);
}

struct chain {
    const char *const *caches;
    size_t count;
};

/* One that does not listen yet; `*descriptor` is what it will listen on. */
static struct http_stage *create_closed(struct server_limits limits, struct chain chain,
                                        bool allows_refresh, int *descriptor)
{
    struct http_stage *stage = calloc(1, sizeof(*stage));
    struct error error = {""};
    if (!stage || uv_loop_init(&stage->loop) != 0)
        trouble("no stage");
    signal(SIGPIPE, SIG_IGN); /* as the host does */
    stage->port = (struct ask_port){.shards = 1, .ask = gather, .is_open = is_open};
    stage->turn.end = end_turn;
    stage->verdict = STATUS_VALUE;
    stage->clock = (struct clock){clock_now(), CLOCK_HELD};
    log_init(&stage->log, STDERR_FILENO, LOG_ERROR, false);
    set_all(stage, &limits);
    stage->values[find_setting("allow_refresh")].number = allows_refresh;
    if (!listener_open(&stage->listener, "127.0.0.1:0", 1, &error))
        trouble("%s", error.text);
    struct stage_setup setup = {.name = "http",
                                .settings = &stage->settings,
                                .asks = &stage->port,
                                .loop = &stage->loop,
                                .clock = &stage->clock,
                                .turn = &stage->turn,
                                .listener = stage->listener.descriptors[0],
                                .address = stage->listener.address,
                                .cache_count = chain.count,
                                .log = &stage->log};
    for (size_t i = 0; i < chain.count; i++)
        setup.caches[i] = chain.caches[i];
    *descriptor = stage->listener.descriptors[0];
    stage->listener.descriptors[0] = -1;
    stage->stage = http_frontend_kind.create(&setup, &error);
    if (!stage->stage)
        trouble("the stage was not created: %s", error.text);
    assert_non_null(http_frontend_kind.unready(stage->stage, stage->clock.now));
    return stage;
}

void http_stage_configure(struct http_stage *stage, struct server_limits limits)
{
    const struct stage_setup setup = {.name = "http",
                                      .settings = &stage->settings,
                                      .asks = &stage->port,
                                      .loop = &stage->loop,
                                      .clock = &stage->clock,
                                      .listener = -1,
                                      .address = stage->listener.address,
                                      .log = &stage->log};

    set_all(stage, &limits);
    http_frontend_kind.configure(stage->stage, stage->clock.now, &setup);
}

static struct http_stage *create(struct server_limits limits, struct chain chain,
                                 bool allows_refresh)
{
    int descriptor;
    struct error error;
    struct http_stage *stage = create_closed(limits, chain, allows_refresh, &descriptor);
    if (!http_frontend_kind.on_open(stage->stage, stage->clock.now, &error))
        trouble("the stage does not open: %s", error.text);
    assert_null(http_frontend_kind.unready(stage->stage, stage->clock.now));
    return stage;
}

struct http_stage *http_stage_create(struct server_limits limits)
{
    return create(limits, (struct chain){0}, false);
}

struct http_stage *http_stage_create_behind(const char *const *caches, size_t count,
                                            bool allows_refresh)
{
    return create((struct server_limits){0}, (struct chain){caches, count}, allows_refresh);
}

/* Listens where the descriptor is bound, as another that starts at the same time may. */
static int listen_beside(int descriptor)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    int rival = socket(AF_INET, SOCK_STREAM, 0);
    listener_prepare(descriptor);
    listener_prepare(rival);
    if (getsockname(descriptor, (struct sockaddr *)&address, &size) != 0 ||
        bind(rival, (struct sockaddr *)&address, size) != 0 || listen(rival, 1) != 0)
        trouble("cannot listen beside the stage: %s", strerror(errno));
    return rival;
}

struct error http_stage_lose_race(void)
{
    int descriptor;
    struct error error = {""};
    struct http_stage *stage =
        create_closed((struct server_limits){0}, (struct chain){0}, false, &descriptor);
    int rival = listen_beside(descriptor);
    assert_false(http_frontend_kind.on_open(stage->stage, stage->clock.now, &error));
    assert_non_null(strstr(error.text, stage->listener.address));
    http_stage_destroy(&stage);
    close(rival);
    return error;
}

void http_stage_destroy(struct http_stage **stage)
{
    struct http_stage *gone = *stage;
    *stage = NULL;
    http_frontend_kind.destroy(&gone->stage);
    assert_null(gone->stage);
    uv_run(&gone->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&gone->loop), 0); /* nothing of the stage is left in it */
    listener_close(&gone->listener);
    for (size_t i = 0; i < gone->ask_count; i++)
        blob_fini(&gone->asks[i].key);
    blob_fini(&gone->head);
    free(gone);
}

void http_stage_turn(struct http_stage *stage)
{
    struct pollfd loop = {.fd = uv_backend_fd(&stage->loop), .events = POLLIN};
    poll(&loop, 1, 1);
    uv_run(&stage->loop, UV_RUN_NOWAIT);
    http_frontend_kind.on_turn(stage->stage, stage->clock.now);
}

size_t http_stage_turns_ended(const struct http_stage *stage)
{
    return stage->turns_ended;
}

void http_stage_pass(struct http_stage *stage, int64_t nanoseconds)
{
    stage->clock.now.mono += nanoseconds;
    http_stage_turn(stage);
}

void http_stage_drain(struct http_stage *stage, enum drain_manner manner)
{
    http_frontend_kind.drain(stage->stage, stage->clock.now, manner);
}

bool http_stage_is_drained(struct http_stage *stage)
{
    return http_frontend_kind.is_drained(stage->stage);
}

int64_t http_stage_metric(struct http_stage *stage, const char *name, const char *label)
{
    struct metrics metrics = {.stage = "http"};
    http_frontend_kind.measure(stage->stage, stage->clock.now, &metrics);
    buffer_append(&metrics.text, "", 1);
    int64_t number = -1;
    size_t size = strlen(name);
    for (char *line = strtok(metrics.text.data, "\n"); line; line = strtok(NULL, "\n")) {
        const char *field = strchr(line, '\t') + 1; /* behind the type */
        if (strncmp(field, name, size) == 0 && field[size] == '\t' &&
            (!label || strstr(field, label)))
            number = strtoll(strrchr(line, '\t') + 1, NULL, 10);
    }
    buffer_fini(&metrics.text);
    assert_true(number >= 0);
    return number;
}

void http_stage_expect_closed(struct http_stage *stage, const char *reason, int64_t count)
{
    static const char *const reasons[] = {"client",       "broken",       "request",
                                          "idle_timeout", "head_timeout", "send_timeout",
                                          "max_output",   "held",         "drain"};
    int64_t deadline = deadline_in(PATIENCE);
    while (http_stage_metric(stage, "weir_http_connections", NULL) > 0 &&
           deadline_left(deadline) > 0)
        http_stage_turn(stage);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        char label[32];
        snprintf(label, sizeof(label), "reason=\"%s\"", reasons[i]);
        assert_int_equal(http_stage_metric(stage, "weir_http_closed_total", label),
                         strcmp(reasons[i], reason) == 0 ? count : 0);
    }
}

void http_stage_expect_asks(struct http_stage *stage, size_t count)
{
    int64_t deadline = deadline_in(PATIENCE);
    while (stage->ask_count < count && deadline_left(deadline) > 0)
        http_stage_turn(stage);
    http_stage_turn(stage);
    assert_int_equal(stage->ask_count, count);
}

size_t http_stage_asks(const struct http_stage *stage)
{
    return stage->ask_count;
}

struct bytes http_stage_key(const struct http_stage *stage, size_t ask)
{
    assert_true(ask < stage->ask_count);
    return (struct bytes){stage->asks[ask].key.data, stage->asks[ask].key.length};
}

unsigned http_stage_flags(const struct http_stage *stage, size_t ask)
{
    assert_true(ask < stage->ask_count);
    return stage->asks[ask].flags;
}

void http_stage_answer(struct http_stage *stage, size_t ask, const struct answer *answer)
{
    assert_true(ask < stage->ask_count);
    http_frontend_kind.on_answer(stage->stage, stage->clock.now, stage->asks[ask].token, answer);
}

void http_stage_answer_text(struct http_stage *stage, size_t ask, const char *text)
{
    struct answer answer = {.status = STATUS_VALUE, .bytes = bytes_of_text(text)};
    http_stage_answer(stage, ask, &answer);
}

void http_stage_take_asks(struct http_stage *stage, enum status status)
{
    stage->verdict = status;
}

/* ---- clients ---- */

int http_stage_connect(struct http_stage *stage)
{
    char *colon = strrchr(stage->listener.address, ':');
    int client = net_connect(atoi(colon + 1));
    if (client < 0)
        trouble("cannot connect: %s", strerror(errno));
    http_stage_turn(stage);
    return client;
}

void http_stage_say(struct http_stage *stage, int client, const char *text)
{
    size_t left = strlen(text);
    int64_t deadline = deadline_in(PATIENCE);
    while (left > 0 && deadline_left(deadline) > 0) {
        ssize_t sent = send(client, text, left, MSG_DONTWAIT);
        if (sent > 0) {
            text += sent;
            left -= (size_t)sent;
        }
        http_stage_turn(stage);
    }
    assert_int_equal(left, 0);
}

void http_stage_get(struct http_stage *stage, int client, const char *key)
{
    struct blob text = {0};
    blob_append_format(&text, "GET /%s HTTP/1.1\r\nHost: weir\r\n\r\n", key);
    http_stage_say(stage, client, blob_text(&text));
    blob_fini(&text);
}

/* Up to `size` bytes; 0 at the end. */
static size_t receive(struct http_stage *stage, int client, char *data, size_t size)
{
    int64_t deadline = deadline_in(PATIENCE);
    while (deadline_left(deadline) > 0) {
        ssize_t got = recv(client, data, size, MSG_DONTWAIT);
        if (got >= 0)
            return (size_t)got;
        if (errno != EAGAIN && errno != EINTR)
            break;
        http_stage_turn(stage);
    }
    fail_msg("nothing came, and no end: %s", strerror(errno));
    return 0;
}

static size_t expect_head(struct http_stage *stage, int client, int status)
{
    char next;
    blob_consume(&stage->head, stage->head.length);
    while (!strstr(blob_text(&stage->head), "\r\n\r\n")) {
        if (receive(stage, client, &next, 1) == 0)
            fail_msg("the connection ended in a head: %s", blob_text(&stage->head));
        blob_append(&stage->head, &next, 1);
    }
    const char *head = blob_text(&stage->head);
    assert_memory_equal(head, "HTTP/1.1 ", 9);
    if (atoi(head + 9) != status)
        fail_msg("not %d but %s", status, head);
    assert_non_null(strstr(head, "\r\nDate: "));
    const char *length = strstr(head, "\r\nContent-Length: ");
    if (status == 304) { /* RFC 9110, 15.4.5: it has no body, and speaks of none */
        assert_null(length);
        return 0;
    }
    assert_non_null(length);
    return strtoull(length + strlen("\r\nContent-Length: "), NULL, 10);
}

const char *http_stage_expect(struct http_stage *stage, int client, int status, const char *body)
{
    size_t length = expect_head(stage, client, status);
    struct blob got = {0};
    while (got.length < length) {
        char part[4096];
        size_t left = length - got.length;
        size_t size = receive(stage, client, part, left < sizeof(part) ? left : sizeof(part));
        assert_true(size > 0);
        blob_append(&got, part, size);
    }
    if (body)
        assert_string_equal(blob_text(&got), body);
    if (status != 200)
        assert_ptr_equal(strchr(blob_text(&got), '\n'), got.data + got.length - 1);
    blob_fini(&got);
    return blob_text(&stage->head);
}

const char *http_stage_expect_head(struct http_stage *stage, int client, int status)
{
    expect_head(stage, client, status);
    return blob_text(&stage->head);
}

void http_stage_skip(struct http_stage *stage, int client, size_t count)
{
    while (count > 0) {
        char part[4096];
        size_t size = receive(stage, client, part, count < sizeof(part) ? count : sizeof(part));
        assert_true(size > 0);
        count -= size;
    }
}

void http_stage_expect_end(struct http_stage *stage, int client)
{
    char next;
    assert_int_equal(receive(stage, client, &next, 1), 0);
    close(client);
    http_stage_turn(stage);
}
