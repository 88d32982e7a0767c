#include "common/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"

/* An address, ready to be bound. */
struct endpoint {
    struct sockaddr_storage address;
    socklen_t size;
    const char *path; /* of a Unix socket; NULL: TCP */
};

static bool parse_unix(const char *path, struct endpoint *endpoint, struct error *error)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&endpoint->address;
    if (path[0] != '/')
        return error_set(error, "%s%s: the path must be absolute", UNIX_PREFIX, path);
    if (strlen(path) >= sizeof(address->sun_path))
        return error_set(error, "%s%s: the path is longer than %zu bytes", UNIX_PREFIX, path,
                         sizeof(address->sun_path) - 1);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, strlen(path) + 1);
    endpoint->size = sizeof(*address);
    endpoint->path = path;
    return true;
}

/* Only numbers: a name would have to be looked up, and may be several addresses. */
static bool parse_tcp(const char *text, struct endpoint *endpoint, struct error *error)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;
    bool is_bracketed = size >= 2 && text[0] == '[' && text[size - 1] == ']';
    size_t port_size = colon ? strspn(colon + 1, "0123456789") : 0;
    if (size > 0 && size < sizeof(host) && port_size > 0 && colon[1 + port_size] == '\0') {
        snprintf(host, sizeof(host), "%.*s", (int)(is_bracketed ? size - 2 : size),
                 text + is_bracketed);
        struct addrinfo hints = {
            .ai_family = is_bracketed ? AF_INET6 : AF_INET,
            .ai_socktype = SOCK_STREAM,
            .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
        };
        struct addrinfo *found;
        if (port_size <= 5 && strtoul(colon + 1, NULL, 10) <= 65535 &&
            getaddrinfo(host, colon + 1, &hints, &found) == 0) {
            memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
            endpoint->size = found->ai_addrlen;
            freeaddrinfo(found);
            return true;
        }
    }
    return error_set(error,
                     "%s: not an address to listen on; write 127.0.0.1:8080, [::1]:8080 or "
                     "unix:/path",
                     text);
}

static bool parse(const char *text, struct endpoint *endpoint, struct error *error)
{
    *endpoint = (struct endpoint){0};
    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return parse_unix(text + strlen(UNIX_PREFIX), endpoint, error);
    return parse_tcp(text, endpoint, error);
}

bool listener_check_address(const char *address, struct error *error)
{
    struct endpoint endpoint;
    return parse(address, &endpoint, error);
}

static void set_option(int descriptor, int level, int option)
{
    int on = 1;
    setsockopt(descriptor, level, option, &on, sizeof(on));
}

/* A socket bound to the endpoint; -1 with errno set. */
static int bind_socket(const struct endpoint *endpoint, bool is_shared, bool is_reusing)
{
    int descriptor = socket(endpoint->address.ss_family, SOCK_STREAM, 0);
    if (descriptor < 0)
        return -1;
    if (is_reusing)
        set_option(descriptor, SOL_SOCKET, SO_REUSEADDR);
    if (endpoint->address.ss_family == AF_INET6)
        set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY);
    if (is_shared)
        set_option(descriptor, SOL_SOCKET, SO_REUSEPORT);
    if (fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 &&
        fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 &&
        bind(descriptor, (const struct sockaddr *)&endpoint->address, endpoint->size) == 0)
        return descriptor;
    int reason = errno;
    close(descriptor);
    errno = reason;
    return -1;
}

/* A socket that nobody else can bind beside, even while none of them listens yet. Where connections
 * of an earlier weir linger on the port, it can be had only with SO_REUSEADDR. */
static int bind_alone(const struct endpoint *endpoint, bool is_shared)
{
    int descriptor = bind_socket(endpoint, is_shared, false);
    if (descriptor < 0 && errno == EADDRINUSE && !endpoint->path)
        descriptor = bind_socket(endpoint, is_shared, true);
    return descriptor;
}

