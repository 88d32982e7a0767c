/* The contract of a stage.
 *
 * A stage is some state and this table of hooks. It never owns a thread, never blocks, and shares
 * no writable memory with any other: a reactor calls its hooks, one at a time, in one thread. It
 * asks and answers through ports; which transport, which shard, how many messages share a frame is
 * not its business, and what it hands to a port leaves at the end of the turn.
 *
 * All hooks may ask and answer. None may destroy the stage. */
#ifndef WEIR_STAGE_H
#define WEIR_STAGE_H

#include "common/clock.h"
#include "common/error.h"
#include "common/link.h"
#include "common/log.h"
#include "common/message.h"
#include "common/metrics.h"
#include "common/settings.h"
#include "common/trail.h"

struct uv_loop_s;

/* Any shard: the ring picks it by the key. */
#define PORT_BY_KEY SIZE_MAX

/* The port on which a stage asks others, towards the origin. */
struct ask_port {
    size_t shards;
    enum status (*ask)(struct ask_port *port, size_t shard, uint64_t token, const struct ask *ask);
    void (*watch)(struct ask_port *port, int64_t every);
    /* Every shard in this process has a session. Those in others come and go: asks are refused as
     * away meanwhile. */
    bool (*is_open)(const struct ask_port *port);
};

/* The port on which a stage is asked, from towards the client. */
struct serve_port {
    void (*answer)(struct serve_port *port, const struct return_address *to,
                   const struct answer *answer);
    void (*notify)(struct serve_port *port, const struct notice *notice);
};

/* Asks for ask->key. STATUS_VALUE: exactly one on_answer with `token` will follow, never during
 * this call. Any other status (AWAY, BUSY): the ask was not taken, and that is its answer. The key
 * is copied. */
static inline enum status port_ask(struct ask_port *port, uint64_t token, const struct ask *ask)
{
    return port->ask(port, PORT_BY_KEY, token, ask);
}

/* The same of one shard (0 to port->shards - 1), whatever the key. */
static inline enum status port_ask_shard(struct ask_port *port, size_t shard, uint64_t token,
                                         const struct ask *ask)
{
    return port->ask(port, shard, token, ask);
}

/* Wants NOTICE_PROVEN: from now on each shard is asked for the age of its proof every `every` ns.
 * One comes whenever the oldest of the shards' proofs has become younger, and none while a shard
 * has no session or no proof. Called in `create`, and again where the time changes. */
static inline void port_watch(struct ask_port *port, int64_t every)
{
    port->watch(port, every);
}

/* Answers an ask, once. The bytes are copied, the value is shared. */
static inline void port_answer(struct serve_port *port, const struct return_address *to,
                               const struct answer *answer)
{
    port->answer(port, to, answer);
}

/* Announces to all who ask this stage and want notices. What was announced before on this port
 * arrives before, and so does it before the answers that are given after it, those on a lane
 * excepted. PROVEN is kept, and passed on when it is asked for; LOST ends it. Where too much has
 * gathered for somebody, it becomes LOST for that one. */
static inline void port_notify(struct serve_port *port, const struct notice *notice)
{
    port->notify(port, notice);
}

/* The reactor's turn, for a stage whom one wait of the loop may bring more than a turn should hold.
 */
struct turn {
    void (*end)(struct turn *turn);
};

/* Ends it here and now, and begins the next: the hooks of all stages of the reactor are called, the
 * caller's own too. So it is only for callbacks of the loop, as the last thing that they do. */
static inline void turn_end(struct turn *turn)
{
    if (turn != NULL)
        turn->end(turn);
}

/* What a stage is created with. All that it points to outlives the stage, but for the settings and
 * their texts: these do until the next `configure`. */
struct stage_setup {
    const char *name;                /* of the instance: "http.0", or "http" where there is one */
    const struct settings *settings; /* checked; this instance's share */
    const struct settings *origin;  /* of the stage at the end of what it asks; NULL: asks nobody */
    const char *caches[TRAIL_MOST]; /* names of the stages between it and the origin, those that
                                       both ask and serve, that nearest the origin first */
    size_t cache_count;
    struct ask_port *asks;     /* NULL where its kind does not ask */
    struct ask_port *control;  /* of every reactor; NULL where its kind does not ask there */
    struct serve_port *serves; /* NULL where its kind does not serve */
    struct uv_loop_s *loop;    /* for descriptors and name look-ups; NULL in a simulated run */
    struct clock *clock;       /* for what the loop calls, outside the hooks */
    struct turn *turn;         /* likewise; NULL: turns end by themselves */
    int listener;              /* bound, for the stage to listen on and close; -1: none */
    const char *address;       /* of the listener, as bound; NULL: none */
    size_t all_clients;        /* max_clients of all instances that have such a setting, this one
                                  among them: they share the process's descriptors; 0: none */
    struct log *log;
};

/* How a stage ends its work. */
enum drain_manner {
    DRAIN_PROMPT, /* finish what is in progress, and whoever has nothing in progress goes at once */
    DRAIN_PATIENT, /* somebody else has taken over: clients go when they are told so, or by
                      themselves, and until then each of their requests is served */
};

struct stage_kind {
    struct kind_spec spec;

    /* Allocates the stage. NULL and an error text on failure; never aborts. */
    void *(*create)(const struct stage_setup *setup, struct error *error);

    /* New settings while it runs, in force when this returns: it cannot fail, for what could be
     * wrong with them has been checked (struct kind_spec). Those of its origin may be new too, and
     * `all_clients`; all else in the setup is as it was at `create`, but for `listener`, which is
     * -1. Called at every reload, whether anything is different or not, because the settings before
     * and their texts are gone afterwards. NULL: nothing about it is live. */
    void (*configure)(void *stage, struct moment now, const struct stage_setup *setup);

    /* The local stages it asks can be asked: a front end starts to listen. Called once. False and
     * an error text when it cannot, which ends the process. May be NULL. */
    bool (*on_open)(void *stage, struct moment now, struct error *error);

    /* Whether others may begin to ask it. NULL: as soon as what it asks can be asked. A fetcher
     * says true once its first attempt to connect has succeeded or failed, and never false again.
     */
    bool (*is_settled)(void *stage);

    /* Somebody asks: answer now, or keep `*from` and answer once later. */
    void (*on_ask)(void *stage, struct moment now, const struct return_address *from,
                   const struct ask *ask);

    /* An answer to what this stage asked, through either port; `answer` and its bytes are valid
     * during the call. */
    void (*on_answer)(void *stage, struct moment now, uint64_t token, const struct answer *answer);

    /* What was announced by, or happened to, what it asks. A session that ends is LOST, after the
     * answers to all that was outstanding in it. NULL: it wants no notices. */
    void (*on_notice)(void *stage, struct moment now, const struct notice *notice);

    /* The end of a turn, after its messages: flush, expire, give up on what is overdue. Returns
     * when it wants to be woken (mono ns), or NEVER. */
    int64_t (*on_turn)(void *stage, struct moment now);

    void (*measure)(void *stage, struct moment now, struct metrics *metrics);

    /* Why it cannot do its work now, as a short phrase without names of keys; NULL when it can. */
    const char *(*unready)(void *stage, struct moment now);

    /* Take nobody new. May be NULL. A prompt drain may follow a patient one. */
    void (*drain)(void *stage, struct moment now, enum drain_manner manner);
    bool (*is_drained)(void *stage); /* NULL: always */

    /* Ends everything the stage holds; NULLs the pointer. The stage's handles in the loop are
     * closed here (uv_close), and the loop is run by the reactor until they are gone. */
    void (*destroy)(void **stage);
};

#endif
