/* Keys of processes: how links between hosts know each other. A pair is of Curve25519, as ZeroMQ's
 * CURVE wants it; in files and in topology.yml a key is written as 64 hexadecimal digits. Reading
 * files blocks: for the start, and for a reload that somebody asked for. */
#ifndef WEIR_KEYS_H
#define WEIR_KEYS_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

#define KEY_SIZE        32                 /* bytes */
#define KEY_TEXT_SIZE   (2 * KEY_SIZE + 1) /* with its zero */
#define KEYS_MAX_LISTED 4096
#define KEYS_SEED_SIZE  16 /* bytes */

struct key_pair {
    unsigned char public_key[KEY_SIZE], secret_key[KEY_SIZE];
};

/* Makes a new pair in `directory`, which is made too if need be: secret.key (mode 0600) and
 * public.key. Nothing that is there is overwritten. */
bool keys_make(const char *directory, char public_key[KEY_TEXT_SIZE], struct error *error);

/* Reads a pair from a secret.key; refuses one that others than its owner may read. */
bool keys_read(const char *path, struct key_pair *pair, struct error *error);

/* The seed of a fleet's rings: a hash of the file, whatever is in it. */
bool keys_read_seed(const char *path, unsigned char seed[KEYS_SEED_SIZE], struct error *error);

/* Public keys of those who may ask: one a line; what follows a blank or "#" is a comment. Immutable
 * once read. NULL on error. */
struct key_list *keys_read_list(const char *path, struct error *error);
void keys_free_list(struct key_list **list);
bool keys_are_listed(const struct key_list *list, const unsigned char key[KEY_SIZE]);

/* From 64 digits; false for anything else. */
bool keys_parse(const char *text, size_t size, unsigned char key[KEY_SIZE]);
void keys_format(const unsigned char key[KEY_SIZE], char text[KEY_TEXT_SIZE]);

#endif
