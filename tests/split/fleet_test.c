/* A fleet fetches once what all of its front ends want at the same time. */
#include "../support/deadline.h"
#include "../support/split.h"

#include <stdio.h>
#include <sys/resource.h>

#define EDGES    4
#define REQUESTS 10000

static const char topology[] =
    "# processes: edge-0 edge-1 edge-2 edge-3 store origin\n"
    "stages:\n"
    "  http-0: &http {kind: http-frontend, listen: 127.0.0.1:0, asks: cache, timeout: 60s}\n"
    "  http-1: {<<: *http}\n"
    "  http-2: {<<: *http}\n"
    "  http-3: {<<: *http}\n"
    "  cache: {kind: cache, serves: \"@AT.cache@\", asks: redis}\n"
    "  redis: {kind: redis-fetcher, serves: \"@AT.redis@\", timeout: 60s}\n"
    "processes:\n"
    "  edge-0: {reactors: [[http-0]]}\n"
    "  edge-1: {reactors: [[http-1]]}\n"
    "  edge-2: {reactors: [[http-2]]}\n"
    "  edge-3: {reactors: [[http-3]]}\n"
    "  store:  {reactors: [[cache]]}\n"
    "  origin: {reactors: [[redis]]}\n";

static void allow_connections(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < REQUESTS + 100)
        skip();
}

static void expect_one(const struct split *s, struct http_client *client)
{
    struct http_response response;

    if (http_client_read(client, HTTP_GET, deadline_in(PATIENCE), &response) != HTTP_RESPONSE)
        split_fail(s, "a request is not answered");
    if (response.status != 200 || !blob_is(&response.body, "value", 5))
        split_fail(s, "%d \"%s\"", response.status, blob_text(&response.body));
    http_response_fini(&response);
}

/* Redis stands still until all requests are in progress, so that none comes too late to be one of
 * them. */
static void one_fetch(struct split *s, const char *transport)
{
    static const char *const edges[EDGES] = {"edge-0", "edge-1", "edge-2", "edge-3"};
    struct http_client *clients[REQUESTS];
    const int each = REQUESTS / EDGES;
    long long reads;

    allow_connections();
    redis_server_run(s->redis, "SET cold value");
    split_start(s, topology, transport);
    reads = split_reads(s);
    redis_server_freeze(s->redis);
    for (int i = 0; i < REQUESTS; i++) {
        clients[i] = http_client_open(split_port(s, edges[i % EDGES]));
        assert_true(http_client_request(clients[i], HTTP_GET, "/cold"));
    }
    for (int i = 0; i < EDGES; i++)
        split_wait_metric(s, edges[i], "weir_http_in_progress", each);
    redis_server_thaw(s->redis);
    for (int i = 0; i < REQUESTS; i++) {
        expect_one(s, clients[i]);
        http_client_close(&clients[i]);
    }
    assert_int_equal(split_reads(s), reads + 1);
}

static void test_one_fetch_for_the_fleet_over_ipc(void **state)
{
    one_fetch(*state, "ipc");
}

static void test_one_fetch_for_the_fleet_over_tcp(void **state)
{
    one_fetch(*state, "tcp");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        SPLIT_TEST(test_one_fetch_for_the_fleet_over_ipc),
        SPLIT_TEST(test_one_fetch_for_the_fleet_over_tcp),
    };

    return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
