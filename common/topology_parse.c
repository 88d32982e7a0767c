/* topology_parse: the shape of the file. Which keys there are, and what each holds (a value, a list
 * of values); what the values mean is for the check.
 *
 * The document may be cyclic through aliases, so nothing here recurses but `<<`, which counts. */
#include "common/memory.h"
#include "common/topology_draft.h"
#include "common/topology_yaml.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define STAGE_MAX_KEYS   64
#define STAGE_MAX_MERGES 64

struct reader {
    struct topology_draft *draft;
    yaml_document_t *document;
};

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

static struct draft_place place_of(const yaml_node_t *node)
{
    return (struct draft_place){.line = node->start_mark.line + 1};
}

static const yaml_node_t *node_at(const struct reader *reader, int index)
{
    return yaml_document_get_node(reader->document, index);
}

static size_t pairs_in(const yaml_node_t *mapping)
{
    return (size_t)(mapping->data.mapping.pairs.top - mapping->data.mapping.pairs.start);
}

static size_t items_in(const yaml_node_t *sequence)
{
    return (size_t)(sequence->data.sequence.items.top - sequence->data.sequence.items.start);
}

/* The text of a key of the mapping, or NULL and an error: not a name, or there twice. */
static const char *key_at(const struct reader *reader, const yaml_node_t *mapping, size_t index,
                          const char *stage)
{
    const yaml_node_pair_t *pairs = mapping->data.mapping.pairs.start;
    const yaml_node_t *key = node_at(reader, pairs[index].key);
    const char *text = (const char *)key->data.scalar.value;

    if (key->type != YAML_SCALAR_NODE ||
        (strcmp(text, "<<") != 0 && !draft_is_name(text, key->data.scalar.length))) {
        draft_refuse(reader->draft, place_of(key), stage, NULL,
                     "a key must be a name of letters, digits, \"-\" and \"_\"");
        return NULL;
    }
    for (size_t i = 0; i < index; i++) {
        const yaml_node_t *earlier = node_at(reader, pairs[i].key);
        if (strcmp((const char *)earlier->data.scalar.value, text) == 0) {
            draft_refuse(reader->draft, place_of(key), stage, text,
                         "is there twice; the first is on line %zu", place_of(earlier).line);
            return NULL;
        }
    }
    return text;
}

static bool read_text(const struct reader *reader, const yaml_node_t *node,
                      struct draft_place place, const char *stage, const char *key,
                      struct draft_text *into)
{
    const char *text = (const char *)node->data.scalar.value;

    if (node->type != YAML_SCALAR_NODE)
        return draft_refuse(reader->draft, place, stage, key, "must be a single value");
    if (!draft_check_text(reader->draft, place, stage, key, text, node->data.scalar.length))
        return false;
    *into = (struct draft_text){topology_arena_copy(reader->draft->arena, text), place};
    return true;
}

/* A list, or a single value that stands for a list of one. */
static bool read_list(const struct reader *reader, const yaml_node_t *node,
                      struct draft_place place, const char *stage, const char *key,
                      struct draft_list *into)
{
    bool is_list = node->type == YAML_SEQUENCE_NODE;
    size_t count = is_list ? items_in(node) : 1;
    struct draft_text *items =
        topology_arena_take(reader->draft->arena, count, sizeof(struct draft_text));

    *into = (struct draft_list){items, count, place};
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item =
            is_list ? node_at(reader, node->data.sequence.items.start[i]) : node;
        if (!read_text(reader, item, place_of(item), stage, key, &items[i]))
            return false;
    }
    return true;
}

static bool gather_keys(const struct reader *reader, const yaml_node_t *mapping,
                        struct stage_keys *into);

/* `<<: *anchor` or `<<: [*anchor, *anchor]`; what was gathered earlier wins. */
static bool gather_merged(const struct reader *reader, const yaml_node_t *value,
                          struct draft_place place, struct stage_keys *into)
{
    bool is_list = value->type == YAML_SEQUENCE_NODE;
    size_t count = is_list ? items_in(value) : 1;

    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *source =
            is_list ? node_at(reader, value->data.sequence.items.start[i]) : value;
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

