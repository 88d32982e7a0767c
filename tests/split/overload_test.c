/* Redis stands still and ten times as much is asked as the credit of a link allows: every request
 * is answered with 503 or 504 in time, memory stays as it is, and service returns with Redis. */
#include "../support/deadline.h"
#include "../support/net.h"
#include "../support/split.h"
#include "common/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST       128 /* requests that one connection may have in progress: SERVER_PIPELINE */
#define CONNECTIONS (LINK_CREDIT / BURST + 16) /* as many as use up the credit, and some more */
#define REQUESTS    (10 * LINK_CREDIT)
#define TIMEOUT     4000 /* ms */
#define FLOODS      8    /* in a row */
#define WARM        3    /* of them, until memory is what the load needs */
#define SLACK       100  /* ms */
#define TICK        2    /* ms: the longest that the flood sleeps */
#define GROWTH      6144 /* KiB more at the end: noise; less than 4 bytes for each request */

/* All limits but the link's credit are out of the way. */
static const char topology[] =
    "# processes: edge store origin\n"
    "stages:\n"
    "  http: {kind: http-frontend, listen: 127.0.0.1:0, asks: cache, timeout: 4s,\n"
    "         max_parallel: 400000}\n"
    "  cache: {kind: cache, serves: \"@AT.cache@\", asks: redis, max_fetches: 400000,\n"
    "          max_waiting: 400000}\n"
    "  redis: {kind: redis-fetcher, serves: \"@AT.redis@\", timeout: 60s}\n"
    "processes:\n"
    "  edge:   {reactors: [[http]]}\n"
    "  store:  {reactors: [[cache]]}\n"
    "  origin: {reactors: [[redis]]}\n";

#define PROCESSES 3

static const char *const processes[PROCESSES] = {"edge", "store", "origin"};

struct connection {
    int descriptor;
    int unanswered;
    int64_t sent_at;      /* ms */
    int64_t starved_then; /* ms: the flood's `starved` when it was sent */
    struct blob received;
};

struct flood {
    const struct split *split;
    struct connection connections[CONNECTIONS];
    size_t sent, unavailable, late;
    int64_t looked_at; /* ms: when it was last seen who has answers; what is there now is newer */
    int64_t starved;   /* ms: by which the machine has held up the processes so far */
    int64_t slowest;   /* ms, without that */
};

static void send_burst(struct flood *flood, struct connection *connection)
{
    struct blob burst = {0};

    while (connection->unanswered < BURST && flood->sent < REQUESTS) {
        blob_append_format(&burst, "GET /missing%zu HTTP/1.1\r\nHost: weir\r\n\r\n", flood->sent++);
        connection->unanswered++;
    }
    connection->sent_at = deadline_now();
    connection->starved_then = flood->starved;
    if (burst.length > 0 &&
        !net_send(connection->descriptor, burst.data, burst.length, deadline_in(PATIENCE)))
        split_fail(flood->split, "a burst of requests is not taken");
    blob_fini(&burst);
}

/* Counts one answer and returns its length; 0: it is not all there. */
static size_t take_answer(struct flood *flood, const struct connection *connection,
                          const char *text, size_t length)
{
    const char *end = memmem(text, length, "\r\n\r\n", 4), *field;
    int64_t took =
        flood->looked_at - connection->sent_at - (flood->starved - connection->starved_then);
    int status = 0;

    if (!end)
        return 0;
    field = strstr(text, "\r\nContent-Length: ");
    bool is_answer = sscanf(text, "HTTP/1.1 %3d ", &status) == 1 && field && field < end;
    size_t body = is_answer ? strtoull(field + 18, NULL, 10) : 0;
    size_t whole = (size_t)(end + 4 - text) + body;
    if (!is_answer)
        split_fail(flood->split, "no answer, but \"%.80s\"", text);
    if (length < whole)
        return 0;
    if (status != 503 && status != 504)
        split_fail(flood->split, "an answer with %d while Redis stands still", status);
    flood->slowest = took > flood->slowest ? took : flood->slowest;
    flood->unavailable += status == 503;
    flood->late += status == 504;
    return whole;
}

