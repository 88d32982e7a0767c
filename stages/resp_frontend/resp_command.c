/* From a command to its handler, in the order in which Redis checks: does it exist, are its
 * arguments as many as they should be, may this client use it. */
#include "stages/resp_frontend/resp_command.h"

#include <stdarg.h>
#include <stdio.h>

/* In ASCII, whatever the locale. */
static char lower(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        byte |= 0x20;
    return byte;
}

bool resp_is_word(struct bytes bytes, const char *word)
{
    for (size_t i = 0; i < bytes.size; i++)
        if (lower(bytes.data[i]) != word[i] || word[i] == '\0')
            return false;
    return word[bytes.size] == '\0';
}

const struct resp_command *resp_command_find(const struct resp_command *commands, struct bytes name)
{
    for (const struct resp_command *command = commands; command->name; command++)
        if (resp_is_word(name, command->name))
            return command;
    return NULL;
}

/* ---- replies that many handlers give ---- */

enum server_take resp_call_error(struct resp_call *call, const char *format, ...)
{
    struct buffer *text = &call->frontend->question;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    text->size = 0;
    buffer_reserve(text, (size_t)size + 1);
    va_start(arguments, format);
    vsnprintf(text->data, (size_t)size + 1, format, arguments);
    va_end(arguments);
    text->size = (size_t)size;
    resp_reply_error(call->reply, buffer_bytes(text));
    return SERVER_REPLY;
}

enum server_take resp_call_ok(struct resp_call *call)
{
    resp_reply_simple(call->reply, "OK");
    return SERVER_REPLY;
}

enum server_take resp_call_syntax_error(struct resp_call *call)
{
    return resp_call_error(call, "ERR syntax error");
}

bool resp_call_integer(struct resp_call *call, size_t argument, int64_t *number)
{
    if (resp_parse_integer(call->arguments[argument], number))
        return true;
    resp_call_error(call, "ERR value is not an integer or out of range");
    return false;
}

/* ---- the way to the handler ---- */

static bool is_arity_right(const struct resp_command *command, size_t count)
{
    return command->arity >= 0 ? count == (size_t)command->arity : count >= (size_t)-command->arity;
}

static enum server_take refuse_unknown(struct resp_call *call)
{
    call->frontend->counters.refused++;
    return resp_call_error(call,
                           "ERR unknown command '%.*s': weir only reads; writes, and what else it "
                           "does not serve, go to Redis itself",
                           RESP_SHOWN(call->arguments[0], 128));
}

const char *resp_command_shout(const char *name, char out[RESP_MAX_NAME])
{
    size_t size = 0;
    for (; size < RESP_MAX_NAME - 1 && name[size]; size++) {
        out[size] = name[size];
        if (out[size] >= 'a' && out[size] <= 'z')
            out[size] &= ~0x20;
    }
    out[size] = '\0';
    return out;
}

static enum server_take refuse_subcommand(struct resp_call *call,
                                          const struct resp_command *command)
{
    char name[RESP_MAX_NAME];
    call->frontend->counters.refused++;
    return resp_call_error(call, "ERR unknown subcommand '%.*s'. Try %s HELP.",
                           RESP_SHOWN(call->arguments[1], 128),
                           resp_command_shout(command->name, name));
}

enum server_take resp_command_run(struct resp_call *call)
{
    struct resp_session *session = call->session;
    const struct resp_command *command = resp_command_find(resp_commands(), call->arguments[0]);
    if (!command)
        return refuse_unknown(call);
    const struct resp_command *subcommand = NULL;
    if (command->subcommands && call->count > 1) {
        subcommand = resp_command_find(command->subcommands, call->arguments[1]);
        if (!subcommand)
            return refuse_subcommand(call, command);
    }
    const struct resp_command *chosen = subcommand ? subcommand : command;
    if (!is_arity_right(chosen, call->count))
        return resp_call_error(call, "ERR wrong number of arguments for '%s%s%s' command",
                               command->name, subcommand ? "|" : "",
                               subcommand ? subcommand->name : "");
    if (!session->is_known && !strstr(chosen->flags, "no_auth"))
        return resp_call_error(call, "NOAUTH Authentication required.");
    call->frontend->counters.commands[command - resp_commands()]++;
    session->command = command->name;
    session->subcommand = subcommand ? subcommand->name : NULL;
    session->last = clock_read(call->frontend->clock).mono;
    return chosen->run(call);
}
