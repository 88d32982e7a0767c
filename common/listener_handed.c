#include "common/listener_handed.h"

#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whether it is a stream socket that listens, and where. */
static bool look_at(int descriptor, char address[LISTENER_ADDRESS_SIZE])
{
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound, length = sizeof(int);
    int type = 0, listens = 0;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
           type == SOCK_STREAM &&
           getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 &&
           listens != 0 && getsockname(descriptor, (struct sockaddr *)&bound, &size) == 0 &&
           listener_name_socket((const struct sockaddr *)&bound, size, address);
}

bool listener_handed_add(struct listener_handed *handed, int descriptor, bool is_lent,
                         const char *origin, struct error *error)
{
    struct listener_handed_socket socket = {.descriptor = descriptor, .is_lent = is_lent};
    const int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0)
        return error_set(error, "%s is not open: %s", origin, strerror(errno));
    if (!look_at(descriptor, socket.address)) {
        close(descriptor);
        return error_set(error, "%s is not a stream socket that listens at an IP address or a path",
                         origin);
    }
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
    handed->sockets = memory_resize(handed->sockets, handed->count + 1, sizeof *handed->sockets);
    handed->sockets[handed->count++] = socket;
    return true;
}

static size_t count_at(const struct listener_handed *handed, const char *address)
{
    size_t count = 0;
    for (size_t i = 0; i < handed->count; i++)
        count +=
            handed->sockets[i].descriptor >= 0 && strcmp(handed->sockets[i].address, address) == 0;
    return count;
}

static bool fill(struct listener *listener, size_t instances)
{
    while (listener->count < instances) {
        const int copy = fcntl(listener->descriptors[0], F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
            return false;
        listener->descriptors[listener->count++] = copy;
    }
    return true;
}

bool listener_handed_adopt(struct listener_handed *handed, const char *address, size_t instances,
                           struct listener *listener, struct error *error)
{
    *listener = (struct listener){0};
    char name[LISTENER_ADDRESS_SIZE];
    if (!listener_name_address(address, name, error))
        return false;
    const size_t count = count_at(handed, name);
    if (count == 0)
        return true;
    if (count != 1 && count != instances)
        return error_set(error,
                         "%s: %zu sockets were handed over and %zu instances are to listen; the "
                         "numbers must be the same, or clients that wait at one would be lost",
                         address, count, instances);
    memcpy(listener->address, name, sizeof name);
    for (size_t i = 0; i < handed->count; i++) {
        struct listener_handed_socket *socket = &handed->sockets[i];
        if (socket->descriptor < 0 || strcmp(socket->address, name) != 0)
            continue;
        listener->descriptors[listener->count++] = socket->descriptor;
        socket->descriptor = -1;
    }
    if (fill(listener, instances))
        return true;
    const int reason = errno;
    listener_close(listener);
    return error_set(error, "%s: cannot listen there: %s", address, strerror(reason));
}

bool listener_handed_owns(const struct listener_handed *handed, const char *address)
{
    for (size_t i = 0; i < handed->count; i++)
        if (strcmp(handed->sockets[i].address, address) == 0)
            return !handed->sockets[i].is_lent;
    return false;
}

const struct listener_handed_socket *listener_handed_spare(const struct listener_handed *handed)
{
    for (size_t i = 0; i < handed->count; i++)
        if (handed->sockets[i].descriptor >= 0)
            return &handed->sockets[i];
    return NULL;
}

void listener_handed_drop(struct listener_handed *handed,
                          const struct listener_handed_socket *spare)
{
    struct listener_handed_socket *socket = &handed->sockets[spare - handed->sockets];
    struct listener listener = {
        .descriptors = {socket->descriptor}, .count = 1, .owns_path = !socket->is_lent};
    memcpy(listener.address, socket->address, sizeof socket->address);
    listener_close(&listener);
    socket->descriptor = -1;
}

void listener_handed_close(struct listener_handed *handed)
{
    for (size_t i = 0; i < handed->count; i++)
        if (handed->sockets[i].descriptor >= 0)
            close(handed->sockets[i].descriptor);
    free(handed->sockets);
    *handed = (struct listener_handed){0};
}
