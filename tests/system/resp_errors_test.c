/* The same bytes to a real redis-server and to weir before it: the same bytes must come back. What
 * is well-formed and what is not, what is said about it, and when the connection ends. */
#include "../support/pipeline.h"
#include "../support/resp_client.h"
#include "resp_cases.h"

#include <string.h>

/* Sent to servers that want a password. */
static const char *const stranger_cases[] = {
    "GET hello\\r\\n",
    "PING\\r\\n",
    "ECHO x\\r\\n",
    "GET\\r\\n",
    "CLIENT ID\\r\\n",
    "CLIENT FOO\\r\\n",
    "CONFIG GET save\\r\\n",
    "INFO\\r\\n",
    "COMMAND COUNT\\r\\n",
    "*11\\r\\n",
    "*10\\r\\n",
    "*1\\r\\n$16385\\r\\n",
    "*1\\r\\n$16384\\r\\n",
    "AUTH\\r\\n",
    "AUTH wrong\\r\\n",
    "AUTH secre\\r\\nAUTH secret1\\r\\n",
    "AUTH default wrong\\r\\n",
    "AUTH nobody secret\\r\\n",
    "AUTH DEFAULT secret\\r\\n",
    "AUTH secret\\r\\nGET hello\\r\\n",
    "AUTH default secret\\r\\nGET hello\\r\\n",
    "AUTH a b c\\r\\n",
    "AUTH secret\\r\\nAUTH wrong\\r\\nGET hello\\r\\n",
    "AUTH secret\\r\\nRESET\\r\\nGET hello\\r\\n",
    "AUTH secret\\r\\n*11\\r\\n",
    "HELLO\\r\\n",
    "HELLO 3\\r\\n",
    "HELLO 3 SETNAME me\\r\\n",
    "HELLO 3 AUTH default wrong\\r\\n",
    "HELLO 3 AUTH default wrong SETNAME me\\r\\n",
    "HELLO 5 AUTH default secret\\r\\n",
    "QUIT\\r\\n",
    "RESET\\r\\n",
};

/* Cuts what stands between `start` and the end of its line, wherever that is found. */
static void cut(struct blob *replies, const char *start)
{
    size_t length = strlen(start), from = 0;
    char *at, *end;

    while ((at = memmem(replies->data + from, replies->length - from, start, length))) {
        end = at + length;
        end = memchr(end, '\n', (size_t)(replies->data + replies->length - end));
        size_t rest = (size_t)(replies->data + replies->length - end);
        from = (size_t)(at - replies->data) + 1;
        memmove(at + 1, end, rest);
        replies->length = from + rest;
    }
}

/* What is a server's own: its words about a command it does not have, a client's number. */
static void cut_own(struct blob *replies)
{
    if (replies->length == 0)
        return;
    cut(replies, "', with args beginning with: ");
    cut(replies, "': weir only reads; ");
    cut(replies, "id\r\n:");
}

/* Whether both servers say the same to `text`, in the notation of blob_append_escaped. */
static bool is_same(const struct pipeline *p, const char *text, size_t step)
{
    struct blob request = {0}, wanted = {0}, got = {0}, readable = {0};
    bool is_same;

    assert_true(blob_append_escaped(&request, text, strlen(text)));
    resp_client_exchange(redis_server_port(p->redis), &request, step, &wanted);
    resp_client_exchange(weir_process_resp_port(p->weir), &request, step, &got);
    cut_own(&wanted);
    cut_own(&got);
    is_same = blob_is(&got, wanted.data, wanted.length);
    if (!is_same) {
        blob_append_readable(&readable, wanted.data, wanted.length);
        blob_append_text(&readable, "\nbut weir says\n  ");
        blob_append_readable(&readable, got.data, got.length);
        print_error("to %.200s (%zu bytes at a time) redis-server says\n  %s\n", text, step,
                    blob_text(&readable));
    }
    blob_fini(&request);
    blob_fini(&wanted);
    blob_fini(&got);
    blob_fini(&readable);
    return is_same;
}

static void compare(const struct pipeline *p, const char *const *texts, size_t count, size_t step)
{
    size_t different = 0;

    for (size_t i = 0; i < count; i++)
        if (step == 0 || !strstr(texts[i], "{")) /* a long one would be too many packets */
            different += !is_same(p, texts[i], step);
    assert_int_equal(different, 0);
}
#define COMPARE(p, texts, step) compare((p), (texts), sizeof(texts) / sizeof *(texts), (step))

static void store(const struct pipeline *p)
{
    redis_server_run(p->redis, "SET hello world");
    redis_server_run(p->redis, "SET n 12345");
    redis_server_run(p->redis, "SET empty %b", "", (size_t)0);
    redis_server_run(p->redis, "SET %b binary", "a\0b\r\n\xff\"", (size_t)7);
    redis_server_run(p->redis, "RPUSH l a b c");
}

static void test_same_bytes_same_answers(void **state)
{
    struct pipeline *p = *state;

    store(p);
    pipeline_start(p, SETTINGS(.resp = ""));
    COMPARE(p, cases, 0);
}

/* However the bytes are cut. */
static void test_cut_at_every_byte(void **state)
{
    struct pipeline *p = *state;

    store(p);
    pipeline_start(p, SETTINGS(.resp = ""));
    COMPARE(p, cases, 1);
}

static void test_strangers(void **state)
{
    struct pipeline *p = *state;

    store(p);
    pipeline_start(p, SETTINGS(.resp = "password: secret, timeout: 20s"));
    pipeline_expect_value(p, "/hello", "world"); /* weir has connected; it stays so */
    redis_server_run(p->redis, "CONFIG SET requirepass secret");
    COMPARE(p, stranger_cases, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PIPELINE_TEST(test_same_bytes_same_answers),
        PIPELINE_TEST(test_cut_at_every_byte),
        PIPELINE_TEST(test_strangers),
    };
    return PIPELINE_RUN("resp errors", tests);
}
