/* What `make run-split` starts: scripts/run with the topology that has a process for each stage. As
 * a person would, the test reads what to try, tries it, and ends it. */
#include "../support/deadline.h"
#include "../support/http_client.h"
#include "../support/net.h"
#include "../support/process.h"
#include "../support/unit.h"
#include "../support/weir_process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 3 /* of weir; with Redis there is one more */
#define HELLO     "Hello from Redis!"

static struct process *start(void)
{
    const char *const arguments[] = {"scripts/run", weir_process_binary(),
                                     "tests/topologies/process-per-stage.yml", NULL};
    char http[40], resp[40], admin[40];
    const char *const environment[] = {http, resp, admin, "REDIS=", NULL};

    snprintf(http, sizeof http, "WEIR_HTTP=127.0.0.1:%d", net_free_port());
    snprintf(resp, sizeof resp, "WEIR_RESP=127.0.0.1:%d", net_free_port());
    snprintf(admin, sizeof admin, "WEIR_ADMIN=127.0.0.1:%d", net_free_ports(PROCESSES));
    return process_start(arguments, environment);
}

/* GETs what the printed line says to. */
static void try_curl(struct process *run)
{
    char *told = process_copy_text(run, PROCESS_OUTPUT), target[64] = "";
    const char *line = strstr(told, "curl -i http://127.0.0.1:");
    struct http_response response = {0};
    struct http_client *client;
    int port = 0;

    assert_non_null(line);
    assert_int_equal(sscanf(line, "curl -i http://127.0.0.1:%d%63s", &port, target), 2);
    free(told);
    client = http_client_open(port);
    assert_true(http_client_request(client, HTTP_GET, target));
    assert_int_equal(http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response),
                     HTTP_RESPONSE);
    assert_int_equal(response.status, 200);
    assert_true(blob_is(&response.body, HELLO, strlen(HELLO)));
    http_response_fini(&response);
    http_client_close(&client);
}

/* The processes that `parent` has started and that run; at most `most`. Returns their number. */
static int list_children(pid_t parent, pid_t *children, int most)
{
    FILE *list = popen("ps -A -o ppid= -o pid=", "r"); // NOLINT(cert-env33-c): a fixed text
    int count = 0, of, id;

    assert_non_null(list);
    while (fscanf(list, "%d %d", &of, &id) == 2)
        if (of == (int)parent && count < most)
            children[count++] = (pid_t)id;
    pclose(list);
    return count;
}

static void test_run_split_answers_and_leaves_nothing(void **state)
{
    struct process *run = start();
    pid_t children[PROCESSES + 2]; /* and Redis; and who announces, who may still be there */
    int count, code = -1;

    (void)state;
    assert_true(process_wait_text(run, PROCESS_OUTPUT, "Ctrl-C ends it.", deadline_in(PATIENCE)));
    try_curl(run);
    count = list_children(process_id(run), children, PROCESSES + 2);
    assert_in_range(count, PROCESSES + 1, PROCESSES + 2);
    process_signal(run, SIGTERM);
    assert_true(process_wait_exit(run, deadline_in(PATIENCE), &code));
    assert_int_equal(code, 0);
    for (int i = 0; i < count; i++)
        assert_true(kill(children[i], 0) < 0 && errno == ESRCH);
    process_destroy(&run);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_split_answers_and_leaves_nothing),
    };

    return cmocka_run_group_tests_name("make run-split", tests, NULL, NULL);
}
