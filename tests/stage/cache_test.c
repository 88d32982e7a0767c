/* The cache stage: hits, misses, lives and room. Who waits, and for how long, is in
 * cache_waiting_test.c. */
#include "stages/cache/cache.h"
#include "tests/support/cache_stage.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cache_stage *new_stage(void)
{
    return cache_stage_create(&(struct cache_stage_options){0});
}

static void test_a_miss_is_fetched_stored_and_answered(void **state)
{
    (void)state;
    struct cache_stage *stage = new_stage();
    cache_stage_ask(stage, 5, "a/b");
    assert_null(cache_stage_answer(stage, 5));
    assert_int_equal(cache_stage_fetches(stage), 1);
    assert_true(bytes_are_equal(cache_stage_fetch_key(stage, 0), bytes_of_text("a/b")));
    assert_int_equal(cache_stage_fetch_deadline(stage, 0),
                     CACHE_STAGE_START + CACHE_STAGE_PATIENCE);
    cache_stage_reply_text(stage, 0, "one\ntwo");
    assert_true(cache_stage_got(stage, 5, "one\ntwo"));
    cache_stage_ask(stage, 6, "a/b");
    assert_true(cache_stage_got(stage, 6, "one\ntwo"));
    assert_int_equal(cache_stage_fetches(stage), 1);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_hits_total"), 1);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_misses_total"), 1);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 1);
    cache_stage_destroy(&stage);
}

static void test_any_bytes_are_a_key(void **state)
{
    (void)state;
    struct cache_stage *stage = new_stage();
    static const struct bytes keys[] = {{NULL, 0}, {"\0", 1}, {"\0\0", 2}, {"a\r\nb", 4}, {"a", 1}};
    for (size_t i = 0; i < 5; i++) {
        char value[2] = {(char)('A' + i), 0};
        cache_stage_ask_bytes(stage, i, keys[i], SECOND);
        cache_stage_reply_text(stage, i, value);
    }
    for (size_t i = 0; i < 5; i++) {
        char value[2] = {(char)('A' + i), 0};
        cache_stage_ask_bytes(stage, i, keys[i], SECOND);
        assert_true(cache_stage_got(stage, i, value));
    }
    assert_int_equal(cache_stage_fetches(stage), 5);
    cache_stage_destroy(&stage);
}

static void test_a_missing_key_is_told_and_not_stored(void **state)
{
    (void)state;
    struct cache_stage *stage = new_stage();
    for (size_t i = 0; i < 3; i++) {
        cache_stage_ask(stage, 1, "nothing");
        cache_stage_reply_status(stage, i, STATUS_NONE);
        assert_true(cache_stage_got_status(stage, 1, STATUS_NONE));
    }
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
    cache_stage_destroy(&stage);
}

static void test_no_failure_is_ever_stored(void **state)
{
    (void)state;
    struct cache_stage *stage = new_stage();
    for (int status = STATUS_WRONG_TYPE; status < STATUS_COUNT; status++) {
        size_t fetch = cache_stage_fetches(stage);
        cache_stage_ask(stage, 1, "key");
        cache_stage_reply_status(stage, fetch, (enum status)status);
        assert_true(cache_stage_got_status(stage, 1, (enum status)status));
    }
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
    cache_stage_fill(stage, "key", "value at last");
    assert_true(cache_stage_is_hit(stage, "key"));
    cache_stage_destroy(&stage);
}

/* ---- lives ---- */

static void test_an_entry_lives_for_the_expiry_and_no_longer(void **state)
{
    (void)state;
    struct cache_stage *stage = new_stage();
    cache_stage_fill(stage, "key", "value");
    cache_stage_pass(stage, 60 * SECOND - MILLISECOND);
    assert_true(cache_stage_is_hit(stage, "key"));
    cache_stage_pass(stage, MILLISECOND);
    assert_false(cache_stage_is_hit(stage, "key"));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_expirations_total"), 1);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_evictions_total"), 0);
    cache_stage_destroy(&stage);
}

static void test_reading_never_extends_a_life(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){.expiry = SECOND});
    cache_stage_fill(stage, "key", "value");
    for (int i = 0; i < 10; i++) {
        assert_true(cache_stage_is_hit(stage, "key"));
        cache_stage_pass(stage, 100 * MILLISECOND);
    }
    assert_false(cache_stage_is_hit(stage, "key"));
    cache_stage_destroy(&stage);
}

/* Also of what was on its way for longer than an entry lives. Its age is that of the value. */
static void test_its_life_is_counted_from_when_it_enters(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){.expiry = SECOND});
    cache_stage_ask_bytes(stage, 2, bytes_of_text("key"), 10 * SECOND);
    cache_stage_pass(stage, 2 * SECOND);
    cache_stage_reply_text(stage, 0, "value");
    assert_int_equal(cache_stage_answer(stage, 2)->life_ms, 1000);
    assert_int_equal(cache_stage_answer(stage, 2)->age_ms, 2000);
    cache_stage_pass(stage, 999 * MILLISECOND);
    assert_true(cache_stage_is_hit(stage, "key"));
    assert_int_equal(cache_stage_answer(stage, 1)->life_ms, 1);
    assert_int_equal(cache_stage_answer(stage, 1)->age_ms, 2999);
    cache_stage_pass(stage, MILLISECOND);
    assert_false(cache_stage_is_hit(stage, "key"));
    cache_stage_destroy(&stage);
}

