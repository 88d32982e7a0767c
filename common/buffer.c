#include "common/buffer.h"

#include "common/check.h"
#include "common/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 256 /* bytes: most buffers never grow past their first allocation */

void buffer_fini(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

char *buffer_reserve(struct buffer *buffer, size_t more)
{
    if (more > buffer->capacity - buffer->size) {
        CHECK(more <= SIZE_MAX / 4 && buffer->size <= SIZE_MAX / 4);
        size_t needed = buffer->size + more;
        size_t capacity = buffer->capacity > 0 ? buffer->capacity : SMALLEST;
        while (capacity < needed)
            capacity *= 2;
        buffer->data = memory_resize(buffer->data, capacity, 1);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return;
    memcpy(buffer_reserve(buffer, size), data, size);
    buffer->size += size;
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    size_t room = 128; /* most pieces fit at once; a longer one says how long it is */
    for (;;) {
        char *end = buffer_reserve(buffer, room);
        va_list arguments;
        va_start(arguments, format);
        int size = vsnprintf(end, room, format, arguments);
        va_end(arguments);
        CHECK(size >= 0);
        if ((size_t)size < room) {
            buffer->size += (size_t)size;
            return;
        }
        room = (size_t)size + 1;
    }
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    CHECK(size <= buffer->size);
    buffer->size -= size;
    if (buffer->size > 0)
        memmove(buffer->data, buffer->data + size, buffer->size);
}
