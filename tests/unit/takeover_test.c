/* The messages of a takeover, in any pieces and of any bytes, and descriptors that come with them:
 * over a pair of sockets, for they are all there is to it. */
#include "common/takeover.h"

#include "tests/support/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum takeover_read parse(const char *text, struct takeover_message *message)
{
    size_t size = 0;
    const enum takeover_read read = takeover_parse(bytes_of_text(text), message, &size);
    if (read == TAKEOVER_READ)
        assert_int_equal(size, strcspn(text, "\n") + 1);
    return read;
}

static void test_each_message_is_read(void **state)
{
    static const struct {
        const char *text;
        struct takeover_message message;
    } cases[] = {
        {"weir-takeover 1\n", {.word = TAKEOVER_HELLO, .number = 1}},
        {"weir-takeover 2147483647\nnext", {.word = TAKEOVER_HELLO, .number = INT32_MAX}},
        {"listener own 64\n", {.word = TAKEOVER_LISTENER, .number = 64}},
        {"listener lent 1\n", {.word = TAKEOVER_LISTENER, .number = 1, .is_lent = true}},
        {"end\n", {.word = TAKEOVER_END}},
        {"ready 4711\n", {.word = TAKEOVER_READY, .number = 4711}},
        {"draining\n", {.word = TAKEOVER_DRAINING}},
        {"refused \n", {.word = TAKEOVER_REFUSED}},
        {"refused no \x1b[31m\xff\n", {.word = TAKEOVER_REFUSED, .reason = "no ?[31m?"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct takeover_message message;
        if (parse(cases[i].text, &message) != TAKEOVER_READ)
            fail_msg("not read: %s", cases[i].text);
        assert_int_equal(message.word, cases[i].message.word);
        assert_int_equal(message.number, cases[i].message.number);
        assert_int_equal(message.is_lent, cases[i].message.is_lent);
        assert_string_equal(message.reason, cases[i].message.reason);
    }
}

static void test_the_beginning_of_a_message_is_not_enough(void **state)
{
    static const char text[] = "listener lent 12\n";
    struct takeover_message message;
    size_t size;
    (void)state;
    for (size_t i = 0; i < strlen(text); i++)
        assert_int_equal(takeover_parse((struct bytes){text, i}, &message, &size), TAKEOVER_MORE);
}

static void test_what_is_no_message_is_bad(void **state)
{
    static const char *const cases[] = {
        "\n",           "weir-takeover\n",    "weir-takeover \n",   "weir-takeover 0\n",
        "end \n",       "weir-takeover -1\n", "weir-takeover 1x\n", "weir-takeover 2147483648\n",
        "endless\n",    "ready 1 2\n",        "listener own 65\n",  "listener 1\n",
        "draining 1\n", "GET / HTTP/1.1\r\n", "refused\n",          "ready 99999999999999999999\n",
    };
    struct takeover_message message;
    char longest[TAKEOVER_MAX_LINE + 1];
    size_t size;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (parse(cases[i], &message) != TAKEOVER_BAD)
            fail_msg("taken for a message: %s", cases[i]);
    assert_int_equal(takeover_parse((struct bytes){"end\0\n", 5}, &message, &size), TAKEOVER_BAD);

    memset(longest, 'a', sizeof longest);
    memcpy(longest, "refused ", 8);
    assert_int_equal(
        takeover_parse((struct bytes){longest, TAKEOVER_MAX_LINE - 1}, &message, &size),
        TAKEOVER_MORE);
    assert_int_equal(takeover_parse((struct bytes){longest, TAKEOVER_MAX_LINE}, &message, &size),
                     TAKEOVER_BAD);
    longest[TAKEOVER_MAX_LINE - 1] = '\n';
    assert_int_equal(takeover_parse((struct bytes){longest, TAKEOVER_MAX_LINE}, &message, &size),
                     TAKEOVER_READ);
}

/* ---- over a socket ---- */

static void open_pair(struct takeover_channel *first, struct takeover_channel *second)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    takeover_open(first, ends[0]);
    takeover_open(second, ends[1]);
}

static void expect_word(struct takeover_channel *channel, enum takeover_word word)
{
    struct takeover_message message;
    assert_int_equal(takeover_await(channel, &message, 10 * SECOND), TAKEOVER_READ);
    assert_int_equal(message.word, word);
}

/* As many as a line can bring, more than once, arrive open and in their order. */
static void test_descriptors_come_with_their_lines(void **state)
{
    struct takeover_channel from, to;
    struct listener many = {.count = LISTENER_MAX_INSTANCES}, one = {.count = 1};
    struct takeover_message message;
    int ends[2];
    (void)state;
    open_pair(&from, &to);
    assert_int_equal(pipe(ends), 0);
    for (size_t i = 0; i < many.count; i++)
        many.descriptors[i] = ends[0];
    one.descriptors[0] = ends[1];
    assert_int_equal(takeover_hear(&to, &message), TAKEOVER_MORE);
    assert_true(takeover_say(&from, &many, "listener own %d", LISTENER_MAX_INSTANCES));
    assert_true(takeover_say(&from, &many, "listener own %d", LISTENER_MAX_INSTANCES));
    assert_true(takeover_say(&from, &one, "listener lent 1"));
    assert_true(takeover_say(&from, NULL, "end"));
    expect_word(&to, TAKEOVER_LISTENER);
    expect_word(&to, TAKEOVER_LISTENER);
    expect_word(&to, TAKEOVER_LISTENER);
    expect_word(&to, TAKEOVER_END);
    close(ends[0]);
    close(ends[1]);
    int last = -1;
    for (size_t i = 0; i <= 2 * many.count; i++) {
        if (last >= 0)
            close(last);
        last = takeover_take(&to);
        assert_true(last >= 0);
        assert_true(fcntl(last, F_GETFD) & FD_CLOEXEC);
    }
    assert_int_equal(takeover_take(&to), -1);
    assert_int_equal(fcntl(last, F_GETFL) & O_ACCMODE, O_WRONLY); /* the end to write to */
    close(last);
    takeover_close(&from);
    assert_int_equal(takeover_await(&to, &message, 10 * SECOND), TAKEOVER_GONE);
    takeover_close(&to);
}

static void test_descriptors_that_nobody_takes_are_closed(void **state)
{
    struct takeover_channel from, to;
    struct listener one = {.count = 1};
    int ends[2];
    char byte;
    (void)state;
    open_pair(&from, &to);
    assert_int_equal(pipe(ends), 0);
    one.descriptors[0] = ends[1];
    assert_true(takeover_say(&from, &one, "listener own 1"));
    close(ends[1]);
    expect_word(&to, TAKEOVER_LISTENER);
    takeover_close(&to);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* the last to write has gone */
    close(ends[0]);
    takeover_close(&from);
}

static void test_foreign_bytes_end_the_conversation(void **state)
{
    struct takeover_channel from, to;
    struct takeover_message message;
    (void)state;
    open_pair(&from, &to);
    assert_true(takeover_say(&from, NULL, "GET / HTTP/1.1"));
    assert_int_equal(takeover_await(&to, &message, 10 * SECOND), TAKEOVER_BAD);
    takeover_close(&to);
    takeover_close(&from);
}

static void test_a_reason_of_any_length_is_one_line(void **state)
{
    struct takeover_channel from, to;
    char longest[1000];
    struct takeover_message message;
    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    open_pair(&from, &to);
    assert_true(takeover_say(&from, NULL, "refused %s", longest));
    assert_true(takeover_say(&from, NULL, "end"));
    assert_int_equal(takeover_await(&to, &message, 10 * SECOND), TAKEOVER_READ);
    assert_int_equal(strspn(message.reason, "a"), TAKEOVER_MAX_LINE - 2 - strlen("refused "));
    expect_word(&to, TAKEOVER_END);
    takeover_close(&to);
    takeover_close(&from);
}

static void test_processes_of_one_user_may_take_over(void **state)
{
    struct takeover_channel from, to;
    struct error error;
    (void)state;
    open_pair(&from, &to);
    assert_true(takeover_check_peer(&from, &error));
    takeover_close(&to);
    takeover_close(&from);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_message_is_read),
        cmocka_unit_test(test_the_beginning_of_a_message_is_not_enough),
        cmocka_unit_test(test_what_is_no_message_is_bad),
        cmocka_unit_test(test_descriptors_come_with_their_lines),
        cmocka_unit_test(test_descriptors_that_nobody_takes_are_closed),
        cmocka_unit_test(test_foreign_bytes_end_the_conversation),
        cmocka_unit_test(test_a_reason_of_any_length_is_one_line),
        cmocka_unit_test(test_processes_of_one_user_may_take_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
