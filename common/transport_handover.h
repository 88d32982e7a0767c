/* Where memory changes threads by way of ZeroMQ. ThreadSanitizer does not see into the packaged
 * libzmq, so it must be told that what the giver wrote happened before what the taker does;
 * otherwise it finds races that are none, and they hide the real ones. Nothing in other builds. */
#ifndef WEIR_TRANSPORT_HANDOVER_H
#define WEIR_TRANSPORT_HANDOVER_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define WEIR_THREAD_SANITIZER
#endif

#ifdef WEIR_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

/* By the thread that gives, before it hands `memory` to ZeroMQ. */
static inline void handover_give(const void *memory)
{
#ifdef WEIR_THREAD_SANITIZER
    __tsan_release((void *)memory);
#else
    (void)memory;
#endif
}

/* By the thread that takes, before its first look at `memory`. */
static inline void handover_take(const void *memory)
{
#ifdef WEIR_THREAD_SANITIZER
    __tsan_acquire((void *)memory);
#else
    (void)memory;
#endif
}

#endif
