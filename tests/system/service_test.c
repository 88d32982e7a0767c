/* weir as a service: what its manager hands to it and hears from it, and a takeover of one process
 * of several. The manager is this test. */
#include "../support/blob.h"
#include "../support/deadline.h"
#include "../support/http_client.h"
#include "../support/loyal_clients.h"
#include "../support/net.h"
#include "../support/process.h"
#include "../support/redis_server.h"
#include "../support/temp_dir.h"
#include "../support/trouble.h"
#include "../support/unit.h"
#include "../support/weir_process.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A front end on a port and one on a path, in a process that can be taken over from. */
struct service {
    struct redis_server *redis;
    char *directory, *topology;
    char socket_path[128], notify[160]; /* of the front end; NOTIFY_SOCKET=PATH */
    int port, manager;                  /* `manager` hears what is told at that path */
};

static int open_path(const char *path, int type, bool connects)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, type, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (descriptor < 0 ||
        (connects ? connect(descriptor, (const struct sockaddr *)&address, sizeof address)
                  : bind(descriptor, (const struct sockaddr *)&address, sizeof address)) != 0)
        trouble("no socket at %s", path);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    return descriptor;
}

static int set_up(void **state)
{
    struct service *service = calloc(1, sizeof *service);
    struct blob text = {0};

    if (!service)
        trouble("no memory for a service");
    service->redis = redis_server_start();
    redis_server_run(service->redis, "SET key value");
    service->directory = temp_dir_create();
    service->port = net_free_port();
    snprintf(service->socket_path, sizeof service->socket_path, "%s/http", service->directory);
    snprintf(service->notify, sizeof service->notify, "NOTIFY_SOCKET=%s/notify",
             service->directory);
    service->manager = open_path(strchr(service->notify, '=') + 1, SOCK_DGRAM, false);
    blob_append_format(&text,
                       "stages:\n"
                       "  http: {kind: http-frontend, asks: cache, timeout: 60s,\n"
                       "         listen: '127.0.0.1:%d'}\n"
                       "  local: {kind: http-frontend, asks: cache, timeout: 60s,\n"
                       "          listen: 'unix:%s'}\n"
                       "  cache: {kind: cache, serves: 'ipc://%s/cache', asks: redis}\n"
                       "  redis: {kind: redis-fetcher, serves: inproc://redis, timeout: 60s,\n"
                       "          url: 'redis://127.0.0.1:%d'}\n"
                       "processes:\n"
                       "  edge: {reactors: [[http], [local]], takeover: %s/takeover}\n"
                       "  store: {reactors: [[cache, redis]]}\n",
                       service->port, service->socket_path, service->directory,
                       redis_server_port(service->redis), service->directory);
    service->topology = temp_dir_write(service->directory, "topology.yml", text.data);
    blob_fini(&text);
    *state = service;
    return 0;
}

static int tear_down(void **state)
{
    struct service *service = *state;

    close(service->manager);
    free(service->topology);
    temp_dir_destroy(&service->directory);
    redis_server_destroy(&service->redis);
    free(service);
    return 0;
}

/* ---- the processes ---- */

static void expect_log(struct process *process, const char *text)
{
    if (process_wait_text(process, PROCESS_ERRORS, text, deadline_in(PATIENCE)))
        return;
    char *log = process_copy_text(process, PROCESS_ERRORS);
    fail_msg("\"%s\" is not in its log:\n%s", text, log);
}

static struct process *start(struct service *service, const char *name, bool takes_over)
{
    const char *arguments[] = {weir_process_binary(),
                               "--topology",
                               service->topology,
                               "--process",
                               name,
                               takes_over ? "--takeover" : NULL,
                               NULL};
    const char *environment[] = {strcmp(name, "edge") == 0 ? service->notify : NULL, NULL};
    struct process *process = process_start(arguments, environment);

    expect_log(process, takes_over ? " took-over " : " host started ");
    return process;
}

static void expect_end(struct process **process, int wanted)
{
    int code = -1;

    if (!process_wait_exit(*process, deadline_in(PATIENCE), &code) || code != wanted) {
        char *log = process_copy_text(*process, PROCESS_ERRORS);
        fail_msg("ended with %d (-1: not at all), its log:\n%s", code, log);
    }
    process_destroy(process);
}

static void stop(struct process **process)
{
    process_signal(*process, SIGTERM);
    expect_end(process, 0);
}

static void expect_answer(struct http_client *client)
{
    struct http_response response;

    assert_true(http_client_request(client, HTTP_GET, "/key"));
    assert_int_equal(http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response),
                     HTTP_RESPONSE);
    assert_int_equal(response.status, 200);
    assert_string_equal(blob_text(&response.body), "value");
    http_response_fini(&response);
    http_client_close(&client);
}

static void expect_answer_at_path(const struct service *service)
{
    expect_answer(http_client_adopt(open_path(service->socket_path, SOCK_STREAM, true)));
}

/* The next that the manager hears begins with this. */
static void expect_told(const struct service *service, const char *message)
{
    struct pollfd readable = {.fd = service->manager, .events = POLLIN};
    char text[512];

    assert_int_equal(poll(&readable, 1, PATIENCE), 1);
    ssize_t size = recv(service->manager, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    if (strncmp(text, message, strlen(message)) != 0)
        fail_msg("the manager is told \"%s\", not \"%s\"", text, message);
}

static int status_over(struct http_client *client)
{
    struct http_response response;

    assert_true(http_client_request(client, HTTP_GET, "/key"));
    http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response);
    http_response_fini(&response);
    http_client_close(&client);
    return response.status;
}

