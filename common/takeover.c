/* The messages of a takeover, and the socket that they and the descriptors travel over. */
#include "common/takeover.h"

#include "common/memory.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef MSG_CMSG_CLOEXEC
#define RECEIVE_FLAGS (MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
#else
#define RECEIVE_FLAGS MSG_DONTWAIT
#endif

/* ---- messages ---- */

static const struct word {
    const char *text; /* what the line begins with */
    enum takeover_word word;
    int64_t most; /* of the number behind it; 0: there is none */
    bool is_lent;
} words[] = {
    {"weir-takeover ", TAKEOVER_HELLO, INT32_MAX, false},
    {"listener own ", TAKEOVER_LISTENER, LISTENER_MAX_INSTANCES, false},
    {"listener lent ", TAKEOVER_LISTENER, LISTENER_MAX_INSTANCES, true},
    {"end", TAKEOVER_END, 0, false},
    {"ready ", TAKEOVER_READY, INT32_MAX, false},
    {"draining", TAKEOVER_DRAINING, 0, false},
};

static const char refused[] = "refused ";

static void copy_reason(char *out, const char *reason)
{
    for (; *reason != '\0'; reason++)
        *out++ = (char)(*reason >= ' ' && *reason <= '~' ? *reason : '?');
    *out = '\0';
}

/* A line without its newline, ended by a zero. */
static bool parse_line(const char *line, struct takeover_message *message)
{
    *message = (struct takeover_message){.word = TAKEOVER_REFUSED};
    if (strncmp(line, refused, strlen(refused)) == 0) {
        copy_reason(message->reason, line + strlen(refused));
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t length = strlen(words[i].text);
        if (strncmp(line, words[i].text, length) != 0)
            continue;
        message->word = words[i].word;
        message->is_lent = words[i].is_lent;
        return words[i].most == 0 ? line[length] == '\0'
                                  : text_parse_count(line + length, &message->number) &&
                                        message->number <= words[i].most;
    }
    return false;
}

enum takeover_read takeover_parse(struct bytes input, struct takeover_message *message,
                                  size_t *size)
{
    char line[TAKEOVER_MAX_LINE];
    const size_t most = input.size < sizeof line ? input.size : sizeof line;
    const char *end = most > 0 ? memchr(input.data, '\n', most) : NULL;
    if (end == NULL)
        return most == sizeof line ? TAKEOVER_BAD : TAKEOVER_MORE;
    const size_t length = (size_t)(end - input.data);
    memcpy(line, input.data, length);
    line[length] = '\0';
    *size = length + 1;
    return strlen(line) == length && parse_line(line, message) ? TAKEOVER_READ : TAKEOVER_BAD;
}

/* ---- the socket ---- */

void takeover_open(struct takeover_channel *channel, int descriptor)
{
    *channel = (struct takeover_channel){.descriptor = descriptor};
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
}

bool takeover_connect(struct takeover_channel *channel, const char *path, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    *channel = (struct takeover_channel){.descriptor = -1};
    if (descriptor < 0)
        return error_set(error, "no socket for a takeover: %s", strerror(errno));
    takeover_open(channel, descriptor);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof address) == 0)
        return takeover_check_peer(channel, error);
    return error_set(error, "%s: there is no weir to take over from: %s", path, strerror(errno));
}

bool takeover_check_peer(const struct takeover_channel *channel, struct error *error)
{
    uid_t user;
#ifdef SO_PEERCRED
    struct ucred peer;
    socklen_t size = sizeof peer;
    const bool is_known =
        getsockopt(channel->descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    user = is_known ? peer.uid : 0;
#else
    gid_t group;
    const bool is_known = getpeereid(channel->descriptor, &user, &group) == 0;
#endif
    if (!is_known)
        return error_set(error, "who takes part in the takeover cannot be told: %s",
                         strerror(errno));
    return user == geteuid() || user == 0 ||
           error_set(error, "a takeover is for processes of one user; the other runs as %lu",
                     (unsigned long)user);
}

/* Room for the descriptors of one line, aligned as its head must be. */
union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(LISTENER_MAX_INSTANCES * sizeof(int))];
};

