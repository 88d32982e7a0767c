/* A resolver that does not answer: this program's getaddrinfo takes the place of the system's. */
#include "tests/support/redis_stage.h"
#include "tests/support/unit.h"

#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_S 60 /* then the program is ended */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int begun, ended;
static bool is_silent;

int getaddrinfo(const char *restrict host, const char *restrict port,
                const struct addrinfo *restrict hints, struct addrinfo **restrict addresses)
{
    (void)host, (void)port, (void)hints, (void)addresses;
    pthread_mutex_lock(&lock);
    begun++;
    pthread_cond_broadcast(&changed);
    while (is_silent)
        pthread_cond_wait(&changed, &lock);
    ended++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return EAI_NONAME;
}

static void set_silent(bool silent)
{
    pthread_mutex_lock(&lock);
    is_silent = silent;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void await(const int *count, int least)
{
    pthread_mutex_lock(&lock);
    while (*count < least)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static const struct redis_stage_options options = {
    .url = "redis://silent.test:6379/0", .connections = 3, .is_away = true};

/* It is left behind, and nothing of it is left in the loop. */
static void test_a_look_up_that_hangs_does_not_hold_up_the_end(void **state)
{
    (void)state;
    set_silent(true);
    struct redis_stage *stage = redis_stage_create(&options);
    await(&begun, 3);
    redis_stage_turn(stage);
    redis_stage_destroy(&stage);
    assert_int_equal(ended, 0);
    set_silent(false);
    await(&ended, 3);
}

/* An answer that comes late is as good as any. */
static void test_a_look_up_that_was_slow_is_heard(void **state)
{
    (void)state;
    int before = begun;
    set_silent(true);
    struct redis_stage *stage = redis_stage_create(&options);
    await(&begun, before + 3);
    redis_stage_pass(stage, 3 * SECOND);
    assert_non_null(strstr(redis_stage_log(stage), "still being looked up"));
    set_silent(false);
    while (!strstr(redis_stage_log(stage), gai_strerror(EAI_NONAME)) &&
           !strstr(redis_stage_log(stage), "Name or service not known"))
        redis_stage_turn(stage);
    redis_stage_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_look_up_that_hangs_does_not_hold_up_the_end),
        cmocka_unit_test(test_a_look_up_that_was_slow_is_heard),
    };

    alarm(PATIENCE_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
