/* floor [PORT [SIZE]]: the least that an HTTP server can cost here, as the measure of weir's own
 * cost. One thread, a bare epoll loop, a fixed reply with a body of SIZE (64) bytes to whatever
 * ends in an empty line; it parses nothing else. Prints the port it listens on. Linux only, as the
 * benchmark is. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define READ_SIZE  16384 /* bytes taken from a connection in one turn */

/* The least head that a value goes with: none of what weir says about how fresh it is. */
#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\n"                                                                          \
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"                                                      \
    "Content-Type: application/octet-stream\r\n"                                                   \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Content-Length: %zu\r\n"                                                                      \
    "\r\n"

/* The reply, over and over, so that one call sends many. */
struct replies {
    char *bytes;
    size_t length; /* bytes in all, a multiple of each */
    size_t each;   /* bytes */
};

struct connection {
    int descriptor;
    int matched; /* bytes of "\r\n\r\n" that the last read ended with */
    size_t owed; /* bytes of replies that were asked for and not sent; then nothing is read */
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (descriptor < 0)
        die("socket");
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(descriptor, (struct sockaddr *)&address, length) < 0 || listen(descriptor, 1024) < 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &length) < 0)
        die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return descriptor;
}

static void add_connection(int epoll, int listener)
{
    struct connection *connection = calloc(1, sizeof *connection);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int on = 1;

    if (!connection)
        die("calloc");
    connection->descriptor = accept(listener, NULL, NULL);
    if (connection->descriptor < 0)
        die("accept");
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->descriptor, &event) < 0)
        die("epoll_ctl");
} // NOLINT(clang-analyzer-unix.Malloc): the connection is epoll's to remember

/* The number of requests that end in `data`. */
static int count_requests(struct connection *connection, const char *data, ssize_t length)
{
    static const char end[] = "\r\n\r\n";
    int count = 0;

    for (ssize_t i = 0; i < length; i++) {
        if (data[i] != end[connection->matched])
            connection->matched = data[i] == '\r';
        else if (++connection->matched == 4) {
            connection->matched = 0;
            count++;
        }
    }
    return count;
}

/* Sends what is owed, as far as the socket takes it. False when the client has gone. */
static bool send_owed(struct connection *connection, const struct replies *replies)
{
    while (connection->owed > 0) {
        size_t first = (replies->each - connection->owed % replies->each) % replies->each;
        size_t rest = replies->length - first;
        ssize_t sent =
            send(connection->descriptor, replies->bytes + first,
                 connection->owed < rest ? connection->owed : rest, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return errno == EAGAIN;
        connection->owed -= (size_t)sent;
    }
    return true;
}

/* Reads once and sends its replies, or goes on sending. False when the connection is at its end. */
static bool serve(struct connection *connection, const struct replies *replies, int epoll)
{
    struct epoll_event event = {.data.ptr = connection};
    char data[READ_SIZE];
    bool was_sending = connection->owed > 0;

    if (!was_sending) {
        ssize_t length = recv(connection->descriptor, data, sizeof data, 0);
        if (length <= 0)
            return false;
        connection->owed = (size_t)count_requests(connection, data, length) * replies->each;
    }
    if (!send_owed(connection, replies))
        return false;
    if (was_sending == (connection->owed > 0))
        return true;
    event.events = was_sending ? EPOLLIN : EPOLLOUT;
    return epoll_ctl(epoll, EPOLL_CTL_MOD, connection->descriptor, &event) == 0;
}

/* As many replies as one read can ask for, but no more than 2 MiB of them. */
static void make_replies(struct replies *replies, size_t size)
{
    char head[512];
    size_t head_length = (size_t)snprintf(head, sizeof head, HEAD, size), copies;

    replies->each = head_length + size;
    copies = (2 << 20) / replies->each + 1;
    if (copies > READ_SIZE / 4) /* no request is shorter than its empty line */
        copies = READ_SIZE / 4;
    replies->length = copies * replies->each;
    replies->bytes = malloc(replies->length);
    if (!replies->bytes)
        die("malloc");
    for (size_t i = 0; i < copies; i++) {
        char *reply = replies->bytes + i * replies->each;
        memcpy(reply, head, head_length);
        for (size_t j = 0; j < size; j++)
            reply[head_length + j] = "0123456789abcdef"[j % 16];
    }
}

int main(int count, char **arguments)
{
    struct epoll_event events[EVENTS_MAX], event = {.events = EPOLLIN};
    int listener = listen_on(count > 1 ? atoi(arguments[1]) : 0), epoll = epoll_create1(0);
    struct replies replies;

    make_replies(&replies, count > 2 ? strtoul(arguments[2], NULL, 10) : 64);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        die("set-up");
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                add_connection(epoll, listener);
            } else if (!serve(connection, &replies, epoll)) {
                close(connection->descriptor);
                free(connection);
            }
        }
    }
}
