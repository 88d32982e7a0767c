/* topology_parse: the shape of the file. Which keys there are, and what each holds (a value, a list
 * of values); what the values mean is for the check.
 *
 * The document may be cyclic through aliases, so nothing here recurses but `<<`, which counts. */
#include "common/memory.h"
#include "common/text.h"
#include "common/topology_draft.h"
#include "common/topology_reader.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define STAGE_MAX_KEYS   64
#define STAGE_MAX_MERGES 64

/* The keys of a stage, its own and those that `<<` brings. */
struct stage_keys {
    const char *stage;
    struct stage_key {
        const char *name;
        struct draft_place place;
        const yaml_node_t *value;
    } keys[STAGE_MAX_KEYS];
    size_t count;
    size_t merges;
};

static bool gather_keys(const struct reader *reader, const yaml_node_t *mapping,
                        struct stage_keys *into);

/* `<<: *anchor` or `<<: [*anchor, *anchor]`; what was gathered earlier wins. */
static bool gather_merged(const struct reader *reader, const yaml_node_t *value,
                          struct draft_place place, struct stage_keys *into)
{
    bool is_list = value->type == YAML_SEQUENCE_NODE;
    size_t count = is_list ? reader_count_items(value) : 1;

    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *source =
            is_list ? reader_node_at(reader, value->data.sequence.items.start[i]) : value;
        if (source->type != YAML_MAPPING_NODE)
            return draft_refuse(reader->draft, place, into->stage, "<<",
                                "must be an alias of a stage's settings, or a list of such");
        if (++into->merges > STAGE_MAX_MERGES)
            return draft_refuse(reader->draft, place, into->stage, "<<",
                                "merges more than %d times", STAGE_MAX_MERGES);
        if (!gather_keys(reader, source, into))
            return false;
    }
    return true;
}

static bool is_gathered(const struct stage_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].name, name) == 0)
            return true;
    return false;
}

static bool gather_keys(const struct reader *reader, const yaml_node_t *mapping,
                        struct stage_keys *into)
{
    const yaml_node_pair_t *pairs = mapping->data.mapping.pairs.start;
    const yaml_node_t *merged = NULL;
    struct draft_place merged_place = {0};

    if (reader_count_pairs(mapping) > STAGE_MAX_KEYS)
        return draft_refuse(reader->draft, reader_place_of(mapping), into->stage, NULL,
                            "more than %d keys", STAGE_MAX_KEYS);
    for (size_t i = 0; i < reader_count_pairs(mapping); i++) {
        const char *name = reader_read_key(reader, mapping, i, into->stage);
        struct draft_place place = reader_place_of(reader_node_at(reader, pairs[i].key));
        if (!name)
            return false;
        if (strcmp(name, "<<") == 0) {
            merged = reader_node_at(reader, pairs[i].value);
            merged_place = place;
        } else if (is_gathered(into, name)) {
            continue;
        } else if (into->count == STAGE_MAX_KEYS) {
            return draft_refuse(reader->draft, place, into->stage, NULL, "more than %d keys",
                                STAGE_MAX_KEYS);
        } else {
            into->keys[into->count++] =
                (struct stage_key){name, place, reader_node_at(reader, pairs[i].value)};
        }
    }
    return !merged || gather_merged(reader, merged, merged_place, into);
}

/* The names of all kinds, "a, b, c". */
static const char *list_kinds(const struct topology_draft *draft, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < draft->kind_count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 draft->kinds[i]->name);
    return out;
}

static const struct kind_spec *find_kind(const struct reader *reader, const struct stage_keys *keys,
                                         struct draft_place place)
{
    const struct topology_draft *draft = reader->draft;
    struct draft_text kind = {.place = place};
    char names[256], quoted[DRAFT_MAX_NAME + 3];

    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].name, "kind") == 0 &&
            !reader_read_text(reader, keys->keys[i].value, keys->keys[i].place, keys->stage, "kind",
                              &kind))
            return NULL;
    for (size_t i = 0; kind.text && i < draft->kind_count; i++)
        if (strcmp(draft->kinds[i]->name, kind.text) == 0)
            return draft->kinds[i];
    list_kinds(draft, names, sizeof names);
    if (!kind.text)
        draft_refuse(draft, place, keys->stage, "kind", "is missing; it is one of %s", names);
    else
        draft_refuse(draft, kind.place, keys->stage, "kind", "%s is not a kind; the kinds are %s",
                     draft_quote(kind.text, quoted), names);
    return NULL;
}

