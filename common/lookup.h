/* A name looked up in a thread of its own, for which nobody has to wait.
 *
 * libuv's own look-up cannot be given up once it runs: a resolver that does not answer would hold
 * up the end of the loop, and with it that of the process. This one is left behind, and ends and
 * frees itself when the system lets it, or with the process. */
#ifndef WEIR_LOOKUP_H
#define WEIR_LOOKUP_H

struct addrinfo;
struct lookup;
struct uv_loop_s;

/* From the loop, once: the addresses, which are the owner's (freeaddrinfo); or NULL, and `reason`
 * is a phrase that stays. The lookup is gone by then. */
typedef void lookup_hook(void *owner, struct addrinfo *addresses, const char *reason);

/* Begins to look up the addresses for a stream to `host` and `port`, which are copied. NULL when
 * the system refuses. Does not block. */
struct lookup *lookup_start(struct uv_loop_s *loop, const char *host, const char *port,
                            lookup_hook *on_found, void *owner);

/* Nobody wants to know any more; the hook is not called. What the loop holds of it is given back
 * when the loop runs. NULL inside is allowed. */
void lookup_abandon(struct lookup **lookup);

#endif
