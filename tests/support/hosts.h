/* Two hosts on this machine: network namespaces, each with a loopback of its own and one device
 * whose packets a relay carries to the other.
 *
 *     near host 10.77.0.1 ── link0 ── relay ── link0 ── 10.77.0.2 far host
 *
 * Which host a thread is on decides where the sockets are that it opens, and where the processes
 * and threads run that it starts. Unix sockets are shared by all. Linux only. */
#ifndef TESTS_SUPPORT_HOSTS_H
#define TESTS_SUPPORT_HOSTS_H

#include "relay.h"

#include <stdbool.h>

#define HOSTS_NEAR "10.77.0.1"
#define HOSTS_FAR  "10.77.0.2"

enum host { HOST_NEAR, HOST_FAR };

struct hosts;

/* NULL where this machine does not allow it, with the reason, a literal, in `why`. Without root's
 * rights it becomes root of a user namespace, for which this program must have one thread only. */
struct hosts *hosts_create(const char **why);

/* Puts the calling thread on a host, or back to where the program began. */
void hosts_enter(const struct hosts *hosts, enum host host);
void hosts_leave(const struct hosts *hosts);

struct relay *hosts_relay(const struct hosts *hosts);

void hosts_destroy(struct hosts **hosts);

#endif
