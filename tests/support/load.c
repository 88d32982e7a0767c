#include "load.h"

#include "blob.h"
#include "deadline.h"
#include "net.h"
#include "trouble.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 256
#define SAMPLES_MAX 65536
#define CALM        200   /* values with no failure between them: normal service */
#define TICK        5     /* ms: the longest that the generator sleeps */
#define HANGS       15000 /* ms beyond its deadline: the request hangs */

struct client {
    int descriptor;       /* -1: not connected */
    bool is_waiting;      /* for an answer */
    int key;              /* that was asked for last */
    int64_t next_at;      /* ms: when it asks again */
    int64_t asked_at;     /* us */
    int64_t stall_before; /* ms: the load's, as it was then */
    struct blob received;
};

struct load {
    struct load_plan plan;
    struct client clients[CLIENTS_MAX];
    atomic_int port;
    atomic_bool ends;
    pthread_t thread;
    unsigned random;
    int64_t stall; /* ms, summed: this thread should have run and did not */
    pthread_mutex_t lock;
    /* under the lock: */
    struct load_tally tally;
    size_t answers;
    int samples[SAMPLES_MAX]; /* us, of the latest answers */
    struct blob wrong;
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

char *load_value(const char *prefix, int n)
{
    struct blob text = {0};

    blob_append_format(&text, "the value of %s%d", prefix, n);
    for (int i = 0; i < n % 7 * 40; i++)
        blob_append_format(&text, " %d", n);
    return text.data;
}

void load_store(struct redis_server *redis, const char *prefix, int keys)
{
    for (int n = 0; n < keys; n++) {
        char *value = load_value(prefix, n);
        redis_server_run(redis, "SET %s%d %s", prefix, n, value);
        free(value);
    }
}

/* ---- judging ---- */

static void note_wrong(struct load *load, const struct client *client, const char *what)
{
    int64_t took = (now_us() - client->asked_at) / 1000;

    pthread_mutex_lock(&load->lock);
    if (load->wrong.length == 0) {
        blob_append_format(&load->wrong, "%s%d, after %lld ms: %s", load->plan.prefix, client->key,
                           (long long)took, what);
        blob_append_readable(&load->wrong, blob_text(&client->received),
                             client->received.length < 400 ? client->received.length : 400);
    }
    pthread_mutex_unlock(&load->lock);
}

static void count(struct load *load, int status, int64_t us)
{
    pthread_mutex_lock(&load->lock);
    if (status != 0)
        load->samples[load->answers++ % SAMPLES_MAX] = (int)us;
    if (status == 200)
        load->tally.values++;
    else if (status == 503)
        load->tally.unavailable++;
    else if (status == 504)
        load->tally.late++;
    else
        load->tally.broken++;
    if (status != 200)
        load->tally.last_failure = deadline_now();
    pthread_mutex_unlock(&load->lock);
}

static bool is_value(const struct load *load, const struct client *client, const char *body,
                     size_t length)
{
    char *value = load_value(load->plan.prefix, client->key);
    bool same = strlen(value) == length && memcmp(value, body, length) == 0;

    free(value);
    return same;
}

/* Whether the whole answer is there; then it was judged. */
static bool take_answer(struct load *load, struct client *client)
{
    const char *text = blob_text(&client->received), *end = strstr(text, "\r\n\r\n"), *field;
    int64_t us = now_us() - client->asked_at;
    int64_t allowed = load->plan.timeout + LOAD_SLACK + load->stall - client->stall_before;
    size_t head, length;
    int status = 0;

    if (!end)
        return false;
    head = (size_t)(end + 4 - text);
    field = strstr(text, "\r\nContent-Length: ");
    if (sscanf(text, "HTTP/1.1 %3d ", &status) != 1 || !field || field > end) {
        note_wrong(load, client, "no answer of HTTP/1.1 with a length: ");
        return true;
    }
    length = strtoull(field + 18, NULL, 10);
    if (client->received.length < head + length)
        return false;
    if (client->received.length > head + length)
        note_wrong(load, client, "bytes behind the answer: ");
    else if (status != 200 && status != 503 && status != 504)
        note_wrong(load, client, "neither a value nor an outage: ");
    else if (status == 200 && !is_value(load, client, text + head, length))
        note_wrong(load, client, "not the value of this key: ");
    else if (us / 1000 > allowed)
        note_wrong(load, client, "answered after its deadline: ");
    count(load, status, us);
    return true;
}

/* ---- the clients ---- */

static void rest(struct load *load, struct client *client)
{
    client->is_waiting = false;
    blob_consume(&client->received, client->received.length);
    client->next_at = deadline_now() + load->plan.pause;
}

static void hang_up(struct load *load, struct client *client)
{
    if (client->descriptor >= 0)
        close(client->descriptor);
    client->descriptor = -1;
    count(load, 0, 0);
    rest(load, client);
    client->next_at += TICK; /* no hot loop around a port where nobody is */
}

static void ask(struct load *load, struct client *client)
{
    char request[160];
    int length;

    load->random = load->random * 1103515245U + 12345U;
    client->key = (int)(load->random >> 8) % load->plan.keys;
    if (load->plan.numbers)
        client->key = load->plan.numbers[client->key];
    client->asked_at = now_us();
    client->stall_before = load->stall;
    client->is_waiting = true;
    if (client->descriptor < 0)
        client->descriptor = net_connect(atomic_load(&load->port));
    length = snprintf(request, sizeof request, "GET /%s%d HTTP/1.1\r\nHost: weir\r\n\r\n",
                      load->plan.prefix, client->key);
    if (client->descriptor < 0 ||
        !net_send(client->descriptor, request, (size_t)length, deadline_in(PATIENCE)))
        hang_up(load, client);
}

static void hear(struct load *load, struct client *client)
{
    char data[16384];
    ssize_t got = recv(client->descriptor, data, sizeof data, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0)
        blob_append(&client->received, data, (size_t)got);
    if (got <= 0)
        hang_up(load, client);
    else if (take_answer(load, client))
        rest(load, client);
}

static void look_after(struct load *load, struct client *client, short events)
{
    if (!client->is_waiting) {
        if (deadline_left(client->next_at) == 0)
            ask(load, client);
        return;
    }
    if (events)
        hear(load, client);
    if (client->is_waiting &&
        now_us() - client->asked_at > (int64_t)(load->plan.timeout + HANGS) * 1000) {
        note_wrong(load, client, "never answered");
        hang_up(load, client);
    }
}

/* Waits until a client hears something or has to ask; fills in who hears. */
static void await(const struct load *load, struct pollfd *polled)
{
    int wait = TICK;

    for (int i = 0; i < load->plan.clients; i++) {
        const struct client *client = &load->clients[i];
        int left = deadline_left(client->next_at);
        polled[i].fd = client->is_waiting ? client->descriptor : -1;
        polled[i].events = POLLIN;
        polled[i].revents = 0;
        if (!client->is_waiting && left < wait)
            wait = left;
    }
    poll(polled, (nfds_t)load->plan.clients, wait);
}

static void *run(void *argument)
{
    struct load *load = argument;
    struct pollfd polled[CLIENTS_MAX];
    int64_t last = now_us();

    while (!atomic_load(&load->ends)) {
        await(load, polled);
        int64_t gap = (now_us() - last) / 1000;
        last = now_us();
        load->stall += gap > TICK ? gap - TICK : 0;
        for (int i = 0; i < load->plan.clients; i++)
            look_after(load, &load->clients[i], polled[i].revents);
    }
    return NULL;
}

/* ---- for the test ---- */

struct load *load_start(int port, const struct load_plan *plan)
{
    struct load *load = calloc(1, sizeof *load);

