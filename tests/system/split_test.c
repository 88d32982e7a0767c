/* Requirement A2, what the transcripts do not show: who may connect to whom, and what two processes
 * do that do not fit together. */
#include "tests/support/deadline.h"
#include "tests/support/http_client.h"
#include "tests/support/redis_server.h"
#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"
#include "tests/support/weir_fleet.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct stand {
    struct redis_server *redis;
    struct weir_fleet *fleet;
};

static const char *topology_called(const char *name, char out[256])
{
    const char *folder = getenv("WEIR_TOPOLOGIES");

    snprintf(out, 256, "%s/%s.yml", folder ? folder : "tests/topologies", name);
    return out;
}

static void set_up(struct stand *stand, const char *topology)
{
    char url[64], path[256];

    stand->redis = redis_server_start();
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", redis_server_port(stand->redis));
    for (int i = 0; i < 16; i++) {
        char command[32];
        snprintf(command, sizeof command, "SET %d value", i);
        redis_server_run(stand->redis, command);
    }
    stand->fleet = weir_fleet_start(url, topology_called(topology, path), NULL);
}

static void tear_down(struct stand *stand)
{
    assert_int_equal(weir_fleet_stop(stand->fleet), 0);
    weir_fleet_destroy(&stand->fleet);
    redis_server_destroy(&stand->redis);
}

/* Asks `process` for all 16 keys, of which each shard has some; the worst status. */
static int worst_status(const struct stand *stand, const char *process)
{
    int port = weir_process_http_port(weir_fleet_process(stand->fleet, process)), worst = 0;
    struct http_client *client = http_client_open(port);

    for (int i = 0; i < 16; i++) {
        struct http_response response;
        char target[16];
        snprintf(target, sizeof target, "/%d", i);
        assert_true(http_client_request(client, HTTP_GET, target));
        assert_int_equal(http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response),
                         HTTP_RESPONSE);
        worst = response.status > worst ? response.status : worst;
        http_response_fini(&response);
    }
    http_client_close(&client);
    return worst;
}

static void wait_for_status(const struct stand *stand, const char *process, int status)
{
    struct timespec pause = {.tv_nsec = 5000000};
    int64_t deadline = deadline_in(PATIENCE);

    while (worst_status(stand, process) != status) {
        assert_true(deadline_left(deadline) > 0);
        nanosleep(&pause, NULL);
    }
}

/* The list with or without the key of edge-b, read again by both that serve. */
static void set_list(const struct stand *stand, bool has_edge_b)
{
    static const char *const names[] = {"edge-a", "store-a", "store-b", "edge-b"};
    const char *directory = weir_fleet_directory(stand->fleet);
    struct blob list = {0};

    for (int i = 0; i < 3 + has_edge_b; i++) {
        char path[512], key[128];
        snprintf(path, sizeof path, "%s/%s/public.key", directory, names[i]);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        assert_non_null(fgets(key, sizeof key, file));
        blob_append_text(&list, key);
        fclose(file);
    }
    free(temp_dir_write(directory, "allowed", blob_text(&list)));
    blob_fini(&list);
    weir_process_signal(weir_fleet_process(stand->fleet, "store-a"), SIGHUP);
    weir_process_signal(weir_fleet_process(stand->fleet, "store-b"), SIGHUP);
}

static void test_a_key_that_is_taken_off_the_list_gets_nothing_any_more(void **state)
{
    struct stand stand;
    double seen;

    (void)state;
    set_up(&stand, "hosts");
    assert_int_equal(worst_status(&stand, "edge-a"), 200);
    assert_int_equal(worst_status(&stand, "edge-b"), 200);
    set_list(&stand, false);
    assert_true(weir_fleet_wait_sum(stand.fleet, "weir_link_away", "stage=\"http-b\"", 2,
                                    deadline_in(PATIENCE), &seen));
    assert_int_equal(worst_status(&stand, "edge-b"), 503);
    assert_int_equal(worst_status(&stand, "edge-a"), 200);
    set_list(&stand, true);
    wait_for_status(&stand, "edge-b", 200);
    tear_down(&stand);
}

