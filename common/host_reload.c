/* Owns what was read anew, until it is in force everywhere and then until the next is. All but
 * on_ask and on_done runs in main's thread. */
#include "common/host_reload.h"

#include "common/check.h"
#include "common/control.h"
#include "common/keys.h"
#include "common/memory.h"
#include "common/topology_compare.h"

#include <stdlib.h>
#include <string.h>

/* What one reload brings; zeroed before the first: then it is as at the start. */
struct reading {
    struct topology *topology;
    struct key_list *allowed;
};

struct host_reload {
    struct host_reload_setup setup;
    struct host_guard *guard;
    struct reactor_reloads reactors; /* what these see of it */
    struct reading current, next;
    bool is_busy;
    bool is_wanted; /* one more, behind the one under way */
    struct buffer outcome;
    uint64_t done, refused;
    struct reactor_order order; /* the one that is being carried out */
    atomic_size_t left;         /* reactors that have not done so yet */
    uv_async_t on_asked;        /* a reactor asks for a reload: rung by it */
    uv_async_t on_all_done;     /* rung by the last of the reactors */
};

static void free_reading(struct reading *reading)
{
    topology_destroy(&reading->topology);
    keys_free_list(&reading->allowed);
}

const struct topology *host_reload_topology(const struct host_reload *reload)
{
    return reload->current.topology != NULL ? reload->current.topology : reload->setup.topology;
}

/* ---- orders ---- */

static void on_done(void *owner)
{
    struct host_reload *reload = owner;
    if (atomic_fetch_sub(&reload->left, 1) == 1)
        uv_async_send(&reload->on_all_done);
}

static void order(struct host_reload *reload, enum reactor_step step)
{
    reload->order = (struct reactor_order){
        .step = step,
        .topology = reload->next.topology,
        .allowed = reload->next.allowed,
        .number = atomic_load(&reload->reactors.begun),
        .outcome = buffer_bytes(&reload->outcome),
        .done = reload->done,
        .refused = reload->refused,
        .on_done = on_done,
        .owner = reload,
    };
    atomic_store(&reload->left, reload->setup.topology->reactor_count);
    reload->setup.order(reload->setup.host, &reload->order);
}

/* ---- outcomes ---- */

/* The lines of `text` in one, for the log; the caller frees it. */
static char *join_lines(const struct buffer *text)
{
    struct buffer joined = {0};
    for (size_t i = 0; i + 1 < text->size; i++)
        if (text->data[i] == '\n')
            buffer_append_text(&joined, ", ");
        else
            buffer_append(&joined, &text->data[i], 1);
    buffer_append(&joined, "", 1);
    return joined.data;
}

static void log_outcome(const struct host_reload *reload, enum log_level level, const char *event,
                        const char *key, const struct buffer *lines)
{
    char *joined = join_lines(lines);
    log_write(reload->setup.log, level, "host", event, LOG_TEXT(key, joined));
    free(joined);
}

static void conclude(struct host_reload *reload, const char *kind, const struct buffer *lines)
{
    reload->outcome.size = 0;
    buffer_append_text(&reload->outcome, kind);
    buffer_append(&reload->outcome, lines->data, lines->size);
    order(reload, REACTOR_TELLS);
}

static void refuse(struct host_reload *reload, const struct buffer *reasons)
{
    log_outcome(reload, LOG_ERROR, "reload-refused", "reason", reasons);
    free_reading(&reload->next);
    reload->refused++;
    conclude(reload, CONTROL_REFUSED, reasons);
}

static void succeed(struct host_reload *reload)
{
    struct buffer fixed = {0}, changes = {0};
    const enum log_level before = host_reload_topology(reload)->log_level;
    const enum log_level after = reload->next.topology->log_level;
    topology_compare(host_reload_topology(reload), reload->next.topology, &fixed, &changes);
    if (changes.size == 0)
        buffer_append_text(&changes, "nothing\n");
    free_reading(&reload->current);
    reload->current = reload->next;
    reload->next = (struct reading){0};
    reload->done++;
    log_set_level(reload->setup.log, before > after ? before : after); /* for this line */
    log_outcome(reload, LOG_INFO, "reloaded", "changed", &changes);
    log_set_level(reload->setup.log, after);
    conclude(reload, CONTROL_RELOADED, &changes);
    buffer_fini(&fixed);
    buffer_fini(&changes);
}

