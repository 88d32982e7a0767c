/* Gathers before a port of the test's own: what is asked when, and what comes together. */
#include "stages/resp_frontend/gather.h"

#include "tests/support/unit.h"

#include <stdio.h>

#define MAX_ASKS 512

struct scene {
    struct ask_port port; /* first: the port is the scene's whole */
    struct gathers gathers;
    enum status verdict;
    struct {
        uint64_t token;
        size_t shard;
        char key[16];
    } asks[MAX_ASKS];
    size_t asked;
    size_t done; /* gathers */
    struct buffer result;
    enum status failure;
    bool is_too_large;
};

static enum status ask(struct ask_port *port, size_t shard, uint64_t token, const struct ask *asked)
{
    struct scene *scene = (struct scene *)port;
    if (scene->verdict != STATUS_VALUE)
        return scene->verdict;
    assert_true(scene->asked < MAX_ASKS && token & GATHER_TOKEN);
    scene->asks[scene->asked].token = token;
    scene->asks[scene->asked].shard = shard;
    snprintf(scene->asks[scene->asked].key, 16, "%.*s", (int)asked->key.size, asked->key.data);
    scene->asked++;
    return STATUS_VALUE;
}

/* Notes "value, -, !" for each part: a value, none, another status. */
static void on_done(void *owner, struct gather *gather)
{
    struct scene *scene = owner;
    scene->done++;
    scene->failure = gather->failure;
    scene->is_too_large = gather->is_too_large;
    for (size_t i = 0; i < gather->asked; i++) {
        const struct bytes value = gather_value(gather, i);
        if (gather->parts[i].status == STATUS_VALUE)
            buffer_append(&scene->result, value.data, value.size);
        else
            buffer_append_text(&scene->result, gather->parts[i].status == STATUS_NONE ? "-" : "!");
        buffer_append_text(&scene->result, " ");
    }
}

static void set_up(struct scene *scene)
{
    *scene = (struct scene){.port = {.shards = 3, .ask = ask}, .verdict = STATUS_VALUE};
    scene->gathers = (struct gathers){.on_done = on_done, .owner = scene, .most = 2};
}

static void tear_down(struct scene *scene)
{
    gathers_fini(&scene->gathers);
    buffer_fini(&scene->result);
}

/* Asks for the keys k0, k1, … */
static enum status start(struct scene *scene, size_t count, size_t max_bytes)
{
    struct buffer keys = {0};
    for (size_t i = 0; i < count; i++) {
        char key[16];
        gather_append_key(&keys, (struct bytes){key, (size_t)snprintf(key, sizeof key, "k%zu", i)});
    }
    const enum status status = gather_start(&scene->gathers, &scene->port,
                                            &(struct gather_question){.keys = buffer_bytes(&keys),
                                                                      .count = count,
                                                                      .deadline = 100,
                                                                      .wants_values = true,
                                                                      .max_bytes = max_bytes});
    buffer_fini(&keys);
    return status;
}

static void answer(struct scene *scene, size_t ask, enum status status, const char *value)
{
    gather_take(&scene->gathers, 1, scene->asks[ask].token,
                &(struct answer){.status = status, .bytes = bytes_of_text(value)});
}

static void expect_result(struct scene *scene, const char *result)
{
    assert_int_equal(scene->done, 1);
    assert_true(bytes_are_equal(buffer_bytes(&scene->result), bytes_of_text(result)));
}

static void test_order_of_the_keys(void **state)
{
    struct scene scene;
    (void)state;
    set_up(&scene);
    assert_int_equal(start(&scene, 4, 100), STATUS_VALUE);
    assert_int_equal(scene.asked, 4);
    assert_string_equal(scene.asks[2].key, "k2");
    assert_int_equal(scene.asks[2].shard, PORT_BY_KEY);
    answer(&scene, 3, STATUS_VALUE, "d");
    answer(&scene, 1, STATUS_WRONG_TYPE, "");
    answer(&scene, 0, STATUS_VALUE, "a");
    assert_int_equal(scene.done, 0);
    answer(&scene, 2, STATUS_NONE, "");
    expect_result(&scene, "a ! - d ");
    assert_int_equal(scene.failure, STATUS_VALUE);
    tear_down(&scene);
}

static void test_window(void **state)
{
    struct scene scene;
    (void)state;
    set_up(&scene);
    start(&scene, GATHER_WINDOW + 2, 1000);
    assert_int_equal(scene.asked, GATHER_WINDOW);
    answer(&scene, 7, STATUS_NONE, "");
    assert_int_equal(scene.asked, GATHER_WINDOW + 1);
    assert_string_equal(scene.asks[GATHER_WINDOW].key, "k64");
    for (size_t i = 0; i < GATHER_WINDOW + 2; i++)
        if (i != 7)
            answer(&scene, i, STATUS_NONE, "");
    assert_int_equal(scene.done, 1);
    tear_down(&scene);
}