/* Waits until both front ends have a session with the store: before, they answer 503. */
static void wait_for_sessions(const struct service *service)
{
    int64_t deadline = deadline_in(PATIENCE);

    while (status_over(http_client_open(service->port)) != 200 ||
           status_over(http_client_adopt(open_path(service->socket_path, SOCK_STREAM, true))) !=
               200)
        assert_true(deadline_left(deadline) > 0);
}

/* ---- the tests ---- */

/* The next one opens only once it has a session with the store, so that nobody is answered 503; a
 * path is handed over as a port is, and only the last removes it. */
static void test_one_process_of_several_is_taken_over_from(void **state)
{
    struct service *service = *state;
    struct process *store = start(service, "store", false);
    struct process *edge = start(service, "edge", false);

    wait_for_sessions(service);
    struct loyal_clients *clients = loyal_clients_start(service->port, 0);
    for (int i = 0; i < 2; i++) {
        expect_answer_at_path(service);
        assert_true(loyal_clients_await(clients, 10));
        struct process *next = start(service, "edge", true);
        if (!loyal_clients_await(clients, 10))
            fail_msg("%s", loyal_clients_failure(clients));
        expect_end(&edge, 0);
        edge = next;
    }
    loyal_clients_stop(clients);
    if (loyal_clients_failure(clients))
        fail_msg("%s", loyal_clients_failure(clients));
    loyal_clients_destroy(&clients);
    expect_answer_at_path(service);
    stop(&edge);
    assert_int_not_equal(access(service->socket_path, F_OK), 0);
    stop(&store);
}

static void test_the_manager_is_told_what_becomes_of_it(void **state)
{
    struct service *service = *state;
    struct process *store = start(service, "store", false);
    struct process *edge = start(service, "edge", false);
    char mainpid[48];

    expect_told(service, "READY=1\nSTATUS=serving");
    struct process *next = start(service, "edge", true);
    snprintf(mainpid, sizeof mainpid, "MAINPID=%d", (int)process_id(next));
    expect_told(service, mainpid);
    expect_told(service, "READY=1\nSTATUS=serving");
    expect_end(&edge, 0);
    stop(&next);
    expect_told(service, "STOPPING=1\nSTATUS=draining");
    stop(&store);
}

/* Starts the edge with the descriptors `first` and `second` in the places where systemd puts them,
 * for the process that weir becomes. */
static struct process *start_activated(const struct service *service, int first, int second)
{
    static const char script[] = "exec 3<&\"$0\" 4<&\"$1\"; shift\n"
                                 "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:local exec \"$@\"";
    char from[2][16];
    const char *arguments[] = {"bash",       "-c",
                               script,       from[0],
                               from[1],      weir_process_binary(),
                               "--topology", service->topology,
                               "--process",  "edge",
                               NULL};

    /* Beyond the two that are their places, and not closed by exec. */
    first = fcntl(first, F_DUPFD, 10);
    second = fcntl(second, F_DUPFD, 10);
    snprintf(from[0], sizeof from[0], "%d", first);
    snprintf(from[1], sizeof from[1], "%d", second);
    struct process *process = process_start(arguments, NULL);
    close(first);
    close(second);
    return process;
}

/* At the port that the file names. */
static int listen_at_port(const struct service *service)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)service->port)};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(descriptor, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(descriptor, 16) != 0)
        trouble("cannot listen at port %d", service->port);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    return descriptor;
}

/* Who connects before weir is there waits for it, and is served. What the manager lent stays its
 * own: the path is there afterwards, and another weir can be started on it. */
static void test_the_manager_hands_over_sockets(void **state)
{
    struct service *service = *state;
    struct process *store = start(service, "store", false);
    int path = open_path(service->socket_path, SOCK_STREAM, false);
    int tcp = listen_at_port(service);

    assert_int_equal(listen(path, 16), 0);
    for (int i = 0; i < 2; i++) {
        int early = open_path(service->socket_path, SOCK_STREAM, true);
        struct process *edge = start_activated(service, path, tcp);
        expect_log(edge, " http listening ");
        wait_for_sessions(service);
        expect_answer(http_client_adopt(early));
        expect_answer_at_path(service);
        stop(&edge);
        assert_int_equal(access(service->socket_path, F_OK), 0);
    }
    close(path);
    close(tcp);
    stop(&store);
}

static void test_a_socket_that_no_stage_wants_is_named(void **state)
{
    struct service *service = *state;
    int port, stray = net_listen(&port), tcp = listen_at_port(service);
    char reason[96];
    struct process *edge = start_activated(service, tcp, stray);

    snprintf(reason, sizeof reason, "LISTEN_FDS: no stage of this process listens at 127.0.0.1:%d",
             port);
    expect_log(edge, reason);
    expect_end(&edge, 1);
    close(stray);
    close(tcp);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_process_of_several_is_taken_over_from, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_manager_is_told_what_becomes_of_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_manager_hands_over_sockets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_socket_that_no_stage_wants_is_named, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
