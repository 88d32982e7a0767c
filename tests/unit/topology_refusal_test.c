/* Every refusal of a topology file, with its exact words; of overrides: topology_override_test.c.
 */
#include "common/listener.h"
#include "common/topology.h"

#include "tests/support/topology_kinds.h"
#include "tests/support/unit.h"

#define HTTP  "  http: {kind: http-frontend, listen: '127.0.0.1:8080', asks: cache}\n"
#define CACHE "  cache: {kind: cache, serves: inproc://cache, asks: redis}\n"
#define REDIS "  redis: {kind: redis-fetcher, serves: inproc://redis, url: 'redis://h:1'}\n"
#define ALL   "stages:\n" HTTP CACHE REDIS

/* A cache on line 2, with one more setting, and what it asks. */
#define CACHE_WITH(setting)                                                                        \
    "stages:\n  cache: {kind: cache, serves: inproc://cache, asks: redis, " setting "}\n" REDIS
#define REDIS_WITH(setting)                                                                        \
    "stages:\n  redis: {kind: redis-fetcher, serves: inproc://redis, url: 'redis://h', " setting   \
    "}\n"
#define KEYS_OF_REDIS(key)                                                                         \
    "t.yml:2: redis." key ": unknown key; the keys of kind redis-fetcher are kind, serves, "       \
    "insecure, url, password, connections, watch, names, news.mode, news.topics"
#define CACHE_SERVES(serves)                                                                       \
    "stages:\n  cache: {kind: cache, serves: " serves ", asks: redis}\n" REDIS
/* Of a row of caches. */
#define ROW(number, next)                                                                          \
    "  c" #number ": {kind: cache, serves: inproc://c" #number ", asks: c" #next "}\n"
#define ADMIN(settings) "stages:\n  admin: {kind: admin, " settings "}\n"

struct refusal {
    const char *text;     /* of the file */
    const char *expected; /* the error */
};

static void read_text(const char *text, size_t size, struct error *error)
{
    struct topology_draft *draft =
        topology_parse("t.yml", text, size, topology_kinds, TOPOLOGY_KIND_COUNT, error);
    struct topology *topology = draft ? topology_check(&draft, error) : NULL;

    assert_null(draft);
    assert_null(topology);
}

static void assert_refused(const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct error error = {""};
        read_text(refusals[i].text, strlen(refusals[i].text), &error);
        assert_string_equal(error.text, refusals[i].expected);
    }
}

#define ASSERT_REFUSED(refusals) assert_refused(refusals, sizeof(refusals) / sizeof *(refusals))

static void test_yaml_that_is_none(void **state)
{
    static const struct refusal refusals[] = {
        {"", "t.yml:1: must be a mapping, with stages in it"},
        {"- a\n", "t.yml:1: must be a mapping, with stages in it"},
        {"stages: [\n\n}\n", "t.yml:3: not valid YAML: did not find expected node content"},
        {"stages: *nothing\n", "t.yml:1: not valid YAML: found undefined alias"},
        {"\xff\xff\n", "t.yml:1: not valid YAML: invalid leading UTF-8 octet"},
        {ALL "---\n" ALL, "t.yml:5: a second document begins; there may be one only"},
        {"stages: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", "t.yml:1: nested too deeply"},
    };

    (void)state;
    ASSERT_REFUSED(refusals);
}

static void test_a_file_beyond_its_bounds(void **state)
{
    struct buffer text = {0};
    struct error error;

    (void)state;
    while (text.size <= TOPOLOGY_MAX_FILE)
        buffer_append_text(&text, "# just a comment\n");
    read_text(text.data, text.size, &error);
    assert_string_equal(error.text, "t.yml: larger than 1MiB");

    text.size = 0;
    for (int i = 0; i < 2000; i++)
        buffer_format(&text, "a%d: &a%d b\n", i, i);
    read_text(text.data, text.size, &error);
    assert_string_equal(error.text, "t.yml:1025: too many anchors in one file");

    text.size = 0;
    for (int i = 0; i < 65536; i++)
        buffer_append_text(&text, "- a\n");
    read_text(text.data, text.size, &error);
    assert_string_equal(error.text, "t.yml:65536: too many values in one file");
    buffer_fini(&text);
}

