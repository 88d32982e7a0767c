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
    assert_int_equal(pair_get(p, "/a-key-to-be-searched-for", &body), 200);
    assert_true(blob_is(&body, value, strlen(value)));
    assert_true(relay_has_seen(relay, key, strlen(key)) == !is_encrypted);
    assert_true(relay_has_seen(relay, value, strlen(value)) == !is_encrypted);
    assert_int_equal(pair_get(p, "/huge", NULL), 200);
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

static void test_peer_not_on_the_list(void **state)
{
    struct pair *p = *state;

    PAIR_OR_SKIP(p);
    redis_server_run(p->redis, "SET key value");
    pair_start(p, true);
    assert_int_equal(pair_get(p, "/key", NULL), 200);
    char *stranger = pair_start_stranger(p);
    if (!weir_process_wait_log(p->store, stranger, deadline_in(PATIENCE)))
        pair_fail(p, "the store does not say whom it refused");
    for (int i = 0; i < 20; i++)
        assert_int_equal(pair_get(p, "/key", NULL), 503);
    assert_true(pair_metric(p, "weir_links_away") == 1);
    assert_true(pair_metric(p, "weir_link_sessions_opened_total") == 0);
    free(stranger);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        PAIR_TEST(test_nothing_passes_in_clear),
        PAIR_TEST(test_insecure_links_pass_in_clear),
        PAIR_TEST(test_peer_not_on_the_list),
    };

    return cmocka_run_group_tests_name("encrypted links", tests, NULL, NULL);
}
