/* A recording proxy between weir and Redis: it counts commands where they pass, on the wire, even
 * while Redis stands still; and it can hold replies back, spoil them, or cut the connections.
 *
 *     weir ──commands──▶ proxy ──commands──▶ redis-server
 *          ◀──replies───       ◀──replies───
 *
 * It runs in a thread of its own; every function may be called from any other thread and takes
 * effect before the next byte passes. It forwards with blocking writes: commands and replies must
 * be small. */
#ifndef TESTS_SUPPORT_REDIS_PROXY_H
#define TESTS_SUPPORT_REDIS_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redis_proxy;

/* Listens on a free port of 127.0.0.1 and forwards to 127.0.0.1:`redis_port`. */
struct redis_proxy *redis_proxy_start(int redis_port);
void redis_proxy_destroy(struct redis_proxy **proxy);

int redis_proxy_port(const struct redis_proxy *proxy);

/* While held, replies stay with Redis; commands still pass and are counted. */
void redis_proxy_hold(struct redis_proxy *proxy, bool hold);

/* The same for those connections alone that have not subscribed, or that have. */
void redis_proxy_hold_data(struct redis_proxy *proxy, bool hold);
void redis_proxy_hold_control(struct redis_proxy *proxy, bool hold);

/* Gives `text`, which must outlive its use, instead of whatever Redis replies; NULL ends that. */
void redis_proxy_replace(struct redis_proxy *proxy, const char *text);

/* Connections made from now on lead to 127.0.0.1:`redis_port`; those there are stay. */
void redis_proxy_redirect(struct redis_proxy *proxy, int redis_port);

/* Cuts every connection there is. */
void redis_proxy_sever(struct redis_proxy *proxy);

/* Cuts those that have not subscribed. */
void redis_proxy_sever_data(struct redis_proxy *proxy);

/* How often `command` (upper case) has passed since the start or the last redis_proxy_forget(). */
size_t redis_proxy_count(struct redis_proxy *proxy, const char *command);

/* Waits until it has passed at least `count` times. */
bool redis_proxy_wait_count(struct redis_proxy *proxy, const char *command, size_t count,
                            int64_t deadline);

/* A copy, which the caller frees, of what passed, in order: a line "GET key" for each command with
 * its first argument, and "REPLY $5" with the first line of what Redis replied in one go. PING and
 * its reply are left out of it: weir may send one at any time. */
char *redis_proxy_copy_record(struct redis_proxy *proxy);

void redis_proxy_forget(struct redis_proxy *proxy);

#endif
