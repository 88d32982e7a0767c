/* Owns the process: its signals, listening sockets, ZeroMQ's context and the reactors' threads. All
 * of it runs in main's thread, which waits in a loop of its own. */
#include "common/host.h"

#include "common/check.h"
#include "common/host_guard.h"
#include "common/host_links.h"
#include "common/host_listeners.h"
#include "common/host_notify.h"
#include "common/host_offer.h"
#include "common/host_reload.h"
#include "common/host_system.h"
#include "common/host_takeover.h"
#include "common/host_workers.h"
#include "common/listener_activation.h"
#include "common/version.h"

#include <czmq.h>
#include <signal.h>
#include <sodium.h>
#include <uv.h>

/* czmq.h brings syslog.h, whose macros hide the levels of log.h. */
#undef LOG_INFO
#undef LOG_DEBUG

enum host_phase {
    HOST_OPENING, /* some front end does not listen yet */
    HOST_SERVING,
    HOST_LEAVING,  /* another weir has taken over; our clients are still served */
    HOST_DRAINING, /* what is in progress is finished */
};

struct host {
    const struct host_setup *setup;
    const struct topology *topology;
    struct log *log;
    struct listener_handed handed; /* what was not bound here */
    struct host_listeners listeners;
    struct host_takeover takeover; /* of another by us, where setup->takes_over */
    struct host_offer *offer;      /* to take over from us; NULL: nobody can */
    struct host_links links;
    struct host_guard *guard; /* NULL: no link of this process is encrypted at its end */
    struct host_reload *reload;
    struct host_workers *workers;
    struct host_notify notify;
    enum host_phase phase;
    bool has_opened;      /* all front ends listen; where we take over, the first is being told */
    struct error failure; /* why it cannot go on; empty: it can */
    uv_loop_t loop;       /* main's */
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t patience; /* with the phase */
};

/* ---- the end ---- */

static void fail(struct host *host, const char *reason)
{
    error_set(&host->failure, "%s", reason);
    uv_stop(&host->loop);
}

static void on_drain_timeout(uv_timer_t *timer)
{
    struct host *host = timer->data;
    log_write(host->log, LOG_WARN, "host", "drain-cut-short",
              LOG_NUMBER("reactors_left", (int64_t)host_workers_undrained(host->workers)));
    uv_stop(&host->loop);
}

static void wait_for_drain(struct host *host, uv_timer_cb on_timeout)
{
    uv_timer_start(&host->patience, on_timeout,
                   (uint64_t)(host_reload_topology(host->reload)->drain_timeout / MILLISECOND), 0);
}

static void drain(struct host *host)
{
    host->phase = HOST_DRAINING;
    host_notify_stopping(&host->notify);
    if (host->offer != NULL)
        host_offer_withdraw(host->offer); /* its copies would keep the sockets open */
    host_workers_drain(host->workers, DRAIN_PROMPT);
    wait_for_drain(host, on_drain_timeout);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct host *host = handle->data;
    /* The next one has the system's effect: it ends the process at once. */
    uv_signal_stop(&host->on_term);
    uv_signal_stop(&host->on_int);
    log_write(host->log, LOG_INFO, "host", "draining",
              LOG_TEXT("signal", number == SIGTERM ? "SIGTERM" : "SIGINT"));
    drain(host);
}

/* Those clients that have not left by now are not going to. */
static void on_leaving_timeout(uv_timer_t *timer)
{
    struct host *host = timer->data;
    log_write(host->log, LOG_INFO, "host", "draining",
              LOG_NUMBER("reactors_left", (int64_t)host_workers_undrained(host->workers)));
    drain(host);
}

static void on_taken(void *owner, int64_t pid)
{
    struct host *host = owner;
    log_write(host->log, LOG_INFO, "host", "taken-over", LOG_NUMBER("by", pid));
    host->phase = HOST_LEAVING;
    host_notify_taken_over(&host->notify, pid);
    host_listeners_disown(&host->listeners);
    host_workers_drain(host->workers, DRAIN_PATIENT);
    wait_for_drain(host, on_leaving_timeout);
}

/* ---- the beginning ---- */

static void serve(struct host *host)
{
    host->phase = HOST_SERVING;
    host_notify_ready(&host->notify, host->workers);
    if (host->offer != NULL)
        host_offer_begin(host->offer, &host->handed);
    listener_handed_close(&host->handed);
}

