#include "common/notify.h"

#include "common/clock.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define MESSAGE_SIZE 512 /* bytes; longer ones are cut */

/* A path, or with "@" a name in the abstract namespace, whose address begins with a zero byte and
 * has no end but its size. */
static bool read_address(struct notify *notify, const char *text)
{
    const size_t length = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || length < 2 ||
        length >= sizeof notify->address.sun_path)
        return false;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, text, length + 1);
    notify->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (text[0] == '/'));
    if (text[0] == '@')
        notify->address.sun_path[0] = '\0';
    return true;
}

static bool open_socket(struct notify *notify, const char *text, struct error *error)
{
    const struct timeval most = {.tv_sec = 1};
    if (!read_address(notify, text))
        return error_set(error, "NOTIFY_SOCKET: must be an absolute path or @name");
    notify->descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (notify->descriptor < 0)
        return error_set(error, "NOTIFY_SOCKET: %s", strerror(errno));
    fcntl(notify->descriptor, F_SETFD, FD_CLOEXEC);
    setsockopt(notify->descriptor, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    return true;
}

/* A decimal number up to the longest duration that a setting can have. */
static int64_t read_watchdog(const char *usec, const char *pid)
{
    const int64_t most = INT64_C(10) * 365 * 24 * 3600 * 1000000;
    int64_t number;
    char *end;
    if (!usec || (pid && (!text_parse_count(pid, &number) || number != (int64_t)getpid())))
        return 0;
    errno = 0;
    number = strtoll(usec, &end, 10);
    return errno == 0 && *end == '\0' && number > 0 && number <= most ? number * MICROSECOND : 0;
}

bool notify_open(struct notify *notify, struct error *error)
{
    const char *socket_name = getenv("NOTIFY_SOCKET");
    *notify = (struct notify){.descriptor = -1};
    const bool is_fine = !socket_name || open_socket(notify, socket_name, error);
    if (notify->descriptor >= 0)
        notify->watchdog_timeout = read_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return is_fine;
}

void notify_send(const struct notify *notify, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    if (notify->descriptor < 0)
        return;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof message)
        length = sizeof message - 1;
    while (sendto(notify->descriptor, message, (size_t)length, 0,
                  (const struct sockaddr *)&notify->address, notify->size) < 0 &&
           errno == EINTR)
        ;
}

void notify_close(struct notify *notify)
{
    if (notify->descriptor >= 0)
        close(notify->descriptor);
    notify->descriptor = -1;
}