static void test_keys_at_the_top(void **state)
{
    static const struct refusal refusals[] = {
        {"drain_timeout: 1s\n", "t.yml:1: stages: is missing"},
        {"stages:\n", "t.yml:1: stages: must be a mapping of names to stages"},
        {"stages: {}\n", "t.yml:1: stages: must be a mapping of names to stages"},
        {"stages: [http]\n", "t.yml:1: stages: must be a mapping of names to stages"},
        {ALL "stage: 1\n",
         "t.yml:5: stage: unknown key; here go stages, reactors or processes, drain_timeout, "
         "log_level, hash_key_file and takeover"},
        {ALL "stages: {}\n", "t.yml:5: stages: is there twice; the first is on line 1"},
        {ALL "drain_timeout: 10\n",
         "t.yml:5: drain_timeout: \"10\" is not a duration, such as 250ms, 60s, 5m or 1h"},
        {ALL "drain_timeout: [1s]\n", "t.yml:5: drain_timeout: must be a single value"},
        {ALL "? [a]\n: b\n", "t.yml:5: a key must be a name of letters, digits, \"-\" and \"_\""},
    };

    (void)state;
    ASSERT_REFUSED(refusals);
}

static void test_names_and_kinds(void **state)
{
    static const struct refusal refusals[] = {
        {"stages:\n  http.0: {}\n", "t.yml:2: stages: \"http.0\" cannot be the name of a stage: "
                                    "letters, digits, \"-\" and \"_\""},
        {"stages:\n  7: {}\n",
         "t.yml:2: stages: a key must be a name of letters, digits, \"-\" and \"_\""},
        {"stages:\n  <<: {}\n", "t.yml:2: stages: \"<<\" cannot be the name of a stage: letters, "
                                "digits, \"-\" and \"_\""},
        {"stages:\n  http: 8080\n", "t.yml:2: http: must be a mapping with a kind"},
        {"stages:\n" REDIS REDIS, "t.yml:3: stages.redis: is there twice; the first is on line 2"},
        {"stages:\n  http: {asks: cache}\n",
         "t.yml:2: http.kind: is missing; it is one of http-frontend, cache, redis-fetcher, admin, "
         "resp-frontend"},
        {"stages:\n  http: {kind: http}\n",
         "t.yml:2: http.kind: \"http\" is not a kind; the kinds "
         "are http-frontend, cache, redis-fetcher, admin, resp-frontend"},
        {"stages:\n  http: {kind: [cache]}\n", "t.yml:2: http.kind: must be a single value"},
    };

    (void)state;
    ASSERT_REFUSED(refusals);
}

static void test_keys_of_a_stage(void **state)
{
    static const struct refusal refusals[] = {
        {CACHE_WITH("expires: 1s"),
         "t.yml:2: cache.expires: unknown key; the keys of kind cache are "
         "kind, serves, insecure, asks, capacity, max_bytes, expiry"},
        {CACHE_WITH("listen: '127.0.0.1:1'"),
         "t.yml:2: cache.listen: unknown key; the keys of kind "
         "cache are kind, serves, insecure, asks, "
         "capacity, max_bytes, expiry"},
        {ADMIN("asks: cache"), "t.yml:2: admin.asks: unknown key; the keys of kind admin are kind, "
                               "listen, instances"},
        {CACHE_WITH("expiry: 1s, capacity: 1, expiry: 2s"),
         "t.yml:2: cache.expiry: is there twice; the first is on line 2"},
        {CACHE_WITH("expiry: "), "t.yml:2: cache.expiry: has no value"},
        {CACHE_WITH("expiry: [1s]"), "t.yml:2: cache.expiry: must be a single value"},
        {CACHE_WITH("expiry: \"1\\0s\""), "t.yml:2: cache.expiry: holds a control character"},
        {CACHE_WITH("expiry: \"1\\n\""), "t.yml:2: cache.expiry: holds a control character"},
        {CACHE_WITH("expiry: {}"), "t.yml:2: cache.expiry: must be a single value"},
    };
    struct buffer text = {0};
    struct error error;

    (void)state;
    ASSERT_REFUSED(refusals);
    buffer_append_text(&text, "stages:\n  a: {kind: ");
    for (int i = 0; i < 4097; i++)
        buffer_append_text(&text, "x");
    buffer_append_text(&text, "}\n");
    read_text(text.data, text.size, &error);
    assert_string_equal(error.text, "t.yml:2: a.kind: is longer than 4096 bytes");
    buffer_fini(&text);
}

