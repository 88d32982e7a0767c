/* What a service manager hears: this test is one, at a socket of its own. */
#include "common/notify.h"

#include "common/clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `name` is a path, or "@" and a name in the abstract namespace. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
    const size_t length = strlen(name);
    assert_true(descriptor >= 0 && length < sizeof address.sun_path);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    assert_int_equal(bind(descriptor, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    return descriptor;
}

static void expect(int manager, const char *message)
{
    char text[1024];
    const ssize_t size = recv(manager, text, sizeof text - 1, 0);
    assert_true(size >= 0);
    text[size] = '\0';
    assert_string_equal(text, message);
}

static void open_at(struct notify *notify, const char *name)
{
    struct error error;
    setenv("NOTIFY_SOCKET", name, 1);
    if (!notify_open(notify, &error))
        fail_msg("%s", error.text);
    assert_null(getenv("NOTIFY_SOCKET"));
}

static void test_a_path_hears_each_message(void **state)
{
    struct notify notify;
    char *directory = temp_dir_create(), name[200];
    (void)state;
    snprintf(name, sizeof name, "%s/notify", directory);
    const int manager = listen_at(name);
    open_at(&notify, name);
    notify_send(&notify, "READY=1\nSTATUS=%s", "serving");
    notify_send(&notify, "STOPPING=1");
    expect(manager, "READY=1\nSTATUS=serving");
    expect(manager, "STOPPING=1");
    assert_int_equal(notify.watchdog_timeout, 0);
    close(manager);
    notify_send(&notify, "WATCHDOG=1"); /* nobody is there any more, which hurts nobody here */
    notify_close(&notify);
    notify_send(&notify, "WATCHDOG=1");
    temp_dir_destroy(&directory);
}

#ifdef __linux__
static void test_an_abstract_name_hears_each_message(void **state)
{
    struct notify notify;
    char name[64];
    (void)state;
    snprintf(name, sizeof name, "@weir-notify-test/%ld", (long)getpid());
    const int manager = listen_at(name);
    open_at(&notify, name);
    notify_send(&notify, "READY=1");
    expect(manager, "READY=1");
    notify_close(&notify);
    close(manager);
}
#endif

static void test_without_a_manager_nobody_is_told(void **state)
{
    struct notify notify;
    struct error error;
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "1000", 1);
    assert_true(notify_open(&notify, &error));
    assert_int_equal(notify.watchdog_timeout, 0);
    assert_null(getenv("WATCHDOG_USEC"));
    notify_send(&notify, "READY=1");
    notify_close(&notify);
}

static void test_an_address_that_cannot_be_is_refused(void **state)
{
    static const char *const names[] = {"", "notify", "/", "@", "vsock:2:1", NULL};
    char longest[200];
    struct notify notify;
    struct error error;
    (void)state;
    for (size_t i = 0; names[i]; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        assert_false(notify_open(&notify, &error));
        assert_non_null(strstr(error.text, "NOTIFY_SOCKET"));
        notify_send(&notify, "READY=1");
        notify_close(&notify);
    }
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    setenv("NOTIFY_SOCKET", longest, 1);
    assert_false(notify_open(&notify, &error));
}

static void test_the_watchdog_is_wanted_where_it_is_for_us(void **state)
{
    static const struct {
        const char *usec, *pid; /* NULL: not set; "self": ours */
        int64_t timeout;
    } cases[] = {
        {"1500000", NULL, 1500 * MILLISECOND},
        {"1500000", "self", 1500 * MILLISECOND},
        {"1500000", "1", 0},
        {"1500000", "", 0},
        {NULL, "self", 0},
        {"0", NULL, 0},
        {"-1", NULL, 0},
        {"1s", NULL, 0},
        {"", NULL, 0},
        {"99999999999999999999", NULL, 0},
        {"9223372036854775807", NULL, 0},
    };
    char *directory = temp_dir_create(), name[200], self[24];
    (void)state;
    snprintf(name, sizeof name, "%s/notify", directory);
    snprintf(self, sizeof self, "%ld", (long)getpid());
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct notify notify;
        const char *pid = cases[i].pid;
        if (cases[i].usec)
            setenv("WATCHDOG_USEC", cases[i].usec, 1);
        if (pid)
            setenv("WATCHDOG_PID", strcmp(pid, "self") == 0 ? self : pid, 1);
        open_at(&notify, name);
        if (notify.watchdog_timeout != cases[i].timeout)
            fail_msg("case %zu: %lld", i, (long long)notify.watchdog_timeout);
        assert_null(getenv("WATCHDOG_PID"));
        notify_close(&notify);
    }
    temp_dir_destroy(&directory);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_hears_each_message),
#ifdef __linux__
        cmocka_unit_test(test_an_abstract_name_hears_each_message),
#endif
        cmocka_unit_test(test_without_a_manager_nobody_is_told),
        cmocka_unit_test(test_an_address_that_cannot_be_is_refused),
        cmocka_unit_test(test_the_watchdog_is_wanted_where_it_is_for_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
