/* Listening sockets: bound before any stage is created, so that an address in use is an error of
 * the start, and listening only from when its front end opens (a Unix socket lets its clients wait
 * until then: a path on which nobody listens cannot be told from one that a crash has left).
 *
 * An address is "127.0.0.1:8080", "[::1]:8080" (port 0 takes a free one) or "unix:/path". Several
 * instances of one front end get a descriptor each: SO_REUSEPORT where the kernel balances between
 * them (Linux), the same socket duplicated elsewhere. The address is first bound without
 * SO_REUSEPORT, so that a second weir started by mistake is refused. */
#ifndef WEIR_LISTENER_H
#define WEIR_LISTENER_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

#define LISTENER_BACKLOG       4096
#define LISTENER_MAX_INSTANCES 64
#define LISTENER_ADDRESS_SIZE  128 /* bytes of an address as text, with its end */

struct sockaddr;

struct listener {
    int descriptors[LISTENER_MAX_INSTANCES]; /* bound, non-blocking, close-on-exec; -1 once taken */
    size_t count;
    char address[LISTENER_ADDRESS_SIZE]; /* as bound: with the port that was taken */
    bool owns_path;                      /* of a Unix socket: closing it removes that */
};

bool listener_check_address(const char *address, struct error *error);

/* The one way to write a socket's address, and an address that listener_check_address lets pass:
 * so two texts are the same where the addresses are. False: no such address. */
bool listener_name_socket(const struct sockaddr *address, size_t size,
                          char name[LISTENER_ADDRESS_SIZE]);
bool listener_name_address(const char *address, char name[LISTENER_ADDRESS_SIZE],
                           struct error *error);

/* Binds; nothing is left open on failure. Blocks only for local calls. */
bool listener_open(struct listener *listener, const char *address, size_t instances,
                   struct error *error);

/* To be called before a descriptor listens: a later weir can then bind the address while
 * connections of this one linger. Until then it would let another weir, starting as well, bind it
 * beside us. */
void listener_prepare(int descriptor);

/* Closes what was not taken, and removes the path of a Unix socket where it owns that. */
void listener_close(struct listener *listener);

#endif
