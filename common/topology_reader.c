/* See topology_reader.h. */
#include "common/topology_reader.h"

#include <string.h>

struct draft_place reader_place_of(const yaml_node_t *node)
{
    return (struct draft_place){.line = node->start_mark.line + 1};
}

const yaml_node_t *reader_node_at(const struct reader *reader, int index)
{
    return yaml_document_get_node(reader->document, index);
}

size_t reader_count_pairs(const yaml_node_t *mapping)
{
    return (size_t)(mapping->data.mapping.pairs.top - mapping->data.mapping.pairs.start);
}

size_t reader_count_items(const yaml_node_t *sequence)
{
    return (size_t)(sequence->data.sequence.items.top - sequence->data.sequence.items.start);
}

/* The text of a key of the mapping, or NULL and an error: not a name, or there twice. */
const char *reader_read_key(const struct reader *reader, const yaml_node_t *mapping, size_t index,
                            const char *stage)
{
    const yaml_node_pair_t *pairs = mapping->data.mapping.pairs.start;
    const yaml_node_t *key = reader_node_at(reader, pairs[index].key);
    const char *text = (const char *)key->data.scalar.value;

    if (key->type != YAML_SCALAR_NODE ||
        (strcmp(text, "<<") != 0 && !draft_is_name(text, key->data.scalar.length))) {
        draft_refuse(reader->draft, reader_place_of(key), stage, NULL,
                     "a key must be a name of letters, digits, \"-\" and \"_\"");
        return NULL;
    }
    for (size_t i = 0; i < index; i++) {
        const yaml_node_t *earlier = reader_node_at(reader, pairs[i].key);
        if (strcmp((const char *)earlier->data.scalar.value, text) == 0) {
            draft_refuse(reader->draft, reader_place_of(key), stage, text,
                         "is there twice; the first is on line %zu", reader_place_of(earlier).line);
            return NULL;
        }
    }
    return text;
}

bool reader_read_text(const struct reader *reader, const yaml_node_t *node,
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
bool reader_read_list(const struct reader *reader, const yaml_node_t *node,
                      struct draft_place place, const char *stage, const char *key,
                      struct draft_list *into)
{
    bool is_list = node->type == YAML_SEQUENCE_NODE;
    size_t count = is_list ? reader_count_items(node) : 1;
    struct draft_text *items =
        topology_arena_take(reader->draft->arena, count, sizeof(struct draft_text));

    *into = (struct draft_list){items, count, place};
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item =
            is_list ? reader_node_at(reader, node->data.sequence.items.start[i]) : node;
        if (!reader_read_text(reader, item, reader_place_of(item), stage, key, &items[i]))
            return false;
    }
    return true;
}
