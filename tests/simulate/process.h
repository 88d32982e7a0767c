/* A process of a simulated run: one reactor, with stages and the real ports between them. It can be
 * killed, started again, stopped (as by SIGSTOP) and continued. */
#ifndef TESTS_SIMULATE_PROCESS_H
#define TESTS_SIMULATE_PROCESS_H

#include "common/port.h"
#include "tests/simulate/network.h"

#define PROCESS_STAGES 3
#define PROCESS_ASKED  4 /* shards */

/* A stage as a topology would have it. All of it outlives the process. */
struct stage_plan {
    const char *name;
    const struct stage_kind *kind;
    const struct settings *settings, *origin;
    size_t cache_count;              /* as in struct stage_setup */
    const struct port_shard *serves; /* NULL: nobody asks it */
    struct port_shard asks[PROCESS_ASKED];
    size_t ask_count;
    void *context; /* for the kinds of tests/simulate */
};

/* What a stage of tests/simulate is created with: the real setup stands first in it. */
struct simulated_setup {
    struct stage_setup setup;
    void *context;
    struct process *process;
};

struct process {
    struct network_host host; /* first */
    const char *name;
    struct stage_plan plans[PROCESS_STAGES];
    size_t count;
    struct process_stage {
        struct port_owner owner;
        struct ask_port *asks;
        struct serve_port *serves;
        bool is_open, is_serving;
    } stages[PROCESS_STAGES];
    struct clock clock;
    bool is_running, is_stopped;
    bool is_slow;         /* its turns take time */
    int64_t turned_at;    /* mono ns: the last turn's end */
    int64_t continued_at; /* mono ns: it stood still until then */
    uint64_t life;   /* counts the starts: what was planned for an earlier life finds nothing */
    int64_t turn_at; /* mono ns; NEVER: none is planned */
    unsigned hasty;  /* turns in a row that wanted the next one at once */
};

void process_start(struct process *process);
void process_kill(struct process *process);
void process_stop(struct process *process);
void process_continue(struct process *process);

/* It has something to do. */
void process_wake(struct process *process);

/* What the stage says of itself (struct metrics as text), at its end or when it is asked for. */
int64_t process_metric(struct process *process, size_t stage, const char *name);
/* The same of all its links together. */
int64_t process_link_metric(struct process *process, size_t stage, const char *name);

#endif
