#include "common/metrics.h"

#include "tests/support/unit.h"

static void expose(struct bytes *texts, size_t count, const char *expected)
{
    struct buffer out = {0};
    metrics_expose(texts, count, &out);
    buffer_append(&out, "", 1);
    assert_string_equal(out.data, expected);
    buffer_fini(&out);
}

static void test_samples_of_two_stages_share_one_family(void **state)
{
    (void)state;
    struct metrics a = {.stage = "cache.0"}, b = {.stage = "cache.1"};
    metrics_counter(&a, "weir_cache_hits_total", "Lookups answered from memory.", NULL, 7);
    metrics_gauge(&a, "weir_cache_entries", "Entries held.", NULL, -1);
    metrics_counter(&b, "weir_cache_hits_total", "Lookups answered from memory.", "kind=\"x\"", 8);
    struct bytes texts[] = {buffer_bytes(&a.text), buffer_bytes(&b.text)};
    expose(texts, 2,
           "# HELP weir_cache_hits_total Lookups answered from memory.\n"
           "# TYPE weir_cache_hits_total counter\n"
           "weir_cache_hits_total{stage=\"cache.0\"} 7\n"
           "weir_cache_hits_total{stage=\"cache.1\",kind=\"x\"} 8\n"
           "# HELP weir_cache_entries Entries held.\n"
           "# TYPE weir_cache_entries gauge\n"
           "weir_cache_entries{stage=\"cache.0\"} -1\n");
    buffer_fini(&a.text);
    buffer_fini(&b.text);
}

static void test_what_is_no_sample_is_left_out(void **state)
{
    (void)state;
    struct bytes texts[] = {
        bytes_of_text("rubbish\n\n\t\t\t\t\ncounter\tn\th\tl\nc\tn\th\tl\t1\t2\n"),
        bytes_of_text("counter\tgood\thelp\ta=\"b\"\t3"),
        {NULL, 0},
    };
    expose(texts, 3, "# HELP good help\n# TYPE good counter\ngood{a=\"b\"} 3\n");
}

static void test_nothing_exposes_nothing(void **state)
{
    (void)state;
    expose(NULL, 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_of_two_stages_share_one_family),
        cmocka_unit_test(test_what_is_no_sample_is_left_out),
        cmocka_unit_test(test_nothing_exposes_nothing),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
