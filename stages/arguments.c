/* See arguments.h. One table says what options there are; parsing, variables and --help follow. */
#include "stages/arguments.h"

#include "common/check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum option_use {
    USE_TOPOLOGY,
    USE_PROCESS,
    USE_MAKE_KEYS,
    USE_TAKEOVER,
    USE_OVERRIDE,
    USE_LOG_LEVEL,
    USE_LOG_FORMAT,
    USE_ACTION
};

struct option {
    const char *name;
    const char *value; /* how --help calls it; NULL: the option takes none */
    const char *help;
    enum option_use use;
    enum arguments_action action;
    const char *kind, *setting; /* what it overrides */
    bool may_add;
};

#define OVERRIDE(kind, setting)        USE_OVERRIDE, ARGUMENTS_RUN, (kind), (setting), false
#define OVERRIDE_OR_ADD(kind, setting) USE_OVERRIDE, ARGUMENTS_RUN, (kind), (setting), true
#define ACTION(action)                 USE_ACTION, (action), NULL, NULL, false
#define USE(use)                       (use), ARGUMENTS_RUN, NULL, NULL, false

static const struct option options[] = {
    {"topology", "FILE", "what runs where (topology.yml, else the same built in)",
     USE(USE_TOPOLOGY)},
    {"process", "NAME", "which of the topology's processes to run", USE(USE_PROCESS)},
    {"takeover", NULL, "take over from the weir that runs, and lose no request", USE(USE_TAKEOVER)},
    {"redis", "URL", "redis://[user:password@]host:port/db or redis+unix:///path?db=n",
     OVERRIDE("redis-fetcher", "url")},
    {"redis-password-file", "FILE", "holds the password, in place of one in the URL",
     OVERRIDE("redis-fetcher", "password_file")},
    {"http", "ADDR:PORT", "where to serve HTTP; port 0 takes a free one",
     OVERRIDE("http-frontend", "listen")},
    {"resp", "ADDR:PORT", "where to serve the Redis protocol; adds the stage if need be",
     OVERRIDE_OR_ADD("resp-frontend", "listen")},
    {"resp-password-file", "FILE", "holds the password that clients of --resp have to say",
     OVERRIDE("resp-frontend", "password_file")},
    {"admin", "ADDR:PORT", "where to serve metrics and health; adds the stage if need be",
     OVERRIDE_OR_ADD("admin", "listen")},
    {"expiry", "DURATION", "how long an entry lives: 250ms, 60s, 5m, 1h",
     OVERRIDE("cache", "expiry")},
    {"capacity", "KEYS", "how many keys the cache holds", OVERRIDE("cache", "capacity")},
    {"max-clients", "COUNT", "connections at once", OVERRIDE("http-frontend", "max_clients")},
    {"max-parallel", "COUNT", "requests in progress at once",
     OVERRIDE("http-frontend", "max_parallel")},
    {"log-level", "LEVEL", "error, warn, info or debug, in place of the file's log_level",
     USE(USE_LOG_LEVEL)},
    {"log-format", "FORMAT", "text (unless set) or json", USE(USE_LOG_FORMAT)},
    {"check", NULL, "check the topology and stop", ACTION(ARGUMENTS_CHECK)},
    {"print-topology", NULL, "print what would run and stop", ACTION(ARGUMENTS_PRINT)},
    {"print-dot", NULL, "print it as a graph in the language DOT and stop",
     ACTION(ARGUMENTS_PRINT_DOT)},
    {"make-keys", "DIR", "write a new pair of keys there, print the public one and stop",
     USE(USE_MAKE_KEYS)},
    {"version", NULL, "print the version and stop", ACTION(ARGUMENTS_VERSION)},
    {"help", NULL, "print this and stop", ACTION(ARGUMENTS_HELP)},
};

#define OPTION_COUNT (sizeof options / sizeof *options)

/* What was given for each option: NULL for nothing, "" for an option that takes no value. */
struct given {
    const char *flags[OPTION_COUNT];
    const char *variables[OPTION_COUNT];
};

static const char *variable_of(const struct option *option, char out[40])
{
    int size = snprintf(out, 40, "WEIR_%s", option->name);

    CHECK(size < 40);
    for (char *c = out; *c; c++)
        if (*c == '-')
            *c = '_';
        else
            *c = (char)toupper((unsigned char)*c);
    return out;
}

static const struct option *find_option(const char *name, size_t size)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strlen(options[i].name) == size && strncmp(options[i].name, name, size) == 0)
            return &options[i];
    return NULL;
}

