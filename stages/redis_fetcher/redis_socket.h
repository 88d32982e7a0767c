/* One connection to Redis as a stream of bytes: look up the name, try the addresses one after the
 * other, then read and write. It knows nothing of the protocol and keeps no time.
 *
 * Nothing here blocks: names are looked up by common/lookup. The hooks are called
 * from the loop, never from within a function of this file; any of them may close the socket. */
#ifndef WEIR_REDIS_SOCKET_H
#define WEIR_REDIS_SOCKET_H

#include "common/buffer.h"
#include "common/redis_url.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes read in one turn at most, so that a huge value does not keep the reactor from the rest:
 * with 256 KiB, 64 MiB took 300 turns of more than 0.3 ms of CPU, with this 43
 * (docs/measurements.md). */
#define SOCKET_TURN_BYTES (64 * 1024)

struct uv_loop_s;
struct redis_socket;

struct redis_socket_hooks {
    void (*on_found)(void *owner);             /* the name is looked up */
    void (*on_open)(void *owner);              /* connected */
    char *(*room)(void *owner, size_t *size);  /* where the next bytes go; never none */
    void (*on_read)(void *owner, size_t size); /* so many have been put there */
    /* It could not be opened, or has been lost: it is of no use any more, and the owner closes it.
     * `reason` is a phrase that stays. */
    void (*on_lost)(void *owner, const char *reason);
};

/* Begins to connect. `attempt` says at which of several addresses: so one that is silent does not
 * stand in the way of the others for ever. NULL, with `*reason`, when the system refuses at once.
 * `url` and `hooks` outlive the socket. */
struct redis_socket *redis_socket_open(struct uv_loop_s *loop, const struct redis_url *url,
                                       unsigned attempt, const struct redis_socket_hooks *hooks,
                                       void *owner, const char **reason);

/* Ends it and nulls the pointer; no hook is called any more. What the loop still holds is given
 * back when the loop runs. */
void redis_socket_close(struct redis_socket **socket);

/* The end of a turn: sends `out`, all of it in one go, and empties it; or leaves it for a later
 * turn while Redis does not take what was sent before. Returns NULL, or why the connection is lost.
 */
const char *redis_socket_end_turn(struct redis_socket *socket, struct buffer *out);

/* How many bytes the system has taken over since the socket was opened. */
uint64_t redis_socket_sent(const struct redis_socket *socket);

#endif
