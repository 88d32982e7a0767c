/* What a client says about itself and its connection: who it is, which protocol it speaks. */
#include "stages/resp_frontend/resp_session.h"

#include "common/memory.h"
#include "stages/resp_frontend/resp_command.h"

#include <stdlib.h>

void resp_session_open(struct resp_frontend *frontend, struct resp_session *session, int descriptor)
{
    session->id = ++frontend->sessions_total;
    session->since = clock_read(frontend->clock).mono;
    session->last = session->since;
    session->descriptor = descriptor;
    session->is_known = !frontend->has_password;
    session->next = frontend->sessions;
    session->link = &frontend->sessions;
    if (session->next)
        session->next->link = &session->next;
    frontend->sessions = session;
    frontend->session_count++;
}

void resp_session_close(struct resp_frontend *frontend, struct resp_session *session)
{
    free(session->name);
    free(session->library);
    free(session->library_version);
    *session->link = session->next;
    if (session->next)
        session->next->link = session->link;
    frontend->session_count--;
}

void resp_session_end_command(struct resp_session *session)
{
    session->skips_this = session->skips_next;
    session->skips_next = false;
}

bool resp_session_set_text(char **name, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '!' || text.data[i] > '~')
            return false;
    free(*name);
    *name = NULL;
    if (text.size > 0) {
        *name = memory_alloc(text.size + 1, 1);
        memcpy(*name, text.data, text.size);
    }
    return true;
}

/* ---- the password ---- */

void resp_session_set_password(struct resp_frontend *frontend, const char *password)
{
    frontend->has_password = password != NULL;
    if (password)
        password_hash(bytes_of_text(password), frontend->password_hash);
}

static bool is_user(const struct resp_frontend *frontend, struct bytes user, struct bytes password)
{
    if (!bytes_are_equal(user, bytes_of_text("default")))
        return false;
    return !frontend->has_password || password_is(frontend->password_hash, password);
}

static bool log_in(struct resp_call *call, struct bytes user, struct bytes password)
{
    if (!is_user(call->frontend, user, password)) {
        resp_call_error(call, "WRONGPASS invalid username-password pair or user is disabled.");
        return false;
    }
    call->session->is_known = true;
    return true;
}

enum server_take resp_auth(struct resp_call *call)
{
    const struct bytes *arguments = call->arguments;
    if (call->count > 3)
        return resp_call_syntax_error(call);
    if (call->count == 2 && !call->frontend->has_password)
        return resp_call_error(call,
                               "ERR AUTH <password> called without any password configured for "
                               "the default user. Are you sure your configuration is correct?");
    struct bytes user = call->count == 3 ? arguments[1] : bytes_of_text("default");
    return log_in(call, user, arguments[call->count - 1]) ? resp_call_ok(call) : SERVER_REPLY;
}

/* ---- HELLO ---- */

struct greeting {
    int64_t version; /* 0: not said */
    const struct bytes *name;
};

static const char bad_name[] =
    "ERR Client names cannot contain spaces, newlines or special characters.";

static bool is_name(struct bytes text)
{
    char *name = NULL;
    bool is_name = resp_session_set_text(&name, text);
    free(name);
    return is_name;
}

/* Logs in where it says so. False: an error was replied. */
static bool read_greeting(struct resp_call *call, struct greeting *greeting)
{
    const struct bytes *arguments = call->arguments;
    if (call->count > 1 && !resp_parse_integer(arguments[1], &greeting->version)) {
        resp_call_error(call, "ERR Protocol version is not an integer or out of range");
        return false;
    }
    if (call->count > 1 && (greeting->version < 2 || greeting->version > 3)) {
        resp_call_error(call, "NOPROTO unsupported protocol version");
        return false;
    }
    for (size_t i = 2; i < call->count; i++) {
        size_t behind = call->count - 1 - i;
        if (resp_is_word(arguments[i], "auth") && behind >= 2) {
            if (!log_in(call, arguments[i + 1], arguments[i + 2]))
                return false;
            i += 2;
        } else if (resp_is_word(arguments[i], "setname") && behind >= 1) {
            greeting->name = &arguments[++i];
            if (!is_name(*greeting->name)) {
                resp_call_error(call, "%s", bad_name);
                return false;
            }
        } else {
            resp_call_error(call, "ERR Syntax error in HELLO option '%.*s'",
                            RESP_SHOWN(arguments[i], RESP_MAX_COMMAND));
            return false;
        }
    }
    return true;
}

static void reply_greeting(struct resp_call *call)
{
    const struct resp_session *session = call->session;
    struct buffer *reply = call->reply;
    resp_reply_map(reply, 7, session->is_resp3);
    resp_reply_bulk_text(reply, "server");
    resp_reply_bulk_text(reply, "redis");
    resp_reply_bulk_text(reply, "version");
    resp_reply_bulk_text(reply, RESP_REDIS_VERSION);
    resp_reply_bulk_text(reply, "proto");
    resp_reply_integer(reply, session->is_resp3 ? 3 : 2);
    resp_reply_bulk_text(reply, "id");
    resp_reply_integer(reply, (int64_t)session->id);
    resp_reply_bulk_text(reply, "mode");
    resp_reply_bulk_text(reply, "standalone");
    resp_reply_bulk_text(reply, "role");
    resp_reply_bulk_text(reply, "master");
    resp_reply_bulk_text(reply, "modules");
    resp_reply_array(reply, 0);
}

enum server_take resp_hello(struct resp_call *call)
{
    struct resp_session *session = call->session;
    struct greeting greeting = {0};
    if (!read_greeting(call, &greeting))
        return SERVER_REPLY;
    if (!session->is_known)
        return resp_call_error(
            call, "NOAUTH HELLO must be called with the client already authenticated, otherwise "
                  "the HELLO AUTH <user> <pass> option can be used to authenticate the client and "
                  "select the RESP protocol version at the same time");
    if (greeting.name)
        resp_session_set_text(&session->name, *greeting.name);
    if (greeting.version != 0)
        session->is_resp3 = greeting.version == 3;
    reply_greeting(call);
    return SERVER_REPLY;
}

/* ---- the connection ---- */

enum server_take resp_ping(struct resp_call *call)
{
    if (call->count > 2)
        return resp_call_error(call, "ERR wrong number of arguments for 'ping' command");
    if (call->count == 2)
        resp_reply_bulk(call->reply, call->arguments[1]);
    else
        resp_reply_simple(call->reply, "PONG");
    return SERVER_REPLY;
}

enum server_take resp_echo(struct resp_call *call)
{
    resp_reply_bulk(call->reply, call->arguments[1]);
    return SERVER_REPLY;
}

enum server_take resp_select(struct resp_call *call)
{
    const char *database = call->frontend->database;
    int64_t number;
    if (!resp_call_integer(call, 1, &number))
        return SERVER_REPLY;
    if (bytes_are_equal(call->arguments[1], bytes_of_text(database)))
        return resp_call_ok(call);
    return resp_call_error(call, "ERR DB index is out of range: here is database %s of Redis only",
                           database);
}

enum server_take resp_quit(struct resp_call *call)
{
    call->taken->is_last = true;
    return resp_call_ok(call);
}

enum server_take resp_reset(struct resp_call *call)
{
    struct resp_session *session = call->session;
    session->is_known = !call->frontend->has_password;
    session->is_resp3 = false;
    session->is_off = false;
    resp_session_set_text(&session->name, (struct bytes){0});
    resp_reply_simple(call->reply, "RESET");
    return SERVER_REPLY;
}
