/* What was written to Redis and what was read through weir, and whether the one fits the other.
 *
 * Each key has one writer, who writes versions 1, 2, 3, ...; version 0 is "no such key". A version
 * is outdated from the moment on at which a newer one was acknowledged, or at which all keys were
 * known to be gone. A read fits if what it returns was not outdated for longer than a bound when
 * the read began. Pure: times are ns of one clock, of the caller's.
 *
 * One thread may add writes, another one reads and a third one wipes; judging is for when all have
 * ended. */
#ifndef TESTS_SUPPORT_HISTORY_H
#define TESTS_SUPPORT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_NEVER INT64_MAX /* not acknowledged: it may have been executed, or not */

struct history;

struct history_read {
    int64_t began, ended;
    uint32_t key, version;
    uint32_t connection; /* counted from 0; one that is opened again is another one */
    bool is_verified;
};

struct history *history_create(uint32_t keys);
void history_destroy(struct history **history);

uint32_t history_keys(const struct history *history);

/* The next version of `key` goes out. Returns which it is. */
uint32_t history_write(struct history *history, uint32_t key, int64_t sent);
void history_acknowledge(struct history *history, uint32_t key, uint32_t version, int64_t at);

/* Reads of one connection are added in the order of their answers. */
void history_read(struct history *history, const struct history_read *read);

/* Every key was removed, at some time between these two. */
void history_wipe(struct history *history, int64_t begun, int64_t ended);

struct history_verdict {
    size_t reads, verified;
    size_t outdated; /* verified reads that do not fit */
    size_t backward; /* verified reads older than one before them on their connection */
    size_t unknown;  /* reads of a version that nobody has written */
    int64_t median, p99, p999, most; /* of all verified reads: for how long what they returned */
                                     /* was outdated when they began; 0: it was not */
    char first[256];                 /* what is wrong with the first of them; "": nothing */
};

struct history_verdict history_judge(const struct history *history, int64_t bound);

#endif
