/* Which commands there are, as Redis describes them, and the way from a command to its handler. */
#ifndef WEIR_RESP_COMMAND_H
#define WEIR_RESP_COMMAND_H

#include "stages/resp_frontend/resp_state.h"

typedef enum server_take resp_handler(struct resp_call *call);

struct resp_command {
    const char *name;                      /* lower case; NULL ends a list */
    int arity;                             /* arguments with the name; -n: n at least */
    const char *flags, *categories, *tips; /* as COMMAND says them, with spaces between; or NULL */
    const char *key_flags;                 /* likewise, of its keys; NULL: it has none */
    int first_key, last_key, key_step;     /* arguments */
    const char *summary, *since, *group, *complexity;
    resp_handler *run;                      /* NULL: only its subcommands do something */
    const struct resp_command *subcommands; /* NULL: none */
};

/* Those that are asked most come first. */
const struct resp_command *resp_commands(void);

/* The entry of `commands` with that name, in whatever case; NULL: none. */
const struct resp_command *resp_command_find(const struct resp_command *commands,
                                             struct bytes name);

/* A name of the table in capitals; returns `out`. */
#define RESP_MAX_NAME 16 /* bytes, with its NUL */
const char *resp_command_shout(const char *name, char out[RESP_MAX_NAME]);

/* Does the command at hand: checks that it exists, its arity and whether the client may, counts it
 * and hands it to its handler. */
enum server_take resp_command_run(struct resp_call *call);

/* ---- the handlers ---- */

/* resp_keys.c */
resp_handler resp_get, resp_mget, resp_exists, resp_strlen, resp_getrange;
/* resp_session.c */
resp_handler resp_ping, resp_echo, resp_hello, resp_auth, resp_select, resp_quit, resp_reset;
/* resp_client.c */
resp_handler resp_client_id, resp_client_setname, resp_client_getname, resp_client_setinfo,
    resp_client_info, resp_client_list, resp_client_reply, resp_client_switch;
/* resp_describe.c */
resp_handler resp_command_all, resp_command_count, resp_command_docs, resp_command_info,
    resp_command_list, resp_help;
/* resp_server_info.c */
resp_handler resp_info, resp_time, resp_config_get;

#endif