static bool read_flags(struct given *given, const char *const *argv, struct error *error)
{
    /* What else stands there may be a password. */
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    for (const char *const *at = *argv ? argv + 1 : argv; *at; at++) {
        const char *name = *at + 2;
        size_t size = strcspn(name, "=");
        const struct option *option;
        const char *value = NULL;
        if (strncmp(*at, "--", 2) != 0 || size == 0)
            return error_set(error, "argument %td is not an option; --help lists them", at - argv);
        option = find_option(name, size);
        if (!option)
            return error_set(error, "unknown option --%.*s; --help lists them",
                             (int)strspn(name, letters), name);
        if (name[size] == '=')
            value = name + size + 1;
        if (!option->value && value)
            return error_set(error, "--%s takes no value", option->name);
        if (option->value && !value && at[1])
            value = *++at;
        if (option->value && (!value || !*value))
            return error_set(error, "--%s needs a value: %s", option->name, option->value);
        given->flags[option - options] = value ? value : "";
    }
    return true;
}

static bool read_variables(struct given *given, const char *const *environment, struct error *error)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char name[40];
        size_t size = strlen(variable_of(&options[i], name));
        const char *value = NULL;
        for (const char *const *at = environment; *at && !value; at++)
            if (strncmp(*at, name, size) == 0 && (*at)[size] == '=')
                value = *at + size + 1;
        if (!value || !*value)
            continue;
        if (!options[i].value && strcmp(value, "0") == 0)
            continue;
        if (!options[i].value && strcmp(value, "1") != 0)
            return error_set(error, "%s must be 1 or 0", name);
        given->variables[i] = value;
    }
    return true;
}

static bool use_log_format(const char *value, bool *is_json)
{
    *is_json = strcmp(value, "json") == 0;
    return *is_json || strcmp(value, "text") == 0;
}

static void take_action(struct arguments *arguments, enum arguments_action action)
{
    if (action > arguments->action)
        arguments->action = action;
}

static bool use(struct arguments *arguments, const struct option *option, const char *value,
                const char *origin, struct error *error)
{
    switch (option->use) {
    case USE_TOPOLOGY:
        arguments->topology = value;
        return true;
    case USE_PROCESS:
        arguments->process = value;
        arguments->process_origin = strcmp(origin, "--process") == 0 ? "--process" : "WEIR_PROCESS";
        return true;
    case USE_MAKE_KEYS:
        arguments->keys = value;
        take_action(arguments, ARGUMENTS_MAKE_KEYS);
        return true;
    case USE_TAKEOVER:
        arguments->takes_over = true;
        return true;
    case USE_ACTION:
        take_action(arguments, option->action);
        return true;
    case USE_LOG_LEVEL:
        arguments->has_log_level = true;
        return log_parse_level(value, &arguments->log_level) ||
               error_set(error, "%s must be error, warn, info or debug", origin);
    case USE_LOG_FORMAT:
        return use_log_format(value, &arguments->log_json) ||
               error_set(error, "%s must be text or json", origin);
    case USE_OVERRIDE:
        break;
    }
    CHECK(arguments->override_count < ARGUMENTS_MAX_OVERRIDES);
    struct arguments_override *override = &arguments->overrides[arguments->override_count++];
    *override =
        (struct arguments_override){option->kind, option->setting, value, "", option->may_add};
    snprintf(override->origin, sizeof override->origin, "%s", origin);
    return true;
}

bool arguments_parse(struct arguments *arguments, const char *const *argv,
                     const char *const *environment, struct error *error)
{
    struct given given = {0};

    *arguments = (struct arguments){.log_level = LOG_INFO};
    if (!read_flags(&given, argv, error) || !read_variables(&given, environment, error))
        return false;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char origin[40];
        const char *value = given.flags[i];
        if (value) {
            snprintf(origin, sizeof origin, "--%s", options[i].name);
        } else {
            value = given.variables[i];
            variable_of(&options[i], origin);
        }
        if (value && !use(arguments, &options[i], value, origin, error))
            return false;
    }
    return true;
}

void arguments_describe(struct buffer *out)
{
    buffer_append_text(out, "usage: weir [OPTION]...\n"
                            "A read-through cache in front of Redis.\n\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char form[40];
        snprintf(form, sizeof form, "--%s%s%s", options[i].name, options[i].value ? " " : "",
                 options[i].value ? options[i].value : "");
        buffer_format(out, "  %-28s%s\n", form, options[i].help);
    }
    buffer_append_text(
        out,
        "\nADDR:PORT may also be [::1]:8080, or unix:/path for a Unix socket.\n"
        "\nEach option has a variable beside it, as --max-clients has WEIR_MAX_CLIENTS (1 or 0\n"
        "for those without a value). An option beats its variable, which beats topology.yml.\n"
        "\nExit code: 0 after a drain, or when nothing was wrong; 2 for an option that cannot be\n"
        "understood; 1 for whatever else stops the start.\n");
}
