/* The process's limit of open files: every client takes a descriptor, and libzmq ends the process
 * when it finds none left. */
#ifndef WEIR_HOST_LIMITS_H
#define WEIR_HOST_LIMITS_H

#include <stdint.h>

/* Raises the limit as far as the system lets us. At the start, before anything else is opened. */
void host_limits_raise(void);

/* `clients`, or as many as the limit has room for beside what weir itself needs. */
int64_t host_limits_clamp_clients(int64_t clients);

#endif