/* Whether the path is a socket that nobody listens on any more, as a crash leaves it. */
static bool is_abandoned(const struct endpoint *endpoint)
{
    struct stat status;
    if (lstat(endpoint->path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    if (descriptor < 0)
        return false;
    fcntl(descriptor, F_SETFL, O_NONBLOCK); /* one that accepts nobody would keep us */
    bool is_refused =
        connect(descriptor, (const struct sockaddr *)&endpoint->address, endpoint->size) != 0 &&
        errno == ECONNREFUSED;
    close(descriptor);
    return is_refused;
}

static int bind_first(const struct endpoint *endpoint)
{
    int descriptor = bind_alone(endpoint, false);
    if (descriptor < 0 && errno == EADDRINUSE && endpoint->path && is_abandoned(endpoint) &&
        unlink(endpoint->path) == 0)
        descriptor = bind_alone(endpoint, false);
    if (descriptor < 0 || !endpoint->path || listen(descriptor, LISTENER_BACKLOG) == 0)
        return descriptor; /* a path that nobody listens on would count as abandoned */
    close(descriptor);
    return -1;
}

/* A socket without a path, or with an abstract one, is none of ours. */
static bool name_path(const struct sockaddr_un *address, size_t size,
                      char name[LISTENER_ADDRESS_SIZE])
{
    const size_t start = offsetof(struct sockaddr_un, sun_path);
    const size_t most = size > start ? size - start : 0;
    return most > 0 && address->sun_path[0] == '/' &&
           snprintf(name, LISTENER_ADDRESS_SIZE, UNIX_PREFIX "%.*s", (int)most, address->sun_path) <
               LISTENER_ADDRESS_SIZE;
}

bool listener_name_socket(const struct sockaddr *address, size_t size,
                          char name[LISTENER_ADDRESS_SIZE])
{
    char host[64], port[8];
    if (address->sa_family == AF_UNIX)
        return name_path((const struct sockaddr_un *)address, size, name);
    if (getnameinfo(address, (socklen_t)size, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    bool is_six = address->sa_family == AF_INET6;
    return snprintf(name, LISTENER_ADDRESS_SIZE, is_six ? "[%s]:%s" : "%s:%s", host, port) <
           LISTENER_ADDRESS_SIZE;
}

bool listener_name_address(const char *address, char name[LISTENER_ADDRESS_SIZE],
                           struct error *error)
{
    struct endpoint endpoint;
    return parse(address, &endpoint, error) &&
           (listener_name_socket((const struct sockaddr *)&endpoint.address, endpoint.size, name) ||
            error_set(error, "%s: cannot be written as an address", address));
}

/* Learns which port was taken, and says the address as it is. */
static bool name_bound(struct listener *listener, int descriptor, struct endpoint *endpoint)
{
    struct sockaddr *address = (struct sockaddr *)&endpoint->address;
    listener->owns_path = true;
    return (endpoint->path || getsockname(descriptor, address, &endpoint->size) == 0) &&
           listener_name_socket(address, endpoint->size, listener->address);
}

#ifdef __linux__
#define KERNEL_BALANCES true
#else
#define KERNEL_BALANCES false
#endif

static bool open_all(struct listener *listener, struct endpoint *endpoint, size_t instances)
{
    int first = bind_first(endpoint);
    if (first < 0)
        return false;
    listener->descriptors[listener->count++] = first;
    if (!name_bound(listener, first, endpoint))
        return false;
    if (instances == 1)
        return true;
    bool is_shared = KERNEL_BALANCES && !endpoint->path;
    if (is_shared) { /* the first has shown that nobody else is there, and found the port */
        close(first);
        listener->count = 0;
    }
    while (listener->count < instances) {
        int descriptor = is_shared ? bind_alone(endpoint, true) : fcntl(first, F_DUPFD_CLOEXEC, 0);
        if (descriptor < 0)
            return false;
        listener->descriptors[listener->count++] = descriptor;
    }
    return true;
}

bool listener_open(struct listener *listener, const char *address, size_t instances,
                   struct error *error)
{
    struct endpoint endpoint;
    *listener = (struct listener){0};
    if (!parse(address, &endpoint, error))
        return false;
    if (open_all(listener, &endpoint, instances))
        return true;
    int reason = errno;
    listener_close(listener);
    return error_set(error, "%s: cannot listen there: %s", address, strerror(reason));
}

void listener_prepare(int descriptor)
{
    set_option(descriptor, SOL_SOCKET, SO_REUSEADDR);
}

void listener_close(struct listener *listener)
{
    for (size_t i = 0; i < listener->count; i++)
        if (listener->descriptors[i] >= 0)
            close(listener->descriptors[i]);
    if (listener->owns_path && strncmp(listener->address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        unlink(listener->address + strlen(UNIX_PREFIX));
    *listener = (struct listener){0};
}
