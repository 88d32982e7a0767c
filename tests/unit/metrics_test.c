#include "common/metrics.h"

#include "tests/support/exposition.h"
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

/* Of each bound: what just fits, and what just does not. */
static void test_histogram_bounds_are_exact(void **state)
{
    struct histogram times = {0}, counts = {0};
    uint64_t sum = 0;
    (void)state;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        int64_t bound = HISTOGRAM_FINEST << i;
        histogram_add_time(&times, bound);
        histogram_add_time(&times, bound + 1);
        sum += 2 * (uint64_t)bound + 1;
        histogram_add_count(&counts, UINT64_C(1) << i);
        assert_int_equal(counts.counts[i], 1);
    }
    histogram_add_time(&times, 0);
    assert_int_equal(times.sum, sum);
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
        assert_int_equal(times.counts[i], 2);
    histogram_add_time(&times, INT64_MAX / 2);
    assert_int_equal(times.counts[HISTOGRAM_BUCKETS], 2);
}

static void test_a_histogram_has_buckets_sum_and_count(void **state)
{
    struct metrics metrics = {.stage = "http"};
    struct histogram histogram = {0};
    (void)state;
    histogram_add_count(&histogram, 1);
    histogram_add_count(&histogram, 3);
    histogram_add_count(&histogram, 9);
    metrics_counts(&metrics, "batch_records", "Records.", "link=\"x\"", &histogram, 4);
    struct bytes text = buffer_bytes(&metrics.text);
    expose(&text, 1,
           "# HELP batch_records Records.\n"
           "# TYPE batch_records histogram\n"
           "batch_records_bucket{stage=\"http\",link=\"x\",le=\"1\"} 1\n"
           "batch_records_bucket{stage=\"http\",link=\"x\",le=\"2\"} 1\n"
           "batch_records_bucket{stage=\"http\",link=\"x\",le=\"4\"} 2\n"
           "batch_records_bucket{stage=\"http\",link=\"x\",le=\"+Inf\"} 3\n"
           "batch_records_sum{stage=\"http\",link=\"x\"} 13\n"
           "batch_records_count{stage=\"http\",link=\"x\"} 3\n");
    buffer_fini(&metrics.text);
}

static void test_times_are_in_seconds(void **state)
{
    struct metrics metrics = {.stage = "a"};
    struct histogram histogram = {0};
    struct buffer out = {0};
    (void)state;
    histogram_add_time(&histogram, 3 * SECOND + 7);
    metrics_seconds(&metrics, "age_seconds", "Age.", NULL, 40 * MILLISECOND);
    metrics_seconds(&metrics, "other_age_seconds", "Age.", NULL, NEVER);
    metrics_times(&metrics, "took_seconds", "Took.", NULL, &histogram);
    metrics_expose(&(struct bytes){metrics.text.data, metrics.text.size}, 1, &out);
    buffer_append(&out, "", 1);
    assert_non_null(strstr(out.data, "age_seconds{stage=\"a\"} 0.040000000\n"));
    assert_non_null(strstr(out.data, "other_age_seconds{stage=\"a\"} NaN\n"));
    assert_non_null(strstr(out.data, "took_seconds_bucket{stage=\"a\",le=\"0.000016\"} 0\n"));
    assert_non_null(strstr(out.data, "took_seconds_bucket{stage=\"a\",le=\"2.097152\"} 0\n"));
    assert_non_null(strstr(out.data, "took_seconds_bucket{stage=\"a\",le=\"4.194304\"} 1\n"));
    assert_non_null(strstr(out.data, "took_seconds_bucket{stage=\"a\",le=\"16.777216\"} 1\n"));
    assert_non_null(strstr(out.data, "took_seconds_sum{stage=\"a\"} 3.000000007\n"));
    buffer_fini(&out);
    buffer_fini(&metrics.text);
}

