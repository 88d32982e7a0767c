/* Redis clients as they are shipped, with their default settings, read through weir: redis-cli,
 * redis-benchmark and hiredis. Clients of other languages are in tests/clients/. */
#include "../support/deadline.h"
#include "../support/pipeline.h"
#include "../support/process.h"
#include "../support/trouble.h"

#include <fcntl.h>
#include <hiredis/adapters/libuv.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define READS 10000

static const char refusal[] = "ERR unknown command 'SET': weir only reads; writes, and what else "
                              "it does not serve, go to Redis itself";

static double hits(const struct pipeline *p)
{
    return pipeline_metric(p, "weir_cache_hits_total", NULL);
}

/* ---- programs ---- */

/* Runs `script` in a shell, where $PORT is weir's, and returns its exit code. Appends what it
 * prints to `output`, which the caller frees. */
static int run(const struct pipeline *p, const char *script, struct blob *output)
{
    const char *const command[] = {"sh", "-c", script, NULL};
    char port[32];
    const char *const environment[] = {port, NULL};
    struct process *shell;
    int code;

    snprintf(port, sizeof port, "PORT=%d", weir_process_resp_port(p->weir));
    shell = process_start(command, environment);
    if (!process_wait_exit(shell, deadline_in(PATIENCE), &code))
        pipeline_fail(p, "does not end: %s", script);
    for (int stream = PROCESS_OUTPUT; stream <= PROCESS_ERRORS; stream++) {
        char *text = process_copy_text(shell, (enum process_stream)stream);
        blob_append_text(output, text);
        free(text);
    }
    process_destroy(&shell);
    return code;
}

static void expect_run(const struct pipeline *p, const char *script, int code, const char *output)
{
    struct blob got = {0};
    int got_code = run(p, script, &got);

    if (got_code != code || strcmp(blob_text(&got), output) != 0)
        pipeline_fail(p, "%s: ended with %d and printed\n%s\nnot with %d and\n%s", script, got_code,
                      blob_text(&got), code, output);
    blob_fini(&got);
}

static void test_redis_cli_one_command(void **state)
{
    struct pipeline *p = *state;
    char error[256];

    redis_server_run(p->redis, "MSET key value bin %b", "\x00\xffx", (size_t)3);
    pipeline_start(p, SETTINGS(.resp = ""));
    expect_run(p, "redis-cli -p $PORT GET key", 0, "value\n");
    expect_run(p, "redis-cli -p $PORT GET key", 0, "value\n");
    assert_true(hits(p) == 1);
    expect_run(p, "redis-cli -p $PORT --no-raw GET bin", 0, "\"\\x00\\xffx\"\n");
    expect_run(p, "redis-cli -p $PORT --no-raw GET no", 0, "(nil)\n");
    expect_run(p, "redis-cli -3 -p $PORT --no-raw MGET no key", 0, "1) (nil)\n2) \"value\"\n");
    expect_run(p, "redis-cli -u redis://127.0.0.1:$PORT/0 STRLEN bin", 0, "3\n");
    snprintf(error, sizeof error, "%s\n\n", refusal);
    expect_run(p, "redis-cli -p $PORT SET key new", 0, error);
    assert_int_equal(redis_server_calls(p->redis, "set"), 0);
}

static void test_redis_cli_reads_commands_from_a_pipe(void **state)
{
    struct pipeline *p = *state;
    char output[512];

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.resp = ""));
    snprintf(output, sizeof output,
             "PONG\n\"value\"\n(nil)\n1) \"value\"\n2) (nil)\n(error) %s\n"
             "(integer) 5\n\"alu\"\n(integer) 1\n",
             refusal);
    expect_run(p,
               "printf 'PING\\nGET key\\nGET no\\nMGET key no\\nSET key new\\nSTRLEN key\\n"
               "GETRANGE key 1 3\\nEXISTS key no\\n' | redis-cli --no-raw -p $PORT",
               0, output);
}

