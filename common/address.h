/* The addresses at which stages serve: inproc://NAME within a process, ipc:///PATH on one host,
 * tcp://ADDRESS:PORT between hosts. One text for both ends: bound as it stands by the one that
 * serves, and connected to as it stands by those who ask. Pure: nothing is looked up. */
#ifndef WEIR_ADDRESS_H
#define WEIR_ADDRESS_H

#include "common/error.h"

#include <stdbool.h>

enum address_scheme { ADDRESS_INPROC, ADDRESS_IPC, ADDRESS_TCP };

/* False and a reason, which does not repeat the text (it may be a misplaced URL with a password in
 * it). An IP address only (a name could not be bound), no wildcard (nobody could connect to it),
 * and no port 0 (nobody would know it). */
bool address_check(const char *text, struct error *error);

/* Of a text that has been checked. */
enum address_scheme address_scheme(const char *text);

/* What is behind "ipc://" or "tcp://". */
const char *address_rest(const char *text);

/* Whether nothing leaves this host: all but a tcp address outside 127.0.0.0/8 and ::1. */
bool address_is_local(const char *text);

#endif
