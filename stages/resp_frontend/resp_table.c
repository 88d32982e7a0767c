/* The commands that weir serves. Everything said of them is what Redis 7.0 says, for COMMAND shows
 * it to clients as such. */
#include "stages/resp_frontend/resp_command.h"

#define ONE_KEY       .first_key = 1, .last_key = 1, .key_step = 1
#define MANY_KEYS     .first_key = 1, .last_key = -1, .key_step = 1
#define OF_STRING     .categories = "@read @string @fast", .group = "string"
#define OF_CONNECTION .categories = "@fast @connection", .group = "connection"
#define OF_CLIENT     .categories = "@slow @connection", .group = "connection"
#define OF_OPERATOR   .categories = "@admin @slow @dangerous", .group = "server"
#define OF_COMMAND    .categories = "@slow @connection", .group = "server"
#define GREETING      "noscript loading stale fast no_auth allow_busy"
#define UNORDERED     "nondeterministic_output_order"

// clang-format off
static const struct resp_command command_subcommands[] = {
    {"count", 2, .flags = "loading stale", OF_COMMAND, .since = "2.8.13", .complexity = "O(1)",
     .summary = "Get total number of Redis commands", .run = resp_command_count},
    {"list", -2, .flags = "loading stale", .tips = UNORDERED, OF_COMMAND, .since = "7.0.0",
     .complexity = "O(N) where N is the total number of Redis commands",
     .summary = "Get an array of Redis command names", .run = resp_command_list},
    {"docs", -2, .flags = "loading stale", .tips = UNORDERED, OF_COMMAND, .since = "7.0.0",
     .complexity = "O(N) where N is the number of commands to look up",
     .summary = "Get array of specific Redis command documentation", .run = resp_command_docs},
    {"info", -2, .flags = "loading stale", .tips = UNORDERED, OF_COMMAND, .since = "2.8.13",
     .complexity = "O(N) where N is the number of commands to look up",
     .summary = "Get array of specific Redis command details, or all when no argument is given.",
     .run = resp_command_info},
    {"help", 2, .flags = "loading stale", OF_COMMAND, .since = "5.0.0", .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands", .run = resp_help},
    {0},
};

static const struct resp_command client_subcommands[] = {
    {"id", 2, .flags = "noscript loading stale", OF_CLIENT, .since = "5.0.0",
     .complexity = "O(1)", .summary = "Returns the client ID for the current connection",
     .run = resp_client_id},
    {"setname", 3, .flags = "noscript loading stale", OF_CLIENT, .since = "2.6.9",
     .complexity = "O(1)", .summary = "Set the current connection name",
     .run = resp_client_setname},
    {"getname", 2, .flags = "noscript loading stale", OF_CLIENT, .since = "2.6.9",
     .complexity = "O(1)", .summary = "Get the current connection name",
     .run = resp_client_getname},
    {"setinfo", 4, .flags = "noscript loading stale", OF_CLIENT, .since = "7.2.0",
     .complexity = "O(1)", .summary = "Set client or connection specific info",
     .run = resp_client_setinfo},
    {"info", 2, .flags = "noscript loading stale", .tips = "nondeterministic_output", OF_CLIENT,
     .since = "6.2.0", .complexity = "O(1)",
     .summary = "Returns information about the current client connection.",
     .run = resp_client_info},
    {"list", -2, .flags = "admin noscript loading stale", .tips = "nondeterministic_output",
     .categories = "@admin @slow @dangerous @connection", .group = "connection", .since = "2.4.0",
     .complexity = "O(N) where N is the number of client connections",
     .summary = "Get the list of client connections", .run = resp_client_list},
    {"reply", 3, .flags = "noscript loading stale", OF_CLIENT, .since = "3.2.0",
     .complexity = "O(1)", .summary = "Instruct the server whether to reply to commands",
     .run = resp_client_reply},
    {"no-evict", 3, .flags = "admin noscript loading stale",
     .categories = "@admin @slow @dangerous @connection", .group = "connection", .since = "7.0.0",
     .complexity = "O(1)", .summary = "Set client eviction mode for the current connection",
     .run = resp_client_switch},
    {"no-touch", 3, .flags = "noscript loading stale", OF_CLIENT, .since = "7.2.0",
     .complexity = "O(1)", .run = resp_client_switch,
     .summary = "Controls whether commands sent by the client will alter the LRU/LFU of the keys "
                "they access."},
    {"help", 2, .flags = "loading stale", OF_CLIENT, .since = "5.0.0", .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands", .run = resp_help},
    {0},
};

static const struct resp_command config_subcommands[] = {
    {"get", -3, .flags = "admin noscript loading stale", OF_OPERATOR, .since = "2.0.0",
     .complexity = "O(N) when N is the number of configuration parameters provided",
     .summary = "Get the values of configuration parameters", .run = resp_config_get},
    {"help", 2, .flags = "loading stale", .categories = "@slow", .group = "server",
     .since = "5.0.0", .complexity = "O(1)",
     .summary = "Show helpful text about the different subcommands", .run = resp_help},
    {0},
};

static const struct resp_command commands[] = {
    {"get", 2, .flags = "readonly fast", ONE_KEY, .key_flags = "RO access", OF_STRING,
     .since = "1.0.0", .complexity = "O(1)", .summary = "Get the value of a key", .run = resp_get},
    {"mget", -2, .flags = "readonly fast", MANY_KEYS, .key_flags = "RO access", OF_STRING,
     .tips = "request_policy:multi_shard", .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys to retrieve.",
     .summary = "Get the values of all the given keys", .run = resp_mget},
    {"exists", -2, .flags = "readonly fast", MANY_KEYS, .key_flags = "RO",
     .categories = "@keyspace @read @fast", .group = "generic",
     .tips = "request_policy:multi_shard response_policy:agg_sum", .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys to check.",
     .summary = "Determine if a key exists", .run = resp_exists},
    {"ping", -1, .flags = "fast", OF_CONNECTION, .since = "1.0.0", .complexity = "O(1)",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .summary = "Ping the server", .run = resp_ping},
    {"strlen", 2, .flags = "readonly fast", ONE_KEY, .key_flags = "RO", OF_STRING,
     .since = "2.2.0", .complexity = "O(1)",
     .summary = "Get the length of the value stored in a key", .run = resp_strlen},
    {"getrange", 4, .flags = "readonly", ONE_KEY, .key_flags = "RO access",
     .categories = "@read @string @slow", .group = "string", .since = "2.4.0",
     .complexity = "O(N) where N is the length of the returned string. The complexity is "
                   "ultimately determined by the returned length, but because creating a substring "
                   "from an existing string is very cheap, it can be considered O(1) for small "
                   "strings.",
     .summary = "Get a substring of the string stored at a key", .run = resp_getrange},
    {"substr", 4, .flags = "readonly", ONE_KEY, .key_flags = "RO access",
     .categories = "@read @string @slow", .group = "string", .since = "1.0.0",
     .complexity = "O(N) where N is the length of the returned string. The complexity is "
                   "ultimately determined by the returned length, but because creating a substring "
                   "from an existing string is very cheap, it can be considered O(1) for small "
                   "strings.",
     .summary = "Get a substring of the string stored at a key", .run = resp_getrange},
    {"echo", 2, .flags = "loading stale fast", OF_CONNECTION, .since = "1.0.0",
     .complexity = "O(1)", .summary = "Echo the given string", .run = resp_echo},
    {"hello", -1, .flags = GREETING, OF_CONNECTION, .since = "6.0.0", .complexity = "O(1)",
     .summary = "Handshake with Redis", .run = resp_hello},
    {"auth", -2, .flags = GREETING, OF_CONNECTION, .since = "1.0.0", .run = resp_auth,
     .complexity = "O(N) where N is the number of passwords defined for the user",
     .summary = "Authenticate to the server"},
    {"select", 2, .flags = "loading stale fast", OF_CONNECTION, .since = "1.0.0",
     .complexity = "O(1)", .summary = "Change the selected database for the current connection",
     .run = resp_select},
    {"quit", -1, .flags = GREETING, OF_CONNECTION, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Close the connection", .run = resp_quit},
    {"reset", 1, .flags = GREETING, OF_CONNECTION, .since = "6.2.0", .complexity = "O(1)",
     .summary = "Reset the connection", .run = resp_reset},
    {"client", -2, .flags = "", .categories = "@slow", .group = "connection", .since = "2.4.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for client connection commands", .subcommands = client_subcommands},
    {"command", -1, .flags = "loading stale", .tips = UNORDERED, OF_COMMAND, .since = "2.8.13",
     .complexity = "O(N) where N is the total number of Redis commands",
     .summary = "Get array of Redis command details", .run = resp_command_all,
     .subcommands = command_subcommands},
    {"info", -1, .flags = "loading stale", .categories = "@slow @dangerous", .group = "server",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .since = "1.0.0", .complexity = "O(1)",
     .summary = "Get information and statistics about the server", .run = resp_info},
    {"time", 1, .flags = "loading stale fast", .categories = "@fast", .group = "server",
     .tips = "nondeterministic_output", .since = "2.6.0", .complexity = "O(1)",
     .summary = "Return the current server time", .run = resp_time},
    {"config", -2, .flags = "", .categories = "@slow", .group = "server", .since = "2.0.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for server configuration commands",
     .subcommands = config_subcommands},
    {0},
};
// clang-format on

const struct resp_command *resp_commands(void)
{
    return commands;
}
