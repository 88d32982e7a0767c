/* What the files of this front end share: the stage, a client's session, a command being taken.
 *
 *     resp_frontend.c      the stage: its server, its life, its counters
 *     resp_parser          bytes -> a command
 *     resp_command         which commands there are; from a command to its handler
 *     resp_keys            handlers of the read commands, and their replies
 *     resp_session         handlers of what a client says about itself
 *     resp_client          CLIENT and its subcommands
 *     resp_describe        COMMAND and its subcommands
 *     resp_server_info     INFO, TIME, CONFIG
 *     resp_reply           replies -> bytes
 *     gather               commands with several keys */
#ifndef WEIR_RESP_STATE_H
#define WEIR_RESP_STATE_H

#include "common/password.h"
#include "common/server.h"
#include "stages/resp_frontend/gather.h"
#include "stages/resp_frontend/resp_parser.h"
#include "stages/resp_frontend/resp_reply.h"

#include <sodium.h>

/* The version of Redis whose protocol, semantics and words are spoken here. */
#define RESP_REDIS_VERSION "7.0.15"

#define RESP_MAX_COMMANDS 64 /* in the table, and so counters */

/* What a request is answered with: struct server_taken's form, and flags beside it. */
enum resp_shape {
    RESP_VALUE,  /* GET */
    RESP_LENGTH, /* STRLEN */
    RESP_EXISTENCE /* EXISTS of one key */,
    RESP_GATHERED,               /* from here on: answered with a gather */
    RESP_VALUES = RESP_GATHERED, /* MGET */
    RESP_COUNT,                  /* EXISTS of several */
    RESP_RANGE,                  /* GETRANGE; note: its first and last byte, as given */
    RESP_INFO                    /* INFO; note: its sections */
};
#define RESP_SHAPE_MASK 0xffu
#define RESP_FORM_RESP3 0x100u
#define RESP_FORM_MUTED 0x200u

struct resp_command;

struct resp_session {
    size_t needed;  /* bytes of input: with fewer there cannot be a whole command */
    uint64_t id;    /* of the client */
    int64_t since;  /* mono ns, when it connected */
    int64_t last;   /* mono ns, of its last command */
    int descriptor; /* for its addresses */
    bool is_known;  /* it has logged in, or need not */
    bool is_resp3;
    bool is_off;         /* CLIENT REPLY OFF */
    bool skips_this;     /* the command at hand is not answered */
    bool skips_next;     /* CLIENT REPLY SKIP was the command at hand */
    const char *command; /* the last one's name, and its subcommand's or NULL */
    const char *subcommand;
    char *name, *library, *library_version; /* as it says; NULL: not said */
    struct resp_session *next, **link;      /* all of the front end, the latest first */
};

/* What became of a command: enum status (VALUE for all that was done, NONE where one key was asked
 * for and is not there), or one of these. */
enum resp_outcome {
    RESP_REJECTED = STATUS_COUNT, /* it could not be done as it stood: an error was replied */
    RESP_SILENT,                  /* nothing was replied, for nothing was to be */
    RESP_OUTCOMES
};

struct resp_counters {
    uint64_t commands[RESP_MAX_COMMANDS]; /* by index in the table */
    uint64_t refused;                     /* commands that weir does not serve */
    uint64_t outcomes[RESP_OUTCOMES]; /* of all commands, whether they are in the table or not */
};

struct resp_frontend {
    struct server *server;
    struct server_limits limits;
    struct ask_port *asks, *control;
    struct clock *clock;
    const char *address; /* as bound */
    char *database;      /* of Redis, decimal; NULL: not known */
    bool has_password;
    unsigned char password_hash[PASSWORD_HASH];
    int64_t started; /* mono ns */
    struct resp_session *sessions;
    size_t session_count;
    uint64_t sessions_total; /* the last one's id */
    struct resp_parser parser;
    struct gathers gathers;
    struct gather *done;    /* while it is being answered */
    struct buffer question; /* a gather's, until it is asked for; or a text being made */
    struct resp_counters counters;
};

/* A command being taken, from its arguments to its reply or question. */
struct resp_call {
    struct resp_frontend *frontend;
    struct resp_session *session;
    const struct bytes *arguments; /* [0]: the command */
    size_t count;
    struct server_taken *taken;
    struct buffer *reply;
};

/* Whether it is this word, which is in lower case, in whatever case. */
bool resp_is_word(struct bytes bytes, const char *word);

/* Replies with an error: its code, a space and the text. Formats cut arguments at a NUL. */
enum server_take resp_call_error(struct resp_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum server_take resp_call_ok(struct resp_call *call);
enum server_take resp_call_syntax_error(struct resp_call *call);

/* Reads an argument that must be a number; false: an error was replied. */
bool resp_call_integer(struct resp_call *call, size_t argument, int64_t *number);

/* The arguments of printf's "%.*s", for at most `most` bytes. */
#define RESP_SHOWN(bytes, most) (int)((bytes).size < (most) ? (bytes).size : (most)), (bytes).data

#endif
