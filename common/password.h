/* A password kept in a file of its own, so that it shows in no argument and no topology. */
#ifndef WEIR_PASSWORD_H
#define WEIR_PASSWORD_H

#include "common/error.h"

/* The first line of the file, to be freed; NULL and an error text that repeats none of it. Blocks:
 * for the start only. */
char *password_read(const char *path, struct error *error);

#endif