static void test_flags_lists_and_nested_settings(void **state)
{
    static const struct refusal refusals[] = {
        {REDIS_WITH("watch: yes"), "t.yml:2: redis.watch: \"yes\" is not true or false"},
        {REDIS_WITH("watch: [true]"), "t.yml:2: redis.watch: must be a single value"},
        {REDIS_WITH("names: {a: b}"), "t.yml:2: redis.names: must be a single value"},
        {REDIS_WITH("names: []"), "t.yml:2: redis.names: has no value"},
        {REDIS_WITH("names: [a, '']"), "t.yml:2: redis.names: has no value"},
        {REDIS_WITH("names: [a, [b]]"), "t.yml:2: redis.names: must be a single value"},
        {REDIS_WITH("names: [a, \"b\\0\"]"), "t.yml:2: redis.names: holds a control character"},
        {REDIS_WITH("news: on"), "t.yml:2: redis.news: must be a mapping"},
        {REDIS_WITH("news: {}"), "t.yml:2: redis.news.mode: is missing"},
        {REDIS_WITH("news: {topics: a}"), "t.yml:2: redis.news.mode: is missing"},
        {REDIS_WITH("news: {mode: }"), "t.yml:2: redis.news.mode: has no value"},
        {REDIS_WITH("\n    news:\n      {mode: some,\n      topics: [a, b, c, d]}"),
         "t.yml:5: redis.news.topics: at most 3"},
        {REDIS_WITH("news: {mode: a, mode: b}"),
         "t.yml:2: redis.mode: is there twice; the first is on line 2"},
        {REDIS_WITH("news: {<<: {mode: a}}"), KEYS_OF_REDIS("news.<<")},
        {REDIS_WITH("news: {mode: a, hour: 1}"), KEYS_OF_REDIS("news.hour")},
        {REDIS_WITH("news.mode: a"), KEYS_OF_REDIS("news.mode")},
        {REDIS_WITH("new: {mode: a}"), KEYS_OF_REDIS("new")},
    };

    (void)state;
    ASSERT_REFUSED(refusals);
}

static void test_merges(void **state)
{
    static const struct refusal refusals[] = {
        {"stages:\n  a: {<<: 1}\n",
         "t.yml:2: a.<<: must be an alias of a stage's settings, or a list of such"},
        {"stages:\n  a: &a {<<: *a}\n", "t.yml:2: a.<<: merges more than 64 times"},
        {"stages:\n  a: &a\n    <<: [*a, *a]\n", "t.yml:3: a.<<: merges more than 64 times"},
        {"stages:\n  a: {<<: {}, <<: {}}\n",
         "t.yml:2: a.<<: is there twice; the first is on line 2"},
        /* What is wrong in a shared setting is shown where it is written. */
        {"stages:\n  a: &a\n    kind: cache\n    serves: inproc://a\n    asks: redis\n"
         "    expiry: 0s\n  b: {<<: *a, expiry: 1s}\n" REDIS,
         "t.yml:4: b.serves: inproc://a is used twice; a.serves has it already"},
    };
    struct buffer text = {0};
    struct error error;

    (void)state;
    ASSERT_REFUSED(refusals);
    buffer_append_text(&text, "stages:\n  a:\n");
    for (int i = 0; i < 65; i++)
        buffer_format(&text, "    k%d: 1\n", i);
    read_text(text.data, text.size, &error);
    assert_string_equal(error.text, "t.yml:3: a: more than 64 keys");

    text.size = 0;
    buffer_append_text(&text, "stages:\n  a:\n    kind: cache\n    <<: {");
    for (int i = 0; i < 64; i++)
        buffer_format(&text, "k%d: 1, ", i);
    buffer_append_text(&text, "}\n");
    read_text(text.data, text.size, &error);
    assert_string_equal(error.text, "t.yml:4: a: more than 64 keys");
    buffer_fini(&text);
}

