#include "common/server.h"

#include "common/memory.h"
#include "common/server_private.h"

#include <stdio.h>
#include <stdlib.h>

struct server_limits server_limits_of(const struct settings *settings)
{
    return (struct server_limits){
        .max_clients = (size_t)settings_number(settings, "max_clients"),
        .max_parallel = (size_t)settings_number(settings, "max_parallel"),
        .max_waiting = (size_t)settings_number(settings, "max_waiting"),
        .timeout = settings_number(settings, "timeout"),
        .head_timeout = settings_number(settings, "head_timeout"),
        .idle_timeout = settings_number(settings, "idle_timeout"),
        .send_timeout = settings_number(settings, "send_timeout"),
        .max_output = (size_t)settings_number(settings, "max_output"),
    };
}

struct server *server_create(const struct stage_setup *setup, const struct server_limits *limits,
                             const struct server_protocol *protocol, void *owner,
                             struct error *error)
{
    struct server *server = memory_alloc(1, sizeof(*server));
    server->name = setup->name;
    server->address = setup->address;
    server->loop = setup->loop;
    server->clock = setup->clock;
    server->turn = setup->turn;
    server->log = setup->log;
    server->asks = setup->asks;
    server->limits = *limits;
    server->protocol = protocol;
    server->owner = owner;
    int64_t now = clock_read(setup->clock).mono;
    wheel_init(&server->request_timers, now);
    wheel_init(&server->connection_timers, now);
    server_admission_init(&server->admission, limits->max_parallel, limits->max_waiting);
    if (!server_listen_init(server, setup, error))
        server_destroy(&server);
    return server;
}

void server_configure(struct server *server, const struct stage_setup *setup,
                      const struct server_limits *limits)
{
    const size_t clients = server->limits.max_clients;
    server->limits = *limits;
    server_listen_clamp(server, setup, clients);
    server_admission_limit(&server->admission, limits->max_parallel, limits->max_waiting);
}

int64_t server_on_turn(void *stage, struct moment now)
{
    struct server *server = server_of(stage);
    server->reads = 0;
    server_exchange_expire_all(server, now.mono);
    server_connection_expire_all(server, now.mono);
    server_exchange_admit(server, now.mono);

    struct server_connection *touched = server->touched;
    server->touched = NULL;
    if (touched)
        touched->touched_link = &touched;
    while (touched) {
        struct server_connection *connection = touched;
        server_connection_untouch(connection);
        server_connection_settle(connection, now.mono);
    }
    if (server->touched)
        return now.mono;
    return clock_earlier(wheel_next(&server->request_timers),
                         wheel_next(&server->connection_timers));
}

static const char *const end_labels[SERVER_ENDS] = {
    [END_CLIENT] = "reason=\"client\"",
    [END_BROKEN] = "reason=\"broken\"",
    [END_REQUEST] = "reason=\"request\"",
    [END_IDLE_TIMEOUT] = "reason=\"idle_timeout\"",
    [END_HEAD_TIMEOUT] = "reason=\"head_timeout\"",
    [END_SEND_TIMEOUT] = "reason=\"send_timeout\"",
    [END_MAX_OUTPUT] = "reason=\"max_output\"",
    [END_HELD] = "reason=\"held\"",
    [END_DRAIN] = "reason=\"drain\"",
};

void server_measure(const struct server *server, struct metrics *metrics)
{
    const struct server_counters *counters = &server->counters;
    const char *protocol = server->protocol->name;
    char name[64];
#define NAMED(what) (snprintf(name, sizeof(name), "weir_%s_" what, protocol), name)
    metrics_gauge(metrics, NAMED("connections"), "Connections that are open now.", NULL,
                  (int64_t)server->clients);
    metrics_counter(metrics, NAMED("connections_total"), "Connections accepted.", NULL,
                    counters->connections_total);
    metrics_counter(metrics, NAMED("requests_received_total"),
                    "Requests that arrived, those refused as bad or too many among them.", NULL,
                    counters->received);
    metrics_counter(metrics, NAMED("requests_abandoned_total"),
                    "Requests whose client had gone before they were answered.", NULL,
                    counters->abandoned);
    metrics_times(metrics, NAMED("request_duration_seconds"),
                  "From when a request was complete until its response was ready.", NULL,
                  &counters->durations);
    metrics_gauge(metrics, NAMED("in_progress"), "Requests in progress.", NULL,
                  (int64_t)server->admission.in_progress);
    metrics_gauge(metrics, NAMED("waiting"), "Requests waiting for their turn.", NULL,
                  (int64_t)server->admission.waiting);
    static const char *const refused = "What was refused for being too many.";
    metrics_counter(metrics, NAMED("refused_total"), refused, "reason=\"clients\"",
                    counters->refused_clients);
    metrics_counter(metrics, NAMED("refused_total"), refused, "reason=\"waiting\"",
                    counters->refused_waiting);
    for (size_t i = 0; i < SERVER_ENDS; i++)
        metrics_counter(metrics, NAMED("closed_total"), "Connections closed.", end_labels[i],
                        counters->closed[i]);
    metrics_counter(metrics, NAMED("late_answers_total"),
                    "Answers that came when nobody waited for them any more.", NULL,
                    counters->late_answers);
#undef NAMED
}

const char *server_unready(void *stage, struct moment now)
{
    const struct server *server = server_of(stage);
    (void)now;
    if (server->asks && !server->asks->is_open(server->asks))
        return "has no session with the stage it asks";
    return server->is_listening ? NULL : "does not listen";
}

/* Whether its last response is still to be formatted, and can so tell the client that it is. */
static bool ends_with_a_word(const struct server_connection *connection)
{
    const struct server_request *last = connection->pipeline.last;
    return connection->server->protocol->announces_end && last && last->state != REQUEST_DONE &&
           connection->input.size == 0;
}

void server_drain(void *stage, struct moment now, enum drain_manner manner)
{
    struct server *server = server_of(stage);
    (void)now;
    server_listen_close(server);
    server->is_leaving = server->protocol->announces_end;
    for (struct server_connection *connection = server->connections; connection;
         connection = connection->next)
        if (manner == DRAIN_PROMPT || ends_with_a_word(connection))
            server_connection_end(connection, END_DRAIN);
}

bool server_is_drained(void *stage)
{
    return !server_of(stage)->connections;
}

bool server_is_idle(void *stage)
{
    const struct server *server = server_of(stage);
    const struct server_connection *connection = server->connections;
    while (connection && !connection->write && server_pipeline_depth(&connection->pipeline) == 0)
        connection = connection->next;
    return !connection;
}

void server_destroy(struct server **server_at)
{
    struct server *server = *server_at;
    if (!server)
        return;
    *server_at = NULL;
    server_listen_close(server);
    while (server->connections)
        server_connection_close(server->connections, END_DRAIN);
    server_requests_fini(&server->requests);
    while (server->spare_count > 0)
        buffer_fini(&server->spares[--server->spare_count]);
    buffer_fini(&server->reply);
    free(server);
}
