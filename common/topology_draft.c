/* See topology_draft.h: a draft's own bookkeeping, and the words of every refusal. */
#include "common/topology_draft.h"

#include "common/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool draft_refuse(const struct topology_draft *draft, struct draft_place place, const char *stage,
                  const char *key, const char *format, ...)
{
    char where[24] = "", reason[400];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    if (!place.origin && place.line > 0)
        snprintf(where, sizeof where, ":%zu", place.line);
    return error_set(draft->error, "%s%s: %s%s%s%s%s", place.origin ? place.origin : draft->file,
                     where, stage ? stage : "", stage && key ? "." : "", key ? key : "",
                     stage || key ? ": " : "", reason);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return size > 0 && size <= DRAFT_MAX_NAME;
}

bool draft_is_name(const char *text, size_t size)
{
    return is_word(text, size) && is_letter(text[0]);
}

const char *draft_quote(const char *text, char out[DRAFT_MAX_NAME + 3])
{
    bool is_fit = is_word(text, strlen(text));

    snprintf(out, DRAFT_MAX_NAME + 3, is_fit ? "\"%s\"" : "what is written", text);
    return out;
}

bool draft_check_text(const struct topology_draft *draft, struct draft_place place,
                      const char *stage, const char *key, const char *text, size_t size)
{
    if (size == 0)
        return draft_refuse(draft, place, stage, key, "has no value");
    if (size > DRAFT_MAX_TEXT)
        return draft_refuse(draft, place, stage, key, "is longer than %d bytes", DRAFT_MAX_TEXT);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 127)
            return draft_refuse(draft, place, stage, key, "holds a control character");
    return true;
}

struct draft_text draft_pack_list(const struct topology_draft *draft, const struct draft_list *list)
{
    size_t size = 1, used = 0;
    char *packed;

    for (size_t i = 0; i < list->count; i++)
        size += strlen(list->items[i].text) + 1;
    packed = topology_arena_take(draft->arena, size, 1);
    for (size_t i = 0; i < list->count; i++) {
        size_t length = strlen(list->items[i].text) + 1;
        memcpy(packed + used, list->items[i].text, length);
        used += length;
    }
    return (struct draft_text){packed, list->place};
}

size_t draft_count_settings(const struct kind_spec *kind)
{
    size_t count = 0;

    while (kind->settings[count].name)
        count++;
    return count;
}

size_t draft_find_setting(const struct kind_spec *kind, const char *name)
{
    for (size_t i = 0; kind->settings[i].name; i++)
        if (strcmp(kind->settings[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

struct draft_stage *draft_add_stage(struct topology_draft *draft, const char *name,
                                    struct draft_place place, const struct kind_spec *kind)
{
    struct draft_stage *stage = &draft->stages[draft->stage_count++];

    *stage = (struct draft_stage){
        .name = topology_arena_copy(draft->arena, name), .place = place, .kind = kind};
    stage->settings =
        topology_arena_take(draft->arena, draft_count_settings(kind), sizeof *stage->settings);
    return stage;
}

void draft_add_single_process(struct topology_draft *draft)
{
    draft->processes = topology_arena_take(draft->arena, 1, sizeof *draft->processes);
    draft->process_count = 1;
}

bool draft_is_placed_in(const struct draft_process *process, const char *stage)
{
    const size_t size = strlen(stage);

    for (size_t i = 0; i < process->reactor_count; i++)
        for (size_t j = 0; j < process->reactors[i].count; j++) {
            const char *name = process->reactors[i].items[j].text;
            if (strncmp(name, stage, size) == 0 && (name[size] == '\0' || name[size] == '.'))
                return true;
        }
    return false;
}

void topology_draft_destroy(struct topology_draft **draft)
{
    if (*draft)
        topology_arena_destroy(&(*draft)->arena);
    free(*draft);
    *draft = NULL;
}
