/* CLIENT and its subcommands. Clients here are those of this front end; where a topology has
 * several instances of it, each knows its own. */
#include "stages/resp_frontend/resp_command.h"
#include "stages/resp_frontend/resp_session.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

enum server_take resp_client_id(struct resp_call *call)
{
    resp_reply_integer(call->reply, (int64_t)call->session->id);
    return SERVER_REPLY;
}

enum server_take resp_client_setname(struct resp_call *call)
{
    if (resp_session_set_text(&call->session->name, call->arguments[2]))
        return resp_call_ok(call);
    return resp_call_error(
        call, "ERR Client names cannot contain spaces, newlines or special characters.");
}

enum server_take resp_client_getname(struct resp_call *call)
{
    const struct resp_session *session = call->session;
    if (session->name)
        resp_reply_bulk_text(call->reply, session->name);
    else
        resp_reply_null(call->reply, session->is_resp3);
    return SERVER_REPLY;
}

/* As Redis 7.2 does, whose clients say this unasked. */
enum server_take resp_client_setinfo(struct resp_call *call)
{
    struct resp_session *session = call->session;
    const struct bytes option = call->arguments[2];
    bool is_name = resp_is_word(option, "lib-name");
    if (!is_name && !resp_is_word(option, "lib-ver"))
        return resp_call_error(call, "ERR Unrecognized option '%.*s'", RESP_SHOWN(option, 128));
    if (resp_session_set_text(is_name ? &session->library : &session->library_version,
                              call->arguments[3]))
        return resp_call_ok(call);
    return resp_call_error(call, "ERR %s cannot contain spaces, newlines or special characters.",
                           is_name ? "lib-name" : "lib-ver");
}

/* ---- INFO and LIST ---- */

static void put_address(struct buffer *out, const struct resp_frontend *frontend,
                        const struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *ip4 = (const struct sockaddr_in *)address;
        uv_ip4_name(ip4, text, sizeof text);
        buffer_format(out, "%s:%d", text, ntohs(ip4->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)address;
        uv_ip6_name(ip6, text, sizeof text);
        buffer_format(out, "[%s]:%d", text, ntohs(ip6->sin6_port));
    } else {
        buffer_format(out, "%s:0", frontend->address); /* a Unix socket */
    }
}

static void put_client(struct buffer *out, const struct resp_frontend *frontend,
                       const struct resp_session *client)
{
    struct sockaddr_storage peer = {0}, own = {0};
    socklen_t peer_size = sizeof peer, own_size = sizeof own;
    int64_t now = clock_read(frontend->clock).mono;
    getpeername(client->descriptor, (struct sockaddr *)&peer, &peer_size);
    getsockname(client->descriptor, (struct sockaddr *)&own, &own_size);
    buffer_format(out, "id=%" PRIu64 " addr=", client->id);
    put_address(out, frontend, &peer);
    buffer_append_text(out, " laddr=");
    put_address(out, frontend, &own);
    buffer_format(out, " fd=%d name=%s age=%" PRId64 " idle=%" PRId64 " flags=%s db=%s",
                  client->descriptor, client->name ? client->name : "",
                  (now - client->since) / SECOND, (now - client->last) / SECOND,
                  peer.ss_family == AF_UNIX ? "U" : "N", frontend->database);
    buffer_format(out, " sub=0 psub=0 ssub=0 multi=-1 cmd=%s%s%s user=%s redir=-1 resp=%d",
                  client->command ? client->command : "NULL", client->subcommand ? "|" : "",
                  client->subcommand ? client->subcommand : "",
                  client->is_known ? "default" : "(none)", client->is_resp3 ? 3 : 2);
    buffer_format(out, " lib-name=%s lib-ver=%s\n", client->library ? client->library : "",
                  client->library_version ? client->library_version : "");
}

enum server_take resp_client_info(struct resp_call *call)
{
    struct buffer text = {0};
    put_client(&text, call->frontend, call->session);
    resp_reply_verbatim(call->reply, buffer_bytes(&text), call->session->is_resp3);
    buffer_fini(&text);
    return SERVER_REPLY;
}

/* Whether a client is among those that the arguments name, from the third on; none: all are. */
static bool is_listed(const struct resp_call *call, uint64_t id)
{
    int64_t wanted;
    for (size_t i = 3; i < call->count; i++)
        if (resp_parse_integer(call->arguments[i], &wanted) && wanted == (int64_t)id)
            return true;
    return call->count == 2;
}

static bool are_ids(const struct resp_call *call)
{
    int64_t id;
    for (size_t i = 3; i < call->count; i++)
        if (!resp_parse_integer(call->arguments[i], &id))
            return false;
    return true;
}

/* Whether it is a type of client that Redis knows; here all are "normal". */
static bool is_type(struct bytes word)
{
    static const char *const types[] = {"normal", "slave", "replica", "pubsub", "master"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (resp_is_word(word, types[i]))
            return true;
    return false;
}

enum server_take resp_client_list(struct resp_call *call)
{
    const struct bytes *arguments = call->arguments;
    bool has_type = call->count == 4 && resp_is_word(arguments[2], "type");
    bool has_ids = call->count > 3 && resp_is_word(arguments[2], "id");
    if (has_type && !is_type(arguments[3]))
        return resp_call_error(call, "ERR Unknown client type '%.*s'",
                               RESP_SHOWN(arguments[3], 128));
    if (!has_type && !has_ids && call->count != 2)
        return resp_call_syntax_error(call);
    if (has_ids && !are_ids(call))
        return resp_call_error(call, "ERR Invalid client ID");
    bool has_all = has_type && resp_is_word(arguments[3], "normal");
    struct buffer text = {0};
    for (const struct resp_session *client = call->frontend->sessions; client;
         client = client->next)
        if (has_all || is_listed(call, client->id))
            put_client(&text, call->frontend, client);
    resp_reply_verbatim(call->reply, buffer_bytes(&text), call->session->is_resp3);
    buffer_fini(&text);
    return SERVER_REPLY;
}

/* ---- switches ---- */

enum server_take resp_client_reply(struct resp_call *call)
{
    struct resp_session *session = call->session;
    const struct bytes mode = call->arguments[2];
    if (resp_is_word(mode, "on")) {
        session->is_off = false;
        session->skips_this = false;
        return resp_call_ok(call);
    }
    if (resp_is_word(mode, "off"))
        session->is_off = true;
    else if (resp_is_word(mode, "skip"))
        session->skips_next = !session->is_off;
    else
        return resp_call_syntax_error(call);
    return SERVER_REPLY;
}

/* NO-EVICT and NO-TOUCH: neither is a difference here, where no client is evicted. */
enum server_take resp_client_switch(struct resp_call *call)
{
    const struct bytes mode = call->arguments[2];
    if (resp_is_word(mode, "on") || resp_is_word(mode, "off"))
        return resp_call_ok(call);
    return resp_call_syntax_error(call);
}
