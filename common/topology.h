/* topology.yml -> checked, constant structs, or an error that names file, line and key.
 *
 * Reading goes in four steps: parse (the text alone), choose (which of the processes is to run),
 * override (flags and environment), check (all the rules, the division of limits, the placement).
 * Nothing changes after the check: any thread may read. docs/topology.md describes every key. */
#ifndef WEIR_TOPOLOGY_H
#define WEIR_TOPOLOGY_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/keys.h"
#include "common/log.h"
#include "common/settings.h"
#include "common/trail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPOLOGY_MAX_FILE      ((size_t)1024 * 1024) /* bytes; a larger one is refused */
#define TOPOLOGY_MAX_STAGES    256
#define TOPOLOGY_MAX_INSTANCES 1024 /* of all stages together */
#define TOPOLOGY_MAX_PROCESSES 256

struct topology_stage {
    const char *name; /* free, as in the file: "cache" */
    const struct kind_spec *kind;
    size_t line; /* in the file; 0: added by a flag */
    size_t first_instance, instance_count;
    size_t asks;        /* index of the stage it asks, or SIZE_MAX */
    const char *listen; /* the address of all its instances together, or NULL */
};

struct topology_instance {
    const char *name;         /* "cache.1", or "cache" where it is the only one */
    size_t stage;             /* index */
    size_t number;            /* of the shard or instance: 0… */
    size_t process;           /* index of the one that it is placed in */
    const char *serves;       /* its address, or NULL */
    bool is_encrypted;        /* those who ask it there need keys */
    struct settings settings; /* its share */
};

struct topology_reactor {
    size_t *instances; /* indices */
    size_t count;
};

struct topology_process {
    const char *name; /* NULL: the file has no `processes`, and this is the only one */
    struct topology_reactor *reactors;
    size_t reactor_count;
    const char *key_file;   /* its secret key, or NULL */
    const char *allow_file; /* public keys of who may ask it, or NULL */
    const char *takeover;   /* path where another may take over from it, or NULL */
    bool has_public_key;
    unsigned char public_key[KEY_SIZE];
};

struct topology {
    const char *file; /* for messages; "(built in)" */
    struct topology_stage *stages;
    size_t stage_count;
    struct topology_instance *instances;
    size_t instance_count;
    struct topology_process *processes;
    size_t process_count;
    size_t process;                    /* the one to run; SIZE_MAX: not chosen, and */
    struct topology_reactor *reactors; /* its reactors: none */
    size_t reactor_count;
    int64_t drain_timeout;             /* ns */
    enum log_level log_level;          /* unless an option or a variable says otherwise */
    const char *hash_key_file;         /* the seed of the rings; NULL: made of the shards' names */
    const struct topology_draft *said; /* what it was made of, for messages about it */
    struct topology_arena *arena;      /* what all of the above lies in */
};

struct topology_draft; /* parsed, not yet checked */

/* `text` is foreign bytes of any kind. `kinds` are those that exist; what they point to is constant
 * and outlives the topology. NULL on error. */
struct topology_draft *topology_parse(const char *file, const char *text, size_t size,
                                      const struct kind_spec *const *kinds, size_t kind_count,
                                      struct error *error);

/* Chooses the process to run by its name, which `origin` ("--process") gave; NULL for the only one
 * there is. A file without `processes` has one, without a name. */
bool topology_choose(struct topology_draft *draft, const char *name, const char *origin,
                     struct error *error);

/* Sets `setting` of the only stage of that kind to `value`, as if the file said so; `origin`
 * ("--expiry", "WEIR_EXPIRY") stands for file and line in messages. Where there is no such stage,
 * one is added to the first reactor if `may_add`, to ask what the front ends of the file ask;
 * several are an error that names them. Once a process of several has been chosen, this is about
 * the stages in it, and about nothing where those of that kind are in others: one set of variables
 * does for all processes. */
bool topology_override(struct topology_draft *draft, const char *kind, const char *setting,
                       const char *value, const char *origin, bool may_add, struct error *error);

/* Takes the draft, whether it succeeds or not. NULL on error. */
struct topology *topology_check(struct topology_draft **draft, struct error *error);

/* The names of the stages between `stage` (index) and its origin, that nearest the origin first;
 * they live as long as the topology. Returns how many there are. */
size_t topology_caches(const struct topology *topology, size_t stage,
                       const char *caches[TRAIL_MOST]);

/* The index of the instance of that name; SIZE_MAX: there is none. */
size_t topology_find_instance(const struct topology *topology, const char *name);

void topology_destroy(struct topology **topology);
void topology_draft_destroy(struct topology_draft **draft);

/* What would run, as text for a person: processes, reactors, stages, links, settings; secrets
 * concealed. */
void topology_print(const struct topology *topology, struct buffer *out);

/* The same as a graph in the language DOT, without the settings. */
void topology_print_dot(const struct topology *topology, struct buffer *out);

#endif
