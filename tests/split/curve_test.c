/* What passes between two hosts can be read by nobody else, and who is not on the list gets
 * nothing. Skipped where network namespaces and TUN devices are not allowed. */
#include "../support/deadline.h"
#include "../support/pair.h"

#include <stdlib.h>
#include <string.h>

/* Whether a key and its value, small or huge, pass in clear. */
static void look_at_wire(struct pair *p, bool is_encrypted)
{
    static const char key[] = "a-key-to-be-searched-for", value[] = "a-value-to-be-searched-for";
    struct relay *relay = hosts_relay(p->hosts);
    struct blob huge = {0}, body = {0};

    for (int i = 0; i < 20000; i++)
        blob_append_text(&huge, value);
    redis_server_run(p->redis, "SET %s %s", key, value);
    redis_server_run(p->redis, "SET huge %s", blob_text(&huge));
    pair_start(p, is_encrypted);
    size_t before = relay_bytes(relay);
    assert_int_equal(pair_get(p, p->edge, "/a-key-to-be-searched-for", &body), 200);
    assert_true(blob_is(&body, value, strlen(value)));
    assert_true(relay_has_seen(relay, key, strlen(key)) == !is_encrypted);
    assert_true(relay_has_seen(relay, value, strlen(value)) == !is_encrypted);
    assert_int_equal(pair_get(p, p->edge, "/huge", NULL), 200);
    assert_true(relay_bytes(relay) - before > huge.length);
    assert_true(relay_has_seen(relay, value, strlen(value)) == !is_encrypted);
    blob_fini(&huge);
    blob_fini(&body);
}

static void test_nothing_passes_in_clear(void **state)
{
    PAIR_OR_SKIP((struct pair *)*state);
    look_at_wire(*state, true);
}

/* The proof that the test above would see it. */
static void test_insecure_links_pass_in_clear(void **state)
{
    PAIR_OR_SKIP((struct pair *)*state);
    look_at_wire(*state, false);
}

static void expect_refusal(const struct pair *p, char *key)
{
    if (!weir_process_wait_log(p->store, key, deadline_in(PATIENCE)))
        pair_fail(p, "the store does not say whom it refused");
    free(key);
}

/* So often that one answer too many would show. */
static void expect_nothing(const struct pair *p, const struct weir_process *edge)
{
    for (int i = 0; i < 20; i++)
        assert_int_equal(pair_get(p, edge, "/key", NULL), 503);
}

static void test_peer_not_on_the_list(void **state)
{
    struct pair *p = *state;

    PAIR_OR_SKIP(p);
    redis_server_run(p->redis, "SET key value");
    pair_start(p, true);
    expect_refusal(p, pair_start_other(p));
    expect_nothing(p, p->other);
    assert_true(pair_metric(p, p->other, "weir_link_away") == 1);
    assert_true(pair_metric(p, p->other, "weir_link_sessions_opened_total") == 0);
    assert_int_equal(pair_get(p, p->edge, "/key", NULL), 200);
}

/* SIGHUP: a key that is put on is served and one that is taken off loses its session, while the
 * store runs on and the session of the other goes on. */
static void test_list_is_read_anew(void **state)
{
    struct pair *p = *state;

    PAIR_OR_SKIP(p);
    redis_server_run(p->redis, "SET key value");
    pair_start(p, true);
    expect_refusal(p, pair_start_other(p));
    expect_nothing(p, p->other);
    pair_allow(p, true, true);
    pair_wait_away(p, p->other, 0);
    assert_int_equal(pair_get(p, p->other, "/key", NULL), 200);

    pair_allow(p, true, false);
    pair_wait_away(p, p->other, 1);
    assert_true(pair_metric(p, p->other, "weir_link_sessions_lost_total") == 1);
    expect_nothing(p, p->other);
    assert_int_equal(pair_get(p, p->edge, "/key", NULL), 200);
    assert_true(pair_metric(p, p->edge, "weir_link_sessions_lost_total") == 0);

    pair_allow(p, false, true);
    pair_wait_away(p, p->other, 0);
    pair_wait_away(p, p->edge, 1);
    assert_int_equal(pair_get(p, p->other, "/key", NULL), 200);
    expect_nothing(p, p->edge);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PAIR_TEST(test_nothing_passes_in_clear),
        PAIR_TEST(test_insecure_links_pass_in_clear),
        PAIR_TEST(test_peer_not_on_the_list),
        PAIR_TEST(test_list_is_read_anew),
    };

    return cmocka_run_group_tests_name("encrypted links", tests, NULL, NULL);
}
