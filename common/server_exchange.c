/* The life of a request: taken off the input, admitted, asked for, answered. */
#include "common/server_private.h"

#include "common/check.h"

#include <stddef.h>

#define REQUEST_OF(started)                                                                        \
    ((struct server_request *)((char *)(started)-offsetof(struct server_request, timer)))

/* Where the response to a request goes. A connection's own output borrows its memory. */
static struct server_output *output_of(struct server_connection *connection,
                                       struct server_request *request)
{
    struct server *server = connection->server;
    struct server_output *output = server_pipeline_output(&connection->pipeline, request);
    if (output->bytes.capacity == 0 && server->spare_count > 0)
        output->bytes = server->spares[--server->spare_count];
    return output;
}

/* Ends a request, in whatever state. Its response goes into its place on the connection. */
static void complete(struct server *server, struct server_request *request,
                     const struct answer *answer)
{
    server_admission_leave(&server->admission, request);
    wheel_cancel(&server->request_timers, &request->timer);
    struct server_connection *connection = request->connection;
    if (!connection) {
        server_requests_give(&server->requests, request);
        return;
    }
    histogram_add_time(&server->counters.durations,
                       clock_read(server->clock).mono - request->since);
    bool closes = connection->phase == CONNECTION_LAST && !request->next;
    server->protocol->respond(server->owner, server_connection_session(connection), request->form,
                              buffer_bytes(&request->note), closes, answer,
                              output_of(connection, request));
    server_pipeline_finish(&connection->pipeline, request, &server->requests);
    server_connection_touch(connection);
}

static void fail(struct server *server, struct server_request *request, enum status status)
{
    complete(server, request, &(struct answer){.status = status});
}

/* The request is in progress from here on. */
static void ask(struct server *server, struct server_request *request, struct bytes key)
{
    enum status status = server->protocol->ask(server->owner, server_request_token(request),
                                               request->form, key, request->deadline);
    if (status == STATUS_VALUE)
        wheel_start(&server->request_timers, &request->timer, request->deadline + SERVER_GRACE);
    else
        fail(server, request, status);
}

/* One more request of the connection, behind those that it has. */
static struct server_request *receive(struct server_connection *connection)
{
    struct server *server = connection->server;
    struct server_request *request = server_requests_take(&server->requests);
    request->connection = connection;
    server_pipeline_push(&connection->pipeline, request);
    server->counters.received++;
    return request;
}

static void begin(struct server_connection *connection, const struct server_taken *taken,
                  int64_t now)
{
    struct server *server = connection->server;
    struct server_request *request = receive(connection);
    request->form = taken->form;
    buffer_append(&request->note, taken->note.data, taken->note.size);
    request->since = now;
    request->deadline = now + server->limits.timeout;
    switch (server_admission_enter(&server->admission, request)) {
    case REQUEST_ASKED:
        ask(server, request, taken->key);
        break;
    case REQUEST_WAITING:
        buffer_append(&request->key, taken->key.data, taken->key.size);
        wheel_start(&server->request_timers, &request->timer, request->deadline);
        break;
    default:
        server->counters.refused_waiting++;
        fail(server, request, STATUS_BUSY);
        break;
    }
}

/* Puts what stands in `reply` in its place on the connection. */
static void reply(struct server_connection *connection)
{
    struct server *server = connection->server;
    struct server_request *request = receive(connection);
    histogram_add_time(&server->counters.durations, 0);
    buffer_append(&output_of(connection, request)->bytes, server->reply.data, server->reply.size);
    server_pipeline_finish(&connection->pipeline, request, &server->requests);
}

size_t server_exchange_take(struct server_connection *connection, struct bytes input)
{
    struct server *server = connection->server;
    int64_t now = clock_read(server->clock).mono;
    void *session = server_connection_session(connection);
    size_t used = 0, count = 0;
    while (used < input.size && count++ < SERVER_TURN && server_connection_may_take(connection)) {
        struct bytes rest = {input.data + used, input.size - used};
        struct server_taken taken = {.may_be_last = server->is_leaving};
        server->reply.size = 0;
        enum server_take take =
            server->protocol->take(server->owner, session, rest, &taken, &server->reply);
        if (take == SERVER_MORE) {
            if (!connection->is_partial)
                connection->partial_since = now;
            connection->is_partial = true;
            return used;
        }
        CHECK(taken.size > 0 && taken.size <= rest.size);
        used += taken.size;
        connection->is_partial = false;
        if (taken.is_last)
            server_connection_end(connection, server->is_leaving ? END_DRAIN : END_REQUEST);
        if (take == SERVER_ASK)
            begin(connection, &taken, now);
        else
            reply(connection);
    }
    connection->is_partial = false; /* what is left has not been looked at */
    return used;
}

void server_exchange_refuse(struct server_connection *connection, enum server_refusal refusal)
{
    struct server *server = connection->server;
    server->reply.size = 0;
    server->protocol->refuse(server->owner, refusal, &server->reply);
    server_connection_end(connection, END_HEAD_TIMEOUT); /* one of too many counts as refused */
    reply(connection);
}

void server_exchange_abandon(struct server_connection *connection)
{
    struct server *server = connection->server;
    struct server_request *next;
    for (struct server_request *request = connection->pipeline.first; request; request = next) {
        next = request->next;
        request->next = NULL;
        request->connection = NULL;
        server->counters.abandoned += request->state != REQUEST_DONE;
        if (request->state == REQUEST_ASKED)
            continue; /* until its answer comes, or its time is over */
        server_admission_leave(&server->admission, request);
        wheel_cancel(&server->request_timers, &request->timer);
        server_requests_give(&server->requests, request);
    }
    server_output_fini(&connection->pipeline.output);
    connection->pipeline = (struct server_pipeline){0};
}

void server_exchange_expire_all(struct server *server, int64_t now)
{
    struct wheel_timer *timer;
    while ((timer = wheel_expire(&server->request_timers, now))) {
        struct server_request *request = REQUEST_OF(timer);
        fail(server, request,
             request->state == REQUEST_WAITING ? STATUS_WAITED_TOO_LONG : STATUS_TIMEOUT);
    }
}

void server_exchange_admit(struct server *server, int64_t now)
{
    struct server_request *request;
    while ((request = server_admission_next(&server->admission))) {
        wheel_cancel(&server->request_timers, &request->timer);
        if (request->deadline <= now)
            fail(server, request, STATUS_WAITED_TOO_LONG);
        else
            ask(server, request, buffer_bytes(&request->key));
    }
}

/* An answer that says that a deadline has passed is a clock as well: it may come from a thread
 * whose reading is younger than ours of this turn. */
static int64_t time_of(const struct server *server, const struct server_request *request,
                       const struct answer *answer)
{
    int64_t now = clock_read(server->clock).mono;
    bool is_overdue = answer->status == STATUS_TIMEOUT || answer->status == STATUS_WAITED_TOO_LONG;
    return is_overdue && now < request->deadline ? request->deadline : now;
}

void server_answer(struct server *server, uint64_t token, const struct answer *answer)
{
    struct server_request *request = server_requests_find(&server->requests, token);
    if (!request || request->state != REQUEST_ASKED || !request->connection)
        server->counters.late_answers++;
    if (!request || request->state != REQUEST_ASKED)
        return;
    int64_t now = time_of(server, request, answer);
    complete(server, request, answer);
    server_exchange_admit(server, now);
}
