/* Loopback TCP sockets with deadlines. Every call blocks its own thread only, until its deadline at
 * most; no call raises SIGPIPE. */
#ifndef TESTS_SUPPORT_NET_H
#define TESTS_SUPPORT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Listens on a free port of 127.0.0.1 and stores it in `port`. */
int net_listen(int *port);

/* A free port for a program that listens with SO_REUSEADDR. On Linux it is kept from all others
 * until this program ends, also while nobody listens there; elsewhere it was free a moment ago. */
int net_free_port(void);

/* The first of `count` such ports in a row. */
int net_free_ports(int count);

/* Connects to 127.0.0.1:`port`, with Nagle's algorithm off. Returns -1 with errno set. */
int net_connect(int port);

/* The same for [::1]:`port`. */
int net_connect_ipv6(int port);

/* Whether this machine has an IPv6 loopback. */
bool net_has_ipv6(void);

/* Accepts one connection; blocks. Returns -1 with errno set. */
int net_accept(int listener);

/* Sends everything. False when the peer closed or the deadline passed. */
bool net_send(int descriptor, const void *data, size_t length, int64_t deadline);

/* Receives up to `length` bytes. 0 when the peer closed or reset, -1 when the deadline passed. */
ssize_t net_receive(int descriptor, void *data, size_t length, int64_t deadline);

/* Makes the kernel keep as few unread bytes as it will, so that a reader that takes nothing is
 * noticed soon. For a socket that was just connected. */
void net_shrink_receive_buffer(int descriptor);

#endif
