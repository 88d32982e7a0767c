#include "common/keys.h"

#include "common/buffer.h"
#include "common/check.h"
#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(KEY_SIZE == crypto_box_PUBLICKEYBYTES, "the keys are Curve25519's");
_Static_assert(KEY_SIZE == crypto_box_SECRETKEYBYTES, "and so are the secret ones");

#define MAX_FILE ((size_t)1024 * 1024) /* bytes: a full list with long comments */

struct key_list {
    size_t count;
    unsigned char keys[][KEY_SIZE];
};

bool keys_parse(const char *text, size_t size, unsigned char key[KEY_SIZE])
{
    size_t made = 0;
    return size == 2 * KEY_SIZE &&
           sodium_hex2bin(key, KEY_SIZE, text, size, NULL, &made, NULL) == 0 && made == KEY_SIZE;
}

void keys_format(const unsigned char key[KEY_SIZE], char text[KEY_TEXT_SIZE])
{
    sodium_bin2hex(text, KEY_TEXT_SIZE, key, KEY_SIZE);
}

/* ---- reading ---- */

static bool fail(const char *path, struct error *error)
{
    return error_set(error, "%s: %s", path, strerror(errno));
}

/* The whole file, with a zero behind it. `is_secret`: nobody but its owner may read it. */
static bool read_file(const char *path, bool is_secret, struct buffer *text, struct error *error)
{
    struct stat status;
    ssize_t size = 1;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail(path, error);
    bool is_fine = fstat(file, &status) == 0 || fail(path, error);
    if (is_fine && is_secret && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        is_fine = error_set(error, "%s: others may read it; chmod 600 it", path);
    while (is_fine && size > 0 && text->size <= MAX_FILE) {
        size = read(file, buffer_reserve(text, 4096), 4096);
        is_fine = size >= 0 || fail(path, error);
        text->size += size > 0 ? (size_t)size : 0;
    }
    close(file);
    if (is_fine && text->size > MAX_FILE)
        is_fine = error_set(error, "%s: larger than 1MiB", path);
    buffer_append(text, "", 1);
    text->size--;
    return is_fine;
}

static void forget(struct buffer *text)
{
    if (text->data)
        sodium_memzero(text->data, text->capacity);
    buffer_fini(text);
}

bool keys_read(const char *path, struct key_pair *pair, struct error *error)
{
    struct buffer text = {0};
    bool is_fine = read_file(path, true, &text, error);
    if (is_fine)
        is_fine = keys_parse(text.data, strcspn(text.data, " \t\r\n"), pair->secret_key) ||
                  error_set(error, "%s: holds no key, as weir --make-keys writes it", path);
    if (is_fine)
        crypto_scalarmult_base(pair->public_key, pair->secret_key);
    forget(&text);
    return is_fine;
}

bool keys_read_seed(const char *path, unsigned char seed[KEYS_SEED_SIZE], struct error *error)
{
    struct buffer text = {0};
    bool is_fine = read_file(path, false, &text, error);
    if (is_fine && text.size == 0)
        is_fine = error_set(error, "%s: is empty", path);
    if (is_fine)
        crypto_generichash(seed, KEYS_SEED_SIZE, (const unsigned char *)text.data, text.size, NULL,
                           0);
    forget(&text);
    return is_fine;
}

static struct key_list *parse_list(const char *path, const char *text, struct error *error)
{
    CHECK(text != NULL); /* even of an empty file */
    struct key_list *list =
        memory_alloc(1, sizeof *list + sizeof list->keys[0] * (size_t)KEYS_MAX_LISTED);
    for (size_t line = 1; *text; line++) {
        const size_t size = strcspn(text, " \t\r\n#");
        if (size > 0 && list->count == KEYS_MAX_LISTED) {
            error_set(error, "%s:%zu: more than %d keys", path, line, KEYS_MAX_LISTED);
            keys_free_list(&list);
            return NULL;
        }
        if (size > 0 && !keys_parse(text, size, list->keys[list->count++])) {
            error_set(error, "%s:%zu: not a public key: 64 hexadecimal digits", path, line);
            keys_free_list(&list);
            return NULL;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return list;
}

struct key_list *keys_read_list(const char *path, struct error *error)
{
    struct buffer text = {0};
    struct key_list *list =
        read_file(path, false, &text, error) ? parse_list(path, text.data, error) : NULL;
    buffer_fini(&text);
    return list;
}

void keys_free_list(struct key_list **list)
{
    free(*list);
    *list = NULL;
}

bool keys_are_listed(const struct key_list *list, const unsigned char key[KEY_SIZE])
{
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(list->keys[i], key, KEY_SIZE) == 0)
            return true;
    return false;
}

/* ---- making ---- */

static bool write_file(const char *directory, const char *name, mode_t mode, const char *key,
                       struct error *error)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path)
        return error_set(error, "%s: the path is too long", directory);
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0)
        return fail(path, error);
    const size_t size = strlen(key);
    bool is_written = write(file, key, size) == (ssize_t)size && fsync(file) == 0;
    is_written = close(file) == 0 && is_written;
    return is_written || fail(path, error);
}

bool keys_make(const char *directory, char public_key[KEY_TEXT_SIZE], struct error *error)
{
    unsigned char public_bytes[KEY_SIZE], secret[KEY_SIZE];
    char secret_key[KEY_TEXT_SIZE], line[KEY_TEXT_SIZE + 1];
    if (sodium_init() < 0)
        return error_set(error, "the system has no random numbers");
    if (mkdir(directory, S_IRWXU) != 0 && errno != EEXIST)
        return fail(directory, error);
    crypto_box_keypair(public_bytes, secret);
    keys_format(public_bytes, public_key);
    keys_format(secret, secret_key);
    snprintf(line, sizeof line, "%s\n", secret_key);
    bool is_made = write_file(directory, "secret.key", S_IRUSR | S_IWUSR, line, error);
    snprintf(line, sizeof line, "%s\n", public_key);
    is_made = is_made && write_file(directory, "public.key", S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH,
                                    line, error);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(secret_key, sizeof secret_key);
    return is_made;
}
