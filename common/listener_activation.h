/* systemd's socket activation (sd_listen_fds(3), sd_listen_fds_with_names(3)): the service manager
 * listens, and the process that it starts finds the sockets from descriptor 3 on. */
#ifndef WEIR_LISTENER_ACTIVATION_H
#define WEIR_LISTENER_ACTIVATION_H

#include "common/listener_handed.h"

/* Adds the sockets that LISTEN_FDS counts to `handed`, as lent, where LISTEN_PID says that they are
 * for this process; none where it does not, or where the variables are not there. Takes LISTEN_PID,
 * LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PIDFDID out of the environment, so that no child of ours
 * takes our descriptors for its own: to be called once, before there are threads. False, with an
 * error that names it, where one is no socket to listen on. */
bool listener_activation_take(struct listener_handed *handed, struct error *error);

#endif
