/* Reactors with fake stages in them, over real inproc sockets, in one thread or in two:
 *
 *     client ──asks──▶ relay ──asks──▶ origin          inspector ──asks──▶ control of every reactor
 *
 * Each stage does what its script says, and notes what it has seen. Hooks run in the reactors'
 * threads, so a test looks at the notes only after scene_run. */
#ifndef TESTS_SUPPORT_SCENE_H
#define TESTS_SUPPORT_SCENE_H

#include "common/reactor.h"

#include <stdatomic.h>

#define SCENE_REACTORS 2

enum { CLIENT, RELAY, ORIGIN, INSPECTOR, STAGES };

struct fake;

/* A hook that is NULL does nothing; a turn's returns when to be woken, as a stage's. */
struct script {
    bool (*create)(struct fake *fake, struct error *error);
    void (*on_open)(struct fake *fake, struct moment now);
    bool (*is_settled)(struct fake *fake);
    void (*on_ask)(struct fake *fake, const struct return_address *from, struct bytes key);
    void (*on_answer)(struct fake *fake, uint64_t token, const struct answer *answer);
    void (*on_notice)(struct fake *fake, struct moment now, const struct notice *notice);
    int64_t (*on_turn)(struct fake *fake, struct moment now);
    void (*drain)(struct fake *fake);
    bool (*is_drained)(struct fake *fake);
};

struct fake {
    struct scene *scene;
    struct script script;
    struct stage_setup setup;
    const char *unready; /* reason, or NULL */
    size_t asks, answers, failures, notices, turns, destroyed;
    struct return_address kept; /* an ask that is answered later */
    void *own;                  /* a script's */
};

struct scene {
    struct fake fakes[STAGES];
    struct value *value;   /* a scene's own, for the origin to answer with */
    const char *inspected; /* what the inspector is to ask for; NULL: nothing */
    struct buffer text;    /* what the inspector was answered */
    char order[256];       /* names of what happened, in order, where a script notes it */
    size_t drained;        /* calls of on_drained, of all reactors */
    atomic_bool has_ended; /* scripts rest */
    struct log log;
    struct topology topology;
    struct topology_process processes[2]; /* the one to run, and another */
    struct topology_stage stages[STAGES];
    struct topology_instance instances[STAGES];
    struct setting_value values[STAGES];
    struct topology_reactor placement[SCENE_REACTORS];
    size_t placed[SCENE_REACTORS][STAGES];
    struct reactor *reactors[SCENE_REACTORS];
    struct reactor_bell bells[SCENE_REACTORS];
    struct reactor_inboxes *inboxes;
    void *context; /* ZeroMQ's */
    struct error error;
};

/* Client and inspector in the first reactor; relay and origin there too, or in the second. A relay
 * passes everything on; an origin answers with the key. Tests change the scripts. */
struct scene *scene_create(size_t reactors);
void scene_destroy(struct scene **scene);

/* Lets a stage (RELAY or ORIGIN) serve elsewhere than over inproc. The text outlives the scene. */
void scene_serve_at(struct scene *scene, size_t stage, const char *address);

/* RELAY and ORIGIN are in another process, which the test plays. One reactor. */
void scene_leave_client_alone(struct scene *scene);

/* Runs until scene_end. False, with `error` set, where a reactor could not be created. */
bool scene_run(struct scene *scene);

/* Ends the run, from any hook; turns that come yet are no script's any more. */
void scene_end(struct scene *scene);

/* In a hook of the first reactor: has all reactors' control be asked for `key`, and ends the run
 * when all have answered. */
void scene_inspect_and_end(struct scene *scene, const char *key);

/* What an origin does unless its script says otherwise. */
void scene_answer_with_key(struct fake *fake, const struct return_address *from, struct bytes key);

void scene_note(struct scene *scene, const char *what);

/* The value of a sample with these labels in the metrics that the inspector was answered; -1 where
 * there is none. */
int64_t scene_metric(const struct scene *scene, const char *name, const char *labels);

#endif
