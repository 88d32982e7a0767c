/* A file beside the socket of an ipc address, "PATH.lock", locked while a process serves there:
 * binding unlinks what is at the path, so without it a second process would take the address from
 * the first in silence. The file stays when the lock is gone, for removing it could remove
 * another's. */
#ifndef WEIR_LOCK_H
#define WEIR_LOCK_H

#include "common/error.h"

/* The locked descriptor, to be closed when the address is free again; -1 on error. */
int lock_open(const char *path, struct error *error);

#endif
