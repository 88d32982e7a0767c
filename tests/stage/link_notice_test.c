/* Notices and proofs from an origin through a relay to a client, over real sockets: within a
 * reactor, between two, and over links that leave the process. */
#include "tests/support/net.h"
#include "tests/support/scene.h"
#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define WATCH (5 * MILLISECOND)

static const struct bytes some_key = {"some key", 8};

static bool watch(struct fake *fake, struct error *error)
{
    (void)error;
    port_watch(fake->setup.asks, WATCH);
    return true;
}

/* ---- the origin ---- */

static void announce_and_answer(struct fake *fake, const struct return_address *from,
                                struct bytes key)
{
    port_notify(fake->setup.serves, &(struct notice){.kind = NOTICE_KEY, .key = key});
    port_notify(fake->setup.serves, &(struct notice){.kind = NOTICE_ALL});
    scene_answer_with_key(fake, from, key);
    port_notify(fake->setup.serves, &(struct notice){.kind = NOTICE_LOST});
}

static int64_t prove(struct fake *fake, struct moment now)
{
    port_notify(fake->setup.serves, &(struct notice){.kind = NOTICE_PROVEN, .proven = now.boot});
    return now.mono + WATCH;
}

/* ---- the client ---- */

/* Once it has a proof: then there are links all the way. */
static void ask_or_end(struct fake *fake, struct moment now, int64_t proven)
{
    const int64_t asked_at = fake->kept.id == 0 ? now.boot : (int64_t)fake->kept.id;
    if (proven > now.boot || now.boot - proven > 60 * SECOND)
        fake->failures++;
    if (fake->kept.id == 0 &&
        port_ask(fake->setup.asks, 0, &(struct ask){.key = some_key, .deadline = NEVER}) ==
            STATUS_VALUE)
        fake->kept.id = (uint64_t)asked_at;
    /* A proof from after the loss, and one that is younger than the ask. */
    if (fake->answers == 1 && proven > asked_at) {
        scene_note(fake->scene, "proven");
        scene_inspect_and_end(fake->scene, "metrics");
        fake->answers++; /* once */
    }
}

static void note_notice(struct fake *fake, struct moment now, const struct notice *notice)
{
    switch (notice->kind) {
    case NOTICE_KEY:
        scene_note(fake->scene, bytes_are_equal(notice->key, some_key) ? "key" : "other key");
        break;
    case NOTICE_ALL:
        scene_note(fake->scene, "all");
        break;
    case NOTICE_LOST:
        scene_note(fake->scene, "lost");
        break;
    case NOTICE_PROVEN:
        ask_or_end(fake, now, notice->proven);
    }
}

static void note_answer(struct fake *fake, uint64_t token, const struct answer *answer)
{
    (void)token, (void)answer;
    scene_note(fake->scene, "answer");
}

/* The relay serves at `address`, or over inproc. */
static void announce_over(const char *address, size_t reactors)
{
    char labels[160];
    struct scene *scene = scene_create(reactors);
    if (address != NULL)
        scene_serve_at(scene, RELAY, address);
    scene->fakes[CLIENT].script =
        (struct script){.create = watch, .on_notice = note_notice, .on_answer = note_answer};
    scene->fakes[RELAY].script.create = watch;
    scene->fakes[ORIGIN].script = (struct script){.on_ask = announce_and_answer, .on_turn = prove};
    assert_true(scene_run(scene));
    assert_string_equal(scene->order, "key all answer lost proven");
    assert_int_equal(scene->fakes[CLIENT].failures, 0);
    assert_int_equal(
        scene_metric(scene, "weir_link_notices_received_total", "stage=\"client\",link=\"relay\""),
        3);
    snprintf(labels, sizeof labels, "stage=\"relay\",link=\"%s\"",
             address != NULL ? address : "inproc://relay");
    assert_int_equal(scene_metric(scene, "weir_link_notices_sent_total", labels), 3);
    assert_int_equal(scene_metric(scene, "weir_link_notices_overflowed_total", labels), 0);
    scene_destroy(&scene);
}

static void test_notices_and_proofs_pass_a_reactor(void **state)
{
    (void)state;
    announce_over(NULL, 1);
}

