/* What a kind of stage lets people set, declared beside its code, and the checked values of one
 * stage.
 *
 * topology.yml is checked against these declarations, so that a wrong name, unit or number is
 * refused with file and line before anything starts. */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
    SETTING_COUNT,    /* text_parse_count */
    SETTING_DURATION, /* text_parse_duration: ns */
    SETTING_SIZE,     /* text_parse_size: bytes */
    SETTING_FLAG,     /* text_parse_flag: 1 or 0 */
    SETTING_TEXT,
    SETTING_SECRET, /* text that is never shown as it stands */
    SETTING_LIST    /* of texts; has no preset */
};

/* A name with a dot is written nested: "invalidation.mode" is `mode` in the mapping `invalidation`.
 */

struct setting_spec {
    const char *name;
    enum setting_type type;
    const char *preset; /* the default as it would be written; NULL: none, and it may be left out */
    bool is_divided;  /* a COUNT or SIZE for the stage as a whole, shared out among its instances */
    bool is_required; /* nested: where its mapping is written */
    bool is_live;     /* a reload may change it while weir runs */
    bool (*check)(const char *text, struct error *error); /* or NULL; what the type cannot tell */
    const char *(*conceal)(const char *text, char *out,
                           size_t size); /* for --print-topology; or NULL */
};

struct settings;

/* What the topology has to know of a kind of stage. */
struct kind_spec {
    const char *name;                    /* "http-frontend" */
    const struct setting_spec *settings; /* ended by one without a name */
    bool serves;                         /* others ask it: needs `serves`, one address a shard */
    bool asks;                           /* it asks another stage: needs `asks`, */
    bool asks_at_will;                   /* or may do without */
    bool asks_control;                   /* it asks the control port of every reactor */
    bool listens;                        /* it has `listen`, `instances` */

    /* Whether the settings of an instance, each of which is fine, go together. Pure. False, the
     * reason, and the name of the setting that is to blame. NULL: they always do. */
    bool (*check)(const struct settings *settings, const char **blamed, struct error *error);
};

/* The values of one instance, in the order of its kind's declarations. */
struct settings {
    const struct kind_spec *kind;
    struct setting_value {
        const char *text; /* as written or preset; LIST: see settings_list; NULL: left out */
        int64_t number;   /* COUNT, DURATION (ns), SIZE (bytes), this instance's share where
                             divided; FLAG; LIST: of how many */
    } * values;
};

bool settings_has(const struct settings *settings, const char *name);

/* CHECK: the kind declares such a name. */
int64_t settings_number(const struct settings *settings, const char *name);
const char *settings_text(const struct settings *settings, const char *name);

/* The first item of a LIST; the others lie behind it, and an empty one behind the last. Where it
 * was left out, there is only that one. To walk it:
 *
 *     for (item = settings_list(…); *item; item = settings_list_next(item)) */
const char *settings_list(const struct settings *settings, const char *name);
const char *settings_list_next(const char *item);

/* Whether two lists hold the same, in the same order. */
bool settings_lists_are_equal(const char *a, const char *b);

/* Whether the value is as the kind has it by default, be it that somebody wrote it. */
bool settings_is_preset(const struct settings *settings, const char *name);

#endif
