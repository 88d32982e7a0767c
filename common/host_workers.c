/* run_worker and the four that tell run in a reactor's thread; all else in main's. The flags are
 * set there and read here: they are atomic, and what was written before one is set can be read once
 * it is seen. */
#include "common/host_workers.h"

#include "common/check.h"
#include "common/memory.h"
#include "common/transport_handover.h"

#include <czmq.h>
#include <pthread.h>
#include <stdatomic.h>

struct worker {
    struct host_workers *workers;
    struct reactor_setup setup;
    struct error error;      /* why there is no reactor, or why it cannot go on */
    struct reactor *reactor; /* created and destroyed in its own thread */
    struct reactor_bell bell;
    zactor_t *actor;    /* NULL: not started */
    uv_async_t on_news; /* a flag was set: rung by it, heard by main */
    atomic_bool has_opened, has_failed, has_drained, has_answered;
};

struct host_workers {
    struct host_workers_setup setup;
    struct worker *workers;
    size_t count;
    struct reactor_inboxes *inboxes;
};

/* ---- in a reactor's thread ---- */

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

static void tell(struct worker *worker, atomic_bool *flag)
{
    atomic_store(flag, true);
    uv_async_send(&worker->on_news);
}

static void tell_opened(void *owner)
{
    struct worker *worker = owner;
    tell(worker, &worker->has_opened);
}

static void tell_drained(void *owner)
{
    struct worker *worker = owner;
    tell(worker, &worker->has_drained);
}

static void tell_answered(void *owner)
{
    atomic_store(&((struct worker *)owner)->has_answered, true);
}

/* The first failure of a reactor ends the process, and so is told. */
static void tell_failed(void *owner, const struct error *error)
{
    struct worker *worker = owner;
    if (worker->error.text[0] != '\0')
        return;
    worker->error = *error;
    tell(worker, &worker->has_failed);
}

/* The first signal says that the reactor is up, or that `error` says why not; zactor's own says
 * that it has ended. */
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

/* ---- in main's ---- */

static void on_news(uv_async_t *async)
{
    const struct worker *worker = async->data;
    worker->workers->setup.on_news(worker->workers->setup.owner);
}

struct host_workers *host_workers_create(const struct host_workers_setup *setup)
{
    struct host_workers *workers = memory_alloc(1, sizeof *workers);
    workers->setup = *setup;
    workers->count = setup->reactor.topology->reactor_count;
    workers->inboxes = reactor_inboxes_create();
    workers->workers = memory_alloc(workers->count, sizeof *workers->workers);
    for (size_t i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->workers[i];
        worker->workers = workers;
        worker->setup = setup->reactor;
        worker->setup.number = i;
        worker->setup.inboxes = workers->inboxes;
        worker->setup.on_opened = tell_opened;
        worker->setup.on_drained = tell_drained;
        worker->setup.on_failed = tell_failed;
        worker->setup.on_answered = tell_answered;
        worker->setup.owner = worker;
        CHECK(uv_async_init(setup->loop, &worker->on_news, on_news) == 0);
        worker->on_news.data = worker;
    }
    return workers;
}

bool host_workers_start(struct host_workers *workers, struct error *error)
{
    for (size_t i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->workers[i];
        if (!reactor_bell_open(&worker->bell, error))
            return false;
        worker->setup.bell = &worker->bell;
        worker->actor = zactor_new(run_worker, worker);
        if (worker->actor == NULL)
            return error_set(error, "cannot start a thread");
        handover_take(worker);
        if (worker->reactor == NULL)
            return error_set(error, "%s", worker->error.text);
    }
    return true;
}

void host_workers_stop(struct host_workers *workers)
{
    for (size_t i = workers->count; i-- > 0;) {
        struct worker *worker = &workers->workers[i];
        if (worker->actor == NULL)
            continue;
        if (worker->reactor != NULL)
            reactor_stop(worker->reactor);
        zactor_destroy(&worker->actor);
        handover_take(worker);
    }
    for (size_t i = 0; i < workers->count; i++) /* only now: the last may ring for the others */
        if (workers->workers[i].setup.bell != NULL)
            reactor_bell_close(&workers->workers[i].bell);
    reactor_inboxes_destroy(&workers->inboxes);
}

void host_workers_drain(struct host_workers *workers, enum drain_manner manner)
{
    for (size_t i = 0; i < workers->count; i++)
        reactor_drain(workers->workers[i].reactor, manner);
}

void host_workers_order(struct host_workers *workers, const struct reactor_order *order)
{
    for (size_t i = 0; i < workers->count; i++)
        reactor_order(workers->workers[i].reactor, order);
}

void host_workers_ping(struct host_workers *workers)
{
    for (size_t i = 0; i < workers->count; i++) {
        atomic_store(&workers->workers[i].has_answered, false);
        reactor_ping(workers->workers[i].reactor);
    }
}

bool host_workers_have_opened(const struct host_workers *workers)
{
    for (size_t i = 0; i < workers->count; i++)
        if (!atomic_load(&workers->workers[i].has_opened))
            return false;
    return true;
}

bool host_workers_have_answered(const struct host_workers *workers)
{
    for (size_t i = 0; i < workers->count; i++)
        if (!atomic_load(&workers->workers[i].has_answered))
            return false;
    return true;
}

size_t host_workers_undrained(const struct host_workers *workers)
{
    size_t count = 0;
    for (size_t i = 0; i < workers->count; i++)
        count += !atomic_load(&workers->workers[i].has_drained);
    return count;
}

const struct error *host_workers_failure(const struct host_workers *workers)
{
    for (size_t i = 0; i < workers->count; i++)
        if (atomic_load(&workers->workers[i].has_failed))
            return &workers->workers[i].error;
    return NULL;
}

void host_workers_close(struct host_workers *workers)
{
    for (size_t i = 0; i < workers->count; i++)
        uv_close((uv_handle_t *)&workers->workers[i].on_news, NULL);
}

void host_workers_destroy(struct host_workers **workers)
{
    free((*workers)->workers);
    free(*workers);
    *workers = NULL;
}
