/* A growing run of bytes that its holder owns. Embedded: a zeroed struct is an empty buffer. */
#ifndef WEIR_BUFFER_H
#define WEIR_BUFFER_H

#include "common/bytes.h"

#include <stddef.h>

struct buffer {
    char *data;      /* owned; NULL while capacity is 0 */
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
};

/* Gives the memory back; the buffer is empty and may be used again. */
void buffer_fini(struct buffer *buffer);

/* Makes room for `more` bytes behind those in use and returns where they go; the caller writes and
 * then adds to `size`. The pointer holds until the next call that grows the buffer. */
char *buffer_reserve(struct buffer *buffer, size_t more);

void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Removes the first `size` bytes; what follows moves to the front. */
void buffer_consume(struct buffer *buffer, size_t size);

static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
    return (struct bytes){buffer->data, buffer->size};
}

#endif
