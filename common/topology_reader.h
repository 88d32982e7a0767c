/* What every part of the file is read with: nodes of the document into texts of the draft, each
 * with its place. Private to topology*.c. Nothing here recurses: the document may be cyclic. */
#ifndef WEIR_TOPOLOGY_READER_H
#define WEIR_TOPOLOGY_READER_H

#include "common/topology_draft.h"
#include "common/topology_yaml.h"

struct reader {
    struct topology_draft *draft;
    yaml_document_t *document;
};

struct draft_place reader_place_of(const yaml_node_t *node);
const yaml_node_t *reader_node_at(const struct reader *reader, int index);
size_t reader_count_pairs(const yaml_node_t *mapping);
size_t reader_count_items(const yaml_node_t *sequence);

/* The text of a key of the mapping, or NULL and an error: not a name, or there twice. */
const char *reader_read_key(const struct reader *reader, const yaml_node_t *mapping, size_t index,
                            const char *stage);

bool reader_read_text(const struct reader *reader, const yaml_node_t *node,
                      struct draft_place place, const char *stage, const char *key,
                      struct draft_text *into);

/* A list, or a single value that stands for a list of one. */
bool reader_read_list(const struct reader *reader, const yaml_node_t *node,
                      struct draft_place place, const char *stage, const char *key,
                      struct draft_list *into);

/* `reactors:` or `processes:`, whichever `key` is: see topology_parse_place.c. */
bool reader_read_placement(const struct reader *reader, const char *key, const yaml_node_t *node,
                           struct draft_place place);

#endif
