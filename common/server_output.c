#include "common/server_output.h"

#include "common/memory.h"

#include <stdlib.h>

void server_output_fini(struct server_output *output)
{
    buffer_fini(&output->bytes);
    for (size_t i = 0; i < output->part_count; i++)
        value_release(&output->parts[i].value);
    free(output->parts);
    *output = (struct server_output){0};
}

static void add_part(struct server_output *output, size_t at, struct value *value)
{
    if (output->part_count == output->part_capacity) {
        output->part_capacity = output->part_capacity > 0 ? 2 * output->part_capacity : 4;
        output->parts = memory_resize(output->parts, output->part_capacity, sizeof(*output->parts));
    }
    output->parts[output->part_count++] = (struct server_part){at, value};
    output->value_bytes += value->bytes.size;
}

void server_output_add_value(struct server_output *output, struct value *value)
{
    add_part(output, output->bytes.size, value_share(value));
}

void server_output_append(struct server_output *output, struct server_output *from)
{
    for (size_t i = 0; i < from->part_count; i++)
        add_part(output, output->bytes.size + from->parts[i].at, from->parts[i].value);
    from->part_count = 0; /* the references have moved */
    buffer_append(&output->bytes, from->bytes.data, from->bytes.size);
    server_output_fini(from);
}

static size_t add_run(struct bytes *runs, size_t count, struct bytes run, size_t *skip)
{
    size_t skipped = run.size < *skip ? run.size : *skip;
    *skip -= skipped;
    if (run.size == skipped)
        return count;
    runs[count] = (struct bytes){run.data + skipped, run.size - skipped};
    return count + 1;
}

size_t server_output_runs(const struct server_output *output, size_t skip, struct bytes *runs,
                          size_t most)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i < output->part_count; i++) {
        if (most - count < 2)
            return count;
        const struct server_part *part = &output->parts[i];
        struct bytes before = {output->bytes.data + at, part->at - at};
        count = add_run(runs, count, before, &skip);
        count = add_run(runs, count, part->value->bytes, &skip);
        at = part->at;
    }
    if (count == most)
        return count;
    struct bytes rest = {output->bytes.data + at, output->bytes.size - at};
    return add_run(runs, count, rest, &skip);
}
