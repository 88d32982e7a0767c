/* YAML text -> libyaml's document, within bounds that hold for any input. Private to topology*.c.
 *
 * An alias becomes the very node it names, so a document is never larger than its text; but it may
 * be cyclic, and who walks it bounds the walk. */
#ifndef WEIR_TOPOLOGY_YAML_H
#define WEIR_TOPOLOGY_YAML_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#define TOPOLOGY_YAML_MAX_DEPTH   16 /* a topology needs 4 */
#define TOPOLOGY_YAML_MAX_NODES   65536
#define TOPOLOGY_YAML_MAX_ANCHORS 1024 /* libyaml compares each with each */

/* Loads the only document in `text`, which yaml_document_delete frees. On failure there is nothing
 * to free, and the error names `file` and line. */
bool topology_yaml_load(yaml_document_t *document, const char *file, const char *text, size_t size,
                        struct error *error);

#endif
