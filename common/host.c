/* Owns the process: its signals, listening sockets, ZeroMQ's context and the reactors' threads. All
 * but run_worker, tell_drained and tell_failed runs in main's thread, which waits in a loop of its
 * own. */
#include "common/host.h"

#include "common/check.h"
#include "common/host_guard.h"
#include "common/host_links.h"
#include "common/listener.h"
#include "common/memory.h"
#include "common/reactor.h"
#include "common/transport_handover.h"
#include "common/version.h"

#include <czmq.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <sys/resource.h>
#include <uv.h>

/* czmq.h brings syslog.h, whose macros hide the levels of log.h. */
#undef LOG_INFO
#undef LOG_DEBUG

struct host;

/* A reactor's thread, as main sees it. */
struct worker {
    struct host *host;
    struct reactor_setup setup;
    struct error error;      /* why there is no reactor, or why it cannot serve */
    struct reactor *reactor; /* created and destroyed in its own thread */
    zactor_t *actor;         /* NULL: not started */
    uv_async_t on_news;      /* it is drained, or has failed: rung by it, heard by main */
};

struct host {
    const struct topology *topology;
    struct log *log;
    struct listener *listeners; /* one for each stage, where it has `listen` */
    struct host_links links;
    struct host_guard *guard;    /* NULL: no link of this process is encrypted at its end */
    struct worker *workers;      /* one for each reactor */
    size_t undrained;            /* reactors that have not finished their work yet */
    const struct error *failure; /* of a reactor that cannot serve; NULL: all can */
    uv_loop_t loop;              /* main's */
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t patience; /* rings at the end of drain_timeout */
};

/* ---- listening sockets ---- */

static void close_listeners(struct host *host)
{
    for (size_t i = 0; i < host->topology->stage_count; i++)
        if (host->listeners[i].count > 0)
            listener_close(&host->listeners[i]);
    free(host->listeners);
}

static bool open_listeners(struct host *host, struct error *error)
{
    host->listeners = memory_alloc(host->topology->stage_count, sizeof *host->listeners);
    for (size_t i = 0; i < host->topology->stage_count; i++) {
        const struct topology_stage *stage = &host->topology->stages[i];
        if (stage->listen != NULL &&
            host->topology->instances[stage->first_instance].process == host->topology->process &&
            !listener_open(&host->listeners[i], stage->listen, stage->instance_count, error)) {
            close_listeners(host);
            return false;
        }
    }
    return true;
}

/* ---- the reactors' threads ---- */

static void name_thread(size_t number)
{
    char name[16]; /* no longer on Linux */
    snprintf(name, sizeof name, "weir-%zu", number);
#if defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
    pthread_setname_np(name);
#endif
}

static void tell_drained(void *worker)
{
    uv_async_send(&((struct worker *)worker)->on_news);
}

/* The first failure of a reactor ends the process, and so is told. */
static void tell_failed(void *owner, const struct error *error)
{
    struct worker *worker = owner;
    if (worker->error.text[0] != '\0')
        return;
    worker->error = *error;
    handover_give(worker);
    uv_async_send(&worker->on_news);
}

/* A reactor's thread. The first signal says that it is up, or that `error` says why not; zactor's
 * own says that it has ended. */
static void run_worker(zsock_t *pipe, void *argument)
{
    struct worker *worker = argument;
    name_thread(worker->setup.number);
    struct reactor *reactor = reactor_create(&worker->setup, &worker->error);
    worker->reactor = reactor;
    handover_give(worker);
    zsock_signal(pipe, 0);
    if (reactor == NULL)
        return;
    reactor_run(reactor);
    reactor_destroy(&reactor);
    handover_give(worker);
}

