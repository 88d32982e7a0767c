/* What a service manager is told about this process: sd_notify(3), the protocol of systemd's
 * Type=notify, without its library. Each message is a datagram of lines NAME=VALUE to the Unix
 * socket that NOTIFY_SOCKET names; "@name" is one in Linux's abstract namespace.
 *
 * Where nobody wants to be told, nothing happens. A message that the manager does not take within a
 * second is dropped: it is for information, and the process goes on without it. */
#ifndef WEIR_NOTIFY_H
#define WEIR_NOTIFY_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int descriptor; /* -1: nobody wants to be told */
    struct sockaddr_un address;
    socklen_t size;           /* of the address */
    int64_t watchdog_timeout; /* ns: a WATCHDOG=1 must come this often; 0: none is wanted */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment: to be
 * called once, before there are threads. An address that cannot be is an error. */
bool notify_open(struct notify *notify, struct error *error);

/* Sends one message: lines without the last newline, such as "READY=1\nSTATUS=…". */
void notify_send(const struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void notify_close(struct notify *notify);

#endif
