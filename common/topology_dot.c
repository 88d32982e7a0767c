/* topology_print_dot: a box for each process, in it one for each reactor, in it the stages; an
 * arrow for each link, named by its address. `dot -Tsvg` draws it. */
#include "common/topology.h"

#include <stdint.h>
#include <stdio.h>

static void open_box(struct buffer *out, const char *indent, const char *id, const char *label)
{
    buffer_format(out, "%ssubgraph \"cluster_%s\" {\n%s    label=\"%s\";\n", indent, id, indent,
                  label);
}

static void draw_reactor(struct buffer *out, const struct topology *topology,
                         const struct topology_reactor *reactor, const char *id, const char *label)
{
    open_box(out, "        ", id, label);
    for (size_t i = 0; i < reactor->count; i++) {
        const struct topology_instance *instance = &topology->instances[reactor->instances[i]];
        buffer_format(out, "            \"%s\" [label=\"%s\\n%s\"];\n", instance->name,
                      instance->name, topology->stages[instance->stage].kind->name);
    }
    buffer_append_text(out, "        }\n");
}

static void draw_process(struct buffer *out, const struct topology *topology, size_t index)
{
    const struct topology_process *process = &topology->processes[index];
    char id[48], label[32];

    snprintf(id, sizeof id, "%zu", index);
    open_box(out, "    ", id, process->name ? process->name : "weir");
    for (size_t i = 0; i < process->reactor_count; i++) {
        snprintf(id, sizeof id, "%zu_%zu", index, i);
        snprintf(label, sizeof label, "reactor %zu", i);
        draw_reactor(out, topology, &process->reactors[i], id, label);
    }
    buffer_append_text(out, "    }\n");
}

/* An address is the file's own text: whatever would end a label is escaped. */
static void draw_label(struct buffer *out, const char *text)
{
    for (; *text; text++)
        buffer_format(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
}

static void draw_links(struct buffer *out, const struct topology *topology,
                       const struct topology_instance *asker)
{
    const size_t asked = topology->stages[asker->stage].asks;

    for (size_t i = 0; asked != SIZE_MAX && i < topology->stages[asked].instance_count; i++) {
        const struct topology_instance *shard =
            &topology->instances[topology->stages[asked].first_instance + i];
        buffer_format(out, "    \"%s\" -> \"%s\" [label=\"", asker->name, shard->name);
        draw_label(out, shard->serves);
        buffer_format(out, "\"%s];\n", shard->is_encrypted ? ", style=bold" : "");
    }
}

void topology_print_dot(const struct topology *topology, struct buffer *out)
{
    buffer_append_text(out, "digraph weir {\n    rankdir=LR;\n    node [shape=box];\n");
    for (size_t i = 0; i < topology->process_count; i++)
        draw_process(out, topology, i);
    for (size_t i = 0; i < topology->instance_count; i++)
        draw_links(out, topology, &topology->instances[i]);
    buffer_append_text(out, "}\n");
}
