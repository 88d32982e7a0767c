/* Listening addresses: what they may look like, and that nobody else listens there. The only unit
 * test with sockets, for they are all there is to it. */
#include "common/listener.h"

#include "tests/support/net.h"
#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:8080", "[::]:65535",
                                       "unix:/run/weir"};
    static const char *const bad[] = {"",
                                      "8080",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      ":8080",
                                      "localhost:80",
                                      "[::1]",
                                      "::1:8080",
                                      "[127.0.0.1]:80",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:80x",
                                      "127.0.0.1: 80",
                                      "unix:",
                                      "unix:weir",
                                      "[]:80"};
    struct error error;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(listener_check_address(good[i], &error));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (listener_check_address(bad[i], &error))
            fail_msg("%s is taken for an address", bad[i]);
    char longest[300] = "unix:/";
    memset(longest + 6, 'a', sizeof(longest) - 7);
    assert_false(listener_check_address(longest, &error));
}

static void test_port_0_takes_a_free_one_and_says_which(void **state)
{
    (void)state;
    struct listener listener;
    struct error error;
    assert_true(listener_open(&listener, "127.0.0.1:0", 1, &error));
    assert_int_equal(strncmp(listener.address, "127.0.0.1:", 10), 0);
    assert_true(atoi(listener.address + 10) > 0);
    assert_true(fcntl(listener.descriptors[0], F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(listener.descriptors[0], F_GETFL) & O_NONBLOCK);
    listener_close(&listener);
}

static void test_a_second_listener_is_refused(void **state)
{
    static const size_t instances[] = {1, 3};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct listener first, second;
        struct error error;
        char address[128];
        assert_true(listener_open(&first, "127.0.0.1:0", instances[i], &error));
        for (size_t k = 0; k < first.count; k++)
            assert_int_equal(listen(first.descriptors[k], 1), 0);
        snprintf(address, sizeof(address), "%s", first.address);
        assert_false(listener_open(&second, address, instances[i], &error));
        assert_non_null(strstr(error.text, address));
        listener_close(&first);
    }
}

static void expect_in_use(const char *address)
{
    struct listener listener;
    struct error error;
    assert_false(listener_open(&listener, address, 1, &error));
    assert_non_null(strstr(error.text, "in use"));
    assert_false(listener_open(&listener, address, 3, &error));
}

/* Two that are starting: neither listens yet. So are two stages of one weir. */
static void test_an_address_is_taken_before_anybody_listens(void **state)
{
    static const size_t instances[] = {1, 3};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct listener first;
        struct error error;
        char everywhere[32];
        assert_true(listener_open(&first, "127.0.0.1:0", instances[i], &error));
        expect_in_use(first.address);
        snprintf(everywhere, sizeof(everywhere), "0.0.0.0%s", strrchr(first.address, ':'));
        expect_in_use(everywhere);
        listener_close(&first);
    }
    char *directory = temp_dir_create();
    char address[256];
    struct listener first;
    struct error error;
    snprintf(address, sizeof(address), "unix:%s/socket", directory);
    assert_true(listener_open(&first, address, 1, &error));
    expect_in_use(address);
    assert_int_equal(access(address + 5, F_OK), 0);
    listener_close(&first);
    temp_dir_destroy(&directory);
}

/* A weir that is started again need not wait until the system has forgotten the connections that
 * the one before has closed. */
static void test_closed_connections_are_not_in_the_way(void **state)
{
    (void)state;
    struct listener listener;
    struct error error;
    char address[128], byte;
    assert_true(listener_open(&listener, "127.0.0.1:0", 1, &error));
    snprintf(address, sizeof(address), "%s", listener.address);
    listener_prepare(listener.descriptors[0]);
    assert_int_equal(listen(listener.descriptors[0], 1), 0);
    int client = net_connect(atoi(strrchr(address, ':') + 1));
    assert_true(client >= 0);
    struct pollfd waiting = {.fd = listener.descriptors[0], .events = POLLIN};
    assert_int_equal(poll(&waiting, 1, -1), 1);
    int accepted = accept(listener.descriptors[0], NULL, NULL);
    assert_true(accepted >= 0);
    close(accepted); /* first, and so it is the one that lingers */
    assert_int_equal(read(client, &byte, 1), 0);
    close(client);
    listener_close(&listener);
    for (size_t instances = 1; instances <= 3; instances += 2) {
        assert_true(listener_open(&listener, address, instances, &error));
        listener_close(&listener);
    }
}

static void test_each_instance_has_a_descriptor(void **state)
{
    (void)state;
    struct listener listener;
    struct error error;
    assert_true(listener_open(&listener, "127.0.0.1:0", 4, &error));
    assert_int_equal(listener.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(listen(listener.descriptors[i], 1), 0);
    close(listener.descriptors[2]); /* as whoever takes it does */
    listener.descriptors[2] = -1;
    listener_close(&listener);
}

static void test_a_unix_socket_left_by_a_crash_is_replaced(void **state)
{
    (void)state;
    struct listener first, second;
    struct error error;
    char *directory = temp_dir_create();
    char address[256];
    snprintf(address, sizeof(address), "unix:%s/socket", directory);
    assert_true(listener_open(&first, address, 2, &error));
    assert_string_equal(first.address, address);
    assert_int_equal(listen(first.descriptors[0], 1), 0);
    assert_false(listener_open(&second, address, 1, &error)); /* somebody listens */
    close(first.descriptors[0]);
    close(first.descriptors[1]);
    assert_int_equal(access(address + 5, F_OK), 0);
    assert_true(listener_open(&second, address, 1, &error));
    listener_close(&second);
    assert_int_not_equal(access(address + 5, F_OK), 0);
    temp_dir_destroy(&directory);
}

/* Not every path that is in the way is a socket of ours. */
static void test_a_file_in_the_way_is_left_alone(void **state)
{
    (void)state;
    struct listener listener;
    struct error error;
    char *directory = temp_dir_create();
    char *path = temp_dir_write(directory, "file", "precious");
    char address[256];
    snprintf(address, sizeof(address), "unix:%s", path);
    assert_false(listener_open(&listener, address, 1, &error));
    assert_int_equal(access(path, F_OK), 0);
    free(path);
    temp_dir_destroy(&directory);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_port_0_takes_a_free_one_and_says_which),
        cmocka_unit_test(test_a_second_listener_is_refused),
        cmocka_unit_test(test_an_address_is_taken_before_anybody_listens),
        cmocka_unit_test(test_closed_connections_are_not_in_the_way),
        cmocka_unit_test(test_each_instance_has_a_descriptor),
        cmocka_unit_test(test_a_unix_socket_left_by_a_crash_is_replaced),
        cmocka_unit_test(test_a_file_in_the_way_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