/* A path that nobody listens at any more would be in the way of whoever wants it next. */
static void drop_spare(struct host *host)
{
    const struct listener_handed_socket *spare;
    while ((spare = listener_handed_spare(&host->handed)) != NULL) {
        log_write(host->log, LOG_INFO, "host", "not-listening-any-more",
                  LOG_TEXT("address", spare->address));
        listener_handed_drop(&host->handed, spare);
    }
}

static void on_takeover_done(void *owner, const char *refusal)
{
    struct host *host = owner;
    if (host->phase != HOST_OPENING)
        return; /* a signal was faster */
    if (refusal != NULL) {
        fail(host, refusal);
        return;
    }
    log_write(host->log, LOG_INFO, "host", "took-over",
              LOG_NUMBER("sockets", (int64_t)host->handed.count));
    host_listeners_own(&host->listeners, &host->handed);
    drop_spare(host);
    serve(host);
}

static void on_opening_timeout(uv_timer_t *timer)
{
    fail(timer->data, "--takeover: the stages were not ready in time (is Redis there?); the "
                      "running weir goes on");
}

static void on_opened(struct host *host)
{
    uv_timer_stop(&host->patience);
    if (host->setup->takes_over)
        host_takeover_finish(&host->takeover, &host->loop, on_takeover_done, host);
    else
        serve(host);
}

/* ---- main's loop ---- */

static void on_news(void *owner)
{
    struct host *host = owner;
    const struct error *failure = host_workers_failure(host->workers);
    if (failure != NULL)
        fail(host, failure->text);
    else if (host->phase == HOST_OPENING && !host->has_opened &&
             host_workers_have_opened(host->workers)) {
        host->has_opened = true;
        on_opened(host);
    } else if (host->phase >= HOST_LEAVING && host_workers_undrained(host->workers) == 0)
        uv_stop(&host->loop);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    struct host *host = handle->data;
    (void)number;
    host_reload_begin(host->reload);
}

static void order_reactors(void *owner, const struct reactor_order *order)
{
    host_workers_order(((struct host *)owner)->workers, order);
}

static void on_reload(void *owner, bool is_under_way)
{
    const struct host *host = owner;
    if (host->phase == HOST_SERVING)
        host_notify_reload(&host->notify, is_under_way);
}

static void open_loop(struct host *host)
{
    CHECK(uv_loop_init(&host->loop) == 0); /* nothing is open yet that could be too much */
    uv_signal_init(&host->loop, &host->on_term);
    uv_signal_init(&host->loop, &host->on_int);
    uv_signal_init(&host->loop, &host->on_hup);
    uv_timer_init(&host->loop, &host->patience);
    host->on_term.data = host->on_int.data = host->on_hup.data = host->patience.data = host;
    host_notify_open(&host->notify, &host->loop, host->log);
}

static void close_loop(struct host *host)
{
    uv_close((uv_handle_t *)&host->on_term, NULL);
    uv_close((uv_handle_t *)&host->on_int, NULL);
    uv_close((uv_handle_t *)&host->on_hup, NULL);
    uv_close((uv_handle_t *)&host->patience, NULL);
    host_notify_close(&host->notify);
    host_takeover_close(&host->takeover);
    if (host->offer != NULL)
        host_offer_withdraw(host->offer);
    if (host->workers != NULL) {
        host_workers_close(host->workers);
        host_reload_close(host->reload);
    }
    uv_run(&host->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&host->loop) == 0);
    host_offer_destroy(&host->offer);
}

/* Takes the signals, those that came during the start too. */
static void wait_for_end(struct host *host, const sigset_t *unblocked)
{
    uv_signal_start(&host->on_term, on_signal, SIGTERM);
    uv_signal_start(&host->on_int, on_signal, SIGINT);
    uv_signal_start(&host->on_hup, on_hangup, SIGHUP);
    if (host->setup->takes_over)
        uv_timer_start(&host->patience, on_opening_timeout, TAKEOVER_PATIENCE / MILLISECOND, 0);
    pthread_sigmask(SIG_SETMASK, unblocked, NULL);
    uv_run(&host->loop, UV_RUN_DEFAULT);
}

/* ---- the whole ---- */

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
    host_reload_set_guard(host->reload, host->guard);
    return host->guard != NULL || !host->links.needs_guard;
}

