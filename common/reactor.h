/* The reactor: one thread's loop, and the stages that live in it.
 *
 * Its life is a sequence of turns. The loop waits, and what it finds (sockets of stages, edges of
 * links, the timer) is only taken note of and gathered; then, in rounds, every link gives at most
 * one message to its stage and takes what the stage has gathered, until nothing moves; then every
 * stage is told that the turn ends. Work that is left over goes on in the next turn, which does
 * not wait.
 *
 * Readiness flows along the links: a stage is asked only when it is settled, and a stage whose
 * links are all open is told so. */
#ifndef WEIR_REACTOR_H
#define WEIR_REACTOR_H

#include "common/error.h"
#include "common/listener.h"
#include "common/log.h"
#include "common/reactor_inbox.h"
#include "common/stage.h"
#include "common/topology.h"

#include <stdatomic.h>
#include <stdint.h>

struct reactor;

/* What a reactor is ordered to do in the course of a reload (host_reload.h), one thing at a time.
 */
struct reactor_order {
    enum reactor_step {
        REACTOR_CONFIGURES_ORIGINS, /* the stages that ask nobody take on their new settings, */
        REACTOR_CONFIGURES_OTHERS,  /* and all others do: then what is proven to them is proven by
                                       an origin that has its new ones */
        REACTOR_TELLS               /* the outcome, to those who asked for the reload */
    } step;
    const struct topology *topology; /* with the settings; until the next reload has configured */
    const struct key_list *allowed;  /* likewise: who may ask; NULL: as it was */
    uint64_t number;                 /* of the reload: 1, … */
    struct bytes outcome;            /* TELLS: see control.h */
    uint64_t done, refused;          /* TELLS: reloads so far */
    void (*on_done)(void *owner);    /* in the reactor's thread: the order is the owner's again */
    void *owner;
};

/* How a reload is asked for; from any thread. */
struct reactor_reloads {
    atomic_uint_fast64_t begun; /* how many have, so far */
    void (*ask)(void *owner);   /* one begins, now or behind the one under way */
    void *owner;
};

/* All of it outlives the reactor. */
struct reactor_setup {
    const struct topology *topology;
    size_t number; /* which of the topology's reactors */
    const struct stage_kind *(*kind_of)(const struct kind_spec *spec);
    void *context;                   /* ZeroMQ's: one for all reactors of the process */
    struct reactor_inboxes *inboxes; /* likewise */
    struct reactor_bell
        *bell; /* this reactor's own; open until the last of the process has ended */
    const struct key_pair *keys;     /* of the process, or NULL */
    const unsigned char *ring_seed;  /* see struct port_owner */
    struct listener *listeners;      /* one for each stage of the topology, where it has `listen` */
    struct reactor_reloads *reloads; /* NULL: there are none */
    struct log *log;
    bool opens_when_ready; /* stages wait until all that they ask is there, in other processes too,
                              and can do its work: another weir serves meanwhile */

    /* All in the reactor's thread. */
    void (*on_opened)(void *owner);  /* once: all stages are open and can be asked */
    void (*on_drained)(void *owner); /* once */
    void (*on_failed)(void *owner, const struct error *error); /* for each stage that cannot open:
                                                                  the process is to end */
    void (*on_answered)(void *owner);                          /* a ping */
    void *owner;
};

/* Creates the stages, serving sides before asking sides. NULL on error. This, run and destroy are
 * never called by two threads at once. */
struct reactor *reactor_create(const struct reactor_setup *setup, struct error *error);

/* Returns after reactor_stop. */
void reactor_run(struct reactor *reactor);

void reactor_destroy(struct reactor **reactor);

/* From any thread, until reactor_run has returned. */
/* Tells the stages; on_drained follows. */
void reactor_drain(struct reactor *reactor, enum drain_manner manner);
void reactor_stop(struct reactor *reactor);
void reactor_ping(struct reactor *reactor); /* on_answered follows, if it turns */
/* One at a time: not before the one before is done. */
void reactor_order(struct reactor *reactor, const struct reactor_order *order);

#endif