static void test_values(void **state)
{
    static const struct refusal refusals[] = {
        {CACHE_WITH("capacity: 0"),
         "t.yml:2: cache.capacity: \"0\" is not a whole number from 1 to 2147483647"},
        {CACHE_WITH("capacity: -5"),
         "t.yml:2: cache.capacity: \"-5\" is not a whole number from 1 to 2147483647"},
        {CACHE_WITH("capacity: many"),
         "t.yml:2: cache.capacity: \"many\" is not a whole number from 1 to 2147483647"},
        {CACHE_WITH("expiry: 0s"),
         "t.yml:2: cache.expiry: \"0s\" is not a duration, such as 250ms, 60s, 5m or 1h"},
        {CACHE_WITH("expiry: -1s"),
         "t.yml:2: cache.expiry: \"-1s\" is not a duration, such as 250ms, 60s, 5m or 1h"},
        {CACHE_WITH("expiry: 60"),
         "t.yml:2: cache.expiry: \"60\" is not a duration, such as 250ms, 60s, 5m or 1h"},
        {CACHE_WITH("max_bytes: 0"),
         "t.yml:2: cache.max_bytes: \"0\" is not a size, such as 800, 64KiB, 16MiB or 1GiB"},
        {CACHE_WITH("max_bytes: 1GB"),
         "t.yml:2: cache.max_bytes: \"1GB\" is not a size, such as 800, 64KiB, 16MiB or 1GiB"},
        {"stages:\n  redis: {kind: redis-fetcher, serves: inproc://redis}\n",
         "t.yml:2: redis.url: is missing"},
        {"stages:\n  redis: {kind: redis-fetcher, serves: inproc://redis, url: 'http://me:pw@h'}\n",
         "t.yml:2: redis.url: must begin with redis://"},
        {REDIS_WITH("connections: 65"), "t.yml:2: redis.connections: at most 64"},
        {REDIS_WITH("connections: x"),
         "t.yml:2: redis.connections: \"x\" is not a whole number from 1 to 2147483647"},
        {ADMIN("listen: '127.0.0.1:1', instances: 0"),
         "t.yml:2: admin.instances: \"0\" is not a whole number from 1 to 64"},
        {ADMIN("listen: '127.0.0.1:1', instances: 65"),
         "t.yml:2: admin.instances: \"65\" is not a whole number from 1 to 64"},
        {"stages:\n  cache: {kind: cache, serves: [inproc://a, inproc://b], asks: redis,\n"
         "          capacity: 1}\n" REDIS,
         "t.yml:3: cache.capacity: 1 shared among 2 instances leaves less than 1 for each"},
    };

    (void)state;
    ASSERT_REFUSED(refusals);
}