static void test_notices_and_proofs_pass_between_two_reactors(void **state)
{
    (void)state;
    announce_over(NULL, 2);
}

static void test_notices_and_proofs_pass_over_ipc(void **state)
{
    char address[128], *directory = temp_dir_create();
    (void)state;
    snprintf(address, sizeof address, "ipc://%s/socket", directory);
    announce_over(address, 1);
    announce_over(address, 2);
    temp_dir_destroy(&directory);
}

static void test_notices_and_proofs_pass_over_tcp(void **state)
{
    char address[128];
    (void)state;
    for (size_t reactors = 1; reactors <= 2; reactors++) {
        snprintf(address, sizeof address, "tcp://127.0.0.1:%d", net_free_port());
        announce_over(address, reactors);
    }
}

/* ---- two shards ---- */

#define OLD     (1000 * SECOND) /* what the one shard has proven, at first */
#define YOUNGER (100 * SECOND)  /* since its loss */
#define SILENCE 20              /* turns of it without a proof, before either */

static void prove_as_of(struct fake *fake, int64_t when)
{
    port_notify(fake->setup.serves, &(struct notice){.kind = NOTICE_PROVEN, .proven = when});
}

/* Nothing; OLD for a while; LOST; nothing; YOUNGER. */
static int64_t lag_behind(struct fake *fake, struct moment now)
{
    if (fake->turns > 4 * SILENCE)
        prove_as_of(fake, now.boot - YOUNGER);
    else if (fake->turns == 3 * SILENCE)
        port_notify(fake->setup.serves, &(struct notice){.kind = NOTICE_LOST});
    else if (fake->turns > SILENCE && fake->turns < 3 * SILENCE)
        prove_as_of(fake, now.boot - OLD);
    return now.mono + MILLISECOND;
}

static int64_t be_current(struct fake *fake, struct moment now)
{
    prove_as_of(fake, now.boot);
    return now.mono + MILLISECOND;
}

static void judge_proof(struct fake *fake, struct moment now, const struct notice *notice)
{
    const bool was_lost = fake->answers > 0;
    const int64_t age = now.boot - notice->proven;
    if (notice->kind == NOTICE_LOST) {
        fake->answers = 1;
        return;
    }
    fake->failures += was_lost ? age < YOUNGER || age >= OLD : age < OLD;
    scene_note(fake->scene, was_lost ? "younger" : "old");
    if (was_lost)
        scene_end(fake->scene);
}

static void test_the_proof_of_several_shards_is_that_of_the_oldest(void **state)
{
    (void)state;
    struct scene *scene = scene_create(1);
    struct topology_instance *shards = &scene->instances[RELAY];
    for (size_t i = 0; i < 2; i++) { /* the relay's place is the origin's first shard */
        shards[i].name = i == 0 ? "origin.0" : "origin.1";
        shards[i].stage = ORIGIN;
        shards[i].number = i;
        shards[i].settings.kind = scene->stages[ORIGIN].kind;
    }
    scene->stages[ORIGIN].first_instance = RELAY;
    scene->stages[ORIGIN].instance_count = 2;
    scene->stages[RELAY].instance_count = 0;
    scene->stages[CLIENT].asks = ORIGIN;
    scene->fakes[CLIENT].script = (struct script){.create = watch, .on_notice = judge_proof};
    scene->fakes[RELAY].script = (struct script){.on_turn = lag_behind};
    scene->fakes[ORIGIN].script = (struct script){.on_turn = be_current};
    assert_true(scene_run(scene));
    assert_int_equal(scene->fakes[CLIENT].failures, 0);
    assert_memory_equal(scene->order, "old ", 4);
    assert_non_null(strstr(scene->order, " younger"));
    scene_destroy(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notices_and_proofs_pass_a_reactor),
        cmocka_unit_test(test_notices_and_proofs_pass_between_two_reactors),
        cmocka_unit_test(test_notices_and_proofs_pass_over_ipc),
        cmocka_unit_test(test_notices_and_proofs_pass_over_tcp),
        cmocka_unit_test(test_the_proof_of_several_shards_is_that_of_the_oldest),
    };
    return cmocka_run_group_tests_name("link_notice", tests, NULL, NULL);
}
