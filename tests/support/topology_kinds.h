/* Kinds of stages for the tests of the topology: like the real ones in shape, with a setting of
 * every type. */
#ifndef WEIR_TESTS_TOPOLOGY_KINDS_H
#define WEIR_TESTS_TOPOLOGY_KINDS_H

#include "common/check.h"
#include "common/settings.h"
#include "common/text.h"

#include <stdio.h>
#include <string.h>

static bool check_url(const char *text, struct error *error)
{
    return strncmp(text, "redis://", 8) == 0 || error_set(error, "must begin with redis://");
}

/* Relies on being called with what is a number. */
static bool check_connections(const char *text, struct error *error)
{
    int64_t count;

    CHECK(text_parse_count(text, &count));
    return count <= 64 || error_set(error, "at most 64");
}

static const char *conceal_url(const char *text, char *out, size_t size)
{
    const char *at = strchr(text, '@');

    snprintf(out, size, "redis://%s%s", at ? "***" : "", at ? at : text + strlen("redis://"));
    return out;
}

static const struct setting_spec front_settings[] = {
    {.name = "max_clients", .type = SETTING_COUNT, .preset = "10000", .is_divided = true},
    {.name = "timeout", .type = SETTING_DURATION, .preset = "1s", .is_live = true},
    {.name = NULL},
};

static const struct setting_spec cache_settings[] = {
    {.name = "capacity",
     .type = SETTING_COUNT,
     .preset = "100000",
     .is_divided = true,
     .is_live = true},
    {.name = "max_bytes", .type = SETTING_SIZE, .preset = "1GiB", .is_divided = true},
    {.name = "expiry", .type = SETTING_DURATION, .preset = "60s", .is_live = true},
    {.name = NULL},
};

static bool check_few(const char *list, struct error *error)
{
    for (int count = 1; *list; count++, list = settings_list_next(list))
        if (count > 3)
            return error_set(error, "at most 3");
    return true;
}

static const struct setting_spec fetcher_settings[] = {
    {.name = "url",
     .type = SETTING_TEXT,
     .is_required = true,
     .check = check_url,
     .conceal = conceal_url},
    {.name = "password", .type = SETTING_SECRET},
    {.name = "connections", .type = SETTING_COUNT, .preset = "2", .check = check_connections},
    {.name = "watch", .type = SETTING_FLAG, .preset = "false"},
    {.name = "names", .type = SETTING_LIST, .is_live = true},
    {.name = "news.mode", .type = SETTING_TEXT, .is_required = true},
    {.name = "news.topics", .type = SETTING_LIST, .check = check_few},
    {.name = NULL},
};

static const struct setting_spec admin_settings[] = {{.name = NULL}};

static const struct kind_spec front_kind = {
    .name = "http-frontend", .settings = front_settings, .asks = true, .listens = true};
static const struct kind_spec other_front_kind = {
    .name = "resp-frontend", .settings = front_settings, .asks = true, .listens = true};

/* What no declaration of a single setting can tell. */
static bool check_cache(const struct settings *settings, const char **blamed, struct error *error)
{
    *blamed = "max_bytes";
    return settings_number(settings, "max_bytes") >= 1024 || error_set(error, "is too small");
}

static const struct kind_spec cache_kind = {.name = "cache",
                                            .settings = cache_settings,
                                            .serves = true,
                                            .asks = true,
                                            .check = check_cache};
static const struct kind_spec fetcher_kind = {
    .name = "redis-fetcher", .settings = fetcher_settings, .serves = true};
static const struct kind_spec admin_kind = {
    .name = "admin", .settings = admin_settings, .asks_control = true, .listens = true};

#define TOPOLOGY_KIND_COUNT 5
static const struct kind_spec *const topology_kinds[TOPOLOGY_KIND_COUNT] = {
    &front_kind, &cache_kind, &fetcher_kind, &admin_kind, &other_front_kind};

#endif