static bool run(struct host *host, struct error *error)
{
    sigset_t before;
    host_system_block_signals(&before); /* every thread started from here on inherits this */
    bool is_up = start_guard(host, error) && host_workers_start(host->workers, error);
    if (is_up) {
        log_write(host->log, LOG_INFO, "host", "started", LOG_TEXT("version", WEIR_VERSION),
                  LOG_TEXT("topology", host->topology->file),
                  LOG_TEXT("process", name_of(host->topology)),
                  LOG_NUMBER("reactors", (int64_t)host->topology->reactor_count));
        wait_for_end(host, &before);
        is_up = host->failure.text[0] == '\0' || error_set(error, "%s", host->failure.text);
    }
    host_workers_stop(host->workers);
    host_guard_stop(&host->guard);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_up;
}

static void prepare_reloads(struct host *host)
{
    const struct host_reload_setup setup = {
        .topology = host->topology,
        .load = host->setup->load,
        .owner = host->setup->owner,
        .order = order_reactors,
        .on_reload = on_reload,
        .host = host,
        .log = host->log,
    };
    host->reload = host_reload_create(&setup, &host->loop);
}

static void prepare_workers(struct host *host)
{
    if (host->links.are_split)
        zsys_set_io_threads(2); /* one for what is small, one for what is huge */
    const struct host_workers_setup setup = {
        .reactor = {.topology = host->topology,
                    .kind_of = host->setup->kind_of,
                    .context = zsys_init(),
                    .keys = host->links.has_keys ? &host->links.own : NULL,
                    .ring_seed = host->links.has_seed ? host->links.seed : NULL,
                    .listeners = host->listeners.all,
                    .reloads = host_reload_for_reactors(host->reload),
                    .log = host->log,
                    .opens_when_ready = host->setup->takes_over},
        .loop = &host->loop,
        .on_news = on_news,
        .owner = host,
    };
    host->workers = host_workers_create(&setup);
}

/* The sockets of who runs now, or of who started us. */
static bool receive_listeners(struct host *host, const char *path, struct error *error)
{
    if (!listener_activation_take(&host->handed, error))
        return false;
    if (!host->setup->takes_over)
        return true;
    if (path == NULL)
        return error_set(error, "--takeover: %s names no path for it: takeover",
                         host->topology->file);
    if (host->handed.count > 0)
        return error_set(error, "--takeover: the service manager hands over sockets (LISTEN_FDS); "
                                "a running weir cannot, too");
    return host_takeover_receive(&host->takeover, path, &host->handed, error);
}

static bool make_offer(struct host *host, const char *path, struct error *error)
{
    const struct host_offer_setup setup = {.path = path,
                                           .listeners = &host->listeners,
                                           .log = host->log,
                                           .loop = &host->loop,
                                           .on_taken = on_taken,
                                           .owner = host};
    if (path == NULL)
        return true;
    host->offer = host_offer_create(&setup, &host->handed, error);
    return host->offer != NULL;
}

/* All that can fail before there is a thread. */
static bool open_all(struct host *host, struct error *error)
{
    const char *path = host->topology->processes[host->topology->process].takeover;
    if (!receive_listeners(host, path, error) ||
        !host_links_open(&host->links, host->topology, error) ||
        !host_listeners_open(&host->listeners, host->topology, &host->handed, error) ||
        !make_offer(host, path, error))
        return false;
    const struct listener_handed_socket *spare = listener_handed_spare(&host->handed);
    return spare == NULL || host->setup->takes_over ||
           error_set(error, "LISTEN_FDS: no stage of this process listens at %s", spare->address);
}

int host_run(const struct host_setup *setup, struct error *error)
{
    struct host host = {.setup = setup,
                        .topology = setup->topology,
                        .log = setup->log,
                        .takeover.channel.descriptor = -1};
    signal(SIGPIPE, SIG_IGN);
    host_system_raise_file_limit();
    if (sodium_init() < 0) {
        error_set(error, "the system has no random numbers");
        return EXIT_FAILURE;
    }
    open_loop(&host);
    bool is_up = open_all(&host, error);
    if (is_up) {
        zsys_handler_set(NULL); /* czmq would take the signals */
        prepare_reloads(&host);
        prepare_workers(&host);
        is_up = run(&host, error);
    }
    const bool is_drained = is_up && host_workers_undrained(host.workers) == 0;
    close_loop(&host);
    if (host.workers != NULL) {
        host_workers_destroy(&host.workers);
        host_reload_destroy(&host.reload);
        zsys_shutdown();
    }
    host_links_close(&host.links);
    host_listeners_close(&host.listeners);
    listener_handed_close(&host.handed);
    if (is_up)
        log_write(host.log, LOG_INFO, "host", "stopped",
                  LOG_TEXT("reason", is_drained ? "drained" : "drain_timeout"));
    return is_up ? EXIT_SUCCESS : EXIT_FAILURE;
}