static void on_all_done(uv_async_t *async)
{
    struct host_reload *reload = async->data;
    if (!reload->is_busy || atomic_load(&reload->left) > 0)
        return;
    switch (reload->order.step) {
    case REACTOR_CONFIGURES_ORIGINS:
        order(reload, REACTOR_CONFIGURES_OTHERS);
        break;
    case REACTOR_CONFIGURES_OTHERS:
        succeed(reload);
        break;
    case REACTOR_TELLS:
        reload->is_busy = false;
        reload->setup.on_reload(reload->setup.host, false);
        if (reload->is_wanted)
            host_reload_begin(reload);
        break;
    }
}

/* ---- the beginning ---- */

/* False, with the reasons, a line each. */
static bool read_anew(struct host_reload *reload, struct buffer *reasons)
{
    struct reading *next = &reload->next;
    struct buffer changes = {0};
    struct error error;
    next->topology = reload->setup.load(reload->setup.owner, &error);
    if (next->topology == NULL) {
        buffer_format(reasons, "%s\n", error.text);
        return false;
    }
    topology_compare(host_reload_topology(reload), next->topology, reasons, &changes);
    buffer_fini(&changes);
    if (reasons->size > 0 || reload->guard == NULL)
        return reasons->size == 0;
    const struct topology *topology = next->topology;
    next->allowed = keys_read_list(topology->processes[topology->process].allow_file, &error);
    if (next->allowed == NULL)
        buffer_format(reasons, "%s\n", error.text);
    return next->allowed != NULL;
}

void host_reload_begin(struct host_reload *reload)
{
    struct buffer reasons = {0};
    reload->is_wanted = reload->is_busy;
    if (reload->is_busy)
        return;
    reload->is_busy = true;
    reload->setup.on_reload(reload->setup.host, true);
    atomic_fetch_add(&reload->reactors.begun, 1);
    if (!read_anew(reload, &reasons)) {
        refuse(reload, &reasons);
    } else {
        /* First who connects: a key that is taken off must not come back after it was barred. */
        if (reload->guard != NULL)
            host_guard_allow(reload->guard, reload->next.allowed);
        order(reload, REACTOR_CONFIGURES_ORIGINS);
    }
    buffer_fini(&reasons);
}

static void on_asked(uv_async_t *async)
{
    host_reload_begin(async->data);
}

static void on_ask(void *owner)
{
    uv_async_send(&((struct host_reload *)owner)->on_asked);
}

/* ---- its life ---- */

struct host_reload *host_reload_create(const struct host_reload_setup *setup, uv_loop_t *loop)
{
    struct host_reload *reload = memory_alloc(1, sizeof *reload);
    reload->setup = *setup;
    reload->reactors.ask = on_ask;
    reload->reactors.owner = reload;
    CHECK(uv_async_init(loop, &reload->on_asked, on_asked) == 0);
    CHECK(uv_async_init(loop, &reload->on_all_done, on_all_done) == 0);
    reload->on_asked.data = reload->on_all_done.data = reload;
    return reload;
}

void host_reload_set_guard(struct host_reload *reload, struct host_guard *guard)
{
    reload->guard = guard;
}

struct reactor_reloads *host_reload_for_reactors(struct host_reload *reload)
{
    return &reload->reactors;
}

void host_reload_close(struct host_reload *reload)
{
    uv_close((uv_handle_t *)&reload->on_asked, NULL);
    uv_close((uv_handle_t *)&reload->on_all_done, NULL);
}

void host_reload_destroy(struct host_reload **reload_address)
{
    struct host_reload *reload = *reload_address;
    free_reading(&reload->current);
    free_reading(&reload->next);
    buffer_fini(&reload->outcome);
    free(reload);
    *reload_address = NULL;
}
