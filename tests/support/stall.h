/* How late a bare subscriber of Redis hears of what was acknowledged: what this machine, and Redis,
 * add to any notice at this time, and is not weir's to answer for. Two threads of its own. */
#ifndef TESTS_SUPPORT_STALL_H
#define TESTS_SUPPORT_STALL_H

#include <stdint.h>

struct stall;

/* Publishes every millisecond to 127.0.0.1:`port`, and listens there. */
struct stall *stall_start(int port);

/* Stops, and returns the longest time (ns) between an acknowledgement and its message. */
int64_t stall_finish(struct stall **stall);

#endif
