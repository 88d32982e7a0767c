/* Clients that read the keys of a writer through front ends, over connections that stay open, and
 * note in a history what they were answered. Of those of a front end, most ask for several keys at
 * a time and go on at once; the others ask for one, and wait for a random time before the next, so
 * that requests begin at every time, also while something stands still.
 *
 * A read over HTTP is verified if every member of Cache-Status says so, and all over the Redis
 * protocol are: it is for caches with `on_disconnect: expire`. They run in a thread of their own.
 */
#ifndef TESTS_SUPPORT_READERS_H
#define TESTS_SUPPORT_READERS_H

#include "history.h"

struct readers;

struct readers_front {
    int port;     /* of the loopback; 0: none */
    bool is_resp; /* or HTTP */
};

struct readers_tally {
    size_t values;   /* reads in the history so far */
    size_t marked;   /* of them, those over HTTP with a Cache-Status */
    size_t hits;     /* verified, and some cache had it */
    size_t failures; /* answers that are neither a value nor "no such key" */
    size_t lost;     /* connections that broke */
};

/* Begins at once, at these front ends. */
struct readers *readers_start(const struct readers_front *fronts, size_t count,
                              struct history *history);

struct readers_tally readers_tally(struct readers *readers);

/* Stops; the history is complete then. */
void readers_destroy(struct readers **readers);

#endif
