/* How the sockets of a transport are set up. Private to transport*.c. */
#ifndef WEIR_TRANSPORT_OPTIONS_H
#define WEIR_TRANSPORT_OPTIONS_H

#include "common/transport.h"

/* Before it is bound or connected; false, with errno set, on failure. */
bool transport_set_options(void *socket, const struct transport_setup *setup);

/* After it is bound: a path of ipc is for processes of this user only. */
void transport_guard_path(const struct transport_setup *setup);

#endif
