/* Heap memory for our own bookkeeping: never NULL. When the system has none left the process ends
 * with one line to standard error; a cache that is started again loses nothing that Redis does not
 * have.
 *
 * What a peer's words can make large (a value) is allocated by value_create, which may fail and
 * whose failure is handled. All but what is reserved is given back with free(). */
#ifndef WEIR_MEMORY_H
#define WEIR_MEMORY_H

#include <stddef.h>

/* Bytes that malloc may add to what it is asked for, where memory is accounted for. */
#define MEMORY_OVERHEAD 16

/* Zeroed memory for `count` items of `size` bytes; the product may not overflow (CHECK). */
void *memory_alloc(size_t count, size_t size);

/* As realloc; what lies beyond the old size is undefined. */
void *memory_resize(void *memory, size_t count, size_t size);

/* Zeroed memory for `count` items, the first `held` of them as they are in `memory`, which is given
 * back; NULL where none is held. What is zero takes no memory until it is written to. */
void *memory_extend(void *memory, size_t held, size_t count, size_t size);

/* Addresses for `size` bytes, which take no memory until they are written to; unwritten ones read
 * as zero. memory_discard gives the memory of some of them back (of whole pages of the system's),
 * and with it their contents; memory_unreserve gives all of it and the addresses. Large pages are
 * refused, for the system would fill the holes that memory_discard leaves. */
void *memory_reserve(size_t size);
void memory_discard(void *place, size_t size);
void memory_unreserve(void *memory, size_t size);

/* A copy of `text`, ended by a zero byte. */
char *memory_copy_text(const char *text);

#endif