static void test_links(void **state)
{
    static const struct refusal refusals[] = {
        {"stages:\n  cache: {kind: cache, asks: redis}\n" REDIS,
         "t.yml:2: cache.serves: is missing: one address for each shard"},
        {CACHE_SERVES("[]"), "t.yml:2: cache.serves: is missing: one address for each shard"},
        {CACHE_SERVES("cache"), "t.yml:2: cache.serves: must be inproc://NAME, ipc:///PATH or "
                                "tcp://ADDRESS:PORT"},
        {CACHE_SERVES("ipc://cache"),
         "t.yml:2: cache.serves: must be ipc:// and an absolute path, of 102 bytes at most"},
        {CACHE_SERVES("[inproc://a, 'tcp://*:1']"),
         "t.yml:2: cache.serves: must be tcp:// with an IP address and a port, as "
         "tcp://10.0.0.2:7000 or tcp://[fd00::2]:7000"},
        {CACHE_SERVES("'tcp://0.0.0.0:1'"),
         "t.yml:2: cache.serves: must be the very address that others connect to, not a wildcard"},
        {CACHE_SERVES("'tcp://10.0.0.1:1'"),
         "t.yml:2: cache.serves: cache would be reached from other hosts unencrypted; give its "
         "process public_key, key_file and allow_file (weir --make-keys), or say insecure: true "
         "here"},
        {"stages:\n  a: {kind: admin, listen: '127.0.0.1:7'}\n"
         "  b: {kind: cache, serves: 'tcp://127.0.0.1:7', asks: redis}\n" REDIS,
         "t.yml:3: b.serves: tcp://127.0.0.1:7 is used twice; a.listen has it already"},
        {CACHE_SERVES("inproc://"), "t.yml:2: cache.serves: must be inproc:// and a name without "
                                    "spaces, of 200 bytes at most"},
        {CACHE_SERVES("inproc://a b"), "t.yml:2: cache.serves: must be inproc:// and a name "
                                       "without spaces, of 200 bytes at most"},
        {CACHE_SERVES("[[inproc://a]]"), "t.yml:2: cache.serves: must be a single value"},
        {CACHE_SERVES("[inproc://a, inproc://a]"),
         "t.yml:2: cache.serves: inproc://a is used twice; cache.serves has it already"},
        {CACHE_SERVES("inproc://redis"),
         "t.yml:3: redis.serves: inproc://redis is used twice; cache.serves has it already"},
        {"stages:\n  a: {kind: admin, listen: '127.0.0.1:1'}\n"
         "  b: {kind: admin, listen: '127.0.0.1:1'}\n",
         "t.yml:3: b.listen: 127.0.0.1:1 is used twice; a.listen has it already"},
        {"stages:\n  a: {kind: admin, listen: 'unix:/a:0'}\n"
         "  b: {kind: admin, listen: 'unix:/a:0'}\n",
         "t.yml:3: b.listen: unix:/a:0 is used twice; a.listen has it already"},
        {"stages:\n  admin: {kind: admin}\n",
         "t.yml:2: admin.listen: is missing: an address as 127.0.0.1:8080, [::1]:8080 or "
         "unix:/path"},
        {ADMIN("listen: 'redis://h:1'"),
         "t.yml:2: admin.listen: must be an address, not a URL: 127.0.0.1:8080, [::1]:8080 or "
         "unix:/path"},
        {"stages:\n" HTTP, "t.yml:2: http.asks: \"cache\" is not a stage"},
        {"stages:\n  http: {kind: http-frontend, listen: '127.0.0.1:1'}\n",
         "t.yml:2: http.asks: is missing: the stage it asks, towards the origin"},
        {"stages:\n" HTTP "  cache: {kind: admin, listen: '127.0.0.1:1'}\n",
         "t.yml:2: http.asks: cache cannot be asked: its kind, admin, serves no other stage"},
        {"stages:\n  a: {kind: cache, serves: inproc://a, asks: a}\n",
         "t.yml:2: a.asks: goes in a circle: a asks a"},
        {"stages:\n  c: {kind: cache, serves: inproc://c, asks: a}\n"
         "  a: {kind: cache, serves: inproc://a, asks: b}\n"
         "  b: {kind: cache, serves: inproc://b, asks: a}\n",
         "t.yml:3: a.asks: goes in a circle: a asks b asks a"},
        {"stages:\n" HTTP "  cache: {kind: cache, serves: inproc://cache, asks: c1}\n" ROW(1, 2)
             ROW(2, 3) ROW(3, 4) ROW(4, 5) ROW(5, 6) ROW(6, 7)
                 ROW(7, 8) "  c8: {kind: cache, serves: inproc://c8, asks: redis}\n" REDIS,
         "t.yml:2: http.asks: leads through 9 caches; at most 8 may stand in a row"},
    };
    struct error reason, error;
    char expected[600];

    (void)state;
    ASSERT_REFUSED(refusals);
    assert_false(listener_check_address("nowhere", &reason));
    snprintf(expected, sizeof expected, "t.yml:2: admin.listen: %s", reason.text);
    read_text(ADMIN("listen: nowhere"), strlen(ADMIN("listen: nowhere")), &error);
    assert_string_equal(error.text, expected);
}

