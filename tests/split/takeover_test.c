/* A weir takes over from the one that runs, and no client notices: none is refused, and none loses
 * a request. Where it cannot, the one that runs goes on. */
#include "../support/deadline.h"
#include "../support/loyal_clients.h"
#include "../support/net.h"
#include "../support/pipeline.h"
#include "../support/process.h"
#include "../support/temp_dir.h"
#include "../support/trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ENOUGH 15 /* answers for each client before, and after, a takeover */

/* Weirs of one topology, one after the other: p->weir is the one that serves. */
struct reign {
    struct pipeline *p;
    char *directory, *topology;
    int http, resp, admin; /* ports */
};

static bool has_threads(void)
{
    const char *placement = getenv("WEIR_PLACEMENT");

    return placement && strcmp(placement, "thread-per-stage") == 0;
}

/* `http` are settings of that front end, which end with a comma. */
static void write_topology(struct reign *reign, const char *http, const char *reactors,
                           const char *drain_timeout)
{
    struct blob text = {0};

    free(reign->topology);
    blob_append_format(&text,
                       "takeover: %s/takeover\n"
                       "drain_timeout: %s\n"
                       "stages:\n"
                       "  http: {kind: http-frontend, %s asks: cache, timeout: 60s,\n"
                       "         listen: '127.0.0.1:%d'}\n"
                       "  resp: {kind: resp-frontend, asks: cache, timeout: 60s,\n"
                       "         listen: '127.0.0.1:%d'}\n"
                       "  admin: {kind: admin, listen: '127.0.0.1:%d'}\n"
                       "  cache: {kind: cache, serves: inproc://cache, asks: redis}\n"
                       "  redis: {kind: redis-fetcher, serves: inproc://redis, timeout: 60s}\n"
                       "%s",
                       reign->directory, drain_timeout, http, reign->http, reign->resp,
                       reign->admin, reactors);
    reign->topology = temp_dir_write(reign->directory, "topology.yml", text.data);
    blob_fini(&text);
}

static void open_reign(struct reign *reign, struct pipeline *p, const char *drain_timeout)
{
    *reign = (struct reign){.p = p,
                            .directory = temp_dir_create(),
                            .http = net_free_port(),
                            .resp = net_free_port(),
                            .admin = net_free_port()};
    redis_server_run(p->redis, "SET key value");
    if (has_threads())
        write_topology(reign, "instances: 2,",
                       "reactors: [[http.0], [http.1], [resp, admin], [cache], [redis]]\n",
                       drain_timeout);
    else
        write_topology(reign, "", "reactors: [[http, resp, cache, redis, admin]]\n", drain_timeout);
}

static void close_reign(struct reign *reign)
{
    pipeline_stop(reign->p);
    free(reign->topology);
    temp_dir_destroy(&reign->directory);
}

/* Starts one more, with all its addresses as the file says. */
static struct weir_process *start(const struct reign *reign, bool takes_over)
{
    char url[64], http[32], admin[32];
    const char *flags[] = {"--http", http, "--admin", admin, takes_over ? "--takeover" : NULL,
                           NULL};

    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", redis_server_port(reign->p->redis));
    snprintf(http, sizeof http, "127.0.0.1:%d", reign->http);
    snprintf(admin, sizeof admin, "127.0.0.1:%d", reign->admin);
    return weir_process_start(
        url,
        &(struct weir_settings){.topology = reign->topology, .has_resp = true, .flags = flags});
}

/* The next one reigns; the one before is returned. */
static struct weir_process *succeed(struct reign *reign)
{
    struct weir_process *before = reign->p->weir;

    reign->p->weir = start(reign, true);
    if (!weir_process_wait_log(reign->p->weir, " took-over ", deadline_in(PATIENCE)))
        pipeline_fail(reign->p, "it has not taken over");
    return before;
}

static void expect_end(struct reign *reign, struct weir_process **before)
{
    int code = weir_process_wait_exit(*before, deadline_in(PATIENCE));

    if (code != 0)
        pipeline_fail(reign->p, "the weir before ended with %d (-1: not at all)", code);
    weir_process_destroy(before);
}

