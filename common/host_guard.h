/* The guard: who may connect to the encrypted links of this process. ZeroMQ asks it (ZAP, RFC 27)
 * at every handshake, in a thread of its own; the allow-list is a file of public keys. A
 * connection's user id is the key it came with, so that the transport can bar it when the key is
 * taken off. */
#ifndef WEIR_HOST_GUARD_H
#define WEIR_HOST_GUARD_H

#include "common/error.h"
#include "common/log.h"

struct host_guard;
struct key_list;

/* Before any encrypted address is bound: without a guard, ZeroMQ would let everybody in. NULL on
 * error. */
struct host_guard *host_guard_start(const char *allow_file, struct log *log, struct error *error);

/* Another list from now on; it is lent until the next, or the stop. Returns when it is in force. */
void host_guard_allow(struct host_guard *guard, const struct key_list *allowed);

void host_guard_stop(struct host_guard **guard); /* NULL inside is allowed */

#endif
