/* main: arguments, topology, host, exit code. Everything it says to a person goes to standard
 * output; why it could not start goes to standard error, as one line. */
#include "common/error.h"
#include "common/host.h"
#include "common/keys.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/topology.h"
#include "common/version.h"
#include "stages/arguments.h"
#include "stages/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2

extern char **environ; /* declared by no header of macOS */

/* topology.yml as it was when weir was built: made by scripts/embed. */
extern const char default_topology[];
extern const size_t default_topology_size;

static int fail(const struct error *error)
{
    fprintf(stderr, "weir: %s\n", error->text);
    return EXIT_FAILURE;
}

/* Writes the buffer to standard output and empties it. */
static int say(struct buffer *text)
{
    size_t size = text->size;
    bool is_written = fwrite(text->data, 1, size, stdout) == size && fflush(stdout) == 0;

    buffer_fini(text);
    if (is_written)
        return EXIT_SUCCESS;
    fprintf(stderr, "weir: standard output: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

static bool read_file(const char *path, struct buffer *text, struct error *error)
{
    FILE *file = fopen(path, "rb");
    const size_t chunk = 65536;
    size_t size = 1;

    if (!file)
        return error_set(error, "%s: %s", path, strerror(errno));
    /* What is too large is read until that is known, and topology_parse refuses it. */
    while (size > 0 && text->size <= TOPOLOGY_MAX_FILE) {
        size = fread(buffer_reserve(text, chunk), 1, chunk, file);
        text->size += size;
    }
    bool is_read = !ferror(file) || error_set(error, "%s: %s", path, strerror(errno));
    fclose(file);
    return is_read;
}

static struct topology_draft *read_topology(const char *path, struct error *error)
{
    const struct kind_spec *kinds[REGISTRY_COUNT];
    struct topology_draft *draft = NULL;
    struct buffer text = {0};

    for (size_t i = 0; i < REGISTRY_COUNT; i++)
        kinds[i] = &registry_kind(i)->spec;
    if (!path && access("topology.yml", F_OK) != 0 && errno == ENOENT)
        return topology_parse("(built in)", default_topology, default_topology_size, kinds,
                              REGISTRY_COUNT, error);
    if (!path)
        path = "topology.yml";
    if (read_file(path, &text, error))
        draft = topology_parse(path, text.data, text.size, kinds, REGISTRY_COUNT, error);
    buffer_fini(&text);
    return draft;
}

/* For the start, and for each reload. */
static struct topology *load(const struct arguments *arguments, struct error *error)
{
    struct topology_draft *draft = read_topology(arguments->topology, error);
    struct topology *topology;

    if (!draft)
        return NULL;
    /* What only looks at the file may look at all processes. */
    if ((arguments->process || arguments->action == ARGUMENTS_RUN) &&
        !topology_choose(draft, arguments->process, arguments->process_origin, error)) {
        topology_draft_destroy(&draft);
        return NULL;
    }
    for (size_t i = 0; i < arguments->override_count; i++) {
        const struct arguments_override *override = &arguments->overrides[i];
        if (!topology_override(draft, override->kind, override->setting, override->value,
                               override->origin, override->may_add, error)) {
            topology_draft_destroy(&draft);
            return NULL;
        }
    }
    topology = topology_check(&draft, error);
    if (topology && arguments->has_log_level)
        topology->log_level = arguments->log_level;
    return topology;
}

static struct topology *load_anew(void *arguments, struct error *error)
{
    return load(arguments, error);
}

static int run(struct arguments *arguments, const struct topology *topology)
{
    struct error error = {""};
    struct log log;
    const struct host_setup setup = {.topology = topology,
                                     .kind_of = registry_of,
                                     .load = load_anew,
                                     .owner = arguments,
                                     .log = &log,
                                     .takes_over = arguments->takes_over};
    int code;

    log_init(&log, STDERR_FILENO, topology->log_level, arguments->log_json);
    code = host_run(&setup, &error);
    return error.text[0] ? fail(&error) : code;
}

static int act(struct arguments *arguments)
{
    struct buffer text = {0};
    struct topology *topology;
    struct error error;
    int code;

    if (arguments->action == ARGUMENTS_HELP) {
        arguments_describe(&text);
        return say(&text);
    }
    if (arguments->action == ARGUMENTS_VERSION) {
        buffer_append_text(&text, "weir " WEIR_VERSION "\n");
        return say(&text);
    }
    if (arguments->action == ARGUMENTS_MAKE_KEYS) {
        char public_key[KEY_TEXT_SIZE];
        if (!keys_make(arguments->keys, public_key, &error))
            return fail(&error);
        buffer_format(&text, "%s\n", public_key);
        return say(&text);
    }
    topology = load(arguments, &error);
    if (!topology)
        return fail(&error);
    if (arguments->action == ARGUMENTS_RUN) {
        code = run(arguments, topology);
    } else {
        if (arguments->action == ARGUMENTS_PRINT)
            topology_print(topology, &text);
        else if (arguments->action == ARGUMENTS_PRINT_DOT)
            topology_print_dot(topology, &text);
        else
            buffer_format(&text, "%s: fine\n", topology->file);
        code = say(&text);
    }
    topology_destroy(&topology);
    return code;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct error error;

    (void)argc; /* argv ends with NULL */
    if (arguments_parse(&arguments, (const char *const *)argv, (const char *const *)environ,
                        &error))
        return act(&arguments);
    fail(&error);
    return EXIT_USAGE;
}
