/* A topology that has been read and not yet checked: what stands where. Private to topology*.c.
 *
 *     text ──topology_parse──▶ draft ──topology_choose, topology_override──▶ draft
 *          ──topology_check──▶ topology
 *
 * Texts are kept with their place, so that every refusal can name it. */
#ifndef WEIR_TOPOLOGY_DRAFT_H
#define WEIR_TOPOLOGY_DRAFT_H

#include "common/error.h"
#include "common/topology.h"
#include "common/topology_arena.h"

#include <stdbool.h>
#include <stddef.h>

#define DRAFT_MAX_TEXT 4096 /* bytes of one value */
#define DRAFT_MAX_NAME 64   /* bytes of a stage's name, of a key */

/* Where something was said. */
struct draft_place {
    size_t line;        /* in the file, from 1; 0: not there, or nowhere in particular */
    const char *origin; /* the flag or variable that said it; NULL: the file */
};

struct draft_text {
    const char *text; /* NULL: nothing was said */
    struct draft_place place;
};

struct draft_list {
    struct draft_text *items;
    size_t count;
    struct draft_place place;
};

struct draft_stage {
    const char *name;
    struct draft_place place;
    const struct kind_spec *kind;
    struct draft_text asks, listen, instances;
    struct draft_list serves;
    bool insecure;
    struct draft_text *settings; /* in the order of the kind's declarations; LIST: settings_list */
};

struct draft_process {
    const char *name; /* NULL: the file has no `processes`, and this is the only one */
    struct draft_place place;
    struct draft_list *reactors; /* NULL: not written */
    size_t reactor_count;
    struct draft_place reactors_place;
    struct draft_text key_file, public_key, allow_file, takeover;
};

struct topology_draft {
    struct topology_arena *arena; /* all it points to; NULL once the topology has taken it */
    const char *file;
    const struct kind_spec *const *kinds;
    size_t kind_count;
    struct draft_stage *stages; /* with room for one more of each kind, see topology_override */
    size_t stage_count;
    struct draft_process *processes; /* one at least */
    size_t process_count;
    size_t process; /* the one that is to run; SIZE_MAX: not chosen */
    struct draft_place processes_place;
    struct draft_text drain_timeout, log_level, hash_key_file, takeover;
    struct error *error; /* of the call in progress */
};

/* Sets the error to "PLACE: STAGE.KEY: reason", and returns false. Stage and key may be NULL. */
bool draft_refuse(const struct topology_draft *draft, struct draft_place place, const char *stage,
                  const char *key, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Whether it is a name as stages and keys have: a letter, then letters, digits, "-", "_", "."; at
 * most DRAFT_MAX_NAME. Whatever is not is never repeated in an error: it may be a misplaced URL
 * with a password in it. */
bool draft_is_name(const char *text, size_t size);

/* `"text"` to be repeated in an error, or other words where it must not be. Returns `out`. */
const char *draft_quote(const char *text, char out[DRAFT_MAX_NAME + 3]);

/* Refuses what no value may be: empty, too long, with control bytes. */
bool draft_check_text(const struct topology_draft *draft, struct draft_place place,
                      const char *stage, const char *key, const char *text, size_t size);

/* The list as settings_list gives it. */
struct draft_text draft_pack_list(const struct topology_draft *draft,
                                  const struct draft_list *list);

/* How many settings the kind declares, and the index of one of them (SIZE_MAX: no such). */
size_t draft_count_settings(const struct kind_spec *kind);
size_t draft_find_setting(const struct kind_spec *kind, const char *name);

/* A stage at the end of the list, with nothing set; the array has room. */
struct draft_stage *draft_add_stage(struct topology_draft *draft, const char *name,
                                    struct draft_place place, const struct kind_spec *kind);

/* The process that stands for all where the file has no `processes`. */
void draft_add_single_process(struct topology_draft *draft);

/* Whether the stage, or an instance of it, is placed in the process by name. */
bool draft_is_placed_in(const struct draft_process *process, const char *stage);

/* The five steps of topology_check, in order. Each fills in its part of `topology`. */
bool draft_check_links(const struct topology_draft *draft, struct topology *topology);
bool draft_divide(const struct topology_draft *draft, struct topology *topology);
bool draft_place_instances(const struct topology_draft *draft, struct topology *topology);
bool draft_check_reach(const struct topology_draft *draft, struct topology *topology);
bool draft_check_takeover(const struct topology_draft *draft, struct topology *topology);

#endif
