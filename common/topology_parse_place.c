/* Where the stages are placed: `reactors:`, or `processes:` with the reactors of each. */
#include "common/topology_reader.h"

#include <string.h>

static bool read_reactors(const struct reader *reader, const yaml_node_t *node,
                          struct draft_place place, struct draft_process *process)
{
    struct topology_draft *draft = reader->draft;

    if (node->type != YAML_SEQUENCE_NODE)
        return draft_refuse(draft, place, process->name, "reactors",
                            "must be a list of lists of stages");
    process->reactors_place = place;
    process->reactor_count = reader_count_items(node);
    process->reactors =
        topology_arena_take(draft->arena, process->reactor_count, sizeof *process->reactors);
    for (size_t i = 0; i < process->reactor_count; i++) {
        const yaml_node_t *reactor = reader_node_at(reader, node->data.sequence.items.start[i]);
        if (reactor->type != YAML_SEQUENCE_NODE)
            return draft_refuse(draft, reader_place_of(reactor), process->name, "reactors",
                                "each reactor must be a list of stages, as in - [http, cache]");
        if (!reader_read_list(reader, reactor, reader_place_of(reactor), process->name, "reactors",
                              &process->reactors[i]))
            return false;
    }
    return true;
}

static bool read_process_key(const struct reader *reader, const char *key, const yaml_node_t *value,
                             struct draft_place place, struct draft_process *process)
{
    struct draft_text *into = NULL;

    if (strcmp(key, "reactors") == 0)
        return read_reactors(reader, value, place, process);
    if (strcmp(key, "key_file") == 0)
        into = &process->key_file;
    else if (strcmp(key, "public_key") == 0)
        into = &process->public_key;
    else if (strcmp(key, "allow_file") == 0)
        into = &process->allow_file;
    else if (strcmp(key, "takeover") == 0)
        into = &process->takeover;
    else
        return draft_refuse(reader->draft, place, process->name, key,
                            "unknown key; a process has reactors, key_file, public_key, "
                            "allow_file and takeover");
    return reader_read_text(reader, value, place, process->name, key, into);
}

static bool read_process(const struct reader *reader, const char *name, const yaml_node_t *node,
                         struct draft_place place, struct draft_process *process)
{
    *process = (struct draft_process){.name = topology_arena_copy(reader->draft->arena, name),
                                      .place = place};
    if (strcmp(name, "<<") == 0 || node->type != YAML_MAPPING_NODE)
        return draft_refuse(reader->draft, place, "processes", name,
                            "must be a name and a mapping with reactors in it");
    for (size_t i = 0; i < reader_count_pairs(node); i++) {
        const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
        const char *key = reader_read_key(reader, node, i, name);
        if (!key || !read_process_key(reader, key, reader_node_at(reader, pair->value),
                                      reader_place_of(reader_node_at(reader, pair->key)), process))
            return false;
    }
    return process->reactors || draft_refuse(reader->draft, place, name, "reactors", "is missing");
}

static bool read_processes(const struct reader *reader, const yaml_node_t *node,
                           struct draft_place place)
{
    struct topology_draft *draft = reader->draft;
    const size_t count = node->type == YAML_MAPPING_NODE ? reader_count_pairs(node) : 0;

    if (count == 0)
        return draft_refuse(draft, place, NULL, "processes",
                            "must be a mapping of names to processes");
    if (count > TOPOLOGY_MAX_PROCESSES)
        return draft_refuse(draft, place, NULL, "processes", "more than %d processes",
                            TOPOLOGY_MAX_PROCESSES);
    draft->processes_place = place;
    draft->process_count = count;
    draft->processes = topology_arena_take(draft->arena, count, sizeof *draft->processes);
    draft->process = count == 1 ? 0 : SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
        const char *name = reader_read_key(reader, node, i, "processes");
        if (!name ||
            !read_process(reader, name, reader_node_at(reader, pair->value),
                          reader_place_of(reader_node_at(reader, pair->key)), &draft->processes[i]))
            return false;
    }
    return true;
}

bool reader_read_placement(const struct reader *reader, const char *key, const yaml_node_t *node,
                           struct draft_place place)
{
    struct topology_draft *draft = reader->draft;

    if (draft->processes_place.line > 0 || draft->processes[0].reactors)
        return draft_refuse(draft, place, NULL, key,
                            "processes takes the place of reactors; there cannot be both");
    if (strcmp(key, "processes") == 0)
        return read_processes(reader, node, place);
    return read_reactors(reader, node, place, &draft->processes[0]);
}
