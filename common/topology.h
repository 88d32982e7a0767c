/* topology.yml -> checked, constant structs, or an error that names file, line and key.
 *
 * Reading goes in three steps: parse (the text alone), override (flags and environment), check (all
 * the rules, the division of limits, the placement). Nothing changes after the check: any thread
 * may read. docs/topology.md describes every key. */
#ifndef WEIR_TOPOLOGY_H
#define WEIR_TOPOLOGY_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPOLOGY_MAX_FILE      ((size_t)1024 * 1024) /* bytes; a larger one is refused */
#define TOPOLOGY_MAX_STAGES    256
#define TOPOLOGY_MAX_INSTANCES 1024 /* of all stages together */

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
    const char *serves;       /* its address, or NULL */
    struct settings settings; /* its share */
};

struct topology_reactor {
    size_t *instances; /* indices */
    size_t count;
};

struct topology {
    const char *file; /* for messages; "(built in)" */
    struct topology_stage *stages;
    size_t stage_count;
    struct topology_instance *instances;
    size_t instance_count;
    struct topology_reactor *reactors;
    size_t reactor_count;
    int64_t drain_timeout;        /* ns */
    struct topology_arena *arena; /* what all of the above lies in */
};

struct topology_draft; /* parsed, not yet checked */

/* `text` is foreign bytes of any kind. `kinds` are those that exist; what they point to is constant
 * and outlives the topology. NULL on error. */
struct topology_draft *topology_parse(const char *file, const char *text, size_t size,
                                      const struct kind_spec *const *kinds, size_t kind_count,
                                      struct error *error);

/* Sets `setting` of the only stage of that kind to `value`, as if the file said so; `origin`
 * ("--expiry", "WEIR_EXPIRY") stands for file and line in messages. Where there is no such stage,
 * one is added to the first reactor if `may_add`, to ask what the front ends there ask; several are
 * an error that names them. */
bool topology_override(struct topology_draft *draft, const char *kind, const char *setting,
                       const char *value, const char *origin, bool may_add, struct error *error);

/* Takes the draft, whether it succeeds or not. NULL on error. */
struct topology *topology_check(struct topology_draft **draft, struct error *error);

void topology_destroy(struct topology **topology);
void topology_draft_destroy(struct topology_draft **draft);

/* What would run, as text for a person: reactors, stages, links, settings; secrets concealed. */
void topology_print(const struct topology *topology, struct buffer *out);

#endif
