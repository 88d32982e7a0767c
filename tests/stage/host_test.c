/* The host in a process of its own (it may run once in one), with a fake stage in each of two
 * reactors, watched through its log. */
#include "common/host.h"
#include "common/memory.h"

#include "tests/support/deadline.h"
#include "tests/support/temp_dir.h"
#include "tests/support/unit.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FEW_FILES 64 /* descriptors */
#define STICKER   40 /* a descriptor of the host's process */

/* ---- a stage that does nothing ---- */

enum habit {
    WELL_BEHAVED,
    NEVER_DRAINED,
    NOT_CREATED,
    NOT_OPENED,
    STUCK /* in a turn, for ever, as soon as a byte comes through descriptor STICKER */
};        /* what its only setting says */

struct idle {
    struct stage_setup setup;
    enum habit habit;
};

static void *create(const struct stage_setup *setup, struct error *error)
{
    const enum habit habit = (enum habit)setup->settings->values[0].number;
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur <= FEW_FILES)
        error_set(error, "there could be more descriptors");
    else if (!sigismember(&blocked, SIGTERM))
        error_set(error, "signals are not blocked");
    else if (habit == NOT_CREATED)
        error_set(error, "no such thing");
    else {
        struct idle *idle = memory_alloc(1, sizeof *idle);
        *idle = (struct idle){*setup, habit};
        return idle;
    }
    return NULL;
}

static bool on_open(void *stage, struct moment now, struct error *error)
{
    (void)now;
    return ((struct idle *)stage)->habit != NOT_OPENED || error_set(error, "somebody is there");
}

static int64_t on_turn(void *stage, struct moment now)
{
    const struct idle *idle = stage;
    struct pollfd sticker = {.fd = STICKER, .events = POLLIN};
    if (idle->habit != STUCK || idle->setup.name[strlen("idle.")] != '1')
        return NEVER;
    if (poll(&sticker, 1, 0) != 1)
        return now.mono + MILLISECOND;
    log_write(idle->setup.log, LOG_INFO, idle->setup.name, "stuck", LOG_NUMBER("number", 1));
    for (;;)
        pause();
}

static bool is_drained(void *stage)
{
    return ((struct idle *)stage)->habit != NEVER_DRAINED;
}

static void destroy(void **stage)
{
    const struct idle *idle = *stage;
    log_write(idle->setup.log, LOG_INFO, idle->setup.name, "destroyed", LOG_NUMBER("number", 1));
    free(*stage);
    *stage = NULL;
}

static const struct stage_kind idle_kind = {
    .spec.name = "idle",
    .create = create,
    .on_open = on_open,
    .on_turn = on_turn,
    .is_drained = is_drained,
    .destroy = destroy,
};

static const struct stage_kind *kind_of(const struct kind_spec *spec)
{
    (void)spec;
    return &idle_kind;
}

/* ---- the host ---- */

/* What a reload finds: a file that has gone. */
static struct topology *load_nothing(void *owner, struct error *error)
{
    (void)owner;
    error_set(error, "there is no file");
    return NULL;
}

static _Noreturn void be_host(int descriptor, enum habit habit, int64_t drain_timeout)
{
    struct setting_value value = {.number = habit};
    const struct settings settings = {.kind = &idle_kind.spec, .values = &value};
    struct topology_stage stage = {
        .name = "idle", .kind = &idle_kind.spec, .instance_count = 2, .asks = SIZE_MAX};
    struct topology_instance instances[] = {{.name = "idle.0", .settings = settings},
                                            {.name = "idle.1", .number = 1, .settings = settings}};
    size_t placed[] = {0, 1};
    struct topology_reactor reactors[] = {{&placed[0], 1}, {&placed[1], 1}};
    struct topology_process process = {.reactors = reactors, .reactor_count = 2};
    const struct topology topology = {.file = "(test)",
                                      .stages = &stage,
                                      .stage_count = 1,
                                      .instances = instances,
                                      .instance_count = 2,
                                      .processes = &process,
                                      .process_count = 1,
                                      .reactors = reactors,
                                      .reactor_count = 2,
                                      .drain_timeout = drain_timeout};
    struct log log;
    struct error error = {0};
    log_init(&log, descriptor, LOG_INFO, false);
    const struct host_setup setup = {
        .topology = &topology, .kind_of = kind_of, .load = load_nothing, .log = &log};
    const int code = host_run(&setup, &error);
    dprintf(descriptor, "error: %s\n", error.text);
    exit(code);
}