static void test_placement(void **state)
{
    static const struct refusal refusals[] = {
        {ALL "reactors: [[http, cache]]\n", "t.yml:5: reactors: redis is placed nowhere"},
        {ALL "reactors: []\n", "t.yml:5: reactors: http is placed nowhere"},
        {ALL "reactors:\n  - [http, cache]\n  - [redis, http]\n",
         "t.yml:7: reactors: http is placed twice"},
        {ALL "reactors:\n  - [http, cache, redis]\n  - []\n",
         "t.yml:7: reactors: a reactor without stages would be an idle thread"},
        {ALL "reactors:\n  - [http, cash]\n",
         "t.yml:6: reactors: \"cash\" is neither a stage nor an instance of one"},
        {ALL "reactors:\n  - [http.0]\n",
         "t.yml:6: reactors: \"http.0\" is neither a stage nor an instance of one"},
        {ALL "reactors: [http]\n", "t.yml:5: reactors: each reactor must be a list of stages, as "
                                   "in - [http, cache]"},
        {ALL "reactors: http\n", "t.yml:5: reactors: must be a list of lists of stages"},
        {ALL "reactors: [[[http]]]\n", "t.yml:5: reactors: must be a single value"},
        {"stages:\n  cache: {kind: cache, serves: [inproc://a, inproc://b], asks: redis}\n" REDIS
         "reactors: [[redis, cache, cache.1]]\n",
         "t.yml:4: reactors: cache.1 is placed twice"},
    };

    (void)state;
    ASSERT_REFUSED(refusals);
}

/* Three stages on lines 2 to 4, the first and the second linked over ipc. */
#define SPLIT "stages:\n" HTTP "  cache: {kind: cache, serves: 'ipc:///c', asks: redis}\n" REDIS

/* The same over a network. */
#define FAR                                                                                        \
    "stages:\n" HTTP "  cache: {kind: cache, serves: 'tcp://10.0.0.1:7', asks: redis}\n" REDIS

#define LETTERS_100                                                                                \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                                           \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define KEY "'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'"

