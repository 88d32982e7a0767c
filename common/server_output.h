/* What a connection is to be sent: bytes of our own, and between them large values, by reference.
 * Embedded: a zeroed struct is empty. */
#ifndef WEIR_SERVER_OUTPUT_H
#define WEIR_SERVER_OUTPUT_H

#include "common/buffer.h"
#include "common/value.h"

#include <stddef.h>

struct server_part {
    size_t at;           /* the value stands in front of this byte of `bytes` */
    struct value *value; /* one reference */
};

struct server_output {
    struct buffer bytes;
    struct server_part *parts;
    size_t part_count, part_capacity;
    size_t value_bytes; /* in all parts together */
};

/* Gives back the memory and the references; it is empty then. */
void server_output_fini(struct server_output *output);

/* Puts the whole value behind what is there; takes a reference of its own. */
void server_output_add_value(struct server_output *output, struct value *value);

/* Moves all of `from` behind what is in `output`. */
void server_output_append(struct server_output *output, struct server_output *from);

static inline size_t server_output_size(const struct server_output *output)
{
    return output->bytes.size + output->value_bytes;
}

/* The first runs of bytes, in order, without the first `skip` bytes: at most `most`, which is the
 * room of `runs`, and all of them where that is 2 * part_count + 1. Returns their number. They
 * point into the output and hold until it changes. */
size_t server_output_runs(const struct server_output *output, size_t skip, struct bytes *runs,
                          size_t most);

#endif