static void hear(struct flood *flood, struct connection *connection)
{
    char data[65536];
    ssize_t got = recv(connection->descriptor, data, sizeof data, MSG_DONTWAIT);
    size_t used = 0, taken;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        split_fail(flood->split, "a connection is closed with %d requests unanswered",
                   connection->unanswered);
    blob_append(&connection->received, data, (size_t)got);
    while (connection->unanswered > 0 &&
           (taken = take_answer(flood, connection, connection->received.data + used,
                                connection->received.length - used)) > 0) {
        used += taken;
        connection->unanswered--;
    }
    blob_consume(&connection->received, used);
    if (connection->unanswered == 0)
        send_burst(flood, connection);
}

/* Begins with one burst a turn, for what waits in a socket is not in progress; then sends as fast
 * as answers come, and returns when every request is answered. */
static void run(struct flood *flood)
{
    struct pollfd polled[CONNECTIONS];
    size_t waiting = CONNECTIONS, begun = 0;

    for (int i = 0; i < CONNECTIONS; i++) {
        flood->connections[i].descriptor = net_connect(split_port(flood->split, "edge"));
        polled[i] = (struct pollfd){.fd = flood->connections[i].descriptor, .events = POLLIN};
    }
    for (int64_t deadline = deadline_in(2 * PATIENCE), now; waiting > 0; begun++) {
        poll(polled, CONNECTIONS, TICK);
        now = deadline_now();
        waiting = 0;
        flood->starved = split_starved(flood->split, "edge") + split_starved(flood->split, "store");
        if (begun < CONNECTIONS)
            send_burst(flood, &flood->connections[begun]);
        for (int i = 0; i < CONNECTIONS; i++) {
            if (polled[i].revents)
                hear(flood, &flood->connections[i]);
            waiting += flood->connections[i].unanswered > 0;
        }
        flood->looked_at = now;
        if (deadline_left(deadline) == 0)
            split_fail(flood->split, "%zu connections still have no answer", waiting);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        close(flood->connections[i].descriptor);
        blob_fini(&flood->connections[i].received);
    }
}

static void flood_once(const struct split *s, long *memory)
{
    struct flood *flood = calloc(1, sizeof *flood);
    int64_t begun = deadline_now();

    assert_non_null(flood);
    flood->split = s;
    flood->looked_at = begun;
    run(flood);
    assert_int_equal(flood->unavailable + flood->late, REQUESTS);
    print_message("%d requests in %d ms: %zu 503, %zu 504, the slowest after %d ms;", REQUESTS,
                  (int)(deadline_now() - begun), flood->unavailable, flood->late,
                  (int)flood->slowest);
    for (size_t i = 0; i < PROCESSES; i++) {
        memory[i] = split_memory(s, processes[i]);
        print_message(" %s %ld KiB", processes[i], memory[i]);
    }
    print_message("\n");
    if (flood->slowest > TIMEOUT + SLACK)
        split_fail(s, "an answer after %d ms, without %d that the machine took",
                   (int)flood->slowest, (int)flood->starved);
    free(flood);
}

static void expect_flat(const struct split *s, const long *before, const long *memory)
{
    for (size_t i = 0; i < PROCESSES && !split_is_sanitized(); i++)
        if (memory[i] > before[i] + GROWTH)
            split_fail(s, "%s grew from %ld to %ld KiB", processes[i], before[i], memory[i]);
}

static void test_ten_times_the_credit_while_redis_stands_still(void **state)
{
    struct split *s = *state;
    long before[PROCESSES], memory[PROCESSES];
    struct blob body = {0};

    redis_server_run(s->redis, "SET key value");
    split_start(s, topology, "tcp");
    redis_server_freeze(s->redis);
    for (int i = 0; i < WARM; i++)
        flood_once(s, before);
    assert_true(split_metric(s, "edge", "weir_link_refused_busy_total") > 0);
    for (int i = WARM; i < FLOODS; i++)
        flood_once(s, memory);
    expect_flat(s, before, memory);
    redis_server_thaw(s->redis);
    for (int64_t deadline = deadline_in(PATIENCE);
         split_get(s, "edge", "/key", &body) != 200 || !blob_is(&body, "value", 5);)
        if (deadline_left(deadline) == 0)
            split_fail(s, "service does not return with Redis");
    blob_fini(&body);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        SPLIT_TEST(test_ten_times_the_credit_while_redis_stands_still),
    };

    return cmocka_run_group_tests_name("overload", tests, NULL, NULL);
}
