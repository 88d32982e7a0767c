/* Listening sockets that were handed over, and how a service manager says so. */
#include "common/listener_activation.h"
#include "common/listener_handed.h"

#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Opens `instances` sockets at `address` that listen; the path, if it is one, stays. */
static void open_listening(struct listener *listener, const char *address, size_t instances)
{
    struct error error;
    if (!listener_open(listener, address, instances, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < instances; i++)
        assert_int_equal(listen(listener->descriptors[i], 8), 0);
}

static void hand(struct listener_handed *handed, const struct listener *listener, bool is_lent)
{
    struct error error;
    for (size_t i = 0; i < listener->count; i++)
        assert_true(
            listener_handed_add(handed, dup(listener->descriptors[i]), is_lent, "it", &error));
}

static bool is_same_socket(int left, int right)
{
    struct stat one, other;
    return fstat(left, &one) == 0 && fstat(right, &other) == 0 && one.st_ino == other.st_ino;
}

static void test_an_address_gets_the_sockets_that_are_bound_to_it(void **state)
{
    struct listener two, other, adopted;
    struct listener_handed handed = {0};
    struct error error;
    (void)state;
    open_listening(&other, "127.0.0.1:0", 1);
    open_listening(&two, "127.0.0.1:0", 2);
    hand(&handed, &other, false);
    hand(&handed, &two, false);
    assert_true(listener_handed_adopt(&handed, two.address, 2, &adopted, &error));
    assert_int_equal(adopted.count, 2);
    assert_string_equal(adopted.address, two.address);
    for (size_t i = 0; i < 2; i++) {
        assert_true(is_same_socket(adopted.descriptors[i], two.descriptors[i]));
        assert_true(fcntl(adopted.descriptors[i], F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(adopted.descriptors[i], F_GETFL) & O_NONBLOCK);
    }
    listener_close(&adopted);
    assert_string_equal(listener_handed_spare(&handed)->address, other.address);
    assert_true(listener_handed_adopt(&handed, two.address, 2, &adopted, &error));
    assert_int_equal(adopted.count, 0); /* nothing is left there */
    listener_handed_drop(&handed, listener_handed_spare(&handed));
    assert_null(listener_handed_spare(&handed));
    listener_handed_close(&handed);
    listener_close(&two);
    listener_close(&other);
}

/* Port 0 is no address that anything is bound to. */
static void test_addresses_are_compared_by_what_they_mean(void **state)
{
    char name[LISTENER_ADDRESS_SIZE];
    struct error error;
    (void)state;
    assert_true(listener_name_address("127.0.0.1:08080", name, &error));
    assert_string_equal(name, "127.0.0.1:8080");
    assert_true(listener_name_address("[0:0::1]:80", name, &error));
    assert_string_equal(name, "[::1]:80");
    assert_true(listener_name_address("unix:/a", name, &error));
    assert_string_equal(name, "unix:/a");
    assert_false(listener_name_address("nowhere", name, &error));
}

static void test_one_socket_serves_several_instances(void **state)
{
    struct listener one, adopted;
    struct listener_handed handed = {0};
    struct error error;
    (void)state;
    open_listening(&one, "127.0.0.1:0", 1);
    hand(&handed, &one, true);
    assert_true(listener_handed_adopt(&handed, one.address, 3, &adopted, &error));
    assert_int_equal(adopted.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(is_same_socket(adopted.descriptors[i], one.descriptors[0]));
    listener_close(&adopted);
    listener_handed_close(&handed);
    listener_close(&one);
}

/* Each has a queue of its own. */
static void test_another_number_of_sockets_is_refused(void **state)
{
    static const size_t instances[] = {1, 3};
    struct listener two, adopted;
    struct listener_handed handed = {0};
    struct error error;
    (void)state;
    open_listening(&two, "127.0.0.1:0", 2);
    hand(&handed, &two, false);
    for (size_t i = 0; i < 2; i++) {
        assert_false(listener_handed_adopt(&handed, two.address, instances[i], &adopted, &error));
        assert_non_null(strstr(error.text, two.address));
        assert_non_null(strstr(error.text, "2 sockets"));
    }
    listener_handed_close(&handed);
    listener_close(&two);
}

/* Whoever adopts it does not remove the path before it is told that it owns it. */
static void test_the_path_of_an_adopted_socket_stays(void **state)
{
    struct listener first, adopted;
    struct listener_handed lent = {0}, own = {0};
    struct error error;
    char *directory = temp_dir_create(), address[200];
    (void)state;
    snprintf(address, sizeof address, "unix:%s/socket", directory);
    open_listening(&first, address, 1);
    hand(&lent, &first, true);
    assert_true(listener_handed_adopt(&lent, address, 1, &adopted, &error));
    assert_false(listener_handed_owns(&lent, address));
    listener_close(&adopted);
    assert_int_equal(access(address + 5, F_OK), 0);
    hand(&own, &first, false);
    assert_true(listener_handed_owns(&own, address));
    listener_handed_close(&own);
    assert_int_equal(access(address + 5, F_OK), 0);
    hand(&own, &first, false);
    listener_handed_drop(&own, listener_handed_spare(&own));
    assert_int_not_equal(access(address + 5, F_OK), 0);
    listener_handed_close(&own);
    listener_handed_close(&lent);
    first.owns_path = false;
    listener_close(&first);
    temp_dir_destroy(&directory);
}

static void test_what_does_not_listen_is_refused(void **state)
{
    struct listener bound;
    struct listener_handed handed = {0};
    struct error error;
    int ends[2];
    (void)state;
    assert_true(listener_open(&bound, "127.0.0.1:0", 1, &error));
    assert_false(listener_handed_add(&handed, dup(bound.descriptors[0]), false, "it", &error));
    assert_non_null(strstr(error.text, "it is not a stream socket that listens"));
    assert_int_equal(pipe(ends), 0);
    assert_false(listener_handed_add(&handed, ends[0], false, "it", &error));
    assert_false(listener_handed_add(&handed, socket(AF_UNIX, SOCK_DGRAM, 0), false, "it", &error));
    assert_false(listener_handed_add(&handed, 1000000, false, "it", &error));
    assert_int_equal(handed.count, 0);
    close(ends[1]);
    listener_handed_close(&handed);
    listener_close(&bound);
}

/* ---- socket activation: in a child, whose descriptors 3 and 4 are free to be replaced ---- */

struct activation {
    const char *pid, *count, *names; /* NULL: not set; pid "self": the child's */
    bool has_sockets;                /* 3 and 4 listen; else they are not open */
};

static void set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

/* In the child: says how many sockets it was handed, or what is wrong. */
static _Noreturn void be_activated(const struct activation *activation, int output)
{
    struct listener_handed handed = {0};
    struct listener listener;
    struct error error = {""};
    char self[24];
    const int say = fcntl(output, F_DUPFD, 10);
    snprintf(self, sizeof self, "%ld", (long)getpid());
    if (activation->has_sockets) {
        if (!listener_open(&listener, "127.0.0.1:0", 2, &error) ||
            listen(fcntl(listener.descriptors[0], F_DUPFD, 20), 8) != 0)
            _exit(1);
        dup2(listener.descriptors[0], 3);
        dup2(listener.descriptors[0], 4);
    } else {
        close(3);
        close(4);
    }
    set("LISTEN_PID",
        activation->pid && strcmp(activation->pid, "self") == 0 ? self : activation->pid);
    set("LISTEN_FDS", activation->count);
    set("LISTEN_FDNAMES", activation->names);
    const bool is_fine = listener_activation_take(&handed, &error);
    const bool is_unset =
        !getenv("LISTEN_PID") && !getenv("LISTEN_FDS") && !getenv("LISTEN_FDNAMES");
    const bool is_closed = handed.count == 0 || (fcntl(3, F_GETFD) & FD_CLOEXEC);
    if (is_fine && is_unset && is_closed)
        dprintf(say, "%zu%s", handed.count,
                handed.count > 0 && !handed.sockets[0].is_lent ? "!" : "");
    else
        dprintf(say, "%s", is_fine ? "not cleaned up" : error.text);
    _exit(0);
}

static void expect_activation(const struct activation *activation, const char *said)
{
    int ends[2];
    char text[600];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        be_activated(activation, ends[1]);
    close(ends[1]);
    const ssize_t size = read(ends[0], text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    if (strncmp(text, said, strlen(said)) != 0)
        fail_msg("LISTEN_PID %s, LISTEN_FDS %s: \"%s\"", activation->pid, activation->count, text);
}

static void test_the_service_manager_hands_over_sockets(void **state)
{
    (void)state;
    expect_activation(&(struct activation){"self", "2", "http:admin", true}, "2");
    expect_activation(&(struct activation){"self", "1", NULL, true}, "1");
    expect_activation(&(struct activation){"self", "0", NULL, true}, "0");
    expect_activation(&(struct activation){NULL, NULL, NULL, true}, "0");
    expect_activation(&(struct activation){"1", "2", "a:b", true}, "0"); /* for another */
    expect_activation(&(struct activation){NULL, "2", NULL, true}, "0");
}

static void test_a_socket_that_cannot_be_is_named(void **state)
{
    (void)state;
    expect_activation(&(struct activation){"self", "-1", NULL, true}, "LISTEN_FDS: must be");
    expect_activation(&(struct activation){"self", "many", NULL, true}, "LISTEN_FDS: must be");
    expect_activation(&(struct activation){"self", "2", "http:admin", false},
                      "LISTEN_FDS: descriptor 3, http is not open");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_gets_the_sockets_that_are_bound_to_it),
        cmocka_unit_test(test_addresses_are_compared_by_what_they_mean),
        cmocka_unit_test(test_one_socket_serves_several_instances),
        cmocka_unit_test(test_another_number_of_sockets_is_refused),
        cmocka_unit_test(test_the_path_of_an_adopted_socket_stays),
        cmocka_unit_test(test_what_does_not_listen_is_refused),
        cmocka_unit_test(test_the_service_manager_hands_over_sockets),
        cmocka_unit_test(test_a_socket_that_cannot_be_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
