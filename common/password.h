/* A password kept in a file of its own, so that it shows in no argument and no topology. */
#ifndef WEIR_PASSWORD_H
#define WEIR_PASSWORD_H

#include "common/bytes.h"
#include "common/error.h"

#include <stdbool.h>

/* The first line of the file, to be freed; NULL and an error text that repeats none of it. Blocks:
 * for the start only. */
char *password_read(const char *path, struct error *error);

/* What is kept of a password that others have to say. */
#define PASSWORD_HASH 32 /* bytes */
void password_hash(struct bytes password, unsigned char hash[PASSWORD_HASH]);

/* Whether that is the hash of what was said. Hashes are compared, as they are of one length: the
 * time it takes tells nothing. */
bool password_is(const unsigned char hash[PASSWORD_HASH], struct bytes said);

#endif
