/* Owns nothing. Reads the password file at the start, which may block. */
#include "stages/redis_fetcher/redis_settings.h"

#include "common/password.h"
#include "common/text.h"
#include "stages/redis_fetcher/redis_feed.h"

#include <stdlib.h>
#include <string.h>

static bool check_connections(const char *text, struct error *error)
{
    int64_t count;

    if (text_parse_count(text, &count) && count <= SETTINGS_MAX_CONNECTIONS)
        return true;
    return error_set(error, "must be a number from 1 to %d", SETTINGS_MAX_CONNECTIONS);
}

static bool check_mode(const char *text, struct error *error)
{
    return strcmp(text, "broadcast") == 0 || error_set(error, "must be broadcast");
}

const struct setting_spec redis_settings[] = {
    {.name = "url",
     .type = SETTING_TEXT,
     .preset = "redis://127.0.0.1:6379/0",
     .check = redis_url_check,
     .conceal = redis_url_conceal},
    {.name = "password_file", .type = SETTING_TEXT},
    {.name = "connections", .type = SETTING_COUNT, .preset = "2", .check = check_connections},
    {.name = "timeout", .type = SETTING_DURATION, .preset = "500ms", .is_live = true},
    {.name = "max_bytes", .type = SETTING_SIZE, .preset = "1GiB", .is_live = true},
    {.name = "respect_ttl", .type = SETTING_FLAG, .preset = "false", .is_live = true},
    {.name = "invalidation.mode", .type = SETTING_TEXT, .is_required = true, .check = check_mode},
    {.name = "invalidation.prefixes",
     .type = SETTING_LIST,
     .check = redis_feed_check_prefixes,
     .is_live = true},
    {.name = "max_staleness", .type = SETTING_DURATION, .preset = "1s", .is_live = true},
    {.name = NULL},
};

/* The file takes the place of a password in the URL. */
static bool read_password(struct redis_url *url, const char *path, struct error *error)
{
    struct error reason;
    char *password = password_read(path, &reason);

    if (!password)
        return error_set(error, "password_file: %s", reason.text);
    free(url->password);
    url->password = password;
    return true;
}

bool redis_settings_read_url(const struct settings *settings, struct redis_url *url,
                             struct error *error)
{
    const char *password_file = settings_text(settings, "password_file");
    struct error reason;

    if (!redis_url_parse(url, settings_text(settings, "url"), &reason))
        return error_set(error, "url: %s", reason.text);
    if (password_file && !read_password(url, password_file, error))
        return false;
    if (url->user && !url->password)
        return error_set(error, "url: names a user, and no password is given");
    return true;
}