static void test_processes(void **state)
{
    static const struct refusal refusals[] = {
        {SPLIT "processes: []\n", "t.yml:5: processes: must be a mapping of names to processes"},
        {SPLIT "processes: {}\n", "t.yml:5: processes: must be a mapping of names to processes"},
        {SPLIT "processes: {a: [[http]]}\n",
         "t.yml:5: processes.a: must be a name and a mapping with reactors in it"},
        {SPLIT "processes: {a: {reactor: [[http]]}}\n",
         "t.yml:5: a.reactor: unknown key; a process has reactors, key_file, public_key, "
         "allow_file and takeover"},
        {SPLIT "processes: {a: {key_file: /k}}\n", "t.yml:5: a.reactors: is missing"},
        {SPLIT "processes: {a: {reactors: [http]}}\n",
         "t.yml:5: a.reactors: each reactor must be a list of stages, as in - [http, cache]"},
        {SPLIT "reactors: [[http, cache, redis]]\nprocesses: {a: {reactors: [[http]]}}\n",
         "t.yml:6: processes: processes takes the place of reactors; there cannot be both"},
        {SPLIT "processes: {a: {reactors: [[http, cache, redis]]}}\nreactors: [[http]]\n",
         "t.yml:6: reactors: processes takes the place of reactors; there cannot be both"},
        {SPLIT "processes: {a: {reactors: [[http]]}, b: {reactors: [[redis]]}}\n",
         "t.yml:5: processes: cache is placed nowhere"},
        {SPLIT "processes:\n  a: {reactors: [[http, cache, redis]]}\n  b: {reactors: [[redis]]}\n",
         "t.yml:7: b.reactors: redis is placed twice"},
        {SPLIT "processes:\n  a: {reactors: [[http]]}\n  b: {reactors: [[cache]]}\n"
               "  c: {reactors: [[redis]]}\n",
         "t.yml:4: redis.serves: cache asks redis from another process, which inproc:// does not "
         "reach; ipc:// does on one host, tcp:// between hosts"},
        {"stages:\n  http: {kind: http-frontend, listen: '127.0.0.1:1', asks: redis,\n"
         "         instances: 2}\n  redis: {kind: redis-fetcher, serves: 'ipc:///r', "
         "url: 'redis://h'}\n"
         "processes: {a: {reactors: [[http.0]]}, b: {reactors: [[http.1, redis]]}}\n",
         "t.yml:3: http.instances: all must be in one process, for they share 127.0.0.1:1; make "
         "those of another process a stage of its own"},
    };

    (void)state;
    ASSERT_REFUSED(refusals);
}

static void test_keys_of_links(void **state)
{
    static const struct refusal refusals[] = {
        {FAR "processes: {a: {reactors: [[http]]}, b: {reactors: [[cache, redis]]}}\n",
         "t.yml:3: cache.serves: cache would be reached from other hosts unencrypted; give its "
         "process public_key, key_file and allow_file (weir --make-keys), or say insecure: true "
         "here"},
        {FAR "processes:\n  a: {reactors: [[http]]}\n"
             "  b: {reactors: [[cache, redis]], public_key: 'abc'}\n",
         "t.yml:7: b.public_key: must be the 64 hexadecimal digits that weir --make-keys printed"},
        {FAR "processes:\n  a: {reactors: [[http]]}\n"
             "  b: {reactors: [[cache, redis]], public_key: " KEY "}\n",
         "t.yml:7: b.key_file: is missing: cache serves there, encrypted"},
        {FAR "processes:\n  a: {reactors: [[http]]}\n"
             "  b: {reactors: [[cache, redis]], public_key: " KEY ", key_file: /k}\n",
         "t.yml:7: b.allow_file: is missing: cache serves there, encrypted"},
        {FAR "processes:\n  a: {reactors: [[http]]}\n"
             "  b: {reactors: [[cache, redis]], public_key: " KEY ", key_file: /k, "
             "allow_file: /a}\n",
         "t.yml:6: a.key_file: is missing: http asks cache, and that link is encrypted"},
        {CACHE_WITH("insecure: maybe"), "t.yml:2: cache.insecure: must be true or false"},
    };

    (void)state;
    ASSERT_REFUSED(refusals);
}

