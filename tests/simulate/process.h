/* A process of a simulated run, on a machine of its own: one reactor, with stages and the real
 * ports between them. It can be killed, started again, stopped (as by SIGSTOP, or with its machine,
 * whose monotonic clock stands still meanwhile) and continued. */
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
    bool is_running, is_stopped, is_suspended;
    bool is_slow;    /* its turns take time */
    bool is_turning; /* a turn has begun and not ended */
    /* Moments of the world, in ns. */
    int64_t stopped_at, continued_at; /* it stood still from, and until then */
    int64_t turn_at;                  /* NEVER: no turn is planned */
    int64_t slept;                    /* ns: that its machine was suspended, all together */
    uint64_t life;  /* counts the starts: what was planned for an earlier life finds nothing */
    unsigned hasty; /* turns in a row that wanted the next one at once */
};

void process_start(struct process *process);
void process_kill(struct process *process);
void process_stop(struct process *process, bool is_suspended);
void process_continue(struct process *process);

/* As its clocks tell. */
struct moment process_moment(const struct process *process);

/* It has something to do. */
void process_wake(struct process *process);

/* What the stage says of itself (struct metrics as text), at its end or when it is asked for. */
int64_t process_metric(struct process *process, size_t stage, const char *name);
/* The same of all its links together. */
int64_t process_link_metric(struct process *process, size_t stage, const char *name);

#endif
