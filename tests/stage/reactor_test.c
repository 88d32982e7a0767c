#include "common/reactor.h"

#include "tests/support/scene.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define ASKS 100
#define BIG  ((size_t)1024 * 1024)

static const struct bytes some_key = {"some key", 8};

static enum status ask_number(struct fake *fake, uint64_t number)
{
    char key[32];
    const int size = snprintf(key, sizeof key, "key:%d", (int)number);
    return port_ask(fake->setup.asks, number,
                    &(struct ask){.key = (struct bytes){key, (size_t)size}, .deadline = NEVER});
}

static bool is_key(const struct answer *answer, uint64_t number)
{
    char key[32];
    const int size = snprintf(key, sizeof key, "key:%d", (int)number);
    return bytes_are_equal(answer_bytes(answer), (struct bytes){key, (size_t)size});
}

/* ---- asks and answers ---- */

static void ask_many(struct fake *fake, struct moment now)
{
    (void)now;
    for (uint64_t i = 0; i < ASKS; i++)
        if (ask_number(fake, i) != STATUS_VALUE)
            fake->failures++;
}

static void inspect_after_all(struct fake *fake, uint64_t token, const struct answer *answer)
{
    if (!is_key(answer, token))
        fake->failures++;
    if (fake->answers == ASKS)
        scene_inspect_and_end(fake->scene, "metrics");
}

static void asks_of_one_turn_leave_as_one_batch(size_t reactors)
{
    static const struct {
        const char *labels;
    } links[] = {{"stage=\"client\",link=\"relay\""},
                 {"stage=\"relay\",link=\"inproc://relay\""},
                 {"stage=\"relay\",link=\"origin\""},
                 {"stage=\"origin\",link=\"inproc://origin\""}};
    struct scene *scene = scene_create(reactors);
    scene->fakes[CLIENT].script =
        (struct script){.on_open = ask_many, .on_answer = inspect_after_all};

    assert_true(scene_run(scene));

    assert_int_equal(scene->fakes[CLIENT].answers, ASKS);
    assert_int_equal(scene->fakes[CLIENT].failures, 0);
    assert_int_equal(scene_metric(scene, "fake_asks_total", "stage=\"origin\""), ASKS);
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        /* One to open the session, one with all the asks or all the answers. */
        const char *labels = links[i].labels;
        assert_int_equal(scene_metric(scene, "weir_link_batches_sent_total", labels), 2);
        assert_int_equal(scene_metric(scene, "weir_link_batches_received_total", labels), 2);
        assert_int_equal(scene_metric(scene, "weir_link_records_sent_total", labels), 1 + ASKS);
        assert_int_equal(scene_metric(scene, "weir_link_batches_dropped_total", labels), 0);
    }
    assert_true(scene_metric(scene, "weir_reactor_turns_total", "stage=\"reactor.0\"") > 0);
    for (size_t i = 0; i < STAGES; i++)
        assert_int_equal(scene->fakes[i].destroyed, 1);
    scene_destroy(&scene);
}

static void test_asks_of_one_turn_leave_as_one_batch_in_one_reactor(void **state)
{
    (void)state;
    asks_of_one_turn_leave_as_one_batch(1);
}

static void test_asks_of_one_turn_leave_as_one_batch_between_two_reactors(void **state)
{
    (void)state;
    asks_of_one_turn_leave_as_one_batch(2);
}

/* Asks again with every answer, so that links are at work for many turns. */
static void ask_on_and_on(struct fake *fake, uint64_t token, const struct answer *answer)
{
    if (!is_key(answer, token))
        fake->failures++;
    if (fake->answers + ASKS <= 100 * ASKS) {
        if (ask_number(fake, fake->answers) != STATUS_VALUE)
            fake->failures++;
    } else if (fake->answers == 100 * ASKS) {
        scene_end(fake->scene);
    }
}

static void nothing_is_lost_in_many_turns(size_t reactors)
{
    struct scene *scene = scene_create(reactors);
    scene->fakes[CLIENT].script = (struct script){.on_open = ask_many, .on_answer = ask_on_and_on};
    assert_true(scene_run(scene));
    assert_int_equal(scene->fakes[CLIENT].answers, 100 * ASKS);
    assert_int_equal(scene->fakes[CLIENT].failures, 0);
    assert_int_equal(scene->fakes[CLIENT].notices, 0);
    scene_destroy(&scene);
}

static void test_nothing_is_lost_in_many_turns_of_one_reactor(void **state)
{
    (void)state;
    nothing_is_lost_in_many_turns(1);
}