static void test_what_the_origin_left_of_a_life_is_counted_from_the_ask(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){.expiry = SECOND});
    const struct answer answer = {
        .status = STATUS_VALUE, .life_ms = 900, .bytes = bytes_of_text("value")};
    cache_stage_ask(stage, 1, "key");
    cache_stage_pass(stage, 400 * MILLISECOND);
    cache_stage_reply(stage, 0, &answer);
    assert_int_equal(cache_stage_answer(stage, 1)->life_ms, 500);
    cache_stage_pass(stage, 499 * MILLISECOND);
    assert_true(cache_stage_is_hit(stage, "key"));
    cache_stage_pass(stage, MILLISECOND);
    assert_false(cache_stage_is_hit(stage, "key"));
    cache_stage_destroy(&stage);
}

static void test_the_origin_may_shorten_a_life_but_not_lengthen_it(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){.expiry = SECOND});
    struct answer answer = {
        .status = STATUS_VALUE, .life_ms = 300, .age_ms = 50, .bytes = bytes_of_text("value")};
    cache_stage_ask(stage, 1, "short");
    cache_stage_reply(stage, 0, &answer);
    answer.life_ms = 5000;
    cache_stage_ask(stage, 1, "long");
    cache_stage_reply(stage, 1, &answer);
    assert_int_equal(cache_stage_answer(stage, 1)->life_ms, 1000);
    assert_int_equal(cache_stage_answer(stage, 1)->age_ms, 50);
    cache_stage_pass(stage, 299 * MILLISECOND);
    assert_true(cache_stage_is_hit(stage, "short"));
    assert_int_equal(cache_stage_answer(stage, 1)->life_ms, 1);
    assert_int_equal(cache_stage_answer(stage, 1)->age_ms, 349);
    cache_stage_pass(stage, MILLISECOND);
    assert_false(cache_stage_is_hit(stage, "short"));
    assert_true(cache_stage_is_hit(stage, "long"));
    cache_stage_pass(stage, 700 * MILLISECOND);
    assert_false(cache_stage_is_hit(stage, "long"));
    cache_stage_destroy(&stage);
}

static void test_a_life_that_ended_on_the_way_is_answered_and_not_stored(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){.expiry = SECOND});
    const struct answer answer = {
        .status = STATUS_VALUE, .life_ms = 400, .bytes = bytes_of_text("value")};
    cache_stage_ask(stage, 2, "key");
    cache_stage_pass(stage, 400 * MILLISECOND);
    cache_stage_reply(stage, 0, &answer);
    assert_true(cache_stage_got(stage, 2, "value"));
    assert_int_equal(cache_stage_answer(stage, 2)->life_ms, 0);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
    cache_stage_destroy(&stage);
}

/* A stage at rest is woken to give memory back, and left alone when there is none. */
static void test_expired_entries_go_without_being_asked_for(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){.expiry = SECOND});
    char key[16];
    assert_int_equal(cache_stage_pass(stage, 0), NEVER);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        cache_stage_fill(stage, key, "v");
    }
    int64_t wake = cache_stage_pass(stage, 0);
    for (int turns = 0; wake != NEVER; turns++) {
        assert_true(turns < 20);
        wake = cache_stage_pass(stage, wake - cache_stage_now(stage).mono);
    }
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_expirations_total"), 1000);
    assert_in_range(cache_stage_now(stage).mono - CACHE_STAGE_START, SECOND, 3 * SECOND);
    cache_stage_destroy(&stage);
}

/* ---- room ---- */

static void test_the_least_recently_read_is_evicted(void **state)
{
    (void)state;
    struct cache_stage *stage = cache_stage_create(&(struct cache_stage_options){.capacity = 2});
    cache_stage_fill(stage, "a", "1");
    cache_stage_fill(stage, "b", "2");
    assert_true(cache_stage_is_hit(stage, "a"));
    cache_stage_fill(stage, "c", "3");
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 2);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_capacity_entries"), 2);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_evictions_total"), 1);
    assert_true(cache_stage_is_hit(stage, "a"));
    assert_true(cache_stage_is_hit(stage, "c"));
    assert_false(cache_stage_is_hit(stage, "b"));
    cache_stage_destroy(&stage);
}

