/* What is an address at which a stage may serve, and what is known of it. */
#include "common/address.h"

#include "tests/support/unit.h"

#include <string.h>

static void test_addresses_that_can_be_used(void **state)
{
    static const struct {
        const char *text, *rest;
        enum address_scheme scheme;
        bool is_local;
    } cases[] = {
        {"inproc://cache", "cache", ADDRESS_INPROC, true},
        {"ipc:///run/weir/cache", "/run/weir/cache", ADDRESS_IPC, true},
        {"tcp://127.0.0.1:1", "127.0.0.1:1", ADDRESS_TCP, true},
        {"tcp://127.9.9.9:65535", "127.9.9.9:65535", ADDRESS_TCP, true},
        {"tcp://[::1]:7000", "[::1]:7000", ADDRESS_TCP, true},
        {"tcp://10.0.0.1:7000", "10.0.0.1:7000", ADDRESS_TCP, false},
        {"tcp://[fd00::2]:7000", "[fd00::2]:7000", ADDRESS_TCP, false},
        {"tcp://[::ffff:127.0.0.1]:7000", "[::ffff:127.0.0.1]:7000", ADDRESS_TCP, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {""};
        assert_true(address_check(cases[i].text, &error));
        assert_int_equal(address_scheme(cases[i].text), cases[i].scheme);
        assert_string_equal(address_rest(cases[i].text), cases[i].rest);
        assert_int_equal(address_is_local(cases[i].text), cases[i].is_local);
    }
}

static void test_addresses_that_cannot(void **state)
{
    static const char *const texts[] = {
        "",
        "cache",
        "redis://me:s3cret@h",
        "inproc://",
        "inproc://a b",
        "ipc://",
        "ipc://run/cache",
        "ipc://@abstract",
        "ipc://*",
        "tcp://",
        "tcp://7000",
        "tcp://host:7000",
        "tcp://10.0.0.1",
        "tcp://10.0.0.1:",
        "tcp://10.0.0.1:0",
        "tcp://10.0.0.1:65536",
        "tcp://10.0.0.1:+1",
        "tcp://10.0.0.1:70 ",
        "tcp://10.0.0:70",
        "tcp://::1:7000",
        "tcp://[]:7000",
        "tcp://[fe80::1%eth0]:7000",
        "tcp://*:7000",
        "tcp://0.0.0.0:7000",
        "tcp://[::]:7000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct error error = {""};
        assert_false(address_check(texts[i], &error));
        assert_string_not_equal(error.text, "");
        assert_null(strstr(error.text, "s3cret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_that_can_be_used),
        cmocka_unit_test(test_addresses_that_cannot),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
