/* The pure parts of the server: requests and their tokens, admission, order, output. */
#include "common/server_admission.h"
#include "common/server_pipeline.h"
#include "tests/support/unit.h"

#include <string.h>

/* ---- requests ---- */

static void test_a_token_finds_its_request_until_it_is_given_back(void **state)
{
    (void)state;
    struct server_requests requests = {0};
    struct server_request *request = server_requests_take(&requests);
    uint64_t token = server_request_token(request);
    assert_null(server_requests_find(&requests, token)); /* nothing has been asked with it */
    request->state = REQUEST_ASKED;
    assert_ptr_equal(server_requests_find(&requests, token), request);
    assert_null(server_requests_find(&requests, token + 1));
    assert_null(server_requests_find(&requests, token + 1000000));
    server_requests_give(&requests, request);
    assert_null(server_requests_find(&requests, token));
    assert_ptr_equal(server_requests_take(&requests), request); /* the same, and yet another */
    request->state = REQUEST_ASKED;
    assert_null(server_requests_find(&requests, token));
    assert_ptr_equal(server_requests_find(&requests, server_request_token(request)), request);
    server_requests_fini(&requests);
}

static void test_requests_never_move(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    struct server_requests requests = {0};
    static struct server_request *taken[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        taken[i] = server_requests_take(&requests);
        taken[i]->state = REQUEST_ASKED;
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_ptr_equal(server_requests_find(&requests, server_request_token(taken[i])), taken[i]);
    server_requests_fini(&requests);
}

/* ---- admission ---- */

struct crowd {
    struct server_admission admission;
    struct server_request requests[8];
};

static void enter_all(struct crowd *crowd, size_t count)
{
    for (size_t i = 0; i < count; i++)
        server_admission_enter(&crowd->admission, &crowd->requests[i]);
}

static void test_who_goes_who_waits_who_is_refused(void **state)
{
    (void)state;
    struct crowd crowd = {0};
    server_admission_init(&crowd.admission, 2, 3);
    enter_all(&crowd, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(crowd.requests[i].state, i < 2   ? REQUEST_ASKED
                                                  : i < 5 ? REQUEST_WAITING
                                                          : REQUEST_DONE);
    assert_int_equal(crowd.admission.in_progress, 2);
    assert_int_equal(crowd.admission.waiting, 3);
    assert_null(server_admission_next(&crowd.admission));
    server_admission_leave(&crowd.admission, &crowd.requests[5]); /* the one refused: nothing */
    server_admission_leave(&crowd.admission, &crowd.requests[1]);
    assert_ptr_equal(server_admission_next(&crowd.admission), &crowd.requests[2]);
    assert_null(server_admission_next(&crowd.admission));
}

static void test_nobody_overtakes_those_who_wait(void **state)
{
    (void)state;
    struct crowd crowd = {0};
    server_admission_init(&crowd.admission, 1, 5);
    enter_all(&crowd, 3);
    server_admission_leave(&crowd.admission, &crowd.requests[0]); /* there is room, and a queue */
    assert_int_equal(server_admission_enter(&crowd.admission, &crowd.requests[3]), REQUEST_WAITING);
    for (size_t i = 1; i <= 3; i++) {
        assert_ptr_equal(server_admission_next(&crowd.admission), &crowd.requests[i]);
        server_admission_leave(&crowd.admission, &crowd.requests[i]);
    }
    assert_int_equal(crowd.admission.in_progress, 0);
}

/* First, last and in the middle; and the queue goes on behind them. */
static void test_who_waits_may_leave_from_anywhere(void **state)
{
    (void)state;
    struct crowd crowd = {0};
    server_admission_init(&crowd.admission, 1, 6);
    enter_all(&crowd, 6);
    server_admission_leave(&crowd.admission, &crowd.requests[1]);
    server_admission_leave(&crowd.admission, &crowd.requests[3]);
    server_admission_leave(&crowd.admission, &crowd.requests[5]);
    server_admission_enter(&crowd.admission, &crowd.requests[6]);
    server_admission_leave(&crowd.admission, &crowd.requests[0]);
    static const size_t order[] = {2, 4, 6};
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(server_admission_next(&crowd.admission), &crowd.requests[order[i]]);
        server_admission_leave(&crowd.admission, &crowd.requests[order[i]]);
    }
    assert_int_equal(crowd.admission.waiting, 0);
}

/* ---- order ---- */

static void respond(struct server_pipeline *pipeline, struct server_request *request,
                    struct server_requests *requests, const char *text)
{
    buffer_append_text(&server_pipeline_output(pipeline, request)->bytes, text);
    server_pipeline_finish(pipeline, request, requests);
}

static void expect_output(const struct server_pipeline *pipeline, const char *text)
{
    struct bytes bytes = buffer_bytes(&pipeline->output.bytes);
    assert_true(bytes_are_equal(bytes, bytes_of_text(text)));
}

static void test_responses_leave_in_the_order_of_requests(void **state)
{
    (void)state;
    struct server_requests requests = {0};
    struct server_pipeline pipeline = {0};
    struct server_request *request[5];
    for (size_t i = 0; i < 5; i++) {
        request[i] = server_requests_take(&requests);
        server_pipeline_push(&pipeline, request[i]);
    }
    respond(&pipeline, request[1], &requests, "b");
    respond(&pipeline, request[3], &requests, "d");
    expect_output(&pipeline, "");
    respond(&pipeline, request[0], &requests, "a");
    expect_output(&pipeline, "ab");
    assert_int_equal(pipeline.queued, 3);
    assert_int_equal(server_pipeline_depth(&pipeline), 5);
    respond(&pipeline, request[4], &requests, "e");
    expect_output(&pipeline, "ab");
    respond(&pipeline, request[2], &requests, "c");
    expect_output(&pipeline, "abcde");
    assert_null(pipeline.first);
    assert_null(pipeline.last);
    server_output_fini(&pipeline.output);
    server_requests_fini(&requests);
}

/* ---- output ---- */

static struct value *value_of(const char *text)
{
    struct value *value = value_create(strlen(text));
    memcpy(value_writable(value), text, strlen(text));
    return value;
}

static void test_values_stand_where_they_were_put_and_are_not_copied(void **state)
{
    (void)state;
    struct server_output output = {0}, more = {0};
    struct value *first = value_of("FIRST"), *second = value_of("SECOND");
    buffer_append_text(&output.bytes, "a");
    server_output_add_value(&output, first);
    buffer_append_text(&more.bytes, "b");
    server_output_add_value(&more, second);
    buffer_append_text(&more.bytes, "c");
    server_output_append(&output, &more);
    assert_int_equal(server_output_size(&more), 0);

    static const char whole[] = "aFIRSTbSECONDc";
    assert_int_equal(server_output_size(&output), strlen(whole));
    for (size_t skip = 0; skip <= strlen(whole); skip++) {
        struct bytes runs[5];
        struct buffer joined = {0};
        size_t count = server_output_runs(&output, skip, runs, 5);
        for (size_t i = 0; i < count; i++) {
            assert_true(runs[i].size > 0);
            buffer_append(&joined, runs[i].data, runs[i].size);
        }
        assert_true(bytes_are_equal(buffer_bytes(&joined), bytes_of_text(whole + skip)));
        buffer_fini(&joined);
    }
    struct bytes runs[5];
    assert_int_equal(server_output_runs(&output, 0, runs, 5), 5);
    assert_ptr_equal(runs[1].data, first->bytes.data);
    for (size_t most = 0; most < 5; most++)
        assert_in_range(server_output_runs(&output, 0, runs, most), most > 0 ? most - 1 : 0, most);
    assert_int_equal(first->references, 2);
    server_output_fini(&output);
    assert_int_equal(first->references, 1);
    value_release(&first);
    value_release(&second);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_finds_its_request_until_it_is_given_back),
        cmocka_unit_test(test_requests_never_move),
        cmocka_unit_test(test_who_goes_who_waits_who_is_refused),
        cmocka_unit_test(test_nobody_overtakes_those_who_wait),
        cmocka_unit_test(test_who_waits_may_leave_from_anywhere),
        cmocka_unit_test(test_responses_leave_in_the_order_of_requests),
        cmocka_unit_test(test_values_stand_where_they_were_put_and_are_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
