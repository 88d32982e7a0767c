/* See topology_yaml.h. The text is parsed twice: once event by event, which keeps nothing, to see
 * that it is valid and within the bounds; then into nodes. */
#include "common/topology_yaml.h"

#include "common/topology.h"

struct extent {
    size_t depth, nodes, anchors, documents;
};

static bool refuse(const char *file, yaml_mark_t mark, const char *reason, struct error *error)
{
    return error_set(error, "%s:%zu: %s", file, mark.line + 1, reason);
}

static bool refuse_syntax(const char *file, const yaml_parser_t *parser, struct error *error)
{
    /* A byte that is no character has no mark of its own; the reader is not far ahead. */
    yaml_mark_t mark = parser->error == YAML_READER_ERROR ? parser->mark : parser->problem_mark;

    return error_set(error, "%s:%zu: not valid YAML: %s", file, mark.line + 1,
                     parser->problem ? parser->problem : "no memory");
}

static bool open_parser(yaml_parser_t *parser, const char *file, const char *text, size_t size,
                        struct error *error)
{
    if (!yaml_parser_initialize(parser))
        return error_set(error, "%s: no memory to read it", file);
    /* libyaml takes no NULL, which an empty buffer may be. */
    yaml_parser_set_input_string(parser, (const unsigned char *)(size > 0 ? text : ""), size);
    return true;
}

/* Counts one event in; the reason why it is one too many, or NULL. */
static const char *exceed(struct extent *extent, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;

    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++extent->documents > 1 ? "a second document begins; there may be one only" : NULL;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        extent->depth++;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        extent->depth++;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        extent->depth--;
        return NULL;
    default:
        return NULL;
    }
    extent->nodes++;
    extent->anchors += anchor != NULL;
    return extent->depth > TOPOLOGY_YAML_MAX_DEPTH       ? "nested too deeply"
           : extent->nodes > TOPOLOGY_YAML_MAX_NODES     ? "too many values in one file"
           : extent->anchors > TOPOLOGY_YAML_MAX_ANCHORS ? "too many anchors in one file"
                                                         : NULL;
}

static bool check_extent(yaml_parser_t *parser, const char *file, struct error *error)
{
    struct extent extent = {0};
    bool is_fine = true, is_at_end = false;

    while (is_fine && !is_at_end) {
        yaml_event_t event;
        const char *reason;
        if (!yaml_parser_parse(parser, &event))
            return refuse_syntax(file, parser, error);
        reason = exceed(&extent, &event);
        is_fine = !reason || refuse(file, event.start_mark, reason, error);
        is_at_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return is_fine;
}

bool topology_yaml_load(yaml_document_t *document, const char *file, const char *text, size_t size,
                        struct error *error)
{
    yaml_parser_t parser;
    bool is_loaded;

    if (size > TOPOLOGY_MAX_FILE)
        return error_set(error, "%s: larger than 1MiB", file);
    if (!open_parser(&parser, file, text, size, error))
        return false;
    is_loaded = check_extent(&parser, file, error);
    yaml_parser_delete(&parser);
    if (!is_loaded || !open_parser(&parser, file, text, size, error))
        return false;
    is_loaded = yaml_parser_load(&parser, document) || refuse_syntax(file, &parser, error);
    yaml_parser_delete(&parser);
    return is_loaded;
}
