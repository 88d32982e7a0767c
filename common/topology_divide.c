/* The second step of topology_check: the instances of each stage and their settings, with what each
 * gets of the limits that are the stage's as a whole. */
#include "common/check.h"
#include "common/listener.h"
#include "common/text.h"
#include "common/topology_draft.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int64_t count_items(const char *list)
{
    int64_t count = 0;

    for (const char *item = list; *item; item = settings_list_next(item))
        count++;
    return count;
}

/* The number behind a written value; 0 for text. */
static bool parse_number(const struct topology_draft *draft, const char *stage,
                         const struct setting_spec *spec, const struct draft_text *written,
                         int64_t *number)
{
    char quoted[DRAFT_MAX_NAME + 3];
    const char *wanted = NULL;

    *number = 0;
    switch (spec->type) {
    case SETTING_COUNT:
        if (!text_parse_count(written->text, number))
            wanted = "a whole number from 1 to 2147483647";
        break;
    case SETTING_DURATION:
        if (!text_parse_duration(written->text, number))
            wanted = "a duration, such as 250ms, 60s, 5m or 1h";
        break;
    case SETTING_SIZE:
        if (!text_parse_size(written->text, number))
            wanted = "a size, such as 800, 64KiB, 16MiB or 1GiB";
        break;
    case SETTING_FLAG:
        if (!text_parse_flag(written->text, number))
            wanted = "true or false";
        break;
    case SETTING_LIST:
        *number = count_items(written->text);
        break;
    case SETTING_TEXT:
    case SETTING_SECRET:
        break;
    }
    return !wanted || draft_refuse(draft, written->place, stage, spec->name, "%s is not %s",
                                   draft_quote(written->text, quoted), wanted);
}

static bool count_instances(const struct topology_draft *draft, const struct draft_stage *stage,
                            size_t *count)
{
    char quoted[DRAFT_MAX_NAME + 3];
    int64_t number;

    *count = stage->kind->serves ? stage->serves.count : 1;
    if (!stage->instances.text)
        return true;
    if (!text_parse_count(stage->instances.text, &number) || number > LISTENER_MAX_INSTANCES)
        return draft_refuse(draft, stage->instances.place, stage->name, "instances",
                            "%s is not a whole number from 1 to %d",
                            draft_quote(stage->instances.text, quoted), LISTENER_MAX_INSTANCES);
    *count = (size_t)number;
    return true;
}

/* One setting of all instances of a stage; first its type, then what the kind itself checks. */
static bool share_setting(const struct topology_draft *draft, const struct draft_stage *stage,
                          size_t setting, struct topology_instance *instances, size_t count)
{
    const struct setting_spec *spec = &stage->kind->settings[setting];
    struct draft_text written = stage->settings[setting];
    int64_t number, parts = spec->is_divided ? (int64_t)count : 1;
    struct error reason;

    if (!written.text && spec->is_required && !strchr(spec->name, '.'))
        return draft_refuse(draft, stage->place, stage->name, spec->name, "is missing");
    if (!written.text)
        written = (struct draft_text){spec->preset, stage->place};
    if (!written.text)
        return true;
    if (!parse_number(draft, stage->name, spec, &written, &number))
        return false;
    if (spec->check && !spec->check(written.text, &reason))
        return draft_refuse(draft, written.place, stage->name, spec->name, "%s", reason.text);
    if (spec->is_divided && number < parts)
        return draft_refuse(draft, written.place, stage->name, spec->name,
                            "%s shared among %zu instances leaves less than 1 for each",
                            written.text, count);
    for (size_t i = 0; i < count; i++)
        instances[i].settings.values[setting] =
            (struct setting_value){written.text, number / parts + (i == 0 ? number % parts : 0)};
    return true;
}

/* What the kind says of the settings of an instance together. */
static bool check_instance(const struct topology_draft *draft, const struct draft_stage *stage,
                           const struct topology_instance *instance)
{
    const char *blamed = NULL;
    struct error reason;

    if (!stage->kind->check || stage->kind->check(&instance->settings, &blamed, &reason))
        return true;
    struct draft_place place = stage->settings[draft_find_setting(stage->kind, blamed)].place;
    return draft_refuse(draft, place.line > 0 || place.origin ? place : stage->place, stage->name,
                        blamed, "%s", reason.text);
}

static const char *name_instance(const struct topology_draft *draft, const char *stage,
                                 size_t number, size_t count)
{
    char name[DRAFT_MAX_NAME + 16];

    snprintf(name, sizeof name, count > 1 ? "%s.%zu" : "%s", stage, number);
    return topology_arena_copy(draft->arena, name);
}

static bool divide_stage(const struct topology_draft *draft, struct topology *topology,
                         size_t index)
{
    const struct draft_stage *stage = &draft->stages[index];
    struct topology_stage *made = &topology->stages[index];
    struct topology_instance *instances = &topology->instances[made->first_instance];
    size_t settings = draft_count_settings(stage->kind);

    for (size_t i = 0; i < made->instance_count; i++) {
        struct setting_value *values =
            topology_arena_take(draft->arena, settings, sizeof(struct setting_value));
        instances[i] = (struct topology_instance){
            .name = name_instance(draft, stage->name, i, made->instance_count),
            .stage = index,
            .number = i,
            .serves = stage->kind->serves ? stage->serves.items[i].text : NULL,
            .settings = {.kind = stage->kind, .values = values}};
    }
    for (size_t i = 0; i < settings; i++)
        if (!share_setting(draft, stage, i, instances, made->instance_count))
            return false;
    for (size_t i = 0; i < made->instance_count; i++)
        if (!check_instance(draft, stage, &instances[i]))
            return false;
    return true;
}

bool draft_divide(const struct topology_draft *draft, struct topology *topology)
{
    size_t total = 0;

    for (size_t i = 0; i < draft->stage_count; i++) {
        struct topology_stage *made = &topology->stages[i];
        if (!count_instances(draft, &draft->stages[i], &made->instance_count))
            return false;
        made->first_instance = total;
        total += made->instance_count;
        if (total > TOPOLOGY_MAX_INSTANCES)
            return draft_refuse(draft, draft->stages[i].place, draft->stages[i].name, NULL,
                                "more than %d instances and shards altogether",
                                TOPOLOGY_MAX_INSTANCES);
    }
    topology->instance_count = total;
    topology->instances = topology_arena_take(draft->arena, total, sizeof *topology->instances);
    for (size_t i = 0; i < draft->stage_count; i++)
        if (!divide_stage(draft, topology, i))
            return false;
    return true;
}
