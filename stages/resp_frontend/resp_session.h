/* A client's session, from its first byte to its end. Its handlers are in resp_command.h. */
#ifndef WEIR_RESP_SESSION_H
#define WEIR_RESP_SESSION_H

#include "stages/resp_frontend/resp_state.h"

/* The server's hooks on_connect and on_close. */
void resp_session_open(struct resp_frontend *frontend, struct resp_session *session,
                       int descriptor);
void resp_session_close(struct resp_frontend *frontend, struct resp_session *session);

/* A command is over: whether the next is answered is settled. */
void resp_session_end_command(struct resp_session *session);

/* Whether the command at hand is not answered. */
static inline bool resp_session_is_muted(const struct resp_session *session)
{
    return session->is_off || session->skips_this;
}

/* What clients have to say before they may ask; NULL: nothing. */
void resp_session_set_password(struct resp_frontend *frontend, const char *password);

/* Takes over a name as a client says it, or refuses it (false) for a byte that no name may hold. An
 * empty one takes the name away. */
bool resp_session_set_text(char **name, struct bytes text);

#endif
