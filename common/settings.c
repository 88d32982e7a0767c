/* See settings.h. The look-up is a walk along the declarations: stages read their settings once,
 * when they are created. */
#include "common/settings.h"

#include "common/check.h"

#include <string.h>

/* NULL: the kind declares no such name. */
static const struct setting_value *find(const struct settings *settings, const char *name)
{
    for (size_t i = 0; settings->kind->settings[i].name; i++)
        if (strcmp(settings->kind->settings[i].name, name) == 0)
            return &settings->values[i];
    return NULL;
}

static const struct setting_value *find_declared(const struct settings *settings, const char *name)
{
    const struct setting_value *value = find(settings, name);

    CHECK(value);
    return value;
}

bool settings_has(const struct settings *settings, const char *name)
{
    return find(settings, name) != NULL;
}

int64_t settings_number(const struct settings *settings, const char *name)
{
    return find_declared(settings, name)->number;
}

bool settings_is_preset(const struct settings *settings, const char *name)
{
    const struct setting_value *value = find_declared(settings, name);
    const char *preset = settings->kind->settings[value - settings->values].preset;

    return value->text && preset && strcmp(value->text, preset) == 0;
}

const char *settings_text(const struct settings *settings, const char *name)
{
    return find_declared(settings, name)->text;
}

const char *settings_list(const struct settings *settings, const char *name)
{
    const char *items = find_declared(settings, name)->text;

    return items ? items : "";
}

const char *settings_list_next(const char *item)
{
    return item + strlen(item) + 1;
}

bool settings_lists_are_equal(const char *a, const char *b)
{
    while (*a && strcmp(a, b) == 0) {
        a = settings_list_next(a);
        b = settings_list_next(b);
    }
    return !*a && !*b;
}
