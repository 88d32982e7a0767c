/* topology_print: what would run, for a person.
 *
 *     topology.yml: 3 stages in 1 reactor, drain_timeout 10s
 *
 *     reactor 0
 *         cache (cache)
 *             serves    inproc://cache
 *             asks      redis, at inproc://redis
 *             capacity  100000
 */
#include "common/topology.h"

#include "common/text.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void print_line(struct buffer *out, int width, const char *key, const char *value)
{
    buffer_format(out, "        %-*s  %s\n", width, key, value);
}

/* As wide as the longest key of the kind. */
static int width_of(const struct kind_spec *kind)
{
    size_t width = strlen("serves");

    for (size_t i = 0; kind->settings[i].name; i++)
        if (strlen(kind->settings[i].name) > width)
            width = strlen(kind->settings[i].name);
    return (int)width;
}

static void print_number(struct buffer *out, int width, const struct setting_spec *spec,
                         const struct setting_value *value, size_t shares)
{
    char number[24], line[96];

    if (spec->type == SETTING_DURATION)
        text_format_duration(value->number, number);
    else if (spec->type == SETTING_SIZE)
        text_format_size(value->number, number);
    else
        snprintf(number, sizeof number, "%" PRId64, value->number);
    if (spec->is_divided && shares > 1)
        snprintf(line, sizeof line, "%s of %.40s", number, value->text);
    print_line(out, width, spec->name, spec->is_divided && shares > 1 ? line : number);
}

static void print_list(struct buffer *out, int width, const char *name, const char *list)
{
    buffer_format(out, "        %-*s  ", width, name);
    for (const char *item = list; *item; item = settings_list_next(item))
        buffer_format(out, "%s%s", item == list ? "" : ", ", item);
    buffer_append_text(out, "\n");
}

static void print_setting(struct buffer *out, int width, const struct setting_spec *spec,
                          const struct setting_value *value, size_t shares)
{
    char concealed[1024];

    if (!value->text)
        return;
    if (spec->conceal)
        print_line(out, width, spec->name, spec->conceal(value->text, concealed, sizeof concealed));
    else if (spec->type == SETTING_SECRET)
        print_line(out, width, spec->name, "(not shown)");
    else if (spec->type == SETTING_LIST)
        print_list(out, width, spec->name, value->text);
    else if (spec->type == SETTING_TEXT || spec->type == SETTING_FLAG)
        print_line(out, width, spec->name, value->text);
    else
        print_number(out, width, spec, value, shares);
}

/* One line for each shard it may ask. */
static void print_asks(struct buffer *out, int width, const struct topology *topology, size_t asks)
{
    const struct topology_stage *asked = &topology->stages[asks];

    for (size_t i = 0; i < asked->instance_count; i++) {
        const struct topology_instance *shard = &topology->instances[asked->first_instance + i];
        buffer_format(out, "        %-*s  %s, at %s\n", width, i == 0 ? "asks" : "", shard->name,
                      shard->serves);
    }
}

static void print_instance(struct buffer *out, const struct topology *topology, size_t index)
{
    const struct topology_instance *instance = &topology->instances[index];
    const struct topology_stage *stage = &topology->stages[instance->stage];
    int width = width_of(stage->kind);

    buffer_format(out, "    %s (%s)\n", instance->name, stage->kind->name);
    if (stage->listen)
        print_line(out, width, "listen", stage->listen);
    if (instance->serves)
        buffer_format(out, "        %-*s  %s%s\n", width, "serves", instance->serves,
                      instance->is_encrypted ? " (encrypted)" : "");
    if (stage->asks != SIZE_MAX)
        print_asks(out, width, topology, stage->asks);
    for (size_t i = 0; stage->kind->settings[i].name; i++)
        print_setting(out, width, &stage->kind->settings[i], &instance->settings.values[i],
                      stage->instance_count);
}

static void print_reactors(struct buffer *out, const struct topology *topology,
                           const struct topology_process *process)
{
    for (size_t i = 0; i < process->reactor_count; i++) {
        buffer_format(out, "\nreactor %zu\n", i);
        for (size_t j = 0; j < process->reactors[i].count; j++)
            print_instance(out, topology, process->reactors[i].instances[j]);
    }
}

static void print_key(struct buffer *out, const char *key, const char *value)
{
    if (value)
        buffer_format(out, "    %-10s  %s\n", key, value);
}

static void print_process(struct buffer *out, const struct topology *topology,
                          const struct topology_process *process)
{
    char public_key[KEY_TEXT_SIZE];

    buffer_format(out, "\nprocess %s\n", process->name);
    keys_format(process->public_key, public_key);
    print_key(out, "key_file", process->key_file);
    print_key(out, "public_key", process->has_public_key ? public_key : NULL);
    print_key(out, "allow_file", process->allow_file);
    print_key(out, "takeover", process->takeover);
    print_reactors(out, topology, process);
}

static void print_count(struct buffer *out, size_t count, const char *one, const char *several)
{
    buffer_format(out, "%zu %s", count, count == 1 ? one : several);
}

void topology_print(const struct topology *topology, struct buffer *out)
{
    const bool has_processes = topology->processes[0].name != NULL;
    char drain[24];

    buffer_format(out, "%s: ", topology->file);
    print_count(out, topology->stage_count, "stage", "stages");
    buffer_append_text(out, " in ");
    if (has_processes)
        print_count(out, topology->process_count, "process", "processes");
    else
        print_count(out, topology->processes[0].reactor_count, "reactor", "reactors");
    buffer_format(out, ", drain_timeout %s\n",
                  text_format_duration(topology->drain_timeout, drain));
    if (topology->hash_key_file)
        buffer_format(out, "hash_key_file %s\n", topology->hash_key_file);
    if (!has_processes && topology->processes[0].takeover)
        buffer_format(out, "takeover %s\n", topology->processes[0].takeover);
    for (size_t i = 0; i < topology->process_count; i++)
        if (has_processes)
            print_process(out, topology, &topology->processes[i]);
        else
            print_reactors(out, topology, &topology->processes[i]);
}
