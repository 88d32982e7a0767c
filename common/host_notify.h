/* What the service manager is told about the host (notify.h): that it is ready, that it ends, and,
 * twice in each period of its watchdog, that all reactors turn. */
#ifndef WEIR_HOST_NOTIFY_H
#define WEIR_HOST_NOTIFY_H

#include "common/host_workers.h"
#include "common/notify.h"

struct host_notify {
    struct notify notify;
    uv_timer_t watchdog;
    struct host_workers *workers;
};

/* Reads the environment; where that cannot be understood, nobody is told anything, and that is
 * logged. */
void host_notify_open(struct host_notify *notify, uv_loop_t *loop, struct log *log);

/* All front ends are open. From now on WATCHDOG=1 is sent where it is wanted, while each reactor
 * has answered a ping since the last one. A reactor that is stuck answers none. */
void host_notify_ready(struct host_notify *notify, struct host_workers *workers);

/* A reload is under way, and then is over, whatever came of it. */
void host_notify_reload(const struct host_notify *notify, bool is_under_way);

void host_notify_stopping(const struct host_notify *notify);

/* Another process is the service from now on: nothing is told about this one any more. */
void host_notify_taken_over(struct host_notify *notify, int64_t pid);

/* Closes the handle in the loop, and the socket. */
void host_notify_close(struct host_notify *notify);

#endif