static void expect_answers(const struct reign *reign, struct loyal_clients *clients)
{
    if (!loyal_clients_await(clients, ENOUGH))
        pipeline_fail(reign->p, "%s",
                      loyal_clients_failure(clients) ? loyal_clients_failure(clients)
                                                     : "a client is not answered any more");
}

/* ---- it succeeds ---- */

static void test_no_request_is_lost_in_takeovers_under_load(void **state)
{
    struct reign reign;

    open_reign(&reign, *state, "1h");
    reign.p->weir = start(&reign, false);
    struct loyal_clients *clients = loyal_clients_start(reign.http, reign.resp);
    expect_answers(&reign, clients);
    for (int i = 0; i < 3; i++) {
        struct weir_process *before = succeed(&reign);
        expect_answers(&reign, clients);
        expect_end(&reign, &before); /* its clients have gone to the next by themselves */
    }
    loyal_clients_stop(clients);
    if (loyal_clients_failure(clients))
        pipeline_fail(reign.p, "%s", loyal_clients_failure(clients));
    loyal_clients_destroy(&clients);
    close_reign(&reign);
}

/* A client that asks nothing while another takes over gets its next answer from the first. */
static void test_idle_clients_are_served_once_more(void **state)
{
    struct reign reign;
    struct http_response response = {0};
    struct blob connection = {0};

    open_reign(&reign, *state, "1h");
    reign.p->weir = start(&reign, false);
    struct http_client *http = http_client_open(reign.http);
    struct resp_client *resp = resp_client_open(reign.resp);
    RESP_CLIENT_SAY(resp, "GET", "key");
    pipeline_expect_reply(reign.p, resp, "$5\r\nvalue\r\n");
    assert_true(http_client_request(http, HTTP_GET, "/key"));
    pipeline_expect_response(reign.p, http, 200, "value");

    struct weir_process *before = succeed(&reign);
    do { /* its threads hear of it one by one, and until then serve as before */
        http_response_fini(&response);
        assert_true(http_client_request(http, HTTP_GET, "/key"));
        assert_int_equal(http_client_read(http, HTTP_GET, deadline_in(PATIENCE), &response),
                         HTTP_RESPONSE);
        assert_int_equal(response.status, 200);
    } while (!http_response_header(&response, "Connection", &connection));
    assert_string_equal(blob_text(&connection), "close");
    assert_true(http_client_wait_close(http, deadline_in(PATIENCE)));
    for (int i = 0; i < 3; i++) { /* which cannot be told, and so may stay */
        RESP_CLIENT_SAY(resp, "GET", "key");
        pipeline_expect_reply(reign.p, resp, "$5\r\nvalue\r\n");
    }
    http_response_fini(&response);
    blob_fini(&connection);
    http_client_close(&http);
    resp_client_close(&resp);
    expect_end(&reign, &before);
    close_reign(&reign);
}

static void test_who_stays_idle_is_closed_after_drain_timeout(void **state)
{
    struct reign reign;

    open_reign(&reign, *state, "100ms");
    reign.p->weir = start(&reign, false);
    struct http_client *http = http_client_open(reign.http);
    struct resp_client *resp = resp_client_open(reign.resp);
    RESP_CLIENT_SAY(resp, "PING");
    pipeline_expect_reply(reign.p, resp, "+PONG\r\n");
    assert_true(http_client_request(http, HTTP_GET, "/key"));
    pipeline_expect_response(reign.p, http, 200, "value");
    struct weir_process *before = succeed(&reign);
    assert_true(http_client_wait_close(http, deadline_in(PATIENCE)));
    expect_end(&reign, &before);
    http_client_close(&http);
    resp_client_close(&resp);
    close_reign(&reign);
}

/* ---- it fails, and the first goes on ---- */

