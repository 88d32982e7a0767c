/* A command as Redis reads it: an array of bulk strings. Written here, since hiredis would parse a
 * format text for every one. */
#ifndef WEIR_REDIS_COMMAND_H
#define WEIR_REDIS_COMMAND_H

#include "common/buffer.h"

#include <stddef.h>

/* Appends the command and returns its size in bytes. */
size_t redis_command_append(struct buffer *out, const struct bytes *words, size_t count);

#endif
