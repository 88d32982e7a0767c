/* floor [PORT]: the least that an HTTP server can cost here, as the measure of weir's own cost. One
 * thread, a bare epoll loop, a fixed reply with a body of 64 bytes to whatever ends in an empty
 * line; it parses nothing else. Prints the port it listens on. Linux only, as the benchmark is. */
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
static const char reply[] = "HTTP/1.1 200 OK\r\n"
                            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                            "Content-Type: application/octet-stream\r\n"
                            "X-Content-Type-Options: nosniff\r\n"
                            "Content-Length: 64\r\n"
                            "\r\n"
                            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct connection {
    int descriptor;
    int matched; /* bytes of "\r\n\r\n" that the last read ended with */
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

/* Reads once and writes once. False when the connection is at its end, which it is also when a
 * client does not take its replies: the benchmark's always does. */
static bool serve(struct connection *connection, char *replies)
{
    char data[READ_SIZE];
    ssize_t length = recv(connection->descriptor, data, sizeof data, 0);
    size_t size;

    if (length <= 0)
        return false;
    size = (size_t)count_requests(connection, data, length) * (sizeof reply - 1);
    return size == 0 || send(connection->descriptor, replies, size, MSG_NOSIGNAL) == (ssize_t)size;
}

int main(int count, char **arguments)
{
    struct epoll_event events[EVENTS_MAX], event = {.events = EPOLLIN};
    int listener = listen_on(count > 1 ? atoi(arguments[1]) : 0), epoll = epoll_create1(0);
    /* No read holds more requests than this, for none is shorter than its empty line. */
    size_t replies_max = READ_SIZE / 4;
    char *replies = malloc(replies_max * (sizeof reply - 1));

    if (epoll < 0 || !replies || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        die("set-up");
    for (size_t i = 0; i < replies_max; i++)
        memcpy(replies + i * (sizeof reply - 1), reply, sizeof reply - 1);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                add_connection(epoll, listener);
            } else if (!serve(connection, replies)) {
                close(connection->descriptor);
                free(connection);
            }
        }
    }
}
