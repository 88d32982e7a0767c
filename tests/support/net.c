#include "net.h"

#include "deadline.h"
#include "trouble.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* there, SO_NOSIGPIPE in prepare() does it */
#endif

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static int prepare(int descriptor)
{
    int on = 1;

    if (descriptor < 0)
        return -1;
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#ifdef SO_NOSIGPIPE
    setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return descriptor;
}

int net_listen(int *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int descriptor = prepare(socket(AF_INET, SOCK_STREAM, 0));

    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, length) < 0 ||
        listen(descriptor, 128) < 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &length) < 0)
        trouble("cannot listen on 127.0.0.1: %s", strerror(errno));
    *port = ntohs(address.sin_port);
    return descriptor;
}

/* Binds `port`, or any for 0, and keeps it so: Linux lets a program listen where another only holds
 * the port, if both ask for SO_REUSEADDR; and it gives such a port to nobody who takes any. Returns
 * its number, 0 where it is taken. */
static int hold_port(int port)
{
    struct sockaddr_in address = loopback(port);
    socklen_t length = sizeof address;
    int on = 1, descriptor = prepare(socket(AF_INET, SOCK_STREAM, 0));

    if (descriptor < 0 || setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        trouble("no socket: %s", strerror(errno));
    if (bind(descriptor, (struct sockaddr *)&address, length) < 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &length) < 0) {
        close(descriptor);
        return 0;
    }
#ifndef __linux__
    close(descriptor);
#endif
    return ntohs(address.sin_port);
}

int net_free_port(void)
{
    int port = hold_port(0);

    if (port == 0)
        trouble("no free port on 127.0.0.1: %s", strerror(errno));
    return port;
}

int net_free_ports(int count)
{
    int first, held;

    do {
        first = net_free_port();
        for (held = 1; held < count && hold_port(first + held) == first + held; held++)
            ;
    } while (held < count);
    return first;
}

static int connect_to(const void *address, socklen_t length, int family)
{
    int descriptor = prepare(socket(family, SOCK_STREAM, 0));

    if (descriptor < 0)
        trouble("no socket: %s", strerror(errno));
    if (connect(descriptor, address, length) < 0) {
        int error = errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}

int net_connect(int port)
{
    struct sockaddr_in address = loopback(port);

    return connect_to(&address, sizeof address, AF_INET);
}

static struct sockaddr_in6 loopback_ipv6(int port)
{
    return (struct sockaddr_in6){.sin6_family = AF_INET6,
                                 .sin6_port = htons((uint16_t)port),
                                 .sin6_addr = IN6ADDR_LOOPBACK_INIT};
}

int net_connect_ipv6(int port)
{
    struct sockaddr_in6 address = loopback_ipv6(port);

    return connect_to(&address, sizeof address, AF_INET6);
}

bool net_has_ipv6(void)
{
    struct sockaddr_in6 address = loopback_ipv6(0);
    int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
    bool has =
        descriptor >= 0 && bind(descriptor, (const struct sockaddr *)&address, sizeof address) == 0;

    if (descriptor >= 0)
        close(descriptor);
    return has;
}

int net_accept(int listener)
{
    return prepare(accept(listener, NULL, NULL));
}

/* Whether `events` came before the deadline. */
static bool await(int descriptor, short events, int64_t deadline)
{
    struct pollfd wanted = {.fd = descriptor, .events = events};
    int ready;

    do
        ready = poll(&wanted, 1, deadline_left(deadline));
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

bool net_send(int descriptor, const void *data, size_t length, int64_t deadline)
{
    const char *at = data;

    while (length > 0) {
        ssize_t sent = send(descriptor, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            at += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!await(descriptor, POLLOUT, deadline))
                return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

ssize_t net_receive(int descriptor, void *data, size_t length, int64_t deadline)
{
    for (;;) {
        ssize_t received;
        if (!await(descriptor, POLLIN, deadline))
            return -1;
        received = recv(descriptor, data, length, 0);
        if (received >= 0)
            return received;
        if (errno != EINTR)
            return 0;
    }
}

void net_shrink_receive_buffer(int descriptor)
{
    int smallest = 1;

    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest);
}
