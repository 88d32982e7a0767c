/* See settings.h. The look-up is a walk along the declarations: stages read their settings once,
 * when they are created. */
#include "common/settings.h"

#include "common/check.h"

#include <string.h>

static const struct setting_value *find(const struct settings *settings, const char *name)
{
    size_t i = 0;

    while (settings->kind->settings[i].name && strcmp(settings->kind->settings[i].name, name) != 0)
        i++;
    CHECK(settings->kind->settings[i].name);
    return &settings->values[i];
}

int64_t settings_number(const struct settings *settings, const char *name)
{
    return find(settings, name)->number;
}

const char *settings_text(const struct settings *settings, const char *name)
{
    return find(settings, name)->text;
}
