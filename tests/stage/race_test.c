/* That ThreadSanitizer still sees: the hand-over between threads is annotated for it
 * (common/transport_handover.h) and libzmq's own threads are kept from it (tests/tsan.supp), and
 * neither may hide a race of ours.
 *
 *     client ──asks──▶ relay ──asks──▶ origin      reactors in two threads, over real sockets
 *            ◀── a large value, whose bytes are never copied ──
 *
 * This program runs the scene in a child of itself: once as it should be, where nothing must be
 * reported, and once with an origin that writes to the value when it has long given it away. */
#include "common/transport_handover.h"
#include "tests/support/blob.h"
#include "tests/support/deadline.h"
#include "tests/support/process.h"
#include "tests/support/scene.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

#define SIZE   ((size_t)64 * 1024) /* bytes of the value */
#define ROUNDS 100                 /* values handed over without a report */

/* ---- the child ---- */

/* Tells the origin that the value was read. Relaxed, so that it orders nothing. */
static atomic_bool *is_read_flag(const struct fake *fake)
{
    return fake->scene->fakes[CLIENT].own;
}

static void ask_first(struct fake *fake, struct moment now)
{
    (void)now;
    const struct ask asked = {.key = bytes_of_text("key"), .deadline = NEVER};
    if (port_ask(fake->setup.asks, 0, &asked) != STATUS_VALUE)
        exit(EXIT_FAILURE);
}

static void give_value(struct fake *fake, const struct return_address *from, struct bytes key)
{
    (void)key;
    struct value *value = value_create(SIZE);
    memset(value_writable(value), 'v', SIZE);
    value_release(&fake->scene->value);
    fake->scene->value = value_share(value);
    port_answer(fake->setup.serves, from, &(struct answer){.status = STATUS_VALUE, .value = value});
    value_release(&value);
}

/* One byte of it: of a word ThreadSanitizer remembers no more than the last few accesses. */
static void read_value(struct fake *fake, uint64_t token, const struct answer *answer)
{
    const struct bytes bytes = answer_bytes(answer);
    (void)token;
    if (bytes.size != SIZE || bytes.data[0] != 'v')
        exit(EXIT_FAILURE);
    atomic_store_explicit(is_read_flag(fake), true, memory_order_relaxed);
}

static void read_value_and_ask_again(struct fake *fake, uint64_t token, const struct answer *answer)
{
    read_value(fake, token, answer);
    if (fake->answers == ROUNDS)
        scene_end(fake->scene);
    else
        ask_first(fake, (struct moment){0});
}

/* The race: the client has read the value, and has told nobody in a way that would order it. */
static int64_t write_late(struct fake *fake, struct moment now)
{
    if (!atomic_load_explicit(is_read_flag(fake), memory_order_relaxed))
        return now.mono + MILLISECOND;
    ((char *)fake->scene->value->bytes.data)[0] = 'w';
    scene_end(fake->scene);
    return NEVER;
}

static int run_scene(bool has_race)
{
    atomic_bool is_read = false;
    struct scene *scene = scene_create(2);
    scene->fakes[CLIENT].own = &is_read;
    scene->fakes[CLIENT].script = (struct script){
        .on_open = ask_first, .on_answer = has_race ? read_value : read_value_and_ask_again};
    scene->fakes[ORIGIN].script =
        (struct script){.on_ask = give_value, .on_turn = has_race ? write_late : NULL};
    const bool has_run = scene_run(scene);
    scene_destroy(&scene);
    return has_run ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the tests ---- */

/* Runs this program as the child; returns its exit code and appends what it says. */
static int run_child(const char *program, const char *scene, struct blob *said)
{
    struct process *child = process_start((const char *const[]){program, scene, NULL}, NULL);
    int code = -1;

    assert_true(process_wait_exit(child, deadline_in(PATIENCE), &code));
    char *errors = process_copy_text(child, PROCESS_ERRORS);
    blob_append_text(said, errors);
    free(errors);
    process_destroy(&child);
    return code;
}

static void test_the_handover_is_no_race(void **state)
{
    struct blob said = {0};
    const int code = run_child(*state, "clean", &said);

    if (code != EXIT_SUCCESS || said.length > 0)
        fail_msg("ended with %d and said %s", code, blob_text(&said));
    blob_fini(&said);
}

#ifdef WEIR_THREAD_SANITIZER
static void test_a_planted_race_beside_it_is_found(void **state)
{
    struct blob said = {0};
    const int code = run_child(*state, "race", &said);

    if (code == EXIT_SUCCESS || !strstr(blob_text(&said), "ThreadSanitizer: data race") ||
        !strstr(blob_text(&said), "write_late"))
        fail_msg("ended with %d and said %s", code, blob_text(&said));
    blob_fini(&said);
}
#endif

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_the_handover_is_no_race, arguments[0]),
#ifdef WEIR_THREAD_SANITIZER
        cmocka_unit_test_prestate(test_a_planted_race_beside_it_is_found, arguments[0]),
#endif
    };

    if (count > 1)
        return run_scene(strcmp(arguments[1], "race") == 0);
    return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
