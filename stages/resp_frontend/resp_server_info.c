/* INFO, TIME and CONFIG GET: what tools that watch a Redis want to know, of what weir can say.
 *
 * INFO in Redis's own format. What the caches know (hits, misses) is theirs: every reactor is asked
 * for its metrics, and the counters of all caches are added up. */
#include "common/version.h"
#include "stages/resp_frontend/resp_command.h"
#include "stages/resp_frontend/resp_keys.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

enum section { SECTION_SERVER, SECTION_CLIENTS, SECTION_STATS, SECTION_REPLICATION, SECTIONS };

static const char *const section_names[SECTIONS] = {"server", "clients", "stats", "replication"};

#define ALL_SECTIONS ((1 << SECTIONS) - 1)

/* ---- INFO, asked for ---- */

static int64_t sections_of(struct bytes word)
{
    if (resp_is_word(word, "all") || resp_is_word(word, "default") ||
        resp_is_word(word, "everything"))
        return ALL_SECTIONS;
    for (int i = 0; i < SECTIONS; i++)
        if (resp_is_word(word, section_names[i]))
            return INT64_C(1) << i;
    return 0; /* not one of ours: there is nothing to say, as in Redis */
}

enum server_take resp_info(struct resp_call *call)
{
    int64_t note[2] = {call->count == 1 ? ALL_SECTIONS : 0};
    const struct bytes key = bytes_of_text("metrics");
    for (size_t i = 1; i < call->count; i++)
        note[0] |= sections_of(call->arguments[i]);
    return resp_ask_gather(call, RESP_INFO, 1, &key, note);
}

/* ---- INFO, answered ---- */

static struct bytes take_until(struct bytes *rest, char end)
{
    const char *at = rest->size > 0 ? memchr(rest->data, end, rest->size) : NULL;
    struct bytes taken = {rest->data, at ? (size_t)(at - rest->data) : rest->size};
    size_t used = at ? taken.size + 1 : taken.size;
    *rest = (struct bytes){used > 0 ? rest->data + used : rest->data, rest->size - used};
    return taken;
}

/* The samples of that name (see metrics.h) of all who answered, added up. */
static uint64_t sum_of(const struct gather *gather, const char *name)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < gather->asked; i++) {
        struct bytes text = {0};
        if (gather->parts[i].status == STATUS_VALUE)
            text = gather_value(gather, i);
        while (text.size > 0) {
            struct bytes line = take_until(&text, '\n');
            take_until(&line, '\t');
            if (!bytes_are_equal(take_until(&line, '\t'), bytes_of_text(name)))
                continue;
            take_until(&line, '\t');
            take_until(&line, '\t');
            char number[24];
            snprintf(number, sizeof number, "%.*s", RESP_SHOWN(line, sizeof number - 1));
            sum += strtoull(number, NULL, 10);
        }
    }
    return sum;
}

static void put_server(const struct resp_frontend *frontend, struct buffer *out)
{
    const struct moment now = clock_read(frontend->clock);
    const char *colon = strrchr(frontend->address, ':');
    const int64_t uptime = (now.mono - frontend->started) / SECOND;
    const bool is_unix = strchr(frontend->address, '/');
    struct utsname system = {0};
    uname(&system);
    buffer_format(out,
                  "# Server\r\nredis_version:%s\r\nweir_version:%s\r\nredis_mode:standalone\r\n"
                  "os:%s %s %s\r\narch_bits:%zu\r\nprocess_id:%d\r\ntcp_port:%s\r\n",
                  RESP_REDIS_VERSION, WEIR_VERSION, system.sysname, system.release, system.machine,
                  8 * sizeof(void *), (int)getpid(), colon && !is_unix ? colon + 1 : "0");
    buffer_format(out,
                  "server_time_usec:%" PRId64 "\r\nuptime_in_seconds:%" PRId64
                  "\r\nuptime_in_days:%" PRId64 "\r\n",
                  now.wall / MICROSECOND, uptime, uptime / 86400);
}

static void put_clients(const struct resp_frontend *frontend, struct buffer *out)
{
    buffer_format(out,
                  "# Clients\r\nconnected_clients:%zu\r\nmaxclients:%zu\r\nblocked_clients:0\r\n",
                  frontend->session_count, frontend->limits.max_clients);
}

