/* topology_choose and topology_override: what flags and environment say in place of the file. */
#include "common/check.h"
#include "common/topology_draft.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Whether overrides are about this stage: not where it is in another process than the chosen. */
static bool is_in_reach(const struct topology_draft *draft, const struct draft_stage *stage)
{
    return draft->process_count == 1 || draft->process == SIZE_MAX ||
           draft_is_placed_in(&draft->processes[draft->process], stage->name);
}

static bool refuse_several(const struct topology_draft *draft, struct draft_place place,
                           const char *kind)
{
    char names[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < draft->stage_count && used < sizeof names; i++)
        if (strcmp(draft->stages[i].kind->name, kind) == 0 && is_in_reach(draft, &draft->stages[i]))
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                     used > 0 ? ", " : "", draft->stages[i].name);
    return draft_refuse(draft, place, NULL, NULL,
                        "there are several stages of kind %s; set it in the file, for each of: %s",
                        kind, names);
}

static const struct kind_spec *kind_called(const struct topology_draft *draft, const char *name)
{
    const struct kind_spec *kind = NULL;

    for (size_t i = 0; i < draft->kind_count; i++)
        if (strcmp(draft->kinds[i]->name, name) == 0)
            kind = draft->kinds[i];
    CHECK(kind);
    return kind;
}

static bool must_ask(const struct kind_spec *kind)
{
    return kind->asks && !kind->asks_at_will;
}

/* An added front end asks what the front ends of the file ask, as far as those agree. */
static bool choose_asked(const struct topology_draft *draft, struct draft_stage *added)
{
    const char *asked = NULL;

    for (size_t i = 0; i < draft->stage_count; i++) {
        const struct draft_stage *stage = &draft->stages[i];
        if (!stage->kind->listens || !must_ask(stage->kind) || !stage->asks.text)
            continue;
        if (asked && strcmp(asked, stage->asks.text) != 0)
            return draft_refuse(draft, added->place, NULL, NULL,
                                "the front ends ask several stages, %s and %s; write a stage of "
                                "kind %s that says what it asks",
                                asked, stage->asks.text, added->kind->name);
        asked = stage->asks.text;
    }
    if (!asked)
        return draft_refuse(draft, added->place, NULL, NULL,
                            "no front end says what to ask; write a stage of kind %s that does",
                            added->kind->name);
    added->asks = (struct draft_text){asked, added->place};
    return true;
}

/* A stage named after its kind, in the first reactor. */
static struct draft_stage *add_stage(struct topology_draft *draft, struct draft_place place,
                                     const char *kind)
{
    struct draft_process *process =
        &draft->processes[draft->process == SIZE_MAX ? 0 : draft->process];
    struct draft_stage *stage;

    for (size_t i = 0; i < draft->stage_count; i++)
        if (strcmp(draft->stages[i].name, kind) == 0) {
            draft_refuse(draft, place, NULL, NULL,
                         "the stage to be added would be called %s, and there is one already",
                         kind);
            return NULL;
        }
    stage = draft_add_stage(draft, kind, place, kind_called(draft, kind));
    if (must_ask(stage->kind) && !choose_asked(draft, stage))
        return NULL;
    if (process->reactor_count > 0) {
        struct draft_list *first = &process->reactors[0];
        struct draft_text *items =
            topology_arena_take(draft->arena, first->count + 1, sizeof *items);
        for (size_t i = 0; i < first->count; i++)
            items[i] = first->items[i];
        items[first->count++] = (struct draft_text){stage->name, place};
        first->items = items;
    }
    return stage;
}

static struct draft_text *find_setting(struct draft_stage *stage, const char *setting)
{
    if (stage->kind->listens && strcmp(setting, "listen") == 0)
        return &stage->listen;
    size_t index = draft_find_setting(stage->kind, setting);
    CHECK(index != SIZE_MAX && stage->kind->settings[index].type != SETTING_LIST);
    return &stage->settings[index];
}

static bool refuse_choice(const struct topology_draft *draft, struct draft_place place,
                          const char *reason)
{
    char names[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < draft->process_count && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                                 draft->processes[i].name);
    return draft_refuse(draft, place, NULL, NULL, "%s: %s", reason, names);
}

bool topology_choose(struct topology_draft *draft, const char *name, const char *origin,
                     struct error *error)
{
    draft->error = error;
    if (!name)
        return draft->process != SIZE_MAX ||
               refuse_choice(draft, draft->processes_place,
                             "--process must say which of the processes to run");

    struct draft_place place = {.origin = topology_arena_copy(draft->arena, origin)};
    if (!draft->processes[0].name)
        return draft_refuse(draft, place, NULL, NULL, "there are no processes in %s", draft->file);
    for (size_t i = 0; i < draft->process_count; i++)
        if (strcmp(draft->processes[i].name, name) == 0) {
            draft->process = i;
            return true;
        }
    return refuse_choice(draft, place, "there is no such process; there are");
}

bool topology_override(struct topology_draft *draft, const char *kind, const char *setting,
                       const char *value, const char *origin, bool may_add, struct error *error)
{
    struct draft_place place = {.origin = topology_arena_copy(draft->arena, origin)};
    struct draft_stage *stage = NULL;
    const struct draft_stage *elsewhere = NULL; /* of the kind, in other processes only */

    draft->error = error;
    for (size_t i = 0; i < draft->stage_count; i++) {
        if (strcmp(draft->stages[i].kind->name, kind) != 0)
            continue;
        if (!is_in_reach(draft, &draft->stages[i])) {
            elsewhere = &draft->stages[i];
            continue;
        }
        if (stage)
            return refuse_several(draft, place, kind);
        stage = &draft->stages[i];
    }
    /* A front end is for the fleet, and where the file has it; an admin stage is for its process.
     */
    if (!stage && elsewhere && (!may_add || must_ask(elsewhere->kind)))
        return true;
    if (!stage && !may_add)
        return draft_refuse(draft, place, NULL, NULL, "there is no stage of kind %s in %s", kind,
                            draft->file);
    if (!stage && !(stage = add_stage(draft, place, kind)))
        return false;
    if (!draft_check_text(draft, place, stage->name, setting, value, strlen(value)))
        return false;
    *find_setting(stage, setting) =
        (struct draft_text){topology_arena_copy(draft->arena, value), place};
    return true;
}