/* Returns when all are up, or the first has failed. */
static bool start_workers(struct host *host, struct error *error)
{
    for (size_t i = 0; i < host->topology->reactor_count; i++) {
        struct worker *worker = &host->workers[i];
        worker->actor = zactor_new(run_worker, worker);
        if (worker->actor == NULL)
            return error_set(error, "cannot start a thread");
        handover_take(worker);
        if (worker->reactor == NULL)
            return error_set(error, "%s", worker->error.text);
    }
    return true;
}

static void stop_workers(struct host *host)
{
    for (size_t i = host->topology->reactor_count; i-- > 0;) {
        struct worker *worker = &host->workers[i];
        if (worker->actor == NULL)
            continue;
        if (worker->reactor != NULL)
            reactor_stop(worker->reactor);
        zactor_destroy(&worker->actor);
        handover_take(worker);
    }
}

static void prepare_workers(struct host *host,
                            const struct stage_kind *(*kind_of)(const struct kind_spec *spec))
{
    void *context;
    if (host->links.are_split)
        zsys_set_io_threads(2); /* one for what is small, one for what is huge */
    context = zsys_init();
    host->workers = memory_alloc(host->topology->reactor_count, sizeof *host->workers);
    host->undrained = host->topology->reactor_count;
    for (size_t i = 0; i < host->topology->reactor_count; i++) {
        struct worker *worker = &host->workers[i];
        worker->host = host;
        worker->setup = (struct reactor_setup){
            .topology = host->topology,
            .number = i,
            .kind_of = kind_of,
            .context = context,
            .keys = host->links.has_keys ? &host->links.own : NULL,
            .ring_seed = host->links.has_seed ? host->links.seed : NULL,
            .listeners = host->listeners,
            .log = host->log,
            .on_drained = tell_drained,
            .on_failed = tell_failed,
            .owner = worker,
        };
    }
}

/* ---- main's loop: from the first signal to the end of the drain ---- */

static void on_news(uv_async_t *async)
{
    struct worker *worker = async->data;
    struct host *host = worker->host;
    handover_take(worker);
    if (worker->error.text[0] != '\0')
        host->failure = &worker->error;
    if (host->failure != NULL || --host->undrained == 0)
        uv_stop(&host->loop);
}

static void on_out_of_patience(uv_timer_t *timer)
{
    struct host *host = timer->data;
    log_write(host->log, LOG_WARN, "host", "drain-cut-short",
              LOG_NUMBER("reactors_left", (int64_t)host->undrained));
    uv_stop(&host->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct host *host = handle->data;
    /* The next one has the system's effect: it ends the process at once. */
    uv_signal_stop(&host->on_term);
    uv_signal_stop(&host->on_int);
    log_write(host->log, LOG_INFO, "host", "draining",
              LOG_TEXT("signal", number == SIGTERM ? "SIGTERM" : "SIGINT"));
    for (size_t i = 0; i < host->topology->reactor_count; i++)
        reactor_drain(host->workers[i].reactor, DRAIN_PROMPT);
    uv_timer_start(&host->patience, on_out_of_patience,
                   (uint64_t)(host->topology->drain_timeout / MILLISECOND), 0);
}

/* Those who connect first: a key that was taken off must not come back after it was barred. */
static void on_reload(uv_signal_t *handle, int number)
{
    struct host *host = handle->data;
    (void)number;
    host_guard_reload(host->guard);
    for (size_t i = 0; i < host->topology->reactor_count; i++)
        reactor_reload(host->workers[i].reactor);
}

static void open_loop(struct host *host)
{
    CHECK(uv_loop_init(&host->loop) == 0); /* nothing is open yet that could be too much */
    uv_signal_init(&host->loop, &host->on_term);
    uv_signal_init(&host->loop, &host->on_int);
    uv_signal_init(&host->loop, &host->on_hup);
    uv_timer_init(&host->loop, &host->patience);
    host->on_term.data = host->on_int.data = host->on_hup.data = host->patience.data = host;
    for (size_t i = 0; i < host->topology->reactor_count; i++) {
        CHECK(uv_async_init(&host->loop, &host->workers[i].on_news, on_news) == 0);
        host->workers[i].on_news.data = &host->workers[i];
    }
}

static void close_loop(struct host *host)
{
    uv_close((uv_handle_t *)&host->on_term, NULL);
    uv_close((uv_handle_t *)&host->on_int, NULL);
    uv_close((uv_handle_t *)&host->on_hup, NULL);
    uv_close((uv_handle_t *)&host->patience, NULL);
    for (size_t i = 0; i < host->topology->reactor_count; i++)
        uv_close((uv_handle_t *)&host->workers[i].on_news, NULL);
    uv_run(&host->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&host->loop) == 0);
}