/* The terminal's other end: what is written there is typed, what is read there was shown. */
static int open_terminal(void)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    const struct winsize size = {.ws_row = 24, .ws_col = 80};

    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0 ||
        fcntl(terminal, F_SETFD, FD_CLOEXEC) != 0 || ioctl(terminal, TIOCSWINSZ, &size) != 0)
        trouble("no terminal");
    return terminal;
}

static void type(int terminal, const char *text)
{
    assert_int_equal(write(terminal, text, strlen(text)), strlen(text));
}

/* Waits until `text` is shown, and takes it and what was `shown` before it away. */
static void expect_shown(const struct pipeline *p, int terminal, struct blob *shown,
                         const char *text)
{
    const int64_t deadline = deadline_in(PATIENCE);
    struct pollfd more = {.fd = terminal, .events = POLLIN};
    const char *found;
    char part[1024];

    while (!(found = strstr(blob_text(shown), text))) {
        ssize_t got =
            poll(&more, 1, deadline_left(deadline)) == 1 ? read(terminal, part, sizeof part) : 0;
        if (got <= 0)
            pipeline_fail(p, "%s is not shown, but %s", text, blob_text(shown));
        blob_append(shown, part, (size_t)got);
    }
    blob_consume(shown, (size_t)(found - blob_text(shown)) + strlen(text));
}

/* As a person has it before them: with a prompt, and a line that can be edited. */
static void test_redis_cli_on_a_terminal(void **state)
{
    static const char *const command[] = {"sh", "-c",
                                          "exec redis-cli -p $PORT <$SCREEN >$SCREEN 2>&1", NULL};
    struct pipeline *p = *state;
    char port[32], screen[128], prompt[64];
    const char *const environment[] = {
        port, screen, "TERM=xterm", "REDISCLI_HISTFILE=/dev/null", "REDISCLI_RCFILE=/dev/null",
        NULL};
    struct blob shown = {0};
    int terminal = open_terminal(), code;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.resp = ""));
    snprintf(port, sizeof port, "PORT=%d", weir_process_resp_port(p->weir));
    snprintf(screen, sizeof screen, "SCREEN=%s", ptsname(terminal));
    snprintf(prompt, sizeof prompt, "127.0.0.1:%d> ", weir_process_resp_port(p->weir));
    struct process *cli = process_start(command, environment);
    expect_shown(p, terminal, &shown, prompt);
    type(terminal, "getrange kex\x7fy 1 3\r"); /* a letter is taken back */
    expect_shown(p, terminal, &shown, "\n\"alu\"\r\n");
    expect_shown(p, terminal, &shown, prompt);
    type(terminal, "get no\r");
    expect_shown(p, terminal, &shown, "\n(nil)\r\n");
    expect_shown(p, terminal, &shown, prompt);
    type(terminal, "set key new\r");
    expect_shown(p, terminal, &shown,
                 "weir only reads; writes, and what else it does not serve, go to Redis itself");
    expect_shown(p, terminal, &shown, prompt);
    type(terminal, "quit\r");
    assert_true(process_wait_exit(cli, deadline_in(PATIENCE), &code));
    assert_int_equal(code, 0);
    process_destroy(&cli);
    blob_fini(&shown);
    close(terminal);
}

/* The mode for loading much data at once: every write is refused, and it ends by itself. */
static void test_redis_cli_pipe_is_refused(void **state)
{
    static const char end[] = "Last reply received from server.\nerrors: 5000, replies: 5000\n";
    struct pipeline *p = *state;
    struct blob got = {0};

    pipeline_start(p, SETTINGS(.resp = ""));
    assert_int_equal(run(p,
                         "i=0; while [ $i -lt 5000 ]; do i=$((i + 1)); echo \"SET $i x\"; done |"
                         "redis-cli -p $PORT --pipe",
                         &got),
                     1);
    if (!strstr(blob_text(&got), end) || !strstr(blob_text(&got), refusal))
        pipeline_fail(p, "printed %s", blob_text(&got));
    blob_fini(&got);
    assert_int_equal(redis_server_calls(p->redis, "set"), 0);
}

