/* load PORT CONNECTIONS KEYS SKEW: drives the HTTP server there over CONNECTIONS connections that
 * stay open. A request is for one of KEYS keys, the decimals of ten digits from 0 on, drawn anew:
 * with SKEW 0 each is as likely as any other, else key number k is 1 / (k + 1)^SKEW times as likely
 * as key 0 (Zipf's law).
 *
 * Says "ready" once each connection has had an answer. From then on, for each line "SECONDS [RATE]"
 * on stdin, it asks for so long, waits for what is unanswered, and prints how many answers there
 * were: between two lines nothing is under way. Without a RATE each connection asks again as soon
 * as it is answered. With one, so many requests are due in a second, evenly spaced, and go over any
 * connection that is free; behind the number of answers stands the 99th percentile of the
 * microseconds from when each was due, so that what a slow answer delays counts as slow itself.
 *
 * Ends with stdin. What is not 200 ends it with an error. Linux only, as the benchmark is. */
#include <arpa/inet.h>
#include <math.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define READ_SIZE  4096 /* bytes; more than any head has */
#define DIGITS     10

struct connection {
    int descriptor;
    size_t left; /* bytes of the response's body that have not been read */
    double due;  /* seconds: when the request that is under way was to be sent */
};

struct load {
    int epoll;
    struct connection *connections;
    size_t connection_count;
    struct connection **idle; /* those with no request under way */
    size_t idle_count;
    double *latencies; /* seconds; of each answer, as many as latency_max */
    size_t latency_max;
    size_t answered; /* requests */
    uint64_t random; /* state of the generator, never 0 */
    uint64_t key_count;
    double *cumulative; /* chance of a key up to each, not normalised; NULL: all are as likely */
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Marsaglia's xorshift64*: the same sequence in every run. */
static uint64_t next_random(struct load *load)
{
    load->random ^= load->random >> 12;
    load->random ^= load->random << 25;
    load->random ^= load->random >> 27;
    return load->random * 0x2545f4914f6cdd1dULL;
}

static uint64_t draw_key(struct load *load)
{
    double share = (double)(next_random(load) >> 11) / 9007199254740992.0; /* 2^53: below 1 */
    uint64_t low = 0, high = load->key_count - 1;

    if (!load->cumulative)
        return (uint64_t)(share * (double)load->key_count);
    share *= load->cumulative[high];
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (load->cumulative[middle] > share)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void init_keys(struct load *load, uint64_t key_count, double skew)
{
    double sum = 0;

    load->key_count = key_count;
    if (skew <= 0)
        return;
    load->cumulative = malloc(key_count * sizeof *load->cumulative);
    if (!load->cumulative)
        die("malloc");
    for (uint64_t key = 0; key < key_count; key++)
        load->cumulative[key] = sum += pow((double)(key + 1), -skew);
}

/* Sends the request that was due then, over an idle connection. */
static void ask(struct load *load, double due)
{
    struct connection *connection = load->idle[--load->idle_count];
    char request[] = "GET /0000000000 HTTP/1.1\r\nHost: bench\r\n\r\n";
    char *digit = strchr(request, ' ') + 1 + DIGITS;
    ssize_t length = sizeof request - 1;

    for (uint64_t key = draw_key(load); key > 0; key /= 10)
        *digit-- = (char)('0' + key % 10);
    if (send(connection->descriptor, request, (size_t)length, MSG_NOSIGNAL) != length)
        die("send");
    connection->due = due;
}

/* Reads the head, which comes in one piece from servers that send it so, and what is with it of the
 * body. */
static void read_head(struct connection *connection)
{
    char data[READ_SIZE + 1];
    ssize_t length = recv(connection->descriptor, data, READ_SIZE, 0);
    const char *end, *size;

    if (length <= 0)
        die("recv");
    data[length] = '\0';
    end = strstr(data, "\r\n\r\n");
    size = strcasestr(data, "\r\nContent-Length: ");
    if (!end || !size || strncmp(data, "HTTP/1.1 200 ", 13) != 0) {
        fprintf(stderr, "load: answered %.60s\n", data);
        exit(1);
    }
    connection->left = strtoul(size + strlen("\r\nContent-Length: "), NULL, 10) -
                       (size_t)(data + length - end - 4);
}

/* True when the response has ended. */
static bool read_response(struct connection *connection, bool is_begun)
{
    if (!is_begun) {
        read_head(connection);
    } else {
        /* Linux drops the bytes of a TCP stream that are read with MSG_TRUNC: they are not copied.
         */
        ssize_t length = recv(connection->descriptor, NULL, connection->left, MSG_TRUNC);
        if (length <= 0)
            die("recv");
        connection->left -= (size_t)length;
    }
    return connection->left == 0;
}

/* Reads what has come, or comes within `seconds`. False: nothing did. */
static bool receive(struct load *load, double seconds)
{
    struct epoll_event events[EVENTS_MAX];
    struct pollfd poll = {.fd = load->epoll, .events = POLLIN};
    struct timespec patience = {.tv_sec = (time_t)seconds};
    int ready = epoll_wait(load->epoll, events, EVENTS_MAX, 0);
    double now;

    if (ready == 0 && seconds > 0) { /* to the nanosecond, which epoll_wait cannot */
        patience.tv_nsec = (long)((seconds - (double)patience.tv_sec) * 1e9);
        ppoll(&poll, 1, &patience, NULL);
        ready = epoll_wait(load->epoll, events, EVENTS_MAX, 0);
    }
    now = now_seconds();
    for (int i = 0; i < ready; i++) {
        struct connection *connection = events[i].data.ptr;
        if (!read_response(connection, connection->left > 0))
            continue;
        if (load->answered < load->latency_max)
            load->latencies[load->answered] = now - connection->due;
        load->answered++;
        load->idle[load->idle_count++] = connection;
    }
    return ready > 0;
}

/* Reads what must come. */
static void await_answers(struct load *load)
{
    if (!receive(load, 10)) {
        fputs("load: no answer in ten seconds\n", stderr);
        exit(1);
    }
}

/* Asks on every connection, and again where an answer came before `end`, until all are answered. */
static void drive(struct load *load, double end)
{
    load->answered = load->latency_max = 0;
    do {
        while (load->idle_count > 0)
            ask(load, 0);
        await_answers(load);
    } while (now_seconds() < end);
    while (load->idle_count < load->connection_count)
        await_answers(load);
}

static int compare_numbers(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Asks `rate` times a second. Returns the 99th percentile, in microseconds. */
static double drive_at(struct load *load, double seconds, double rate)
{
    size_t due_count = (size_t)(seconds * rate), asked = 0;
    double start = now_seconds(), latency;

    load->answered = 0;
    load->latency_max = due_count;
    load->latencies = malloc((due_count + 1) * sizeof *load->latencies);
    if (due_count == 0 || !load->latencies)
        die("a rate");
    while (load->answered < due_count) {
        double now = now_seconds();
        for (; load->idle_count > 0 && asked < due_count && start + (double)asked / rate <= now;
             asked++)
            ask(load, start + (double)asked / rate);
        receive(load, asked == due_count);
    }
    qsort(load->latencies, due_count, sizeof *load->latencies, compare_numbers);
    latency = load->latencies[due_count * 99 / 100] * 1e6;
    free(load->latencies);
    return latency;
}

static void open_connections(struct load *load, int port, size_t count)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };

    load->connection_count = count;
    load->connections = calloc(count, sizeof *load->connections);
    load->idle = calloc(count, sizeof(struct connection *));
    load->epoll = epoll_create1(0);
    if (!load->connections || !load->idle || load->epoll < 0)
        die("set-up");
    for (size_t i = 0; i < count; i++) {
        struct connection *connection = &load->connections[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        int descriptor = socket(AF_INET, SOCK_STREAM, 0), on = 1;
        connection->descriptor = descriptor;
        if (descriptor < 0 ||
            connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0 ||
            setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
            epoll_ctl(load->epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
            die("connect");
        load->idle[load->idle_count++] = connection;
    }
}

/* What one line of stdin wants. */
static void obey(struct load *load, const char *line)
{
    char *rest;
    double seconds = strtod(line, &rest), rate = strtod(rest, NULL);

    if (rate > 0) {
        double latency = drive_at(load, seconds, rate);
        printf("%zu %.0f\n", load->answered, latency);
    } else {
        drive(load, now_seconds() + seconds);
        printf("%zu\n", load->answered);
    }
    fflush(stdout);
}

int main(int count, char **arguments)
{
    struct load load = {.random = 88172645463325252ULL};
    char line[64];

    if (count != 5 || atoi(arguments[2]) < 1 || atoi(arguments[3]) < 1)
        return 2;
    prctl(PR_SET_TIMERSLACK, 1); /* or each sleep is 50 microseconds too long */
    init_keys(&load, strtoull(arguments[3], NULL, 10), strtod(arguments[4], NULL));
    open_connections(&load, atoi(arguments[1]), strtoul(arguments[2], NULL, 10));
    drive(&load, 0);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        obey(&load, line);
    for (size_t i = 0; i < load.connection_count; i++)
        close(load.connections[i].descriptor);
    close(load.epoll);
    free(load.connections);
    free(load.idle);
    free(load.cumulative);
    return 0;
}