static void test_a_list_that_cannot_be_read_changes_nothing(void **state)
{
    struct stand stand;

    (void)state;
    set_up(&stand, "hosts");
    free(temp_dir_write(weir_fleet_directory(stand.fleet), "allowed", "nobody\n"));
    weir_process_signal(weir_fleet_process(stand.fleet, "store-a"), SIGHUP);
    assert_true(weir_process_wait_log(weir_fleet_process(stand.fleet, "store-a"), "reload-refused",
                                      deadline_in(PATIENCE)));
    assert_int_equal(worst_status(&stand, "edge-b"), 200);
    tear_down(&stand);
}

static void test_a_second_process_does_not_take_an_ipc_address(void **state)
{
    struct stand stand;
    struct blob said = {0};
    char path[512];

    (void)state;
    set_up(&stand, "process-per-stage");
    snprintf(path, sizeof path, "%s/topology.yml", weir_fleet_directory(stand.fleet));
    const char *const flags[] = {"--topology", path, "--process", "store", NULL};
    assert_int_equal(weir_process_run(flags, NULL, &said), 1);
    assert_non_null(strstr(blob_text(&said), "/cache: another process does"));
    assert_int_equal(worst_status(&stand, "edge"), 200);
    blob_fini(&said);
    tear_down(&stand);
}

/* What weir prints of the fleet's file holds all of `words` (ended by NULL). */
static void expect_printed(const struct stand *stand, const char *flag, const char *const *words)
{
    struct blob said = {0};
    char path[512];

    snprintf(path, sizeof path, "%s/topology.yml", weir_fleet_directory(stand->fleet));
    const char *const flags[] = {"--topology", path, flag, NULL};
    assert_int_equal(weir_process_run(flags, NULL, &said), 0);
    for (; *words; words++)
        if (!strstr(blob_text(&said), *words))
            fail_msg("\"%s\" is not in %s: %s", *words, flag, blob_text(&said));
    blob_fini(&said);
}

static void test_the_topology_of_all_processes_is_drawn(void **state)
{
    static const char *const text[] = {"5 stages in 4 processes",
                                       "process edge-a",
                                       "process store-b",
                                       "cache.0, at tcp://127.0.0.1:",
                                       "50000 of 100000",
                                       "(encrypted)",
                                       NULL};
    static const char *const graph[] = {"digraph weir {", "label=\"store-a\"",
                                        "\"http-b\" -> \"cache.1\" [label=\"tcp://",
                                        "\"cache.1\" -> \"redis\" [label=\"tcp://", NULL};
    struct stand stand;

    (void)state;
    set_up(&stand, "hosts");
    expect_printed(&stand, "--print-topology", text);
    expect_printed(&stand, "--print-dot", graph);
    tear_down(&stand);
}

/* A fleet changes its file one process at a time. */
static void test_a_peer_with_another_ring_is_counted_and_served(void **state)
{
    struct stand stand;
    char path[512], text[2048];
    struct blob changed = {0};
    double seen;

    (void)state;
    set_up(&stand, "process-per-stage");
    snprintf(path, sizeof path, "%s/topology.yml", weir_fleet_directory(stand.fleet));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    blob_append_format(&changed, "hash_key_file: %s/seed\n%s", weir_fleet_directory(stand.fleet),
                       text);
    free(temp_dir_write(weir_fleet_directory(stand.fleet), "seed", "of the next ring"));
    free(temp_dir_write(weir_fleet_directory(stand.fleet), "topology.yml", blob_text(&changed)));
    weir_fleet_restart(stand.fleet, "edge");
    assert_true(weir_fleet_wait_ready(stand.fleet, deadline_in(PATIENCE)));
    assert_int_equal(worst_status(&stand, "edge"), 200);
    assert_true(weir_fleet_wait_sum(stand.fleet, "weir_link_other_ring_total", NULL, 4,
                                    deadline_in(PATIENCE), &seen)); /* two links, at either end */
    assert_true(weir_process_wait_log(weir_fleet_process(stand.fleet, "edge"), "ring-differs",
                                      deadline_in(PATIENCE)));
    blob_fini(&changed);
    tear_down(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_that_is_taken_off_the_list_gets_nothing_any_more),
        cmocka_unit_test(test_a_list_that_cannot_be_read_changes_nothing),
        cmocka_unit_test(test_a_second_process_does_not_take_an_ipc_address),
        cmocka_unit_test(test_the_topology_of_all_processes_is_drawn),
        cmocka_unit_test(test_a_peer_with_another_ring_is_counted_and_served),
    };
    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
