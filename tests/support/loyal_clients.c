#include "loyal_clients.h"

#include "deadline.h"
#include "http_client.h"
#include "net.h"
#include "resp_client.h"
#include "trouble.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEPT_FOR 25 /* requests over one connection of the Redis protocol */

struct client {
    struct loyal_clients *clients;
    int port;
    bool is_resp, is_fresh;
    pthread_t thread;
    atomic_long answers;
    atomic_bool has_failed;
    char failure[256]; /* once has_failed */
};

struct loyal_clients {
    atomic_bool ends;
    int count;
    struct client all[6];
};

static bool fail(struct client *client, const char *what, const char *detail)
{
    snprintf(client->failure, sizeof client->failure,
             "%s client of %s, after %ld answers: %s%.100s",
             client->is_fresh ? "a fresh" : "a keeping", client->is_resp ? "RESP" : "HTTP",
             atomic_load(&client->answers), what, detail);
    atomic_store(&client->has_failed, true);
    return false;
}

static bool says_close(const struct http_response *response)
{
    struct blob value = {0};
    bool says = http_response_header(response, "Connection", &value) &&
                strcmp(blob_text(&value), "close") == 0;

    blob_fini(&value);
    return says;
}

/* One request. Sets *stays where the connection may be used again. */
static bool ask_http(struct client *client, struct http_client *connection, bool *stays)
{
    struct http_response response;
    bool is_fine;

    if (!http_client_request(connection, HTTP_GET, "/key"))
        return fail(client, "the request was not taken", "");
    if (http_client_read(connection, HTTP_GET, deadline_in(PATIENCE), &response) != HTTP_RESPONSE)
        is_fine = fail(client, "the request was lost", "");
    else
        is_fine = (response.status == 200 && strcmp(blob_text(&response.body), "value") == 0) ||
                  fail(client, "another answer: ", blob_text(&response.head));
    *stays = is_fine && !client->is_fresh && !says_close(&response);
    http_response_fini(&response);
    return is_fine;
}

static bool use_http(struct client *client)
{
    int descriptor = net_connect(client->port);
    bool is_fine = descriptor >= 0 || fail(client, "the connection was refused", "");
    bool stays = is_fine;

    if (!is_fine)
        return false;
    struct http_client *connection = http_client_adopt(descriptor);
    while (stays && !atomic_load(&client->clients->ends)) {
        is_fine = ask_http(client, connection, &stays);
        atomic_fetch_add(&client->answers, is_fine);
    }
    http_client_close(&connection);
    return is_fine;
}

static bool use_resp(struct client *client)
{
    struct resp_client *connection = resp_client_open(client->port);
    int left = client->is_fresh ? 1 : KEPT_FOR;
    bool is_fine = true;

    while (is_fine && left-- > 0 && !atomic_load(&client->clients->ends)) {
        struct blob reply = {0};
        RESP_CLIENT_SAY(connection, "GET", "key");
        is_fine = resp_client_take(connection, &reply)
                      ? strcmp(blob_text(&reply), "$5\r\nvalue\r\n") == 0 ||
                            fail(client, "another answer: ", blob_text(&reply))
                      : fail(client, "the request was lost", "");
        atomic_fetch_add(&client->answers, is_fine);
        blob_fini(&reply);
    }
    resp_client_close(&connection);
    return is_fine;
}

static void *run(void *argument)
{
    struct client *client = argument;

    while (!atomic_load(&client->clients->ends) &&
           (client->is_resp ? use_resp(client) : use_http(client)))
        ;
    return NULL;
}

static void add(struct loyal_clients *clients, int port, bool is_resp, bool is_fresh)
{
    struct client *client = &clients->all[clients->count++];

    client->clients = clients;
    client->port = port;
    client->is_resp = is_resp;
    client->is_fresh = is_fresh;
    if (pthread_create(&client->thread, NULL, run, client) != 0)
        trouble("no thread for a client");
}

struct loyal_clients *loyal_clients_start(int http_port, int resp_port)
{
    struct loyal_clients *clients = calloc(1, sizeof *clients);

    if (!clients)
        trouble("no memory for clients");
    for (int fresh = 0; fresh < 2; fresh++) {
        if (http_port)
            add(clients, http_port, false, fresh);
        if (http_port)
            add(clients, http_port, false, fresh);
        if (resp_port)
            add(clients, resp_port, true, fresh);
    }
    return clients;
}

const char *loyal_clients_failure(const struct loyal_clients *clients)
{
    for (int i = 0; i < clients->count; i++)
        if (atomic_load(&clients->all[i].has_failed))
            return clients->all[i].failure;
    return NULL;
}

bool loyal_clients_await(struct loyal_clients *clients, long count)
{
    struct timespec pause = {.tv_nsec = 2000000};
    int64_t deadline = deadline_in(PATIENCE);

    for (int i = 0; i < clients->count; i++) {
        long wanted = atomic_load(&clients->all[i].answers) + count;
        while (atomic_load(&clients->all[i].answers) < wanted) {
            if (loyal_clients_failure(clients) || deadline_left(deadline) == 0)
                return false;
            nanosleep(&pause, NULL);
        }
    }
    return !loyal_clients_failure(clients);
}

void loyal_clients_stop(struct loyal_clients *clients)
{
    atomic_store(&clients->ends, true);
    for (int i = 0; i < clients->count; i++)
        pthread_join(clients->all[i].thread, NULL);
}

void loyal_clients_destroy(struct loyal_clients **clients)
{
    free(*clients);
    *clients = NULL;
}