/* It has read what the server says of its configuration, and met no error. */
static void expect_benchmark(const struct pipeline *p, const char *script)
{
    struct blob got = {0};
    int code = run(p, script, &got);

    if (code != 0 || !strstr(blob_text(&got), "10000 requests completed") ||
        !strstr(blob_text(&got), "host configuration \"appendonly\": no") ||
        strstr(blob_text(&got), "WARN") || strstr(blob_text(&got), "rror"))
        pipeline_fail(p, "%s: ended with %d and printed %s", script, code, blob_text(&got));
    blob_fini(&got);
}

static void test_redis_benchmark(void **state)
{
    struct pipeline *p = *state;

    redis_server_run(p->redis, "SET key:__rand_int__ xxx");
    pipeline_start(p, SETTINGS(.resp = ""));
    expect_benchmark(p, "redis-benchmark -p $PORT -t get -n 10000");
    expect_benchmark(p, "redis-benchmark -p $PORT -t get -n 10000 -P 16");
    assert_int_equal(redis_server_calls(p->redis, "get"), 1);
    assert_true(hits(p) + pipeline_metric(p, "weir_cache_coalesced_total", NULL) == 2 * READS - 1);
}

/* ---- hiredis, one command at a time and pipelined ---- */

static redisContext *connect_sync(const struct pipeline *p)
{
    redisContext *context = redisConnect("127.0.0.1", weir_process_resp_port(p->weir));

    if (!context || context->err)
        trouble("hiredis cannot connect to weir");
    return context;
}

static void expect_text(const redisReply *reply, int type, const char *text, size_t length)
{
    assert_non_null(reply);
    assert_int_equal(reply->type, type);
    assert_int_equal(reply->len, length);
    assert_memory_equal(reply->str, text, length);
}

static void test_hiredis_sync(void **state)
{
    static const char binary[] = "\x00\r\n\xff";
    struct pipeline *p = *state;
    redisContext *context;
    redisReply *reply;

    redis_server_run(p->redis, "MSET key value bin %b", binary, sizeof binary - 1);
    pipeline_start(p, SETTINGS(.resp = ""));
    context = connect_sync(p);
    for (int i = 0; i < 2; i++) {
        reply = redisCommand(context, "GET %s", "bin");
        expect_text(reply, REDIS_REPLY_STRING, binary, sizeof binary - 1);
        freeReplyObject(reply);
    }
    assert_true(hits(p) == 1);
    reply = redisCommand(context, "MGET no key bin");
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_int_equal(reply->elements, 3);
    assert_int_equal(reply->element[0]->type, REDIS_REPLY_NIL);
    expect_text(reply->element[1], REDIS_REPLY_STRING, "value", 5);
    expect_text(reply->element[2], REDIS_REPLY_STRING, binary, sizeof binary - 1);
    freeReplyObject(reply);
    reply = redisCommand(context, "SET key new");
    expect_text(reply, REDIS_REPLY_ERROR, refusal, sizeof refusal - 1);
    freeReplyObject(reply);
    redisFree(context);
}

static void test_hiredis_pipelined(void **state)
{
    struct pipeline *p = *state;
    redisContext *context;
    void *reply;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.resp = ""));
    context = connect_sync(p);
    for (int i = 0; i < READS; i++)
        assert_int_equal(redisAppendCommand(context, i % 2 ? "ECHO %d" : "GET key", i), REDIS_OK);
    for (int i = 0; i < READS; i++) {
        char text[16];
        int length = snprintf(text, sizeof text, "%d", i);
        assert_int_equal(redisGetReply(context, &reply), REDIS_OK);
        if (i % 2)
            expect_text(reply, REDIS_REPLY_STRING, text, (size_t)length);
        else
            expect_text(reply, REDIS_REPLY_STRING, "value", 5);
        freeReplyObject(reply);
    }
    redisFree(context);
    assert_int_equal(redis_server_calls(p->redis, "get"), 1);
}

