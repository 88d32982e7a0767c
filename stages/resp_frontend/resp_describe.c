/* COMMAND and its subcommands, and the HELP of all commands that have some: what the table says. */
#include "stages/resp_frontend/resp_command.h"

#include <fnmatch.h>
#include <stdio.h>
#include <strings.h>

#define MAX_FULL_NAME 32

/* "client|id", or "get"; `parent` is NULL for the latter. */
static const char *full_name(const struct resp_command *command, const struct resp_command *parent,
                             char out[MAX_FULL_NAME])
{
    snprintf(out, MAX_FULL_NAME, "%s%s%s", parent ? parent->name : "", parent ? "|" : "",
             command->name);
    return out;
}

static size_t count(const struct resp_command *commands)
{
    size_t count = 0;
    while (commands && commands[count].name)
        count++;
    return count;
}

/* ---- the details of a command ---- */

static struct bytes next_word(const char **text)
{
    *text += strspn(*text, " ");
    struct bytes word = {*text, strcspn(*text, " ")};
    *text += word.size;
    return word;
}

/* The words of `text`, or none where it is NULL, as a set. */
static void put_words(struct buffer *out, const char *text, bool are_bulks, bool is_resp3)
{
    size_t words = 0;
    for (const char *at = text; at && next_word(&at).size > 0;)
        words++;
    resp_reply_set(out, words, is_resp3);
    for (size_t i = 0; i < words; i++) {
        struct bytes word = next_word(&text);
        if (are_bulks)
            resp_reply_bulk(out, word);
        else
            buffer_format(out, "+%.*s\r\n", (int)word.size, word.data);
    }
}

static void put_pair(struct buffer *out, const char *name, int64_t number)
{
    resp_reply_bulk_text(out, name);
    resp_reply_integer(out, number);
}

/* Where the keys are, in the form that can say more than first, last and step. */
static void put_key_specs(struct buffer *out, const struct resp_command *command, bool is_resp3)
{
    resp_reply_set(out, command->key_flags ? 1 : 0, is_resp3);
    if (!command->key_flags)
        return;
    resp_reply_map(out, 3, is_resp3);
    resp_reply_bulk_text(out, "flags");
    put_words(out, command->key_flags, false, is_resp3);
    resp_reply_bulk_text(out, "begin_search");
    resp_reply_map(out, 2, is_resp3);
    resp_reply_bulk_text(out, "type");
    resp_reply_bulk_text(out, "index");
    resp_reply_bulk_text(out, "spec");
    resp_reply_map(out, 1, is_resp3);
    put_pair(out, "index", command->first_key);
    resp_reply_bulk_text(out, "find_keys");
    resp_reply_map(out, 2, is_resp3);
    resp_reply_bulk_text(out, "type");
    resp_reply_bulk_text(out, "range");
    resp_reply_bulk_text(out, "spec");
    resp_reply_map(out, 3, is_resp3);
    put_pair(out, "lastkey", command->last_key < 0 ? command->last_key : 0);
    put_pair(out, "keystep", command->key_step);
    put_pair(out, "limit", 0);
}

/* All but the subcommands. */
static void put_details(struct buffer *out, const struct resp_command *command,
                        const struct resp_command *parent, bool is_resp3)
{
    char name[MAX_FULL_NAME];
    resp_reply_array(out, 10);
    resp_reply_bulk_text(out, full_name(command, parent, name));
    resp_reply_integer(out, command->arity);
    put_words(out, command->flags, false, is_resp3);
    resp_reply_integer(out, command->first_key);
    resp_reply_integer(out, command->last_key);
    resp_reply_integer(out, command->key_step);
    put_words(out, command->categories, false, is_resp3);
    put_words(out, command->tips, true, is_resp3);
    put_key_specs(out, command, is_resp3);
}

static void put_command(struct buffer *out, const struct resp_command *command,
                        const struct resp_command *parent, bool is_resp3)
{
    put_details(out, command, parent, is_resp3);
    resp_reply_set(out, count(command->subcommands), is_resp3);
    for (const struct resp_command *at = command->subcommands; at && at->name; at++) {
        put_details(out, at, command, is_resp3);
        resp_reply_set(out, 0, is_resp3);
    }
}

/* Finds "get" and "client|id". */
static const struct resp_command *find(struct bytes name, const struct resp_command **parent)
{
    const char *bar = name.size > 0 ? memchr(name.data, '|', name.size) : NULL;
    *parent = NULL;
    if (!bar)
        return resp_command_find(resp_commands(), name);
    const size_t size = (size_t)(bar - name.data);
    *parent = resp_command_find(resp_commands(), (struct bytes){name.data, size});
    if (!*parent || !(*parent)->subcommands)
        return NULL;
    return resp_command_find((*parent)->subcommands, (struct bytes){bar + 1, name.size - size - 1});
}

enum server_take resp_command_all(struct resp_call *call)
{
    resp_reply_array(call->reply, count(resp_commands()));
    for (const struct resp_command *command = resp_commands(); command->name; command++)
        put_command(call->reply, command, NULL, call->session->is_resp3);
    return SERVER_REPLY;
}

enum server_take resp_command_info(struct resp_call *call)
{
    const struct resp_command *parent;
    const bool is_resp3 = call->session->is_resp3;
    if (call->count == 2)
        return resp_command_all(call);
    resp_reply_array(call->reply, call->count - 2);
    for (size_t i = 2; i < call->count; i++) {
        const struct resp_command *command = find(call->arguments[i], &parent);
        if (command)
            put_command(call->reply, command, parent, is_resp3);
        else
            resp_reply_null(call->reply, is_resp3);
    }
    return SERVER_REPLY;
}

