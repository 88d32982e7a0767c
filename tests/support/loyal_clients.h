/* Clients that lose no request: each asks for one key, again and again, in a thread of its own, and
 * whatever is not the right answer is a failure: a connection that is refused, one that ends
 * without having said so, another status, another value.
 *
 * "fresh" clients connect anew for each request. The others keep their connection: over HTTP until
 * a response says that it ends, over the Redis protocol, which cannot say so, for some requests. */
#ifndef TESTS_SUPPORT_LOYAL_CLIENTS_H
#define TESTS_SUPPORT_LOYAL_CLIENTS_H

#include <stdbool.h>

struct loyal_clients;

/* The key "key" has the value "value". A port that is 0 has no clients. */
struct loyal_clients *loyal_clients_start(int http_port, int resp_port);

/* Waits until each of them has been answered `count` more times. False when one has failed, or has
 * not been answered for all of one's patience. */
bool loyal_clients_await(struct loyal_clients *clients, long count);

/* The first failure; NULL while there is none. It lives as long as the clients. */
const char *loyal_clients_failure(const struct loyal_clients *clients);

/* Ends them, after the request that each is at. */
void loyal_clients_stop(struct loyal_clients *clients);
void loyal_clients_destroy(struct loyal_clients **clients);

#endif