static void put_stats(const struct resp_frontend *frontend, const struct gather *gather,
                      struct buffer *out)
{
    const struct resp_counters *counters = &frontend->counters;
    uint64_t commands = counters->refused, errors = 0;
    for (size_t i = 0; i < RESP_MAX_COMMANDS; i++)
        commands += counters->commands[i];
    for (size_t i = STATUS_WRONG_TYPE; i <= RESP_REJECTED; i++)
        errors += counters->outcomes[i];
    buffer_format(out,
                  "# Stats\r\ntotal_connections_received:%" PRIu64
                  "\r\ntotal_commands_processed:%" PRIu64 "\r\ntotal_error_replies:%" PRIu64 "\r\n",
                  frontend->sessions_total, commands, errors);
    buffer_format(out,
                  "expired_keys:%" PRIu64 "\r\nevicted_keys:%" PRIu64 "\r\nkeyspace_hits:%" PRIu64
                  "\r\nkeyspace_misses:%" PRIu64 "\r\n",
                  sum_of(gather, "weir_cache_expirations_total"),
                  sum_of(gather, "weir_cache_evictions_total"),
                  sum_of(gather, "weir_cache_hits_total"),
                  sum_of(gather, "weir_cache_misses_total"));
}

void resp_info_put(struct resp_frontend *frontend, const struct gather *gather, bool is_resp3,
                   struct buffer *out)
{
    struct buffer text = {0};
    for (int i = 0; i < SECTIONS; i++) {
        if (!(gather->question.note[0] & INT64_C(1) << i))
            continue;
        if (text.size > 0)
            buffer_append(&text, "\r\n", 2);
        if (i == SECTION_SERVER)
            put_server(frontend, &text);
        else if (i == SECTION_CLIENTS)
            put_clients(frontend, &text);
        else if (i == SECTION_STATS)
            put_stats(frontend, gather, &text);
        else
            buffer_append_text(&text, "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n");
    }
    resp_reply_verbatim(out, buffer_bytes(&text), is_resp3);
    buffer_fini(&text);
}

/* ---- TIME ---- */

enum server_take resp_time(struct resp_call *call)
{
    const int64_t microseconds = clock_read(call->frontend->clock).wall / MICROSECOND;
    char number[24];
    resp_reply_array(call->reply, 2);
    snprintf(number, sizeof number, "%" PRId64, microseconds / 1000000);
    resp_reply_bulk_text(call->reply, number);
    snprintf(number, sizeof number, "%" PRId64, microseconds % 1000000);
    resp_reply_bulk_text(call->reply, number);
    return SERVER_REPLY;
}

/* ---- CONFIG GET ---- */

#define MAX_PARAMETERS 8
#define MAX_PARAMETER  24 /* bytes of a name or a value */

struct parameter {
    const char *name;
    char value[MAX_PARAMETER];
};

/* What tools ask of a Redis at the start. Nothing here is saved, and the oldest keys make room. */
static size_t list_parameters(const struct resp_frontend *frontend,
                              struct parameter out[MAX_PARAMETERS])
{
    const struct server_limits *limits = &frontend->limits;
    size_t count = 0;
    out[count++] = (struct parameter){"save", ""};
    out[count++] = (struct parameter){"appendonly", "no"};
    out[count++] = (struct parameter){"maxmemory-policy", "allkeys-lru"};
    out[count++] = (struct parameter){"databases", "1"};
    out[count] = (struct parameter){.name = "maxclients"};
    snprintf(out[count++].value, MAX_PARAMETER, "%zu", limits->max_clients);
    out[count] = (struct parameter){.name = "timeout"};
    snprintf(out[count++].value, MAX_PARAMETER, "%" PRId64, limits->idle_timeout / SECOND);
    out[count] = (struct parameter){.name = "proto-max-bulk-len"};
    snprintf(out[count++].value, MAX_PARAMETER, "%d", RESP_MAX_COMMAND);
    return count;
}

/* Whether it is asked for, and by which word: a name said outright is repeated as it was said. */
static bool is_wanted(const struct resp_call *call, const char *name, struct bytes *as)
{
    char pattern[2 * MAX_PARAMETER];
    for (size_t i = 2; i < call->count; i++) {
        const struct bytes word = call->arguments[i];
        const bool is_name = resp_is_word(word, name);
        *as = is_name ? word : bytes_of_text(name);
        snprintf(pattern, sizeof pattern, "%.*s", RESP_SHOWN(word, sizeof pattern - 1));
        if (is_name || (word.size < sizeof pattern && fnmatch(pattern, name, FNM_CASEFOLD) == 0))
            return true;
    }
    return false;
}

enum server_take resp_config_get(struct resp_call *call)
{
    struct parameter parameters[MAX_PARAMETERS];
    const size_t count = list_parameters(call->frontend, parameters);
    struct buffer found = {0};
    struct bytes name;
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(call, parameters[i].name, &name))
            continue;
        resp_reply_bulk(&found, name);
        resp_reply_bulk_text(&found, parameters[i].value);
        pairs++;
    }
    resp_reply_map(call->reply, pairs, call->session->is_resp3);
    buffer_append(call->reply, found.data, found.size);
    buffer_fini(&found);
    return SERVER_REPLY;
}