    if (pairs_in(mapping) > STAGE_MAX_KEYS)
        return draft_refuse(reader->draft, place_of(mapping), into->stage, NULL,
                            "more than %d keys", STAGE_MAX_KEYS);
    for (size_t i = 0; i < pairs_in(mapping); i++) {
        const char *name = key_at(reader, mapping, i, into->stage);
        struct draft_place place = place_of(node_at(reader, pairs[i].key));
        if (!name)
            return false;
        if (strcmp(name, "<<") == 0) {
            merged = node_at(reader, pairs[i].value);
            merged_place = place;
        } else if (is_gathered(into, name)) {
            continue;
        } else if (into->count == STAGE_MAX_KEYS) {
            return draft_refuse(reader->draft, place, into->stage, NULL, "more than %d keys",
                                STAGE_MAX_KEYS);
        } else {
            into->keys[into->count++] =
                (struct stage_key){name, place, node_at(reader, pairs[i].value)};
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
            !read_text(reader, keys->keys[i].value, keys->keys[i].place, keys->stage, "kind",
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
                        kind->listens ? ", listen, instances" : "", kind->serves ? ", serves" : "",
                        kind->asks ? ", asks" : "", names);
}

static bool read_key(const struct reader *reader, struct draft_stage *stage,
                     const struct stage_key *key)
{
    const struct kind_spec *kind = stage->kind;
    struct draft_text *into = NULL;
    size_t setting;

    if (strcmp(key->name, "kind") == 0)
        return true;
    if (kind->serves && strcmp(key->name, "serves") == 0)
        return read_list(reader, key->value, key->place, stage->name, key->name, &stage->serves);
    if (kind->asks && strcmp(key->name, "asks") == 0)
        into = &stage->asks;
    else if (kind->listens && strcmp(key->name, "listen") == 0)
        into = &stage->listen;
    else if (kind->listens && strcmp(key->name, "instances") == 0)
        into = &stage->instances;
    else if ((setting = draft_find_setting(kind, key->name)) != SIZE_MAX)
        into = &stage->settings[setting];
    else
        return refuse_unknown_key(reader->draft, stage, key);
    return read_text(reader, key->value, key->place, stage->name, key->name, into);
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

    if (node->type != YAML_MAPPING_NODE || pairs_in(node) == 0)
        return draft_refuse(draft, place, "stages", NULL, "must be a mapping of names to stages");
    if (pairs_in(node) > TOPOLOGY_MAX_STAGES)
        return draft_refuse(draft, place, "stages", NULL, "more than %d stages",
                            TOPOLOGY_MAX_STAGES);
    draft->stages = topology_arena_take(draft->arena, pairs_in(node) + draft->kind_count,
                                        sizeof *draft->stages);
    for (size_t i = 0; i < pairs_in(node); i++) {
        const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
        const char *name = key_at(reader, node, i, "stages");
        if (!name || !read_stage(reader, name, place_of(node_at(reader, pair->key)),
                                 node_at(reader, pair->value)))
            return false;
    }
    return true;
}

static bool read_reactors(const struct reader *reader, const yaml_node_t *node,
                          struct draft_place place)
{
    struct topology_draft *draft = reader->draft;

    if (node->type != YAML_SEQUENCE_NODE)
        return draft_refuse(draft, place, "reactors", NULL, "must be a list of lists of stages");
    draft->reactors_place = place;
    draft->reactor_count = items_in(node);
    draft->reactors =
        topology_arena_take(draft->arena, draft->reactor_count, sizeof *draft->reactors);
    for (size_t i = 0; i < draft->reactor_count; i++) {
        const yaml_node_t *reactor = node_at(reader, node->data.sequence.items.start[i]);
        if (reactor->type != YAML_SEQUENCE_NODE)
            return draft_refuse(draft, place_of(reactor), "reactors", NULL,
                                "each reactor must be a list of stages, as in - [http, cache]");
        if (!read_list(reader, reactor, place_of(reactor), "reactors", NULL, &draft->reactors[i]))
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
    if (strcmp(key, "reactors") == 0)
        return read_reactors(reader, value, place);
    if (strcmp(key, "drain_timeout") == 0)
        return read_text(reader, value, place, NULL, key, &draft->drain_timeout);
    if (strcmp(key, "processes") == 0)
        return draft_refuse(draft, place, NULL, key,
                            "several processes cannot be run yet; place all stages in this one, "
                            "with reactors");
    return draft_refuse(draft, place, NULL, key,
                        "unknown key; here go stages, reactors and drain_timeout");
}

static bool read_root(const struct reader *reader)
{
    const struct draft_place top = {.line = 1};
    const yaml_node_t *root = yaml_document_get_root_node(reader->document);

    if (!root || root->type != YAML_MAPPING_NODE)
        return draft_refuse(reader->draft, top, NULL, NULL, "must be a mapping, with stages in it");
    for (size_t i = 0; i < pairs_in(root); i++) {
        const yaml_node_pair_t *pair = &root->data.mapping.pairs.start[i];
        const char *key = key_at(reader, root, i, NULL);
        if (!key || !read_top_key(reader, key, node_at(reader, pair->value),
                                  place_of(node_at(reader, pair->key))))
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
    if (!topology_yaml_load(&document, file, text, size, error)) {
        topology_draft_destroy(&draft);
        return NULL;
    }
    if (!read_root(&(struct reader){draft, &document}))
        topology_draft_destroy(&draft);
    yaml_document_delete(&document);
    return draft;
}