enum server_take resp_command_count(struct resp_call *call)
{
    resp_reply_integer(call->reply, (int64_t)count(resp_commands()));
    return SERVER_REPLY;
}

/* ---- DOCS ---- */

static void put_docs(struct buffer *out, const struct resp_command *command,
                     const struct resp_command *parent, bool is_resp3)
{
    const struct {
        const char *name, *text;
    } fields[] = {
        {"summary", command->summary},
        {"since", command->since},
        {"group", command->group},
        {"complexity", command->complexity},
    };
    char name[MAX_FULL_NAME];
    const size_t subcommands = count(command->subcommands);
    resp_reply_bulk_text(out, full_name(command, parent, name));
    resp_reply_map(out, sizeof fields / sizeof *fields + (subcommands > 0), is_resp3);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        resp_reply_bulk_text(out, fields[i].name);
        resp_reply_bulk_text(out, fields[i].text);
    }
    if (subcommands == 0)
        return;
    resp_reply_bulk_text(out, "subcommands");
    resp_reply_map(out, subcommands, is_resp3);
}

/* A command, and in its last field its subcommands. */
static void put_all_docs(struct buffer *out, const struct resp_command *command,
                         const struct resp_command *parent, bool is_resp3)
{
    put_docs(out, command, parent, is_resp3);
    for (const struct resp_command *at = command->subcommands; at && at->name; at++)
        put_docs(out, at, command, is_resp3);
}

enum server_take resp_command_docs(struct resp_call *call)
{
    const struct resp_command *command, *parent;
    const bool is_resp3 = call->session->is_resp3;
    size_t found = 0;
    if (call->count == 2) {
        resp_reply_map(call->reply, count(resp_commands()), is_resp3);
        for (command = resp_commands(); command->name; command++)
            put_all_docs(call->reply, command, NULL, is_resp3);
        return SERVER_REPLY;
    }
    for (size_t i = 2; i < call->count; i++)
        found += find(call->arguments[i], &parent) != NULL;
    resp_reply_map(call->reply, found, is_resp3);
    for (size_t i = 2; i < call->count; i++)
        if ((command = find(call->arguments[i], &parent)))
            put_all_docs(call->reply, command, parent, is_resp3);
    return SERVER_REPLY;
}

/* ---- LIST ---- */

enum filter { FILTER_NONE, FILTER_MODULE, FILTER_CATEGORY, FILTER_PATTERN };

static bool has_word(const char *text, struct bytes word)
{
    while (*text) {
        struct bytes at = next_word(&text);
        if (at.size == word.size + 1 && strncasecmp(at.data + 1, word.data, word.size) == 0)
            return true; /* behind its @ */
    }
    return false;
}

static bool is_listed(const struct resp_command *command, const char *name, enum filter filter,
                      struct bytes by)
{
    char pattern[MAX_FULL_NAME + 1];
    switch (filter) {
    case FILTER_MODULE:
        return false; /* there are none */
    case FILTER_CATEGORY:
        return has_word(command->categories, by);
    case FILTER_PATTERN:
        snprintf(pattern, sizeof pattern, "%.*s", RESP_SHOWN(by, MAX_FULL_NAME));
        return by.size <= MAX_FULL_NAME && fnmatch(pattern, name, FNM_CASEFOLD) == 0;
    case FILTER_NONE:
        break;
    }
    return true;
}

/* Appends the names that pass, and returns how many those are. */
static size_t put_names(struct buffer *out, enum filter filter, struct bytes by)
{
    char name[MAX_FULL_NAME];
    size_t names = 0;
    for (const struct resp_command *command = resp_commands(); command->name; command++) {
        const struct resp_command *sub = command->subcommands;
        if (is_listed(command, command->name, filter, by)) {
            resp_reply_bulk_text(out, command->name);
            names++;
        }
        for (; sub && sub->name; sub++) {
            if (!is_listed(sub, full_name(sub, command, name), filter, by))
                continue;
            resp_reply_bulk_text(out, name);
            names++;
        }
    }
    return names;
}

enum server_take resp_command_list(struct resp_call *call)
{
    const struct bytes *arguments = call->arguments;
    enum filter filter = FILTER_NONE;
    if (call->count == 5 && resp_is_word(arguments[2], "filterby"))
        filter = resp_is_word(arguments[3], "module")    ? FILTER_MODULE
                 : resp_is_word(arguments[3], "aclcat")  ? FILTER_CATEGORY
                 : resp_is_word(arguments[3], "pattern") ? FILTER_PATTERN
                                                         : FILTER_NONE;
    if (call->count != 2 && filter == FILTER_NONE)
        return resp_call_syntax_error(call);
    struct buffer names = {0};
    size_t found = put_names(&names, filter, call->count == 5 ? arguments[4] : (struct bytes){0});
    resp_reply_array(call->reply, found);
    buffer_append(call->reply, names.data, names.size);
    buffer_fini(&names);
    return SERVER_REPLY;
}

/* ---- HELP ---- */

enum server_take resp_help(struct resp_call *call)
{
    const struct resp_command *command = resp_command_find(resp_commands(), call->arguments[0]);
    resp_reply_array(call->reply, 1 + 2 * count(command->subcommands));
    char name[RESP_MAX_NAME];
    buffer_format(call->reply, "+%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n",
                  resp_command_shout(command->name, name));
    for (const struct resp_command *at = command->subcommands; at->name; at++)
        buffer_format(call->reply, "+%s\r\n+    %s\r\n", resp_command_shout(at->name, name),
                      at->summary);
    return SERVER_REPLY;
}
