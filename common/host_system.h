/* What the host asks of the system for the whole process, before there are threads. */
#ifndef WEIR_HOST_SYSTEM_H
#define WEIR_HOST_SYSTEM_H

#include <signal.h>

/* As many open files as the system lets us have: each client takes one, and libzmq ends the process
 * when it finds none left. Where this fails, the limit stays as it was. */
void host_system_raise_file_limit(void);

/* Signals are main's; those that a faulty instruction raises stay with its thread. */
void host_system_block_signals(sigset_t *before);

#endif
