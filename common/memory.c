#include "common/memory.h"

#include "common/check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *never_null(void *memory)
{
    if (memory == NULL) {
        fputs("weir: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *memory_alloc(size_t count, size_t size)
{
    CHECK(count > 0 && size > 0);
    return never_null(calloc(count, size));
}

void *memory_resize(void *memory, size_t count, size_t size)
{
    CHECK(count > 0 && size > 0 && count <= SIZE_MAX / size);
    return never_null(realloc(memory, count * size));
}

char *memory_copy_text(const char *text)
{
    return never_null(strdup(text));
}
