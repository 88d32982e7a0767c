/* What one wait of the loop brings is more than one turn where it comes from many clients. */
#include "common/server_private.h"
#include "tests/support/http_stage.h"
#include "tests/support/unit.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS (3 * SERVER_READS + 1)

static void say_at_once(const int *clients, const char *text)
{
    for (size_t i = 0; i < CLIENTS; i++)
        assert_int_equal(send(clients[i], text, strlen(text), 0), strlen(text));
}

static void connect_all(struct http_stage *stage, int *clients)
{
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i] = http_stage_connect(stage);
}

static void test_a_turn_ends_behind_so_many_reads(void **state)
{
    (void)state;
    int clients[CLIENTS];
    struct http_stage *stage = http_stage_create((struct server_limits){0});
    connect_all(stage, clients);
    assert_int_equal(http_stage_turns_ended(stage), 0);
    say_at_once(clients, "GET /key HTTP/1.1\r\nHost: weir\r\n\r\n");
    http_stage_turn(stage);
    assert_int_equal(http_stage_turns_ended(stage), 3);
    http_stage_expect_asks(stage, CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++)
        http_stage_answer_text(stage, i, "value");
    for (size_t i = 0; i < CLIENTS; i++) {
        http_stage_expect(stage, clients[i], 200, "value");
        close(clients[i]);
    }
    http_stage_destroy(&stage);
}

/* Connections end in that very turn, the one whose callback ended it among them. */
static void test_such_a_turn_may_end_connections(void **state)
{
    (void)state;
    int clients[CLIENTS];
    struct http_stage *stage = http_stage_create((struct server_limits){0});
    connect_all(stage, clients);
    say_at_once(clients, "GET /%zz HTTP/1.1\r\nHost: weir\r\n\r\n");
    http_stage_turn(stage);
    assert_int_equal(http_stage_turns_ended(stage), 3);
    for (size_t i = 0; i < CLIENTS; i++) {
        http_stage_expect(stage, clients[i], 400, NULL);
        http_stage_expect_end(stage, clients[i]);
    }
    http_stage_expect_closed(stage, "request", CLIENTS);
    http_stage_destroy(&stage);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_turn_ends_behind_so_many_reads),
        cmocka_unit_test(test_such_a_turn_may_end_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
