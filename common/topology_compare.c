#include "common/topology_compare.h"

#include "common/memory.h"
#include "common/text.h"
#include "common/topology_draft.h"

#include <stdlib.h>
#include <string.h>

#define CANNOT "cannot change while weir runs; restart it"

struct comparison {
    const struct topology *running, *wanted;
    struct buffer *fixed, *changes;
};

/* ---- what is found ---- */

static void refuse(const struct comparison *comparison, struct draft_place place, const char *owner,
                   const char *key, const char *reason)
{
    struct topology_draft said = *comparison->wanted->said;
    struct error error;

    said.error = &error;
    draft_refuse(&said, place, owner, key, "%s", reason);
    buffer_format(comparison->fixed, "%s\n", error.text);
}

/* A value that is not shown is NULL on both sides. */
static void note(const struct comparison *comparison, const char *owner, const char *key,
                 const char *from, const char *to)
{
    buffer_format(comparison->changes, "%s%s%s", owner ? owner : "", owner ? "." : "", key);
    if (from || to)
        buffer_format(comparison->changes, ": %s -> %s", from ? from : "none", to ? to : "none");
    buffer_append_text(comparison->changes, "\n");
}

/* ---- values ---- */

/* Of texts that may be NULL. */
static bool are_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_text(enum setting_type type)
{
    return type == SETTING_TEXT || type == SETTING_SECRET;
}

static bool is_same(enum setting_type type, const struct setting_value *a,
                    const struct setting_value *b)
{
    if (!a->text || !b->text)
        return a->text == b->text;
    if (type == SETTING_LIST)
        return settings_lists_are_equal(a->text, b->text);
    return is_text(type) ? strcmp(a->text, b->text) == 0 : a->number == b->number;
}

/* Of all instances, whose number is the same; what is written is the same for all. */
static void compare_setting(const struct comparison *comparison, const struct topology_stage *from,
                            const struct topology_stage *to, size_t index)
{
    const struct setting_spec *spec = &to->kind->settings[index];
    const struct topology_instance *a = &comparison->running->instances[from->first_instance];
    const struct topology_instance *b = &comparison->wanted->instances[to->first_instance];
    const struct draft_stage *said =
        &comparison->wanted->said->stages[to - comparison->wanted->stages];
    bool is_changed = false;

    for (size_t i = 0; i < to->instance_count; i++)
        is_changed |=
            !is_same(spec->type, &a[i].settings.values[index], &b[i].settings.values[index]);
    if (!is_changed)
        return;
    if (spec->is_live && (spec->type == SETTING_LIST || spec->type == SETTING_SECRET))
        note(comparison, to->name, spec->name, NULL, NULL);
    else if (spec->is_live)
        note(comparison, to->name, spec->name, a->settings.values[index].text,
             b->settings.values[index].text);
    else
        refuse(comparison,
               said->settings[index].place.line > 0 ? said->settings[index].place : said->place,
               to->name, spec->name, CANNOT);
}

/* ---- stages ---- */

static const char *asked_by(const struct topology *topology, const struct topology_stage *stage)
{
    return stage->asks == SIZE_MAX ? NULL : topology->stages[stage->asks].name;
}

/* Whether all shards are at the same addresses. */
static bool serve_alike(const struct comparison *comparison, const struct topology_stage *from,
                        const struct topology_stage *to)
{
    for (size_t i = 0; i < to->instance_count; i++)
        if (!are_equal(comparison->running->instances[from->first_instance + i].serves,
                       comparison->wanted->instances[to->first_instance + i].serves))
            return false;
    return true;
}

static void compare_stage(const struct comparison *comparison, const struct topology_stage *from,
                          const struct topology_stage *to)
{
    const struct draft_stage *before =
        &comparison->running->said->stages[from - comparison->running->stages];
    const struct draft_stage *said =
        &comparison->wanted->said->stages[to - comparison->wanted->stages];

    if (from->kind != to->kind) {
        refuse(comparison, said->place, to->name, "kind", CANNOT);
        return;
    }
    if (!are_equal(from->listen, to->listen))
        refuse(comparison, said->listen.place, to->name, "listen", CANNOT);
    if (!are_equal(asked_by(comparison->running, from), asked_by(comparison->wanted, to)))
        refuse(comparison, said->asks.place, to->name, "asks", CANNOT);
    if (before->insecure != said->insecure)
        refuse(comparison, said->place, to->name, "insecure", CANNOT);
    if (from->instance_count != to->instance_count && to->kind->listens)
        refuse(comparison, said->instances.text ? said->instances.place : said->place, to->name,
               "instances", CANNOT);
    else if (from->instance_count != to->instance_count || !serve_alike(comparison, from, to))
        refuse(comparison, said->serves.place, to->name, "serves", CANNOT);
    for (size_t i = 0; from->instance_count == to->instance_count && to->kind->settings[i].name;
         i++)
        compare_setting(comparison, from, to, i);
}

static const struct topology_stage *find_stage(const struct topology *topology, const char *name)
{
    for (size_t i = 0; i < topology->stage_count; i++)
        if (strcmp(topology->stages[i].name, name) == 0)
            return &topology->stages[i];
    return NULL;
}

/* Marks the stages that the process to run has, and all on their way to the origin. */
static bool *mark_concerned(const struct topology *topology)
{
    bool *marks = memory_alloc(topology->stage_count, sizeof *marks);

    for (size_t i = 0; i < topology->instance_count; i++)
        if (topology->instances[i].process == topology->process)
            for (size_t at = topology->instances[i].stage; at != SIZE_MAX;
                 at = topology->stages[at].asks)
                marks[at] = true;
    return marks;
}