static void test_nothing_is_lost_in_many_turns_of_two_reactors(void **state)
{
    (void)state;
    nothing_is_lost_in_many_turns(2);
}

/* ---- large values ---- */

static void ask_one(struct fake *fake, struct moment now)
{
    (void)now;
    if (ask_number(fake, 0) != STATUS_VALUE)
        fake->failures++;
}

static void answer_with_value(struct fake *fake, const struct return_address *from,
                              struct bytes key)
{
    (void)key;
    port_answer(fake->setup.serves, from,
                &(struct answer){.status = STATUS_VALUE, .value = fake->scene->value});
}

static void compare_value(struct fake *fake, uint64_t token, const struct answer *answer)
{
    (void)token;
    if (answer->value == NULL || answer->value->bytes.size != BIG ||
        answer->value->bytes.data != fake->scene->value->bytes.data)
        fake->failures++;
    scene_end(fake->scene);
}

static void bytes_of_a_large_value_are_never_copied(size_t reactors)
{
    struct scene *scene = scene_create(reactors);
    scene->value = value_create(BIG);
    memset(value_writable(scene->value), 'x', BIG);
    scene->fakes[ORIGIN].script.on_ask = answer_with_value;
    scene->fakes[CLIENT].script = (struct script){.on_open = ask_one, .on_answer = compare_value};
    assert_true(scene_run(scene));
    assert_int_equal(scene->fakes[CLIENT].answers, 1);
    assert_int_equal(scene->fakes[CLIENT].failures, 0);
    assert_int_equal(atomic_load(&scene->value->references), 1);
    scene_destroy(&scene);
}

static void test_bytes_of_a_large_value_are_never_copied_in_one_reactor(void **state)
{
    (void)state;
    bytes_of_a_large_value_are_never_copied(1);
}

static void test_bytes_of_a_large_value_are_never_copied_between_two_reactors(void **state)
{
    (void)state;
    bytes_of_a_large_value_are_never_copied(2);
}

/* ---- start, readiness, end ---- */

static void note_opening(struct fake *fake, struct moment now)
{
    (void)now;
    scene_note(fake->scene, fake->setup.name);
    if (fake == &fake->scene->fakes[CLIENT])
        scene_end(fake->scene);
}

static bool is_settled_after_some_turns(struct fake *fake)
{
    return fake->turns >= 5;
}

static int64_t note_settling(struct fake *fake, struct moment now)
{
    if (fake->turns == 5)
        scene_note(fake->scene, "settled");
    return now.mono + MILLISECOND;
}

static void test_readiness_flows_from_the_origin_to_the_client(void **state)
{
    (void)state;
    struct scene *scene = scene_create(1);
    scene->fakes[CLIENT].script.on_open = note_opening;
    scene->fakes[RELAY].script.on_open = note_opening;
    scene->fakes[ORIGIN].script.on_open = note_opening;
    scene->fakes[ORIGIN].script.is_settled = is_settled_after_some_turns;
    scene->fakes[ORIGIN].script.on_turn = note_settling;
    assert_true(scene_run(scene));
    assert_string_equal(scene->order, "origin settled relay client");
    assert_int_equal(scene->fakes[CLIENT].setup.cache_count, 1);
    assert_string_equal(scene->fakes[CLIENT].setup.caches[0], "relay");
    assert_int_equal(scene->fakes[RELAY].setup.cache_count, 0);
    scene_destroy(&scene);
}

static void inspect_readiness(struct fake *fake, struct moment now)
{
    (void)now;
    scene_inspect_and_end(fake->scene, "ready");
}

static void test_control_names_the_stages_that_cannot_work(void **state)
{
    (void)state;
    struct scene *scene = scene_create(2);
    scene->fakes[ORIGIN].unready = "no connection";
    scene->fakes[INSPECTOR].script.on_open = inspect_readiness;
    assert_true(scene_run(scene));
    assert_int_equal(scene->text.size, strlen("origin: no connection\n"));
    assert_memory_equal(scene->text.data, "origin: no connection\n", scene->text.size);
    scene_destroy(&scene);
}

static void inspect_nonsense(struct fake *fake, struct moment now)
{
    (void)now;
    scene_inspect_and_end(fake->scene, "nonsense");
}

static void test_control_answers_none_to_what_it_does_not_know(void **state)
{
    (void)state;
    struct scene *scene = scene_create(1);
    scene->fakes[INSPECTOR].script.on_open = inspect_nonsense;
    assert_true(scene_run(scene));
    assert_int_equal(scene->fakes[INSPECTOR].answers, 1);
    assert_int_equal(scene->fakes[INSPECTOR].failures, 1);
    scene_destroy(&scene);
}

