/* The same bytes to a real redis-server and to weir before it: the same bytes must come back. What
 * is well-formed and what is not, what is said about it, and when the connection ends. */
#include "../support/pipeline.h"
#include "../support/resp_client.h"

#include <string.h>

/* In the notation of blob_append_escaped. Keys: hello is a string, l a list, n and empty strings.
 */
static const char *const cases[] = {
    /* multibulk counts */
    "*1\\r\\n$4\\r\\nPING\\r\\n",
    "*0\\r\\nPING\\r\\n",
    "*-1\\r\\nPING\\r\\n",
    "*-2147483649\\r\\nPING\\r\\n",
    "*-9223372036854775808\\r\\nPING\\r\\n",
    "*2147483648\\r\\n",
    "*9223372036854775808\\r\\n",
    "*99999999999999999999999\\r\\n",
    "*\\r\\n",
    "*a\\r\\n",
    "*1a\\r\\n",
    "* 1\\r\\n",
    "*1 \\r\\n",
    "*+1\\r\\n",
    "*01\\r\\n",
    "*-0\\r\\n",
    "*-\\r\\n",
    "*1.0\\r\\n",
    "**1\\r\\n",
    "*1\\n$4\\r\\nPING\\r\\n",
    "*1\\rx$4\\rxPINGxxPING\\r\\n",
    "*\\x00\\r\\n",
    "*1\\x00\\r\\n$4\\r\\nPING\\r\\n",
    "*\\65530{1}",
    "*\\65540{1}",
    "*1",
    "*1\\r",
    "*",
    /* bulk lengths */
    "*1\\r\\n$a\\r\\n",
    "*1\\r\\n$\\r\\n",
    "*1\\r\\n$-1\\r\\n",
    "*1\\r\\n$-9999999999999999999\\r\\n",
    "*1\\r\\n$536870913\\r\\n",
    "*1\\r\\n$9223372036854775807\\r\\n",
    "*1\\r\\n$9223372036854775808\\r\\n",
    "*1\\r\\n$01\\r\\nx\\r\\n",
    "*1\\r\\n$+4\\r\\nPING\\r\\n",
    "*1\\r\\n$ 4\\r\\nPING\\r\\n",
    "*1\\r\\n$4 \\r\\nPING\\r\\n",
    "*1\\r\\n4\\r\\nPING\\r\\n",
    "*1\\r\\nPING\\r\\n",
    "*1\\r\\n:4\\r\\nPING\\r\\n",
    "*1\\r\\n*1\\r\\n",
    "*1\\r\\n\\r\\n",
    "*1\\r\\n\\n\\r\\n",
    "*1\\r\\n\\xff\\r\\n",
    "*1\\r\\n $4\\r\\nPING\\r\\n",
    "*1\\r\\n$\\65530{1}",
    "*1\\r\\n$\\65540{1}",
    "*1\\r\\n$4\\x00\\r\\nPING\\r\\n",
    "*1\\r\\n\\x00$4\\r\\nPING\\r\\n",
    "*2\\r\\n$3\\r\\nGET\\r\\n",
    "*2\\r\\n$3\\r\\nGET\\r\\nhello\\r\\n",
    "*2\\r\\n$3\\r\\nGET\\r\\n$-1\\r\\n",
    "*2\\r\\n$3\\r\\nGET\\r\\n$5\\r\\nhel",
    "*2\\r\\n$3\\r\\nGET\\r\\n$5\\r\\nhello",
    "*2\\r\\n$3\\r\\nGET\\r\\n$5\\r\\nhello\\r",
    "*2\\r\\n$3\\r\\nGET\\r\\n$5\\r\\nhelloxx",
    "*2\\r\\n$3\\r\\nGET\\r\\n$5\\r\\nhello\\n\\n",
    "*1\\r\\n$0\\r\\n\\r\\n",
    "*1\\r\\n$5\\r\\nPING\\r\\n\\r\\n",
    "*1\\r\\n$3\\r\\nPING\\r\\n",
    "*1\\r\\n$4\\r\\nPING\\r\\n*x\\r\\n*1\\r\\n$4\\r\\nPING\\r\\n",
    /* inline commands */
    "PING\\r\\n",
    "PING\\n",
    "ping\\r\\n",
    "PiNg\\r\\n",
    "  PING  \\r\\n",
    "\\tPING\\t\\r\\n",
    "\\x0bPING\\r\\n",
    "PING\\x0ba\\r\\n",
    "PING \\x0b a\\r\\n",
    "PING a\\x0cb\\r\\n",
    "PING a\\rb\\r\\n",
    "\\r\\nPING\\r\\n",
    "\\n\\n\\nPING\\r\\n",
    "   \\r\\nPING\\r\\n",
    "\\r\\r\\nPING\\r\\n",
    "PING\\x00\\r\\n",
    "PING a\\x00b\\r\\n",
    "PING",
    "PING\\r",
    "\\65530{x}\\r\\n",
    "\\65540{x}",
    "GET \\xff\\xfe\\r\\n",
    "\\xff\\r\\n",
    /* quotes */
    "PING \\\"hello\\\"\\r\\n",
    "PING 'hello'\\r\\n",
    "PING \\\"hel lo\\\"\\r\\n",
    "PING \\\"\\\"\\r\\n",
    "PING ''\\r\\n",
    "\\\"PING\\\"\\r\\n",
    "P\\\"ING\\\"\\r\\n",
    "PING \\\"a\\r\\n",
    "PING 'a\\r\\n",
    "PING a\\\"\\r\\n",
    "PING \\\"a\\\"b\\r\\n",
    "PING 'a'b\\r\\n",
    "PING \\\"a\\\"\\\"b\\\"\\r\\n",
    "PING a'b c'\\r\\n",
    "PING a\\\"b c\\\"\\r\\n",
    "PING \\\"a\\\"\\x0b\\r\\n",
    "PING \\\"\\\\x41\\\\x42\\\"\\r\\n",
    "PING \\\"\\\\x00\\\\xff\\\"\\r\\n",
    "PING \\\"\\\\x4\\\"\\r\\n",
    "PING \\\"\\\\xzz\\\"\\r\\n",
    "PING \\\"\\\\n\\\\r\\\\t\\\\b\\\\a\\\"\\r\\n",
    "PING \\\"\\\\q\\\\\\\\\\\"\\r\\n",
    "PING \\\"\\\\\\\"\\\"\\r\\n",
    "PING \\\"\\\\\\r\\n",
    "PING 'it\\\\'s'\\r\\n",
    "PING 'a\\\\nb'\\r\\n",
    "PING 'a\\\\'\\r\\n",
    "\\\"\\r\\nPING\\r\\n",
    /* arity, in every form it is checked in */
    "GET\\r\\n",
    "GET a b\\r\\n",
    "get\\r\\n",
    "MGET\\r\\n",
    "EXISTS\\r\\n",
    "STRLEN\\r\\n",
    "STRLEN a b\\r\\n",
    "GETRANGE hello 0\\r\\n",
    "GETRANGE hello 0 1 2\\r\\n",
    "SUBSTR hello\\r\\n",
    "ECHO\\r\\n",
    "ECHO a b\\r\\n",
    "PING a b\\r\\n",
    "PING a b c\\r\\n",
    "SELECT\\r\\n",
    "SELECT 0 1\\r\\n",
    "AUTH\\r\\n",
    "TIME now\\r\\n",
    "RESET now\\r\\n",
    "CLIENT\\r\\n",
    "CLIENT ID now\\r\\n",
    "CLIENT SETNAME\\r\\n",
    "client setname a b\\r\\n",
    "CLIENT GETNAME x\\r\\n",
    "CLIENT INFO x\\r\\n",
    "CLIENT REPLY\\r\\n",
    "CLIENT NO-EVICT\\r\\n",
    "CONFIG\\r\\n",
    "CONFIG GET\\r\\n",
    "COMMAND COUNT x\\r\\n",
    "COMMAND LIST FILTERBY\\r\\n",
    /* what subcommands and options say */
    "CLIENT FOO\\r\\n",
    "CLIENT foo bar\\r\\n",
    "client \\\"a\\\\r\\\\nb\\\"\\r\\n",
    "CLIENT \\200{x}\\r\\n",
    "CLIENT \\\"a\\\\x00b\\\"\\r\\n",
    "CONFIG FOO\\r\\n",
    "COMMAND FOO\\r\\n",
    "CLIENT SETNAME \\\"a b\\\"\\r\\n",
    "CLIENT SETNAME \\\"a\\\\n\\\"\\r\\n",
    "CLIENT SETNAME \\xff\\r\\nCLIENT GETNAME\\r\\n",
    "CLIENT SETNAME me\\r\\nCLIENT GETNAME\\r\\nCLIENT SETNAME \\\"\\\"\\r\\nCLIENT GETNAME\\r\\n",
    "CLIENT GETNAME\\r\\n",
    "CLIENT REPLY maybe\\r\\n",
    "CLIENT NO-EVICT maybe\\r\\n",
    "CLIENT NO-EVICT on\\r\\nCLIENT NO-EVICT off\\r\\n",
    "CLIENT LIST TYPE foo\\r\\n",
    "CLIENT LIST TYPE\\r\\n",
    "CLIENT LIST TYPE master\\r\\n",
    "CLIENT LIST TYPE pubsub\\r\\n",
    "CLIENT LIST ID\\r\\n",
    "CLIENT LIST ID x\\r\\n",
    "CLIENT LIST ID 1 x\\r\\n",
    "CLIENT LIST ID 99999999\\r\\n",
    "CLIENT LIST FOO bar\\r\\n",
    "COMMAND LIST FILTERBY FOO bar\\r\\n",
    "COMMAND LIST FILTERBY MODULE foo\\r\\n",
    "COMMAND LIST FOO bar baz\\r\\n",
    "COMMAND INFO nosuch\\r\\n",
    "COMMAND INFO nosuch nosuch|x client|nosuch get|x |\\r\\n",
    "COMMAND INFO get mget exists strlen getrange substr\\r\\n",
    "COMMAND INFO GET ping echo auth select quit hello reset info time\\r\\n",
    "COMMAND INFO client|id client|setname client|getname client|info client|list\\r\\n",
    "COMMAND INFO client|reply client|no-evict client|help config|get command|info\\r\\n",
    "COMMAND INFO command|count command|docs command|list command|help config|help\\r\\n",
    "COMMAND DOCS nosuch\\r\\n",
    "COMMAND DOCS client|id client|getname client|info nosuch\\r\\n",
    "CONFIG GET nosuch\\r\\n",
    "CONFIG GET save nosuch\\r\\n",
    "CONFIG GET SAVE\\r\\n",
    "CONFIG GET app*ly\\r\\n",
    "INFO nosuch\\r\\n",
    "HELLO 1\\r\\n",
    "HELLO 4\\r\\n",
    "HELLO x\\r\\n",
    "HELLO 3.0\\r\\n",
    "HELLO -3\\r\\n",
    "HELLO 99999999999999999999\\r\\n",
    "HELLO 3 FOO\\r\\n",
    "HELLO 3 AUTH\\r\\n",
    "HELLO 3 AUTH default\\r\\n",
    "HELLO 3 SETNAME\\r\\n",
    "HELLO 3 SETNAME \\\"a b\\\"\\r\\n",
    "HELLO 3 AUTH nobody x\\r\\n",
    "HELLO 3 AUTH nobody x FOO\\r\\n",
    "HELLO 2 \\\"a\\\\r\\\\nb\\\"\\r\\n",
    "AUTH x\\r\\n",
    "AUTH default x\\r\\n",
    "AUTH nobody x\\r\\n",
    "AUTH a b c\\r\\n",
    "SELECT x\\r\\n",
    "SELECT 0\\r\\n",
    "SELECT \\\"\\\"\\r\\n",
    "RESET\\r\\nPING\\r\\n",
    /* keys and values */
    "GET hello\\r\\nGET hello\\r\\n",
    "GET nosuch\\r\\n",
    "GET l\\r\\n",
    "GET \\\"\\\"\\r\\n",
    "GET empty\\r\\n",
    "*2\\r\\n$3\\r\\nGET\\r\\n$7\\r\\na\\x00b\\r\\n\\xff\\\"\\r\\n",
    "*2\\r\\n$3\\r\\nGET\\r\\n$0\\r\\n\\r\\n",
    "*2\\r\\n$4\\r\\nECHO\\r\\n$7\\r\\na\\x00b\\r\\n\\xff\\\"\\r\\n",
    "MGET hello nosuch l empty hello\\r\\n",
    "MGET l\\r\\n",
    "EXISTS hello\\r\\nEXISTS nosuch\\r\\nEXISTS l\\r\\n",
    "EXISTS hello hello l nosuch empty\\r\\n",
    "STRLEN hello\\r\\nSTRLEN nosuch\\r\\nSTRLEN l\\r\\nSTRLEN empty\\r\\n",
    "GETRANGE hello 0 -1\\r\\nGETRANGE hello 1 3\\r\\nGETRANGE hello -3 -2\\r\\n",
    "GETRANGE hello 4 1\\r\\nGETRANGE hello 5 9\\r\\nGETRANGE hello -99 -98\\r\\n",
    "GETRANGE hello -1 -3\\r\\nGETRANGE hello -99 2\\r\\nGETRANGE hello 2 99\\r\\n",
    "GETRANGE hello 9223372036854775807 -9223372036854775808\\r\\n",
    "GETRANGE hello -9223372036854775808 9223372036854775807\\r\\n",
    "GETRANGE hello 9223372036854775808 0\\r\\n",
    "GETRANGE hello a 0\\r\\nGETRANGE hello 0 b\\r\\nGETRANGE l a 0\\r\\n",
    "GETRANGE l 0 0\\r\\nGETRANGE nosuch 0 0\\r\\nGETRANGE empty 0 -1\\r\\n",
    "SUBSTR hello 1 2\\r\\nSUBSTR l 0 0\\r\\nSUBSTR hello x y\\r\\n",
    /* the newer version of the protocol */
    "HELLO 3 FOO\\r\\nGET nosuch\\r\\n",
    /* order, and the end */
    "GET hello\\r\\nPING\\r\\nMGET hello l\\r\\nECHO x\\r\\nSTRLEN n\\r\\nQUIT\\r\\nPING\\r\\n",
    "QUIT\\r\\n",
    "quit now please\\r\\nPING\\r\\n",
    "PING\\r\\nPING\\r\\nGET \\\"\\r\\nPING\\r\\n",
    /* CLIENT REPLY */
    "CLIENT REPLY ON\\r\\nPING\\r\\n",
    "CLIENT REPLY OFF\\r\\nPING\\r\\nGET hello\\r\\nCLIENT REPLY ON\\r\\nPING\\r\\n",
    "CLIENT REPLY SKIP\\r\\nGET hello\\r\\nPING\\r\\n",
    "CLIENT REPLY SKIP\\r\\nMGET hello l\\r\\nGET n\\r\\n",
    "CLIENT REPLY SKIP\\r\\nCLIENT REPLY SKIP\\r\\nPING\\r\\nECHO x\\r\\n",
    "CLIENT REPLY SKIP\\r\\n\\r\\nPING\\r\\nECHO x\\r\\n",
    "CLIENT REPLY SKIP\\r\\nCLIENT REPLY ON\\r\\nPING\\r\\n",
    "CLIENT REPLY OFF\\r\\nCLIENT REPLY SKIP\\r\\nCLIENT REPLY ON\\r\\nPING\\r\\n",
    "CLIENT REPLY OFF\\r\\n*a\\r\\n",
    "CLIENT REPLY OFF\\r\\nQUIT\\r\\n",
    "CLIENT REPLY OFF\\r\\nRESET\\r\\nPING\\r\\n",
};

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

