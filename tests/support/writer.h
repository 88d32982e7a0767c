/* The one writer of some keys: "k0" to "k<n-1>" in Redis, each with "<key>:<version>" and a rhythm
 * of its own, from every millisecond to every second. What it does and what Redis acknowledges
 * stands in a history. It runs in a thread of its own. */
#ifndef TESTS_SUPPORT_WRITER_H
#define TESTS_SUPPORT_WRITER_H

#include "history.h"

struct writer;

/* Nanoseconds of the clock that all of a history is in. */
int64_t writer_clock(void);

/* Begins at once, at 127.0.0.1:`port`, and goes on there whenever it can connect. */
struct writer *writer_start(int port, struct history *history);

/* Where it connects from now on, once its connection breaks. */
void writer_move(struct writer *writer, int port);

void writer_destroy(struct writer **writer);

#endif