static bool refuse(struct fake *fake, struct error *error)
{
    (void)fake;
    return error_set(error, "no such thing");
}

static void test_a_stage_that_cannot_be_created_is_named(void **state)
{
    (void)state;
    struct scene *scene = scene_create(1);
    scene->fakes[ORIGIN].script.create = refuse;
    assert_false(scene_run(scene));
    assert_string_equal(scene->error.text, "origin: no such thing");
    assert_int_equal(scene->fakes[CLIENT].destroyed, 1);
    assert_int_equal(scene->fakes[RELAY].destroyed, 1);
    assert_int_equal(scene->fakes[ORIGIN].destroyed, 0);
    scene_destroy(&scene);
}

/* ---- drain: what is in progress is finished first ---- */

static void ask_and_drain(struct fake *fake, struct moment now)
{
    ask_one(fake, now);
    reactor_drain(fake->scene->reactors[0], DRAIN_PROMPT);
}

static void keep_ask(struct fake *fake, const struct return_address *from, struct bytes key)
{
    (void)key;
    fake->kept = *from;
    fake->turns = 0;
}

/* Answers some turns after the ask has come. */
static int64_t answer_kept(struct fake *fake, struct moment now)
{
    if (fake->asks == 0)
        return NEVER;
    if (fake->turns == 20)
        scene_answer_with_key(fake, &fake->kept, some_key);
    return now.mono + MILLISECOND / 10;
}

static bool is_answered(struct fake *fake)
{
    return fake->answers == 1;
}

static int64_t end_when_drained(struct fake *fake, struct moment now)
{
    if (fake->scene->drained > 0) {
        scene_note(fake->scene, fake->answers == 1 ? "drained" : "drained too early");
        scene_end(fake->scene);
    }
    return now.mono + MILLISECOND;
}

static void test_drained_is_told_once_when_nothing_is_in_progress(void **state)
{
    (void)state;
    struct scene *scene = scene_create(1);
    scene->fakes[CLIENT].script = (struct script){
        .on_open = ask_and_drain, .is_drained = is_answered, .on_turn = end_when_drained};
    scene->fakes[ORIGIN].script = (struct script){.on_ask = keep_ask, .on_turn = answer_kept};
    assert_true(scene_run(scene));
    assert_int_equal(scene->drained, 1);
    assert_string_equal(scene->order, "drained");
    scene_destroy(&scene);
}

/* ---- a peer that goes away ---- */

static void stop_peer(struct fake *fake, struct moment now)
{
    (void)now;
    reactor_stop(fake->scene->reactors[1]);
}

/* The second reactor does not run any more: what is asked gathers until the link takes no more. */
static int64_t ask_until_refused(struct fake *fake, struct moment now)
{
    const enum status status = ask_number(fake, fake->turns);
    if (status == STATUS_BUSY) {
        scene_note(fake->scene, "busy");
        scene_end(fake->scene);
        return NEVER;
    }
    return now.mono;
}

static void test_a_peer_that_stands_still_makes_asks_busy_not_wait(void **state)
{
    (void)state;
    struct scene *scene = scene_create(2);
    scene->fakes[CLIENT].script =
        (struct script){.on_open = stop_peer, .on_turn = ask_until_refused};
    assert_true(scene_run(scene));
    assert_string_equal(scene->order, "busy");
    scene_destroy(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_of_one_turn_leave_as_one_batch_in_one_reactor),
        cmocka_unit_test(test_asks_of_one_turn_leave_as_one_batch_between_two_reactors),
        cmocka_unit_test(test_nothing_is_lost_in_many_turns_of_one_reactor),
        cmocka_unit_test(test_nothing_is_lost_in_many_turns_of_two_reactors),
        cmocka_unit_test(test_bytes_of_a_large_value_are_never_copied_in_one_reactor),
        cmocka_unit_test(test_bytes_of_a_large_value_are_never_copied_between_two_reactors),
        cmocka_unit_test(test_readiness_flows_from_the_origin_to_the_client),
        cmocka_unit_test(test_control_names_the_stages_that_cannot_work),
        cmocka_unit_test(test_control_answers_none_to_what_it_does_not_know),
        cmocka_unit_test(test_a_stage_that_cannot_be_created_is_named),
        cmocka_unit_test(test_drained_is_told_once_when_nothing_is_in_progress),
        cmocka_unit_test(test_a_peer_that_stands_still_makes_asks_busy_not_wait),
    };
    return cmocka_run_group_tests_name("reactor", tests, NULL, NULL);
}