static void test_hiredis_reconnects(void **state)
{
    struct pipeline *p = *state;
    redisContext *context;
    redisReply *reply;

    redis_server_run(p->redis, "SET key value");
    pipeline_start(p, SETTINGS(.resp = ""));
    context = connect_sync(p);
    reply = redisCommand(context, "QUIT");
    expect_text(reply, REDIS_REPLY_STATUS, "OK", 2);
    freeReplyObject(reply);
    assert_null(redisCommand(context, "GET key"));
    assert_int_equal(redisReconnect(context), REDIS_OK);
    reply = redisCommand(context, "GET key");
    expect_text(reply, REDIS_REPLY_STRING, "value", 5);
    freeReplyObject(reply);
    redisFree(context);
}

/* ---- hiredis in a loop of libuv ---- */

struct reader {
    redisAsyncContext *context;
    int replies; /* so far: each must be the next */
    bool is_good, has_ended;
};

static void on_connected(const redisAsyncContext *context, int status)
{
    struct reader *reader = context->data;

    reader->is_good = status == REDIS_OK;
}

static void on_disconnected(const redisAsyncContext *context, int status)
{
    struct reader *reader = context->data;

    reader->has_ended = true;
    reader->is_good = reader->is_good && status == REDIS_OK;
}

/* Every third GET is of a key that is not there. */
static void on_reply(redisAsyncContext *context, void *answer, void *number)
{
    struct reader *reader = context->data;
    const redisReply *reply = answer;
    int i = (int)(intptr_t)number;
    char text[16];

    if (!reply || i != reader->replies++) {
        reader->is_good = false;
        return;
    }
    snprintf(text, sizeof text, "value %d", i % 100);
    if (i % 3 == 0)
        reader->is_good &= reply->type == REDIS_REPLY_NIL;
    else
        reader->is_good &= reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
    if (reader->replies == READS)
        redisAsyncDisconnect(context);
}

static void test_hiredis_async(void **state)
{
    struct pipeline *p = *state;
    struct reader reader = {0};
    uv_loop_t loop;

    for (int i = 0; i < 100; i++)
        redis_server_run(p->redis, "SET key%d %s%d", i, "value ", i);
    pipeline_start(p, SETTINGS(.resp = ""));
    uv_loop_init(&loop);
    reader.context = redisAsyncConnect("127.0.0.1", weir_process_resp_port(p->weir));
    assert_int_equal(reader.context->err, 0);
    reader.context->data = &reader;
    redisLibuvAttach(reader.context, &loop);
    redisAsyncSetConnectCallback(reader.context, on_connected);
    redisAsyncSetDisconnectCallback(reader.context, on_disconnected);
    for (int i = 0; i < READS; i++)
        redisAsyncCommand(reader.context, on_reply, (void *)(intptr_t)i, "GET %s%d",
                          i % 3 ? "key" : "no", i % 100);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(reader.replies, READS);
    assert_true(reader.is_good);
    assert_true(reader.has_ended);
    assert_true(hits(p) > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_redis_cli_one_command),
        PIPELINE_TEST(test_redis_cli_reads_commands_from_a_pipe),
        PIPELINE_TEST(test_redis_cli_on_a_terminal),
        PIPELINE_TEST(test_redis_cli_pipe_is_refused),
        PIPELINE_TEST(test_redis_benchmark),
        PIPELINE_TEST(test_hiredis_sync),
        PIPELINE_TEST(test_hiredis_pipelined),
        PIPELINE_TEST(test_hiredis_reconnects),
        PIPELINE_TEST(test_hiredis_async),
    };

    return PIPELINE_RUN("resp clients", tests);
}