static bool refuse_unknown_key(const struct topology_draft *draft, const struct draft_stage *stage,
                               const struct stage_key *key)
{
    const struct kind_spec *kind = stage->kind;
    char names[320] = "";
    size_t used = 0;

    for (size_t i = 0; kind->settings[i].name && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, ", %s", kind->settings[i].name);
    return draft_refuse(draft, key->place, stage->name, key->name,
                        "unknown key; the keys of kind %s are kind%s%s%s%s", kind->name,
                        kind->listens ? ", listen, instances" : "",
                        kind->serves ? ", serves, insecure" : "", kind->asks ? ", asks" : "",
                        names);
}

static bool read_insecure(const struct reader *reader, struct draft_stage *stage,
                          const struct stage_key *key)
{
    struct draft_text text;
    int64_t flag;

    if (!reader_read_text(reader, key->value, key->place, stage->name, key->name, &text))
        return false;
    if (!text_parse_flag(text.text, &flag))
        return draft_refuse(reader->draft, key->place, stage->name, key->name,
                            "must be true or false");
    stage->insecure = flag != 0;
    return true;
}

/* Whether settings of the kind are nested in a mapping of that name. */
static bool has_nested(const struct kind_spec *kind, const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; kind->settings[i].name; i++)
        if (strncmp(kind->settings[i].name, name, size) == 0 && kind->settings[i].name[size] == '.')
            return true;
    return false;
}

static bool read_setting(const struct reader *reader, struct draft_stage *stage,
                         const struct stage_key *key)
{
    size_t setting = draft_find_setting(stage->kind, key->name);
    struct draft_list list;

    if (setting == SIZE_MAX)
        return refuse_unknown_key(reader->draft, stage, key);
    if (stage->kind->settings[setting].type != SETTING_LIST)
        return reader_read_text(reader, key->value, key->place, stage->name, key->name,
                                &stage->settings[setting]);
    if (!reader_read_list(reader, key->value, key->place, stage->name, key->name, &list))
        return false;
    if (list.count == 0)
        return draft_refuse(reader->draft, key->place, stage->name, key->name, "has no value");
    stage->settings[setting] = draft_pack_list(reader->draft, &list);
    return true;
}

/* `invalidation: {mode: broadcast}`: the settings whose names begin with "invalidation.". */
static bool read_nested(const struct reader *reader, struct draft_stage *stage,
                        const struct stage_key *key)
{
    const struct setting_spec *specs = stage->kind->settings;
    const size_t size = strlen(key->name);
    char name[2 * DRAFT_MAX_NAME + 2];

    if (key->value->type != YAML_MAPPING_NODE)
        return draft_refuse(reader->draft, key->place, stage->name, key->name, "must be a mapping");
    for (size_t i = 0; i < reader_count_pairs(key->value); i++) {
        const yaml_node_pair_t *pair = &key->value->data.mapping.pairs.start[i];
        const char *inner = reader_read_key(reader, key->value, i, stage->name);
        if (!inner)
            return false;
        snprintf(name, sizeof name, "%s.%s", key->name, inner);
        if (!read_setting(reader, stage,
                          &(struct stage_key){name,
                                              reader_place_of(reader_node_at(reader, pair->key)),
                                              reader_node_at(reader, pair->value)}))
            return false;
    }
    for (size_t i = 0; specs[i].name; i++)
        if (specs[i].is_required && !stage->settings[i].text &&
            strncmp(specs[i].name, key->name, size) == 0 && specs[i].name[size] == '.')
            return draft_refuse(reader->draft, key->place, stage->name, specs[i].name,
                                "is missing");
    return true;
}

static bool read_key(const struct reader *reader, struct draft_stage *stage,
                     const struct stage_key *key)
{
    const struct kind_spec *kind = stage->kind;
    struct draft_text *into;

    if (strcmp(key->name, "kind") == 0)
        return true;
    if (kind->serves && strcmp(key->name, "serves") == 0)
        return reader_read_list(reader, key->value, key->place, stage->name, key->name,
                                &stage->serves);
    if (kind->serves && strcmp(key->name, "insecure") == 0)
        return read_insecure(reader, stage, key);
    if (kind->asks && strcmp(key->name, "asks") == 0)
        into = &stage->asks;
    else if (kind->listens && strcmp(key->name, "listen") == 0)
        into = &stage->listen;
    else if (kind->listens && strcmp(key->name, "instances") == 0)
        into = &stage->instances;
    else if (has_nested(kind, key->name))
        return read_nested(reader, stage, key);
    else if (strchr(key->name, '.'))
        return refuse_unknown_key(reader->draft, stage, key);
    else
        return read_setting(reader, stage, key);
    return reader_read_text(reader, key->value, key->place, stage->name, key->name, into);
}