/* It is done when what was asked has been answered, and has asked for nothing more. */
static void test_one_failure_is_the_answer(void **state)
{
    struct scene scene;
    (void)state;
    set_up(&scene);
    start(&scene, GATHER_WINDOW + 50, 1000);
    answer(&scene, 5, STATUS_TIMEOUT, "");
    for (size_t i = 0; i < GATHER_WINDOW; i++)
        if (i != 5)
            answer(&scene, i, STATUS_NONE, "");
    assert_int_equal(scene.asked, GATHER_WINDOW);
    assert_int_equal(scene.done, 1);
    assert_int_equal(scene.failure, STATUS_TIMEOUT);
    tear_down(&scene);
}

static void test_a_busy_port(void **state)
{
    struct scene scene;
    (void)state;
    set_up(&scene);
    scene.verdict = STATUS_BUSY;
    assert_int_equal(start(&scene, 3, 100), STATUS_BUSY);

    scene.verdict = STATUS_VALUE;
    start(&scene, GATHER_WINDOW + 1, 100);
    scene.verdict = STATUS_BUSY;
    answer(&scene, 0, STATUS_NONE, ""); /* one more could be asked, and is not taken */
    scene.verdict = STATUS_VALUE;
    answer(&scene, 1, STATUS_NONE, "");
    assert_int_equal(scene.asked, GATHER_WINDOW + 1);
    for (size_t i = 2; i < GATHER_WINDOW + 1; i++)
        answer(&scene, i, STATUS_NONE, "");
    assert_int_equal(scene.done, 1);
    assert_int_equal(scene.failure, STATUS_VALUE);
    tear_down(&scene);
}

static void test_the_values_are_bounded(void **state)
{
    struct scene scene;
    (void)state;
    set_up(&scene);
    start(&scene, 2, 5);
    answer(&scene, 0, STATUS_VALUE, "abc");
    answer(&scene, 1, STATUS_VALUE, "abc");
    assert_int_equal(scene.done, 1);
    assert_true(scene.is_too_large);
    tear_down(&scene);
}

static void test_large_values_are_shared(void **state)
{
    struct scene scene;
    struct value *value = value_create(3);
    (void)state;
    memcpy(value_writable(value), "big", 3);
    set_up(&scene);
    start(&scene, 2, 100);
    gather_take(&scene.gathers, 1, scene.asks[1].token,
                &(struct answer){.status = STATUS_VALUE, .value = value});
    assert_int_equal(value->references, 2);
    answer(&scene, 0, STATUS_VALUE, "a");
    expect_result(&scene, "a big ");
    assert_int_equal(value->references, 1);
    value_release(&value);
    tear_down(&scene);
}

static void test_after_the_deadline_no_more_is_asked(void **state)
{
    struct scene scene;
    (void)state;
    set_up(&scene);
    start(&scene, GATHER_WINDOW + 1, 100);
    for (size_t i = 0; i < GATHER_WINDOW; i++)
        gather_take(&scene.gathers, 100, scene.asks[i].token,
                    &(struct answer){.status = STATUS_NONE});
    assert_int_equal(scene.asked, GATHER_WINDOW);
    assert_int_equal(scene.failure, STATUS_TIMEOUT);
    tear_down(&scene);
}

/* Two at a time here; their answers are told apart, and a place that is free again is used again.
 */
static void test_many_at_a_time(void **state)
{
    struct scene scene;
    (void)state;
    set_up(&scene);
    start(&scene, 1, 100);
    start(&scene, 1, 100);
    assert_int_equal(start(&scene, 1, 100), STATUS_BUSY);
    answer(&scene, 1, STATUS_VALUE, "second");
    expect_result(&scene, "second ");
    assert_int_equal(start(&scene, 1, 100), STATUS_VALUE);
    tear_down(&scene); /* with two under way */
}

/* All shards are asked for the one key; who does not answer is left out. */
static void test_survey(void **state)
{
    struct scene scene;
    struct buffer key = {0};
    (void)state;
    set_up(&scene);
    gather_append_key(&key, bytes_of_text("metrics"));
    const struct gather_question question = {
        .keys = buffer_bytes(&key), .deadline = 100, .wants_values = true, .max_bytes = 100};
    assert_int_equal(gather_start_survey(&scene.gathers, &scene.port, &question), STATUS_VALUE);
    assert_int_equal(scene.asked, 3);
    assert_int_equal(scene.asks[2].shard, 2);
    assert_string_equal(scene.asks[2].key, "metrics");
    answer(&scene, 0, STATUS_VALUE, "a");
    answer(&scene, 1, STATUS_AWAY, "");
    answer(&scene, 2, STATUS_VALUE, "c");
    expect_result(&scene, "a ! c ");
    assert_int_equal(scene.failure, STATUS_VALUE);
    buffer_fini(&key);
    tear_down(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_the_keys),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_one_failure_is_the_answer),
        cmocka_unit_test(test_a_busy_port),
        cmocka_unit_test(test_the_values_are_bounded),
        cmocka_unit_test(test_large_values_are_shared),
        cmocka_unit_test(test_after_the_deadline_no_more_is_asked),
        cmocka_unit_test(test_many_at_a_time),
        cmocka_unit_test(test_survey),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