static void test_max_bytes_is_never_exceeded(void **state)
{
    (void)state;
    int64_t max_bytes = 4 << 20;
    struct cache_stage *stage =
        cache_stage_create(&(struct cache_stage_options){.max_bytes = max_bytes});
    char key[16], *value = malloc(100001);
    memset(value, 'v', 100000);
    for (size_t i = 0; i < 500; i++) {
        value[i * 199] = '\0';
        snprintf(key, sizeof key, "%zu", i);
        cache_stage_fill(stage, key, value);
        value[i * 199] = 'v';
        assert_true(cache_stage_metric(stage, "weir_cache_bytes") <= max_bytes);
    }
    assert_int_equal(cache_stage_metric(stage, "weir_cache_max_bytes"), max_bytes);
    assert_true(cache_stage_metric(stage, "weir_cache_evictions_total") > 0);
    assert_true(cache_stage_is_hit(stage, key));
    free(value);
    cache_stage_destroy(&stage);
}

static void test_a_value_above_max_value_size_passes_uncached(void **state)
{
    (void)state;
    struct cache_stage *stage =
        cache_stage_create(&(struct cache_stage_options){.max_value_size = 5});
    cache_stage_fill(stage, "small", "12345");
    cache_stage_fill(stage, "large", "123456");
    assert_true(cache_stage_is_hit(stage, "small"));
    assert_false(cache_stage_is_hit(stage, "large"));
    assert_int_equal(cache_stage_metric(stage, "weir_cache_uncached_total"), 1);
    cache_stage_destroy(&stage);
}

static void test_a_large_value_is_shared_and_never_copied(void **state)
{
    (void)state;
    struct cache_stage *stage = new_stage();
    struct value *value = value_create(VALUE_BY_REFERENCE);
    const char *data = value_writable(value);
    memset(value_writable(value), 'v', value->bytes.size);
    cache_stage_ask(stage, 1, "key");
    cache_stage_reply(stage, 0,
                      &(struct answer){.status = STATUS_VALUE,
                                       .life_ms = MESSAGE_LIFE_UNBOUNDED,
                                       .value = value});
    value_release(&value);
    cache_stage_ask(stage, 2, "key");
    for (uint64_t id = 1; id <= 2; id++) {
        assert_ptr_equal(cache_stage_answer(stage, id)->value->bytes.data, data);
        assert_int_equal(cache_stage_answer(stage, id)->bytes.size, 0);
    }
    /* Evicted or expired, it counts for as long as somebody holds it. */
    cache_stage_pass(stage, 60 * SECOND);
    assert_int_equal(cache_stage_metric(stage, "weir_cache_entries"), 0);
    int64_t held = cache_stage_metric(stage, "weir_cache_bytes");
    cache_stage_ask_bytes(stage, 1, bytes_of_text("other"), SECOND);
    cache_stage_ask_bytes(stage, 2, bytes_of_text("other"), SECOND);
    assert_true(cache_stage_metric(stage, "weir_cache_bytes") <= held - VALUE_BY_REFERENCE);
    cache_stage_destroy(&stage);
}

static void test_max_bytes_too_small_for_anything_is_an_error(void **state)
{
    (void)state;
    struct setting_value values[] = {
        {NULL, 10}, {NULL, 1000}, {NULL, SECOND}, {NULL, 10}, {NULL, 1},    {NULL, 1},
        {NULL, 0},  {NULL, 10},   {NULL, 0},      {NULL, 0},  {"serve", 0},
    };
    struct settings settings = {&cache_kind.spec, values};
    const char *blamed = NULL;
    struct error error = {""};
    assert_false(cache_kind.spec.check(&settings, &blamed, &error));
    assert_string_equal(blamed, "max_bytes");
    assert_non_null(strstr(error.text, "is too small"));
    values[1].number = 1 << 20;
    assert_true(cache_kind.spec.check(&settings, &blamed, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_miss_is_fetched_stored_and_answered),
        cmocka_unit_test(test_any_bytes_are_a_key),
        cmocka_unit_test(test_a_missing_key_is_told_and_not_stored),
        cmocka_unit_test(test_no_failure_is_ever_stored),
        cmocka_unit_test(test_an_entry_lives_for_the_expiry_and_no_longer),
        cmocka_unit_test(test_reading_never_extends_a_life),
        cmocka_unit_test(test_its_life_is_counted_from_when_it_enters),
        cmocka_unit_test(test_what_the_origin_left_of_a_life_is_counted_from_the_ask),
        cmocka_unit_test(test_the_origin_may_shorten_a_life_but_not_lengthen_it),
        cmocka_unit_test(test_a_life_that_ended_on_the_way_is_answered_and_not_stored),
        cmocka_unit_test(test_expired_entries_go_without_being_asked_for),
        cmocka_unit_test(test_the_least_recently_read_is_evicted),
        cmocka_unit_test(test_max_bytes_is_never_exceeded),
        cmocka_unit_test(test_a_value_above_max_value_size_passes_uncached),
        cmocka_unit_test(test_a_large_value_is_shared_and_never_copied),
        cmocka_unit_test(test_max_bytes_too_small_for_anything_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
