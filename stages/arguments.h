/* What the command line and the environment say. Pure: nothing is read here but what is handed in.
 *
 * Each option has a variable beside it, WEIR_ and the option's name in capitals. An option beats
 * its variable, which beats topology.yml; an option given twice counts as given last; an empty
 * variable counts as none. For an option without a value, the variable is 1 or 0. */
#ifndef WEIR_ARGUMENTS_H
#define WEIR_ARGUMENTS_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/log.h"

#include <stdbool.h>
#include <stddef.h>

#define ARGUMENTS_MAX_OVERRIDES 16

/* Where several are asked for, the last of these counts. */
enum arguments_action {
    ARGUMENTS_RUN,
    ARGUMENTS_CHECK,
    ARGUMENTS_PRINT,
    ARGUMENTS_PRINT_DOT,
    ARGUMENTS_MAKE_KEYS,
    ARGUMENTS_VERSION,
    ARGUMENTS_HELP
};

struct arguments {
    enum arguments_action action;
    const char *topology;       /* path; NULL: topology.yml or what is built in */
    const char *process;        /* name; NULL: the only one */
    const char *process_origin; /* "--process" or "WEIR_PROCESS" */
    const char *keys;           /* the directory of --make-keys, or NULL */
    bool takes_over;            /* from the weir that runs */
    bool has_log_level;         /* else it is the topology's to say */
    enum log_level log_level;
    bool log_json;

    /* For topology_override, one for each setting that was given. The values live as long as what
     * arguments_parse was handed. */
    struct arguments_override {
        const char *kind, *setting, *value;
        char origin[40]; /* "--expiry", "WEIR_EXPIRY" */
        bool may_add;
    } overrides[ARGUMENTS_MAX_OVERRIDES];
    size_t override_count;
};

/* `argv[0]` is skipped; `argv` and `environment` ("NAME=VALUE") end with NULL. False and an error
 * that repeats no value, for any may hold a password. */
bool arguments_parse(struct arguments *arguments, const char *const *argv,
                     const char *const *environment, struct error *error);

/* The text of --help. */
void arguments_describe(struct buffer *out);

#endif
