#include "http_client.h"

#include "deadline.h"
#include "net.h"
#include "trouble.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_client {
    int descriptor;
    struct blob received; /* and not yet read as part of a response */
};

struct http_client *http_client_adopt(int descriptor)
{
    struct http_client *client = calloc(1, sizeof *client);

    if (!client)
        trouble("no memory for an HTTP client");
    client->descriptor = descriptor;
    return client;
}

struct http_client *http_client_open(int port)
{
    int descriptor = net_connect(port);

    if (descriptor < 0)
        trouble("cannot connect to 127.0.0.1:%d: %s", port, strerror(errno));
    return http_client_adopt(descriptor);
}

void http_client_close(struct http_client **client)
{
    if (!*client)
        return;
    close((*client)->descriptor);
    blob_fini(&(*client)->received);
    free(*client);
    *client = NULL;
}

int http_client_descriptor(const struct http_client *client)
{
    return client->descriptor;
}

bool http_client_send(struct http_client *client, const void *data, size_t length, int64_t deadline)
{
    return net_send(client->descriptor, data, length, deadline);
}

bool http_client_request(struct http_client *client, enum http_method method, const char *target)
{
    struct blob request = {0};
    bool sent;

    blob_append_format(&request, "%s %s HTTP/1.1\r\nHost: weir\r\n\r\n",
                       method == HTTP_HEAD ? "HEAD" : "GET", target);
    sent = http_client_send(client, request.data, request.length, deadline_in(PATIENCE));
    blob_fini(&request);
    return sent;
}

void http_client_half_close(struct http_client *client)
{
    shutdown(client->descriptor, SHUT_WR);
}

/* Waits for more bytes: HTTP_RESPONSE when some came. */
static enum http_outcome receive(struct http_client *client, int64_t deadline)
{
    char data[65536];
    ssize_t count = net_receive(client->descriptor, data, sizeof data, deadline);

    if (count > 0)
        blob_append(&client->received, data, (size_t)count);
    return count > 0 ? HTTP_RESPONSE : count == 0 ? HTTP_CLOSED : HTTP_TIMED_OUT;
}

/* Moves the first `count` received bytes to `target`. */
static void move(struct http_client *client, struct blob *target, size_t count)
{
    blob_append(target, client->received.data, count);
    blob_consume(&client->received, count);
}

static bool parse_head(struct http_response *response)
{
    struct blob value = {0};
    int consumed = 0;
    bool good = sscanf(response->head.data, "HTTP/1.%*1[01] %3d%n", &response->status, &consumed) &&
                consumed > 0 && !http_response_header(response, "Transfer-Encoding", &value);

    if (good && http_response_header(response, "Content-Length", &value)) {
        char *end;
        response->length = strtoull(blob_text(&value), &end, 10);
        good = value.length > 0 && *end == '\0';
    }
    blob_fini(&value);
    return good;
}

enum http_outcome http_client_read_head(struct http_client *client, int64_t deadline,
                                        struct http_response *response)
{
    const char *end;

    *response = (struct http_response){0};
    while (!(end = strstr(blob_text(&client->received), "\r\n\r\n"))) {
        enum http_outcome outcome = receive(client, deadline);
        if (outcome == HTTP_CLOSED && client->received.length > 0)
            return HTTP_MALFORMED;
        if (outcome != HTTP_RESPONSE)
            return outcome;
    }
    move(client, &response->head, (size_t)(end - client->received.data) + 2);
    blob_consume(&client->received, 2);
    return parse_head(response) ? HTTP_RESPONSE : HTTP_MALFORMED;
}

enum http_outcome http_client_read(struct http_client *client, enum http_method method,
                                   int64_t deadline, struct http_response *response)
{
    enum http_outcome outcome = http_client_read_head(client, deadline, response);
    bool has_body = method != HTTP_HEAD && response->status >= 200 && response->status != 204 &&
                    response->status != 304;

    if (outcome != HTTP_RESPONSE || !has_body)
        return outcome;
    while (client->received.length < response->length) {
        outcome = receive(client, deadline);
        if (outcome != HTTP_RESPONSE)
            return outcome == HTTP_CLOSED ? HTTP_MALFORMED : outcome;
    }
    move(client, &response->body, response->length);
    return HTTP_RESPONSE;
}

bool http_client_skip(struct http_client *client, size_t count, int64_t deadline)
{
    for (;;) {
        size_t here = client->received.length < count ? client->received.length : count;
        blob_consume(&client->received, here);
        count -= here;
        if (count == 0)
            return true;
        if (receive(client, deadline) != HTTP_RESPONSE)
            return false;
    }
}

bool http_client_wait_close(struct http_client *client, int64_t deadline)
{
    return client->received.length == 0 && receive(client, deadline) == HTTP_CLOSED;
}

bool http_response_header(const struct http_response *response, const char *name,
                          struct blob *value)
{
    size_t length = strlen(name);

    value->length = 0;
    for (const char *line = strchr(blob_text(&response->head), '\n'); line && line[1];
         line = strchr(line + 1, '\n')) {
        const char *at = line + 1;
        if (strncasecmp(at, name, length) != 0 || at[length] != ':')
            continue;
        at += length + 1;
        at += strspn(at, " \t");
        blob_append(value, at, strcspn(at, "\r\n"));
        return true;
    }
    return false;
}

void http_response_fini(struct http_response *response)
{
    blob_fini(&response->head);
    blob_fini(&response->body);
}