static void attach(struct msghdr *message, union control *control, const struct listener *listener)
{
    const size_t size = listener->count * sizeof *listener->descriptors;
    message->msg_control = control->room;
    message->msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(head), listener->descriptors, size);
}

bool takeover_say(const struct takeover_channel *channel, const struct listener *listener,
                  const char *format, ...)
{
    char line[TAKEOVER_MAX_LINE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 2)
        length = sizeof line - 2; /* a long reason is cut */
    line[length] = '\n';

    union control control = {.room = {0}};
    struct iovec bytes = {.iov_base = line, .iov_len = (size_t)length + 1};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (listener != NULL)
        attach(&message, &control, listener);
    return sendmsg(channel->descriptor, &message, MSG_DONTWAIT) == length + 1;
}

static bool keep_received(struct takeover_channel *channel, const struct cmsghdr *head)
{
    const size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const size_t all = channel->received_count + count;
    channel->received = memory_resize(channel->received, all, sizeof *channel->received);
    memcpy(channel->received + channel->received_count, CMSG_DATA(head), count * sizeof(int));
    channel->received_count = all;
    for (size_t i = all - count; i < all; i++)
        fcntl(channel->received[i], F_SETFD, FD_CLOEXEC);
    return all <= TAKEOVER_MOST;
}

/* READ: something has come. */
static enum takeover_read receive(struct takeover_channel *channel)
{
    union control control = {.room = {0}};
    struct iovec bytes = {.iov_base = buffer_reserve(&channel->input, TAKEOVER_MAX_LINE),
                          .iov_len = TAKEOVER_MAX_LINE};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    const ssize_t size = recvmsg(channel->descriptor, &message, RECEIVE_FLAGS);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? TAKEOVER_MORE : TAKEOVER_GONE;
    channel->input.size += (size_t)size;
    bool is_fine = (message.msg_flags & MSG_CTRUNC) == 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL;
         head = CMSG_NXTHDR(&message, head))
        if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
            is_fine &= keep_received(channel, head);
    return !is_fine ? TAKEOVER_BAD : size == 0 ? TAKEOVER_GONE : TAKEOVER_READ;
}

enum takeover_read takeover_hear(struct takeover_channel *channel, struct takeover_message *message)
{
    for (;;) {
        size_t size;
        enum takeover_read read = takeover_parse(buffer_bytes(&channel->input), message, &size);
        if (read == TAKEOVER_READ)
            buffer_consume(&channel->input, size);
        if (read != TAKEOVER_MORE)
            return read;
        read = receive(channel);
        if (read != TAKEOVER_READ)
            return read;
    }
}

enum takeover_read takeover_await(struct takeover_channel *channel,
                                  struct takeover_message *message, int64_t patience)
{
    const int64_t deadline = clock_now_mono() + patience;
    struct pollfd readable = {.fd = channel->descriptor, .events = POLLIN};
    for (;;) {
        const enum takeover_read read = takeover_hear(channel, message);
        const int64_t left = deadline - clock_now_mono();
        if (read != TAKEOVER_MORE || left <= 0)
            return read;
        poll(&readable, 1, (int)(left / MILLISECOND) + 1);
    }
}

int takeover_take(struct takeover_channel *channel)
{
    if (channel->received_count == 0)
        return -1;
    const int first = channel->received[0];
    channel->received_count--;
    memmove(channel->received, channel->received + 1,
            channel->received_count * sizeof *channel->received);
    return first;
}

void takeover_close(struct takeover_channel *channel)
{
    for (size_t i = 0; i < channel->received_count; i++)
        close(channel->received[i]);
    free(channel->received);
    buffer_fini(&channel->input);
    if (channel->descriptor >= 0)
        close(channel->descriptor);
    *channel = (struct takeover_channel){.descriptor = -1};
}