static bool read_stage(const struct reader *reader, const char *name, struct draft_place place,
                       const yaml_node_t *node)
{
    struct stage_keys keys = {.stage = name};
    const struct kind_spec *kind;
    struct draft_stage *stage;

    if (!draft_is_name(name, strlen(name)) || strchr(name, '.'))
        return draft_refuse(
            reader->draft, place, "stages", NULL,
            "\"%s\" cannot be the name of a stage: letters, digits, \"-\" and \"_\"", name);
    if (node->type != YAML_MAPPING_NODE)
        return draft_refuse(reader->draft, place, name, NULL, "must be a mapping with a kind");
    if (!gather_keys(reader, node, &keys) || !(kind = find_kind(reader, &keys, place)))
        return false;
    stage = draft_add_stage(reader->draft, name, place, kind);
    for (size_t i = 0; i < keys.count; i++)
        if (!read_key(reader, stage, &keys.keys[i]))
            return false;
    return true;
}

static bool read_stages(const struct reader *reader, const yaml_node_t *node,
                        struct draft_place place)
{
    struct topology_draft *draft = reader->draft;

    if (node->type != YAML_MAPPING_NODE || reader_count_pairs(node) == 0)
        return draft_refuse(draft, place, "stages", NULL, "must be a mapping of names to stages");
    if (reader_count_pairs(node) > TOPOLOGY_MAX_STAGES)
        return draft_refuse(draft, place, "stages", NULL, "more than %d stages",
                            TOPOLOGY_MAX_STAGES);
    draft->stages = topology_arena_take(draft->arena, reader_count_pairs(node) + draft->kind_count,
                                        sizeof *draft->stages);
    for (size_t i = 0; i < reader_count_pairs(node); i++) {
        const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
        const char *name = reader_read_key(reader, node, i, "stages");
        if (!name || !read_stage(reader, name, reader_place_of(reader_node_at(reader, pair->key)),
                                 reader_node_at(reader, pair->value)))
            return false;
    }
    return true;
}

static bool read_top_key(const struct reader *reader, const char *key, const yaml_node_t *value,
                         struct draft_place place)
{
    struct topology_draft *draft = reader->draft;

    if (strcmp(key, "stages") == 0)
        return read_stages(reader, value, place);
    if (strcmp(key, "reactors") == 0 || strcmp(key, "processes") == 0)
        return reader_read_placement(reader, key, value, place);
    if (strcmp(key, "drain_timeout") == 0)
        return reader_read_text(reader, value, place, NULL, key, &draft->drain_timeout);
    if (strcmp(key, "log_level") == 0)
        return reader_read_text(reader, value, place, NULL, key, &draft->log_level);
    if (strcmp(key, "hash_key_file") == 0)
        return reader_read_text(reader, value, place, NULL, key, &draft->hash_key_file);
    if (strcmp(key, "takeover") == 0)
        return reader_read_text(reader, value, place, NULL, key, &draft->takeover);
    return draft_refuse(draft, place, NULL, key,
                        "unknown key; here go stages, reactors or processes, drain_timeout, "
                        "log_level, hash_key_file and takeover");
}

static bool read_root(const struct reader *reader)
{
    const struct draft_place top = {.line = 1};
    const yaml_node_t *root = yaml_document_get_root_node(reader->document);

    if (!root || root->type != YAML_MAPPING_NODE)
        return draft_refuse(reader->draft, top, NULL, NULL, "must be a mapping, with stages in it");
    for (size_t i = 0; i < reader_count_pairs(root); i++) {
        const yaml_node_pair_t *pair = &root->data.mapping.pairs.start[i];
        const char *key = reader_read_key(reader, root, i, NULL);
        if (!key || !read_top_key(reader, key, reader_node_at(reader, pair->value),
                                  reader_place_of(reader_node_at(reader, pair->key))))
            return false;
    }
    return reader->draft->stage_count > 0 ||
           draft_refuse(reader->draft, top, NULL, "stages", "is missing");
}

struct topology_draft *topology_parse(const char *file, const char *text, size_t size,
                                      const struct kind_spec *const *kinds, size_t kind_count,
                                      struct error *error)
{
    struct topology_draft *draft = memory_alloc(1, sizeof *draft);
    const struct kind_spec **kept;
    yaml_document_t document;

    draft->arena = topology_arena_create();
    draft->file = topology_arena_copy(draft->arena, file);
    draft->kind_count = kind_count;
    kept = topology_arena_take(draft->arena, kind_count, sizeof(const struct kind_spec *));
    for (size_t i = 0; i < kind_count; i++)
        kept[i] = kinds[i];
    draft->kinds = kept;
    draft->error = error;
    draft_add_single_process(draft);
    if (!topology_yaml_load(&document, file, text, size, error)) {
        topology_draft_destroy(&draft);
        return NULL;
    }
    if (!read_root(&(struct reader){draft, &document}))
        topology_draft_destroy(&draft);
    yaml_document_delete(&document);
    return draft;
}
