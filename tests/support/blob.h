/* A growing run of bytes. Zeroed is empty; never shared between threads without a lock. */
#ifndef TESTS_SUPPORT_BLOB_H
#define TESTS_SUPPORT_BLOB_H

#include <stdbool.h>
#include <stddef.h>

struct blob {
    char *data;      /* NUL behind the last byte; NULL while nothing was ever appended */
    size_t length;   /* bytes, without that NUL */
    size_t capacity; /* bytes allocated */
};

void blob_append(struct blob *blob, const void *data, size_t length);
void blob_append_text(struct blob *blob, const char *text);
void blob_append_format(struct blob *blob, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops the first `count` bytes. */
void blob_consume(struct blob *blob, size_t count);

/* The content as a C string, "" when empty; valid until the next change. */
const char *blob_text(const struct blob *blob);

bool blob_is(const struct blob *blob, const void *data, size_t length);

/* Whether it is one line of text, with its newline. */
bool blob_is_line(const struct blob *blob);

/* Frees the content and leaves `blob` empty. */
void blob_fini(struct blob *blob);

/* Appends `text` with its escapes turned into bytes: \r \n \t \\ \" \xHH, and \N{text}, which is
 * `text` N times. Returns false, with a part appended, where an escape is malformed. */
bool blob_append_escaped(struct blob *blob, const char *text, size_t length);

/* Appends `length` bytes so that a person can read them: the reverse of the above. */
void blob_append_readable(struct blob *blob, const void *data, size_t length);

#endif