/* A stage's name and a link's address are words of whoever wrote the topology. */
static void test_what_is_quoted_cannot_end_the_quotes(void **state)
{
    struct metrics metrics = {.stage = "a\"b\\c\nd\te"};
    struct buffer labels = {0};
    (void)state;
    metrics_quote(&labels, "link", "ipc:///\"\\\t\n");
    assert_string_equal(labels.data, "link=\"ipc:///\\\"\\\\ \\n\"");
    metrics_gauge(&metrics, "name", "Help.", labels.data, 5);
    struct bytes text = buffer_bytes(&metrics.text);
    expose(&text, 1,
           "# HELP name Help.\n"
           "# TYPE name gauge\n"
           "name{stage=\"a\\\"b\\\\c\\nd e\",link=\"ipc:///\\\"\\\\ \\n\"} 5\n");
    buffer_fini(&labels);
    buffer_fini(&metrics.text);
}

/* ---- the tests' own reader of the format: what it must refuse ---- */

#define HEAD(type) "# HELP a Help.\n# TYPE a " type "\n"

static void test_the_reader_of_the_format_forgives_nothing(void **state)
{
    static const char *const wrong[] = {
        "a{s=\"1\"} 1\n",
        HEAD("gauge"),
        HEAD("gauge") "a{s=\"1\"} 1",
        HEAD("gauge") "a{s=\"1\"} one\n",
        HEAD("gauge") "a{s=\"1\"}  1\n",
        HEAD("gauge") "a{s=\"1\"} 1 \n",
        HEAD("gauge") "a{s=\"1\"}\n",
        HEAD("gauge") "a{s=\"1\" 1\n",
        HEAD("gauge") "a{s=\"\\t\"} 1\n",
        HEAD("gauge") "a{s=1} 1\n",
        HEAD("gauge") "a{1=\"s\"} 1\n",
        HEAD("gauge") "b{s=\"1\"} 1\n",
        HEAD("gauge") "a{s=\"1\"} 1\na{s=\"1\"} 2\n",
        HEAD("gauge") "a{s=\"1\"} 1\na{t=\"1\"} 2\n",
        HEAD("gauge") "a{s=\"1\"} 1\n" HEAD("gauge") "a{s=\"2\"} 1\n",
        HEAD("counter") "a{s=\"1\"} 1\n",
        HEAD("summary") "a{s=\"1\"} 1\n",
        "# HELP a_total Help.\n# TYPE a_total counter\na_total{s=\"1\"} 1.5\n",
        "# HELP a_total Help.\n# TYPE a_total gauge\na_total{s=\"1\"} 1\n",
        HEAD("histogram") "a_bucket{s=\"1\",le=\"+Inf\"} 1\na_sum{s=\"1\"} 1\n",
        HEAD("histogram") "a_bucket{s=\"1\",le=\"1\"} 1\na_sum{s=\"1\"} 1\na_count{s=\"1\"} 1\n",
        HEAD("histogram") "a_bucket{s=\"1\",le=\"1\"} 2\na_bucket{s=\"1\",le=\"+Inf\"} 1\n"
                          "a_sum{s=\"1\"} 1\na_count{s=\"1\"} 1\n",
        HEAD("histogram") "a_bucket{s=\"1\",le=\"+Inf\"} 1\na_sum{s=\"1\"} 1\na_count{s=\"1\"} 2\n",
        HEAD("histogram") "a_bucket{s=\"1\",le=\"+Inf\"} 1\na_sum{s=\"2\"} 1\na_count{s=\"2\"} 1\n",
    };
    struct exposition exposition;
    struct blob error = {0};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (exposition_parse(wrong[i], &exposition, &error))
            fail_msg("taken: %s", wrong[i]);
        exposition_fini(&exposition);
        blob_fini(&error);
    }
    assert_true(exposition_parse(HEAD("gauge") "a{s=\"\\\\\\\"\\n}\"} -1.5\na{s=\"\"} NaN\n",
                                 &exposition, &error));
    exposition_fini(&exposition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_of_two_stages_share_one_family),
        cmocka_unit_test(test_what_is_no_sample_is_left_out),
        cmocka_unit_test(test_nothing_exposes_nothing),
        cmocka_unit_test(test_histogram_bounds_are_exact),
        cmocka_unit_test(test_a_histogram_has_buckets_sum_and_count),
        cmocka_unit_test(test_times_are_in_seconds),
        cmocka_unit_test(test_what_is_quoted_cannot_end_the_quotes),
        cmocka_unit_test(test_the_reader_of_the_format_forgives_nothing),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
