#include "common/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int lock_open(const char *path, struct error *error)
{
    char name[4096];
    snprintf(name, sizeof name, "%s.lock", path);
    const int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
        error_set(error, "cannot serve ipc://%s: %s: %s", path, name, strerror(errno));
        return -1;
    }
    if (flock(file, LOCK_EX | LOCK_NB) == 0)
        return file;
    error_set(error, "cannot serve ipc://%s: %s", path,
              errno == EWOULDBLOCK ? "another process does" : strerror(errno));
    close(file);
    return -1;
}