struct host_process {
    pid_t pid;
    int descriptor;  /* of the pipe that its log comes through */
    char log[16384]; /* what has come */
    size_t size;
};

static void start(struct host_process *process, enum habit habit, int64_t drain_timeout)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *process = (struct host_process){.descriptor = ends[0]};
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid == 0) {
        struct rlimit files;
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = FEW_FILES; /* the host takes what it may have */
        setrlimit(RLIMIT_NOFILE, &files);
        close(ends[0]);
        be_host(ends[1], habit, drain_timeout);
    }
    close(ends[1]);
}

/* Reads more of the log; false at its end. */
static bool read_log(struct host_process *process)
{
    const ssize_t size = read(process->descriptor, process->log + process->size,
                              sizeof process->log - process->size - 1);
    if (size <= 0)
        return false;
    process->size += (size_t)size;
    process->log[process->size] = '\0';
    return true;
}

static void await(struct host_process *process, const char *event)
{
    while (strstr(process->log, event) == NULL)
        if (!read_log(process))
            fail_msg("no \"%s\" in the log:\n%s", event, process->log);
}

/* Reads the log to its end; returns how the process ended. */
static int finish(struct host_process *process)
{
    int status;
    while (read_log(process))
        ;
    close(process->descriptor);
    assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
    return status;
}

/* ---- tests ---- */

