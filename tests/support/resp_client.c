#include "resp_client.h"

#include "deadline.h"
#include "net.h"
#include "trouble.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct resp_client {
    int descriptor;
    struct blob input; /* received and not taken */
};

struct resp_client *resp_client_open(int port)
{
    struct resp_client *client = calloc(1, sizeof *client);

    if (!client || (client->descriptor = net_connect(port)) < 0)
        trouble("cannot connect to port %d", port);
    return client;
}

void resp_client_close(struct resp_client **client)
{
    if (!*client)
        return;
    close((*client)->descriptor);
    blob_fini(&(*client)->input);
    free(*client);
    *client = NULL;
}

int resp_client_descriptor(const struct resp_client *client)
{
    return client->descriptor;
}

bool resp_client_send(struct resp_client *client, const void *data, size_t length)
{
    return net_send(client->descriptor, data, length, deadline_in(PATIENCE));
}

void resp_client_command(struct resp_client *client, size_t count, const char *const *words,
                         const size_t *lengths)
{
    struct blob command = {0};

    blob_append_format(&command, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        blob_append_format(&command, "$%zu\r\n", lengths[i]);
        blob_append(&command, words[i], lengths[i]);
        blob_append_text(&command, "\r\n");
    }
    if (!resp_client_send(client, command.data, command.length))
        trouble("the server has closed the connection");
    blob_fini(&command);
}

void resp_client_say(struct resp_client *client, const char *const *words)
{
    size_t lengths[16], count = 0;

    for (; words[count]; count++)
        lengths[count] = strlen(words[count]);
    resp_client_command(client, count, words, lengths);
}

/* The bytes of the reply at the start of `data`; 0: it is not whole. */
static size_t measure_reply(const char *data, size_t size)
{
    const char *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t used;
    long long number, items;

    if (!end)
        return 0;
    used = (size_t)(end - data) + 1;
    number = strtoll(data + 1, NULL, 10);
    if (strchr("$=", data[0]))
        return number < 0 ? used : used + (size_t)number + 2 > size ? 0 : used + (size_t)number + 2;
    if (!strchr("*~%", data[0]))
        return used;
    items = data[0] == '%' ? 2 * number : number;
    for (long long i = 0; i < items; i++) {
        size_t item = measure_reply(data + used, size - used);
        if (item == 0)
            return 0;
        used += item;
    }
    return used;
}

static bool receive(struct resp_client *client, int64_t deadline)
{
    char part[65536];
    ssize_t size = net_receive(client->descriptor, part, sizeof part, deadline);

    if (size > 0)
        blob_append(&client->input, part, (size_t)size);
    return size > 0;
}

bool resp_client_take(struct resp_client *client, struct blob *reply)
{
    int64_t deadline = deadline_in(PATIENCE);
    size_t size;

    while ((size = measure_reply(client->input.data, client->input.length)) == 0)
        if (!receive(client, deadline)) {
            blob_append(reply, client->input.data, client->input.length);
            return false;
        }
    blob_append(reply, client->input.data, size);
    blob_consume(&client->input, size);
    return true;
}

bool resp_client_take_all(struct resp_client *client, struct blob *replies)
{
    int64_t deadline = deadline_in(PATIENCE);

    while (receive(client, deadline))
        continue;
    blob_append(replies, client->input.data, client->input.length);
    blob_consume(&client->input, client->input.length);
    return deadline_now() < deadline;
}

void resp_client_half_close(struct resp_client *client)
{
    shutdown(client->descriptor, SHUT_WR);
}

void resp_client_exchange(int port, const struct blob *request, size_t step, struct blob *replies)
{
    struct resp_client *client = resp_client_open(port);
    size_t sent = 0;

    while (sent < request->length) {
        size_t left = request->length - sent, size = step == 0 || step > left ? left : step;
        if (!resp_client_send(client, request->data + sent, size))
            break;
        sent += size;
    }
    resp_client_half_close(client);
    if (!resp_client_take_all(client, replies))
        trouble("port %d does not close a connection that has ended", port);
    resp_client_close(&client);
}
