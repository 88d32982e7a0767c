/* What people set of a fetcher, and where its Redis is. */
#ifndef WEIR_REDIS_SETTINGS_H
#define WEIR_REDIS_SETTINGS_H

#include "common/error.h"
#include "common/redis_url.h"
#include "common/settings.h"

#include <stdbool.h>

#define SETTINGS_MAX_CONNECTIONS 64

extern const struct setting_spec redis_settings[];

/* Fills in the URL of Redis, with the password of the file where one is given. False, and an error
 * text, where they do not do; `url` can be given to redis_url_fini in any case. */
bool redis_settings_read_url(const struct settings *settings, struct redis_url *url,
                             struct error *error);

#endif