static void drains_and_ends_on(int signal_number)
{
    struct host_process process;
    start(&process, WELL_BEHAVED, 3600 * SECOND);
    await(&process, "started");
    kill(process.pid, signal_number);
    const int status = finish(&process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_non_null(strstr(process.log, "host draining"));
    assert_non_null(strstr(process.log, "idle.0 destroyed"));
    assert_non_null(strstr(process.log, "idle.1 destroyed"));
    assert_non_null(strstr(process.log, "host stopped"));
}

static void test_sigterm_drains_and_ends(void **state)
{
    (void)state;
    drains_and_ends_on(SIGTERM);
}

static void test_sigint_drains_and_ends(void **state)
{
    (void)state;
    drains_and_ends_on(SIGINT);
}

static void test_drain_timeout_cuts_a_drain(void **state)
{
    (void)state;
    struct host_process process;
    start(&process, NEVER_DRAINED, 20 * MILLISECOND);
    await(&process, "started");
    kill(process.pid, SIGTERM);
    const int status = finish(&process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_non_null(strstr(process.log, "drain-cut-short"));
    assert_non_null(strstr(process.log, "stopped reason=drain_timeout"));
    assert_non_null(strstr(process.log, "idle.1 destroyed"));
}

static void test_a_second_signal_ends_at_once(void **state)
{
    (void)state;
    struct host_process process;
    start(&process, NEVER_DRAINED, 3600 * SECOND);
    await(&process, "started");
    kill(process.pid, SIGTERM);
    await(&process, "draining");
    kill(process.pid, SIGINT);
    finish(&process);
    assert_null(strstr(process.log, "stopped"));
}

static void test_a_stage_that_cannot_be_created_ends_the_start(void **state)
{
    (void)state;
    struct host_process process;
    start(&process, NOT_CREATED, SECOND);
    const int status = finish(&process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_non_null(strstr(process.log, "error: idle.0: no such thing"));
    assert_null(strstr(process.log, "started"));
}

/* As a front end whose address somebody else has taken since it was bound. */
static void test_a_stage_that_cannot_open_ends_the_start(void **state)
{
    (void)state;
    struct host_process process;
    start(&process, NOT_OPENED, 3600 * SECOND);
    const int status = finish(&process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_non_null(strstr(process.log, ": somebody is there"));
    assert_non_null(strstr(process.log, "idle.0 destroyed"));
    assert_non_null(strstr(process.log, "idle.1 destroyed"));
    assert_null(strstr(process.log, "stopped"));
}

static void test_a_reload_that_cannot_be_read_changes_nothing(void **state)
{
    (void)state;
    struct host_process process;
    start(&process, WELL_BEHAVED, 3600 * SECOND);
    await(&process, "started");
    for (int i = 0; i < 3; i++) {
        process.size = 0;
        process.log[0] = '\0';
        kill(process.pid, SIGHUP);
        await(&process, "reload-refused reason=\"there is no file\"");
    }
    kill(process.pid, SIGTERM);
    const int status = finish(&process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_non_null(strstr(process.log, "host stopped reason=drained"));
}

/* ---- the service manager ---- */

#define WATCHDOG_PERIOD 60 /* ms; a ping comes twice in it */

struct manager {
    char *directory;
    int descriptor;
};

static void open_manager(struct manager *manager)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[32];
    manager->directory = temp_dir_create();
    manager->descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", manager->directory);
    assert_int_equal(bind(manager->descriptor, (const struct sockaddr *)&address, sizeof address),
                     0);
    snprintf(text, sizeof text, "%d", WATCHDOG_PERIOD * 1000);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    setenv("WATCHDOG_USEC", text, 1);
}

static void close_manager(struct manager *manager)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    close(manager->descriptor);
    temp_dir_destroy(&manager->directory);
}

/* Whether the next message begins with this; false where none comes for `patience` ms. */
static bool hears(const struct manager *manager, const char *message, int patience)
{
    struct pollfd readable = {.fd = manager->descriptor, .events = POLLIN};
    char text[512] = "";
    if (poll(&readable, 1, patience) != 1)
        return false;
    assert_true(recv(manager->descriptor, text, sizeof text - 1, 0) > 0);
    if (strncmp(text, message, strlen(message)) != 0)
        fail_msg("the manager hears \"%s\", not \"%s\"", text, message);
    return true;
}

static void test_the_manager_hears_of_each_state(void **state)
{
    (void)state;
    struct host_process process;
    struct manager manager;
    open_manager(&manager);
    unsetenv("WATCHDOG_USEC");
    start(&process, WELL_BEHAVED, 3600 * SECOND);
    assert_true(hears(&manager, "READY=1\nSTATUS=serving", PATIENCE));
    kill(process.pid, SIGHUP);
    assert_true(hears(&manager, "RELOADING=1\nMONOTONIC_USEC=", PATIENCE));
    assert_true(hears(&manager, "READY=1\nSTATUS=serving", PATIENCE));
    kill(process.pid, SIGTERM);
    assert_true(hears(&manager, "STOPPING=1\nSTATUS=draining", PATIENCE));
    finish(&process);
    close_manager(&manager);
}

/* Pings come for as long as every reactor turns. Once one is stuck, there is at most the ping that
 * it had answered before. */
static void test_a_stuck_reactor_means_no_ping(void **state)
{
    (void)state;
    struct host_process process;
    struct manager manager;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], STICKER), STICKER);
    open_manager(&manager);
    start(&process, STUCK, SECOND);
    assert_true(hears(&manager, "READY=1", PATIENCE));
    for (int i = 0; i < 4; i++)
        assert_true(hears(&manager, "WATCHDOG=1", PATIENCE));
    assert_int_equal(write(ends[1], "!", 1), 1);
    await(&process, "stuck");
    int pings = 0;
    while (hears(&manager, "WATCHDOG=1", 4 * WATCHDOG_PERIOD))
        assert_true(++pings < 10); /* those sent before were not heard yet */
    kill(process.pid, SIGKILL);
    finish(&process);
    close_manager(&manager);
    close(ends[0]);
    close(ends[1]);
    close(STICKER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigterm_drains_and_ends),
        cmocka_unit_test(test_sigint_drains_and_ends),
        cmocka_unit_test(test_drain_timeout_cuts_a_drain),
        cmocka_unit_test(test_a_second_signal_ends_at_once),
        cmocka_unit_test(test_a_stage_that_cannot_be_created_ends_the_start),
        cmocka_unit_test(test_a_stage_that_cannot_open_ends_the_start),
        cmocka_unit_test(test_a_reload_that_cannot_be_read_changes_nothing),
        cmocka_unit_test(test_the_manager_hears_of_each_state),
        cmocka_unit_test(test_a_stuck_reactor_means_no_ping),
    };
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