static void compare_stages(const struct comparison *comparison)
{
    const struct topology *running = comparison->running, *wanted = comparison->wanted;
    bool *before = mark_concerned(running), *after = mark_concerned(wanted);

    for (size_t i = 0; i < running->stage_count; i++) {
        const struct topology_stage *found = find_stage(wanted, running->stages[i].name);
        if (before[i] && found)
            compare_stage(comparison, &running->stages[i], found);
        else if (before[i])
            refuse(comparison, (struct draft_place){0}, running->stages[i].name, NULL,
                   "cannot be taken away while weir runs; restart it");
    }
    for (size_t i = 0; i < wanted->stage_count; i++)
        if (after[i] && !find_stage(running, wanted->stages[i].name))
            refuse(comparison, wanted->said->stages[i].place, wanted->stages[i].name, NULL,
                   "cannot be added while weir runs; restart it");
    free(before);
    free(after);
}

/* ---- processes ---- */

static bool has_instance(const struct topology *topology, size_t reactor, const char *name)
{
    const struct topology_reactor *in = &topology->reactors[reactor];

    for (size_t i = 0; reactor < topology->reactor_count && i < in->count; i++)
        if (strcmp(topology->instances[in->instances[i]].name, name) == 0)
            return true;
    return false;
}

/* Whether the one has all that each reactor of the other has in the same one; what it has not at
 * all is another difference. */
static bool has_placed_alike(const struct topology *one, const struct topology *other)
{
    for (size_t i = 0; i < other->reactor_count; i++)
        for (size_t j = 0; j < other->reactors[i].count; j++) {
            const char *name = other->instances[other->reactors[i].instances[j]].name;
            if (topology_find_instance(one, name) != SIZE_MAX && !has_instance(one, i, name))
                return false;
        }
    return true;
}

static void compare_own_process(const struct comparison *comparison)
{
    const struct topology *running = comparison->running, *wanted = comparison->wanted;
    const struct topology_process *from = &running->processes[running->process];
    const struct topology_process *to = &wanted->processes[wanted->process];
    const struct draft_process *said = &wanted->said->processes[wanted->process];

    if (!has_placed_alike(running, wanted) || !has_placed_alike(wanted, running))
        refuse(comparison, said->reactors_place, to->name, "reactors", CANNOT);
    if (!are_equal(from->key_file, to->key_file))
        refuse(comparison, said->key_file.text ? said->key_file.place : said->place, to->name,
               "key_file", CANNOT);
    if (!are_equal(from->takeover, to->takeover))
        refuse(comparison, to->name ? said->takeover.place : wanted->said->takeover.place, to->name,
               "takeover", CANNOT);
    if (!are_equal(from->allow_file, to->allow_file))
        note(comparison, to->name, "allow_file", from->allow_file, to->allow_file);
}

static const struct topology_process *process_of(const struct topology *topology, size_t instance)
{
    return &topology->processes[topology->instances[instance].process];
}

static bool have_same_key(const struct topology_process *a, const struct topology_process *b)
{
    return a->has_public_key == b->has_public_key &&
           memcmp(a->public_key, b->public_key, KEY_SIZE) == 0;
}

/* Whether a stage that this process has, or asks, is in process `index` by now, and was where the
 * key is another: its askers know it by the key of the start. */
static bool has_other_key(const struct comparison *comparison, const bool *concerned, size_t index)
{
    const struct topology *running = comparison->running, *wanted = comparison->wanted;

    for (size_t i = 0; i < running->instance_count; i++) {
        const size_t found = topology_find_instance(wanted, running->instances[i].name);
        if (concerned[running->instances[i].stage] && found != SIZE_MAX &&
            wanted->instances[found].process == index &&
            !have_same_key(process_of(running, i), &wanted->processes[index]))
            return true;
    }
    return false;
}

static void compare_processes(const struct comparison *comparison)
{
    const struct topology *wanted = comparison->wanted;
    bool *concerned = mark_concerned(comparison->running);

    compare_own_process(comparison);
    for (size_t i = 0; i < wanted->process_count; i++) {
        const struct draft_process *said = &wanted->said->processes[i];
        if (has_other_key(comparison, concerned, i))
            refuse(comparison, said->public_key.text ? said->public_key.place : said->place,
                   wanted->processes[i].name, "public_key", CANNOT);
    }
    free(concerned);
}

/* ---- all of it ---- */

static void compare_top(const struct comparison *comparison)
{
    const struct topology *running = comparison->running, *wanted = comparison->wanted;
    char from[24], to[24];

    if (!are_equal(running->hash_key_file, wanted->hash_key_file))
        refuse(comparison, wanted->said->hash_key_file.place, NULL, "hash_key_file", CANNOT);
    if (running->log_level != wanted->log_level)
        note(comparison, NULL, "log_level", log_level_name(running->log_level),
             log_level_name(wanted->log_level));
    if (running->drain_timeout != wanted->drain_timeout)
        note(comparison, NULL, "drain_timeout", text_format_duration(running->drain_timeout, from),
             text_format_duration(wanted->drain_timeout, to));
}

void topology_compare(const struct topology *running, const struct topology *wanted,
                      struct buffer *fixed, struct buffer *changes)
{
    const struct comparison comparison = {running, wanted, fixed, changes};

    compare_stages(&comparison);
    compare_processes(&comparison);
    compare_top(&comparison);
}