static void test_takeover(void **state)
{
    static const char too_long[] = "'/" LETTERS_100 LETTERS_100 "'";
    static const struct refusal refusals[] = {
        {ALL "takeover: sock\n",
         "t.yml:5: takeover: must be an absolute path for a Unix socket, of "
         "about 100 bytes at most"},
        {ALL "takeover: 'redis://me:s3cret@h'\n",
         "t.yml:5: takeover: must be an absolute path for a Unix socket, of about 100 bytes at "
         "most"},
        {SPLIT "processes: {a: {reactors: [[http]]}, b: {reactors: [[cache, redis]]}}\n"
               "takeover: /a\n",
         "t.yml:6: takeover: belongs into each process that can be taken over from"},
        {SPLIT "processes: {a: {reactors: [[http]]}, b: {reactors: [[cache, redis]],\n"
               "  takeover: /b}}\n",
         "t.yml:6: b.takeover: cache serves other processes at ipc:///c, which only one process "
         "can bind: this one can be restarted, not taken over from"},
        {"stages:\n  a: {kind: admin, listen: '127.0.0.1:0'}\n"
         "  b: {kind: admin, listen: '127.0.0.1:0'}\n"
         "processes: {a: {reactors: [[a]], takeover: /s},\n"
         "  b: {reactors: [[b]], takeover: /s}}\n",
         "t.yml:5: b.takeover: /s is used twice; a has it already"},
    };
    char text[1024];
    struct error error;

    (void)state;
    ASSERT_REFUSED(refusals);
    snprintf(text, sizeof text, ALL "takeover: %s\n", too_long);
    read_text(text, strlen(text), &error);
    assert_non_null(strstr(error.text, "t.yml:5: takeover: must be an absolute path"));
}

static void test_too_many(void **state)
{
    struct buffer text = {0};
    struct error error;

    (void)state;
    buffer_append_text(&text, "stages:\n");
    for (int i = 0; i < 257; i++)
        buffer_format(&text, "  a%d: {kind: admin, listen: '127.0.0.1:0'}\n", i);
    read_text(text.data, text.size, &error);
    assert_string_equal(error.text, "t.yml:1: stages: more than 256 stages");

    text.size = 0;
    buffer_append_text(&text, "stages:\n");
    for (int i = 0; i < 17; i++)
        buffer_format(&text, "  a%d: {kind: admin, listen: '127.0.0.1:0', instances: 64}\n", i);
    read_text(text.data, text.size, &error);
    assert_string_equal(error.text,
                        "t.yml:18: a16: more than 1024 instances and shards altogether");

    text.size = 0;
    buffer_append_text(&text, "stages:\n  redis:\n    kind: redis-fetcher\n    url: redis://h\n"
                              "    serves:\n");
    for (int i = 0; i < 257; i++)
        buffer_format(&text, "    - inproc://%d\n", i);
    read_text(text.data, text.size, &error);
    assert_string_equal(error.text, "t.yml:5: redis.serves: more than 256 shards");
    buffer_fini(&text);
}

/* Somebody forgets a space, or mistakes one key for another: the URL must not reach the log. */
static void test_no_refusal_repeats_a_password(void **state)
{
    static const char *const texts[] = {
        "stages: {redis: {kind: redis-fetcher, url:redis://me:s3cret@h}}\n",
        "stages: {redis: {kind: 'redis://me:s3cret@h'}}\n",
        "stages: {'redis://me:s3cret@h': {kind: cache}}\n",
        "redis://me:s3cret@h\n",
        "{'redis://me:s3cret@h': 1}\n",
        CACHE_WITH("expiry: 'redis://me:s3cret@h'"),
        CACHE_SERVES("'redis://me:s3cret@h'"),
        ALL "reactors: [['redis://me:s3cret@h']]\n",
        ALL "drain_timeout: redis://me:s3cret@h\n",
        "stages:\n  a: {kind: cache, serves: inproc://a, asks: 'redis://me:s3cret@h'}\n",
        ADMIN("listen: 'redis://me:s3cret@h'"),
        ADMIN("listen: '127.0.0.1:1', instances: 'redis://me:s3cret@h'"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct error error = {""};
        read_text(texts[i], strlen(texts[i]), &error);
        assert_string_not_equal(error.text, "");
        assert_null(strstr(error.text, "s3cret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_that_is_none),
        cmocka_unit_test(test_a_file_beyond_its_bounds),
        cmocka_unit_test(test_keys_at_the_top),
        cmocka_unit_test(test_names_and_kinds),
        cmocka_unit_test(test_keys_of_a_stage),
        cmocka_unit_test(test_flags_lists_and_nested_settings),
        cmocka_unit_test(test_merges),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_placement),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_keys_of_links),
        cmocka_unit_test(test_takeover),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_no_refusal_repeats_a_password),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
