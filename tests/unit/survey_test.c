/* The admin stage's survey of the reactors, some of which do not answer. */
#include "stages/admin/survey.h"

#include "tests/support/unit.h"

#include <string.h>

#define REACTORS 3

struct reactors {
    struct ask_port port; /* first: the port is the whole */
    uint64_t tokens[REACTORS];
    bool is_away[REACTORS];
};

static enum status ask(struct ask_port *port, size_t shard, uint64_t token, const struct ask *asked)
{
    struct reactors *reactors = (struct reactors *)port;
    assert_true(shard < REACTORS);
    assert_true(bytes_are_equal(asked->key, bytes_of_text("ready")));
    assert_int_equal(asked->deadline, SECOND);
    reactors->tokens[shard] = token;
    return reactors->is_away[shard] ? STATUS_AWAY : STATUS_VALUE;
}

static bool take(struct survey *survey, const struct reactors *reactors, size_t shard,
                 const char *text)
{
    struct answer answer = {.status = STATUS_VALUE, .bytes = bytes_of_text(text)};
    return survey_take(survey, reactors->tokens[shard], &answer);
}

static void start(struct survey *survey, enum status status)
{
    assert_int_equal(survey_start(survey, 7, bytes_of_text("ready"), REACTORS, SECOND), status);
}

static void test_it_ends_with_the_last_answer(void **state)
{
    (void)state;
    struct reactors reactors = {.port = {.shards = REACTORS, .ask = ask}};
    struct survey survey;
    survey_init(&survey, &reactors.port);
    assert_false(survey_is_overdue(&survey, 100 * SECOND)); /* there is none yet */
    start(&survey, STATUS_VALUE);
    assert_false(take(&survey, &reactors, 2, "c"));
    assert_false(take(&survey, &reactors, 0, ""));
    assert_true(take(&survey, &reactors, 1, "b"));
    assert_int_equal(survey.token, 7);
    assert_true(bytes_are_equal(buffer_bytes(&survey.parts[2].text), bytes_of_text("c")));
    assert_true(survey.parts[0].has_come);
    survey_fini(&survey);
}

static void test_who_cannot_be_asked_is_not_waited_for(void **state)
{
    (void)state;
    struct reactors reactors = {.port = {.shards = REACTORS, .ask = ask},
                                .is_away = {true, false, true}};
    struct survey survey;
    survey_init(&survey, &reactors.port);
    start(&survey, STATUS_VALUE);
    assert_true(take(&survey, &reactors, 1, "b"));
    assert_false(survey.parts[0].has_come);
    assert_true(survey.parts[1].has_come);
    reactors.is_away[1] = true;
    start(&survey, STATUS_AWAY);
    assert_false(survey_is_overdue(&survey, 100 * SECOND));
    survey_fini(&survey);
}

static void test_a_late_answer_is_not_taken_for_another(void **state)
{
    (void)state;
    struct reactors reactors = {.port = {.shards = REACTORS, .ask = ask}}, earlier;
    struct survey survey;
    survey_init(&survey, &reactors.port);
    start(&survey, STATUS_VALUE);
    take(&survey, &reactors, 0, "old");
    assert_false(survey_is_overdue(&survey, SECOND - 1));
    assert_true(survey_is_overdue(&survey, SECOND));
    survey_end(&survey);
    earlier = reactors;
    assert_false(take(&survey, &earlier, 1, "late")); /* nobody wants to know */
    start(&survey, STATUS_VALUE);
    for (size_t i = 0; i < REACTORS; i++)
        assert_false(take(&survey, &earlier, i, "late"));
    for (size_t i = 0; i < REACTORS; i++) {
        assert_false(survey.parts[i].has_come);
        assert_int_equal(survey.parts[i].text.size, 0);
    }
    survey_fini(&survey);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_ends_with_the_last_answer),
        cmocka_unit_test(test_who_cannot_be_asked_is_not_waited_for),
        cmocka_unit_test(test_a_late_answer_is_not_taken_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