    if (!load || plan->clients > CLIENTS_MAX)
        trouble("no memory for a load of %d clients", plan->clients);
    load->plan = *plan;
    load->random = 1;
    atomic_init(&load->port, port);
    for (int i = 0; i < plan->clients; i++)
        load->clients[i].descriptor = -1;
    pthread_mutex_init(&load->lock, NULL);
    if (pthread_create(&load->thread, NULL, run, load) != 0)
        trouble("no thread for a load");
    return load;
}

void load_move(struct load *load, int port)
{
    atomic_store(&load->port, port);
}

static int compare(const void *left, const void *right)
{
    return (*(const int *)left > *(const int *)right) - (*(const int *)left < *(const int *)right);
}

struct load_tally load_tally(struct load *load)
{
    int *sorted = malloc(sizeof load->samples);
    struct load_tally tally;
    size_t known;

    if (!sorted)
        trouble("no memory for a tally");
    pthread_mutex_lock(&load->lock);
    tally = load->tally;
    known = load->answers < SAMPLES_MAX ? load->answers : SAMPLES_MAX;
    memcpy(sorted, load->samples, sizeof load->samples);
    pthread_mutex_unlock(&load->lock);
    qsort(sorted, known, sizeof *sorted, compare);
    tally.median = known ? sorted[known / 2] : 0;
    tally.percentile = known ? sorted[known * 99 / 100] : 0;
    free(sorted);
    return tally;
}

void load_forget(struct load *load)
{
    pthread_mutex_lock(&load->lock);
    load->tally = (struct load_tally){0};
    load->answers = 0;
    pthread_mutex_unlock(&load->lock);
}

bool load_wait(struct load *load, size_t values, size_t outages, int64_t deadline)
{
    struct timespec pause = {.tv_nsec = 2000000};

    for (;;) {
        pthread_mutex_lock(&load->lock);
        const struct load_tally *tally = &load->tally;
        bool there = tally->values >= values && tally->unavailable + tally->late >= outages;
        pthread_mutex_unlock(&load->lock);
        if (there || deadline_left(deadline) == 0)
            return there;
        nanosleep(&pause, NULL);
    }
}

int load_wait_normal(struct load *load, int64_t deadline)
{
    int64_t begun = deadline_now(), last = begun, failure;

    do {
        load_forget(load);
        if (!load_wait(load, CALM, 0, deadline))
            return -1;
        failure = load_tally(load).last_failure;
        last = failure ? failure : last;
    } while (failure && deadline_left(deadline) > 0);
    return failure ? -1 : (int)(last - begun);
}

char *load_copy_wrong(struct load *load)
{
    char *copy;

    pthread_mutex_lock(&load->lock);
    copy = load->wrong.length > 0 ? strdup(blob_text(&load->wrong)) : NULL;
    pthread_mutex_unlock(&load->lock);
    return copy;
}

void load_destroy(struct load **load)
{
    struct load *ended = *load;

    if (!ended)
        return;
    atomic_store(&ended->ends, true);
    pthread_join(ended->thread, NULL);
    for (int i = 0; i < ended->plan.clients; i++) {
        if (ended->clients[i].descriptor >= 0)
            close(ended->clients[i].descriptor);
        blob_fini(&ended->clients[i].received);
    }
    pthread_mutex_destroy(&ended->lock);
    blob_fini(&ended->wrong);
    free(ended);
    *load = NULL;
}