/* Takes the signals, those that came during the start too. */
static void wait_for_end(struct host *host, const sigset_t *unblocked)
{
    uv_signal_start(&host->on_term, on_signal, SIGTERM);
    uv_signal_start(&host->on_int, on_signal, SIGINT);
    if (host->guard != NULL)
        uv_signal_start(&host->on_hup, on_reload, SIGHUP);
    pthread_sigmask(SIG_SETMASK, unblocked, NULL);
    uv_run(&host->loop, UV_RUN_DEFAULT);
}

/* ---- the whole ---- */

/* As many open files as the system lets us have: each client takes one, and libzmq ends the process
 * when it finds none left. Where this fails, the limit stays as it was. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
#if defined(__APPLE__) && defined(OPEN_MAX)
    if (limit.rlim_cur > OPEN_MAX)
        limit.rlim_cur = OPEN_MAX; /* macOS refuses more, whatever the hard limit says */
#endif
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Signals are main's; those that a faulty instruction raises stay with its thread. */
static void block_signals(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_BLOCK, &all, before);
}

static const char *name_of(const struct topology *topology)
{
    const char *name = topology->processes[topology->process].name;
    return name != NULL ? name : "weir";
}

static bool start_guard(struct host *host, struct error *error)
{
    const struct topology *topology = host->topology;
    if (host->links.needs_guard)
        host->guard =
            host_guard_start(topology->processes[topology->process].allow_file, host->log, error);
    return host->guard != NULL || !host->links.needs_guard;
}

static bool run(struct host *host, struct error *error)
{
    sigset_t before;
    block_signals(&before); /* every thread started from here on inherits this */
    bool is_up = start_guard(host, error) && start_workers(host, error);
    if (is_up) {
        log_write(host->log, LOG_INFO, "host", "started", LOG_TEXT("version", WEIR_VERSION),
                  LOG_TEXT("topology", host->topology->file),
                  LOG_TEXT("process", name_of(host->topology)),
                  LOG_NUMBER("reactors", (int64_t)host->topology->reactor_count));
        wait_for_end(host, &before);
        is_up = host->failure == NULL || error_set(error, "%s", host->failure->text);
    }
    stop_workers(host);
    host_guard_stop(&host->guard);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_up;
}

int host_run(const struct topology *topology,
             const struct stage_kind *(*kind_of)(const struct kind_spec *spec), struct log *log,
             struct error *error)
{
    struct host host = {.topology = topology, .log = log};
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    if (sodium_init() < 0) {
        error_set(error, "the system has no random numbers");
        return EXIT_FAILURE;
    }
    if (!host_links_open(&host.links, topology, error) || !open_listeners(&host, error)) {
        host_links_close(&host.links);
        return EXIT_FAILURE;
    }
    zsys_handler_set(NULL); /* czmq would take the signals */
    prepare_workers(&host, kind_of);
    open_loop(&host);

    const bool is_up = run(&host, error);

    close_loop(&host);
    free(host.workers);
    zsys_shutdown();
    host_links_close(&host.links);
    close_listeners(&host);
    if (is_up)
        log_write(log, LOG_INFO, "host", "stopped",
                  LOG_TEXT("reason", host.undrained == 0 ? "drained" : "drain_timeout"));
    return is_up ? EXIT_SUCCESS : EXIT_FAILURE;
}