static void expect_refusal(const struct reign *reign, bool takes_over, const char *reason)
{
    struct blob said = {0};
    const char *flags[] = {"--topology", reign->topology, takes_over ? "--takeover" : NULL, NULL};
    int code = weir_process_run(flags, NULL, &said);

    if (code != 1 || !strstr(blob_text(&said), reason))
        pipeline_fail(reign->p, "weir ended with %d, and does not say \"%s\", but: %s", code,
                      reason, blob_text(&said));
    blob_fini(&said);
}

static int connect_to_path(const struct reign *reign)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/takeover", reign->directory);
    if (descriptor < 0 ||
        connect(descriptor, (const struct sockaddr *)&address, sizeof address) != 0)
        trouble("cannot connect to %s", address.sun_path);
    return descriptor;
}

/* Says `line` at the path, and is answered with `reply` before the other closes. */
static void expect_answer_at_path(const struct reign *reign, const char *line, const char *reply)
{
    char text[512];
    size_t size = 0;
    ssize_t count;
    int descriptor = connect_to_path(reign);

    assert_true(net_send(descriptor, line, strlen(line), deadline_in(PATIENCE)));
    while (size < sizeof text - 1 &&
           (count = net_receive(descriptor, text + size, sizeof text - 1 - size,
                                deadline_in(PATIENCE))) > 0)
        size += (size_t)count;
    text[size] = '\0';
    close(descriptor);
    if (!strstr(text, reply))
        pipeline_fail(reign->p, "answered to %s: \"%s\", not \"%s\"", line, text, reply);
}

/* One that is killed before its front ends are open: it waits for a Redis that is not there. */
static void kill_one_that_takes_over(const struct reign *reign)
{
    char url[64];
    const char *arguments[] = {
        weir_process_binary(), "--topology", reign->topology, "--takeover", "--redis", url, NULL};

    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", net_free_port());
    struct process *next = process_start(arguments, NULL);
    if (!process_wait_text(next, PROCESS_ERRORS, " connect-failed ", deadline_in(PATIENCE)))
        pipeline_fail(reign->p, "the next one does not start");
    process_destroy(&next);
    if (!weir_process_wait_log(reign->p->weir, "it went away before it was ready",
                               deadline_in(PATIENCE)))
        pipeline_fail(reign->p, "it has not noticed that the next one is dead");
}

static void test_a_takeover_that_fails_changes_nothing(void **state)
{
    struct reign reign;

    open_reign(&reign, *state, "1h");
    expect_refusal(&reign, true, "there is no weir to take over from");
    reign.p->weir = start(&reign, false);
    struct loyal_clients *clients = loyal_clients_start(reign.http, reign.resp);
    expect_refusal(&reign, false, "in use");
    expect_answer_at_path(&reign, "weir-takeover 2\n",
                          "refused the running weir hands over in version 1, not 2\n");
    expect_answer_at_path(&reign, "GET / HTTP/1.1\r\n\r\n",
                          "refused it said something that is no message\n");
    expect_answer_at_path(&reign, "ready 1\n", "refused it said something out of turn\n");
    expect_answer_at_path(&reign, "weir-takeover 1\nend\n",
                          "end\nrefused it said something out of turn\n");
    close(connect_to_path(&reign));
    kill_one_that_takes_over(&reign);
    write_topology(&reign, "max_clients: none,", "", "1h");
    expect_refusal(&reign, true, "max_clients");
    write_topology(&reign, "instances: 3,", "", "1h");
    if (has_threads())
        expect_refusal(&reign, true, "2 sockets were handed over and 3 instances are to listen");
    expect_answers(&reign, clients);
    loyal_clients_stop(clients);
    if (loyal_clients_failure(clients))
        pipeline_fail(reign.p, "%s", loyal_clients_failure(clients));
    loyal_clients_destroy(&clients);
    close_reign(&reign);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_no_request_is_lost_in_takeovers_under_load),
        PIPELINE_TEST(test_idle_clients_are_served_once_more),
        PIPELINE_TEST(test_who_stays_idle_is_closed_after_drain_timeout),
        PIPELINE_TEST(test_a_takeover_that_fails_changes_nothing),
    };

    return PIPELINE_RUN("takeover", tests);
}
