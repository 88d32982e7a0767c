/* The scripted Redis of a redis_stage. */
#include "redis_stage_inner.h"

#include "blob.h"
#include "deadline.h"
#include "trouble.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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

/* Accepts the next connection; every turn takes `step` ns at most. */
static int accept_next(struct redis_stage *stage, int64_t step)
{
    int64_t deadline = deadline_in(PATIENCE);
    int connection;

    while ((connection = accept(stage->listener, NULL, NULL)) < 0) {
        redis_stage_turn_until(stage, deadline, "a connection");
        if (step > 0)
            redis_stage_pass(stage, clock_earlier(redis_stage_wake(stage), step));
    }
    if (stage->connection_count == MAX_CONNECTIONS)
        trouble("too many connections for a test");
    stage->connections[stage->connection_count++] = connection;
    fcntl(connection, F_SETFL, O_NONBLOCK);
    return connection;
}

int redis_stage_accept(struct redis_stage *stage)
{
    return accept_next(stage, 0);
}

int redis_stage_accept_later(struct redis_stage *stage)
{
    return accept_next(stage, 10 * MILLISECOND);
}

void redis_stage_expect_next(struct redis_stage *stage, int connection, const char *text)
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
            redis_stage_turn_until(stage, deadline, text);
        }
    }
}

void redis_stage_expect(struct redis_stage *stage, int connection, const char *text)
{
    char more;

    redis_stage_expect_next(stage, connection, text);
    assert_int_equal(recv(connection, &more, 1, MSG_PEEK), -1);
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
            redis_stage_turn_until(stage, deadline, "the stage to read");
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

void redis_stage_await_up(struct redis_stage *stage, int64_t count)
{
    int64_t deadline = deadline_in(PATIENCE);

    while (redis_stage_metric(stage, "weir_redis_connections_up") != count)
        redis_stage_turn_until(stage, deadline, "connections to be up, or down");
}

int redis_stage_greet(struct redis_stage *stage)
{
    int64_t up = redis_stage_metric(stage, "weir_redis_connections_up");
    int connection = redis_stage_accept_later(stage);

    redis_stage_expect(stage, connection, "*1\r\n$4\r\nPING\r\n");
    redis_stage_say(stage, connection, "+PONG\r\n");
    redis_stage_await_up(stage, up + 1);
    return connection;
}

static void say_info(struct redis_stage *stage, int connection, const char *run_id)
{
    struct blob info = {0};

    blob_append_format(&info, "$%zu\r\n# Server\r\nrun_id:%s\r\nx:1\r\n\r\n", 24 + strlen(run_id),
                       run_id);
    redis_stage_say(stage, connection, blob_text(&info));
    blob_fini(&info);
}

int redis_stage_greet_control(struct redis_stage *stage, const char *run_id, const char *tracking)
{
    int64_t deadline = deadline_in(PATIENCE);
    int connection = redis_stage_accept_later(stage);

    redis_stage_expect(stage, connection,
                       "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n");
    say_info(stage, connection, run_id);
    redis_stage_say(stage, connection, ":7\r\n");
    redis_stage_expect_next(stage, connection, tracking);
    redis_stage_expect(stage, connection,
                       "*2\r\n$9\r\nSUBSCRIBE\r\n$20\r\n__redis__:invalidate\r\n"
                       "*1\r\n$4\r\nPING\r\n");
    redis_stage_say(stage, connection,
                    "+OK\r\n*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n"
                    "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    while (redis_stage_metric(stage, "weir_redis_control_up") != 1)
        redis_stage_turn_until(stage, deadline, "changes to be watched for");
    return connection;
}

int redis_stage_greet_data(struct redis_stage *stage, const char *run_id)
{
    int64_t up = redis_stage_metric(stage, "weir_redis_connections_up");
    int connection = redis_stage_accept_later(stage);

    redis_stage_expect(stage, connection,
                       "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n*1\r\n$4\r\nPING\r\n");
    say_info(stage, connection, run_id);
    redis_stage_say(stage, connection, "+PONG\r\n");
    redis_stage_await_up(stage, up + 1);
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
        redis_stage_turn_until(stage, deadline, "the connection to be closed");
    }
}

void redis_stage_end(int connection)
{
    shutdown(connection, SHUT_RDWR); /* the descriptor itself stays until the end */
}
