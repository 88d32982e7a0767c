#include "common/password.h"

#include "common/memory.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PASSWORD 4096 /* bytes */

static char *refuse(struct error *error, const char *path, const char *reason)
{
    error_set(error, "%s: %s", path, reason);
    return NULL;
}

char *password_read(const char *path, struct error *error)
{
    char text[MAX_PASSWORD + 2];
    FILE *file = fopen(path, "r");
    if (!file)
        return refuse(error, path, strerror(errno));
    errno = 0;
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    if (ferror(file)) {
        fclose(file);
        return refuse(error, path, strerror(errno));
    }
    fclose(file);
    text[size] = 0;
    size = strcspn(text, "\r\n");
    text[size] = 0;
    if (size == 0 || size > MAX_PASSWORD)
        return refuse(error, path, size == 0 ? "is empty" : "is too long for a password");
    char *password = memory_copy_text(text);
    sodium_memzero(text, sizeof(text));
    return password;
}

void password_hash(struct bytes password, unsigned char hash[PASSWORD_HASH])
{
    crypto_generichash(hash, PASSWORD_HASH, (const unsigned char *)password.data, password.size,
                       NULL, 0);
}

bool password_is(const unsigned char hash[PASSWORD_HASH], struct bytes said)
{
    unsigned char given[PASSWORD_HASH];
    password_hash(said, given);
    return sodium_memcmp(given, hash, sizeof(given)) == 0;
}
