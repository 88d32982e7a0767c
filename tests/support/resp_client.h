/* A client of the Redis protocol that sends any bytes and looks at the bytes that come back. */
#ifndef TESTS_SUPPORT_RESP_CLIENT_H
#define TESTS_SUPPORT_RESP_CLIENT_H

#include "blob.h"

#include <stdbool.h>
#include <stddef.h>

struct resp_client;

/* Connects to 127.0.0.1:`port`; trouble when that fails. */
struct resp_client *resp_client_open(int port);
void resp_client_close(struct resp_client **client);

/* The socket, for poll(2) and its like. */
int resp_client_descriptor(const struct resp_client *client);

/* False: the server has closed. */
bool resp_client_send(struct resp_client *client, const void *data, size_t length);

/* Sends "*n…" for `count` words; they end with NULL in the other form. */
void resp_client_command(struct resp_client *client, size_t count, const char *const *words,
                         const size_t *lengths);
#define RESP_CLIENT_SAY(client, ...)                                                               \
    resp_client_say((client), (const char *const[]){__VA_ARGS__, NULL})
void resp_client_say(struct resp_client *client, const char *const *words);

/* Receives one whole reply, as it stands, with all that is nested in it. False: the server closed
 * before, or it did not come in time; what did come is in `reply`. */
bool resp_client_take(struct resp_client *client, struct blob *reply);

/* Receives until the server closes. False: it did not in time. */
bool resp_client_take_all(struct resp_client *client, struct blob *replies);

/* Says that no more will be sent; replies may still come. */
void resp_client_half_close(struct resp_client *client);

/* All that a server at `port` answers to these bytes, up to its end of the connection, which it is
 * given `step` bytes at a time (0: all at once). */
void resp_client_exchange(int port, const struct blob *request, size_t step, struct blob *replies);

#endif
