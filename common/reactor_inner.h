/* What a reactor is made of: for the files of the reactor and its control only. */
#ifndef WEIR_REACTOR_INNER_H
#define WEIR_REACTOR_INNER_H

#include "common/port.h"
#include "common/reactor.h"
#include "common/reactor_socket.h"

#define REACTOR_RELOAD_WAITERS 64

struct reactor_stage {
    struct port_owner owner;
    struct ask_port *asks;     /* or NULL */
    struct ask_port *control;  /* or NULL */
    struct serve_port *serves; /* or NULL */
    bool is_open;              /* what it asks can be asked, and it was told */
    bool is_serving;           /* it can be asked */
};

/* Its part in reloads. */
struct reactor_reload {
    uv_async_t on_order;                         /* rung from other threads */
    _Atomic(const struct reactor_order *) order; /* to be carried out; NULL: none */
    struct reload_waiter {
        struct return_address from;
        uint64_t number; /* of the reload whose outcome it waits for, or of an earlier one */
    } waiters[REACTOR_RELOAD_WAITERS]; /* who asked for one through the control port */
    size_t waiter_count;
    uint64_t done, refused; /* reloads, when last told */
};

struct reactor {
    struct turn turn; /* first: what the stages see of it */
    struct reactor_setup setup;
    char name[32]; /* "reactor.0" */
    struct reactor_stage *stages;
    size_t stage_count;
    struct reactor_stage control; /* answers for the reactor itself */
    struct reactor_sockets sockets;

    struct clock clock;
    uv_loop_t loop;
    uv_prepare_t before_wait; /* marks the clock as old */
    uv_timer_t timer;
    int64_t timer_at;     /* mono ns: when the timer will ring, or NEVER */
    uv_async_t on_drain;  /* rung from other threads: promptly */
    uv_async_t on_retire; /* rung from other threads: patiently */
    uv_async_t on_ping;   /* rung from other threads */
    uv_async_t on_stop;   /* rung from other threads */
    uv_poll_t on_bell;    /* the setup's: rung by other reactors */
    struct reactor_reload reload;

    bool has_work_left; /* the next turn does not wait */
    bool is_opening;    /* some stage is not open or not serving yet */
    bool is_draining;
    bool is_drained;
    bool is_stopping;

    uint64_t turns;
    int64_t longest_turn; /* ns */
};

/* Everything between two waits of the loop. */
void reactor_turn(struct reactor *reactor);

/* ---- reactor_reload.c ---- */

/* What a stage is created or configured with, but for its listener: its settings are those of
 * `topology`, which runs or is to. */
struct stage_setup reactor_stage_setup(const struct reactor *reactor, size_t stage,
                                       const struct topology *topology);

void reactor_reload_open(struct reactor *reactor); /* its handle is closed with the others */

/* Somebody asks for a reload: is answered with its outcome, or at once where that cannot be. */
void reactor_reload_ask(struct reactor *reactor, const struct return_address *from);

#endif