/* Cuts the line of the only error that weir words in its own way, behind the name of the command.
 */
static void cut_explanation(struct blob *replies)
{
    static const char *const explanations[] = {"', with args beginning with: ",
                                               "': weir only reads; "};

    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(explanations[i]);
        char *at = memmem(replies->data, replies->length, explanations[i], length);
        for (; at; at = memmem(replies->data, replies->length, explanations[i], length)) {
            char *end = memchr(at, '\r', (size_t)(replies->data + replies->length - at));
            size_t rest = (size_t)(replies->data + replies->length - end);
            memmove(at + 1, end, rest);
            replies->length = (size_t)(at + 1 - replies->data) + rest;
        }
    }
}

/* Whether both servers say the same to `text`, in the notation of blob_append_escaped. */
static bool is_same(const struct pipeline *p, const char *text, size_t step)
{
    struct blob request = {0}, wanted = {0}, got = {0}, readable = {0};
    bool is_same;

    assert_true(blob_append_escaped(&request, text, strlen(text)));
    resp_client_exchange(redis_server_port(p->redis), &request, step, &wanted);
    resp_client_exchange(weir_process_resp_port(p->weir), &request, step, &got);
    cut_explanation(&wanted);
    cut_explanation(&got);
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
    pipeline_start(p, SETTINGS(.resp = "idle_timeout: 1h"));
    COMPARE(p, cases, 0);
}

/* However the bytes are cut. */
static void test_cut_at_every_byte(void **state)
{
    struct pipeline *p = *state;

    store(p);
    pipeline_start(p, SETTINGS(.resp = "idle_timeout: 1h"));
    COMPARE(p, cases, 1);
}

static void test_strangers(void **state)
{
    struct pipeline *p = *state;

    store(p);
    pipeline_start(p, SETTINGS(.resp = "password: secret"));
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
