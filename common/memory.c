#include "common/memory.h"

#include "common/check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

void *memory_extend(void *memory, size_t held, size_t count, size_t size)
{
    void *extended = memory_alloc(count, size);

    CHECK(held <= count);
    if (held > 0)
        memcpy(extended, memory, held * size);
    free(memory);
    return extended;
}

#ifdef __linux__
#define DISCARD MADV_DONTNEED /* at once */
#else
#define DISCARD MADV_FREE /* when it is wanted elsewhere */
#endif

void *memory_reserve(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return never_null(NULL);
#ifdef MADV_NOHUGEPAGE
    madvise(memory, size, MADV_NOHUGEPAGE); /* unknown only where there are none */
#endif
    return memory;
}

void memory_discard(void *place, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = ((uintptr_t)place + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)place + size) / page * page;

    if (begin < end)
        CHECK(madvise((char *)place + (begin - (uintptr_t)place), end - begin, DISCARD) == 0);
}

void memory_unreserve(void *memory, size_t size)
{
    CHECK(munmap(memory, size) == 0);
}

char *memory_copy_text(const char *text)
{
    return never_null(strdup(text));
}
