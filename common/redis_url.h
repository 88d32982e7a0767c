/* Where Redis is, as people write it:
 *
 *     redis://[user[:password]@]host[:port][/database]
 *     redis+unix://[user[:password]@]/path[?db=database]
 *
 * User, password and path are percent-decoded; an IPv6 address stands in brackets; the port is 6379
 * and the database 0 where they are left out. Everything else is refused. No error repeats any part
 * of the text, since that could be the password. */
#ifndef WEIR_REDIS_URL_H
#define WEIR_REDIS_URL_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

struct redis_url {
    char *host;     /* a name or an address without brackets; NULL: a Unix socket */
    char *port;     /* decimal, 1 to 65535; NULL: a Unix socket */
    char *path;     /* of the Unix socket, short enough for one; NULL: TCP */
    char *user;     /* NULL: Redis's default user */
    char *password; /* NULL: none */
    char *database; /* decimal, 0 to 2147483647 */
};

/* Nothing is to be given back after a failure. */
bool redis_url_parse(struct redis_url *url, const char *text, struct error *error);
void redis_url_fini(struct redis_url *url);

/* Whether redis_url_parse would succeed. */
bool redis_url_check(const char *text, struct error *error);

/* Writes `text` with *** for the password into `out` and returns `out`; cut where it is too long.
 * Of a text that is no such URL nothing is shown. */
const char *redis_url_conceal(const char *text, char *out, size_t size);

/* Writes the place alone, for the log: "host:6379/0", "[::1]:6379/0", "/path?db=0"; returns `out`,
 * cut where it is too long. */
const char *redis_url_format_place(const struct redis_url *url, char *out, size_t size);

#endif
