/* A raw HTTP client: sends exactly the bytes it is given and reads exactly one response at a time
 * (RFC 9112). It forgives nothing: a response with Transfer-Encoding, a bad head or a short body is
 * HTTP_MALFORMED. Each call blocks until its deadline at most. */
#ifndef TESTS_SUPPORT_HTTP_CLIENT_H
#define TESTS_SUPPORT_HTTP_CLIENT_H

#include "blob.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_client;

enum http_outcome {
    HTTP_RESPONSE,
    HTTP_CLOSED,    /* by the peer, with no byte of a response */
    HTTP_TIMED_OUT, /* at the deadline */
    HTTP_MALFORMED
};

enum http_method { HTTP_GET, HTTP_HEAD };

struct http_response {
    int status;
    size_t length;    /* Content-Length; 0 without one */
    struct blob head; /* status line and headers, up to the empty line, as they came */
    struct blob body;
};

/* Connects to 127.0.0.1:`port`; trouble when nobody listens there. */
struct http_client *http_client_open(int port);
/* The same over a connection that is there, which it takes over. */
struct http_client *http_client_adopt(int descriptor);
void http_client_close(struct http_client **client);

/* The socket, for poll(2) and its like. */
int http_client_descriptor(const struct http_client *client);

/* Sends `length` bytes. False when the peer closed or took nothing until the deadline. */
bool http_client_send(struct http_client *client, const void *data, size_t length,
                      int64_t deadline);

/* Sends a request for `target` in HTTP/1.1, with Host. */
bool http_client_request(struct http_client *client, enum http_method method, const char *target);

/* Tells the peer that no more will be sent; answers can still be read. */
void http_client_half_close(struct http_client *client);

/* Reads the next response, which answers `method`: its head and its whole body. `response` is
 * overwritten; http_response_fini() frees it whatever the outcome. */
enum http_outcome http_client_read(struct http_client *client, enum http_method method,
                                   int64_t deadline, struct http_response *response);

/* Reads the head alone; the `length` bytes of the body are next. */
enum http_outcome http_client_read_head(struct http_client *client, int64_t deadline,
                                        struct http_response *response);

/* Reads `count` bytes and keeps none. False when they did not all come before the deadline. */
bool http_client_skip(struct http_client *client, size_t count, int64_t deadline);

/* Whether the peer closes before the deadline without sending another byte. */
bool http_client_wait_close(struct http_client *client, int64_t deadline);

/* Copies the value of header `name` (case-insensitive) to `value` and returns true; or false. */
bool http_response_header(const struct http_response *response, const char *name,
                          struct blob *value);

void http_response_fini(struct http_response *response);

#endif
