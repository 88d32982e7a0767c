#include "blob.h"

#include "trouble.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void blob_append(struct blob *blob, const void *data, size_t length)
{
    size_t needed = blob->length + length + 1;

    if (needed > blob->capacity) {
        size_t capacity = blob->capacity ? blob->capacity : 256;
        while (capacity < needed)
            capacity *= 2;
        blob->data = realloc(blob->data, capacity);
        if (!blob->data)
            trouble("no memory for %zu bytes", capacity);
        blob->capacity = capacity;
    }
    if (length > 0)
        memcpy(blob->data + blob->length, data, length);
    blob->length += length;
    blob->data[blob->length] = '\0';
}

void blob_append_text(struct blob *blob, const char *text)
{
    blob_append(blob, text, strlen(text));
}

void blob_append_format(struct blob *blob, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        trouble("a formatted text of %d bytes is too long", length);
    blob_append(blob, text, (size_t)length);
}

void blob_consume(struct blob *blob, size_t count)
{
    blob->length -= count;
    if (blob->data)
        memmove(blob->data, blob->data + count, blob->length + 1);
}

const char *blob_text(const struct blob *blob)
{
    return blob->data ? blob->data : "";
}

bool blob_is(const struct blob *blob, const void *data, size_t length)
{
    return blob->length == length && (length == 0 || memcmp(blob->data, data, length) == 0);
}

bool blob_is_line(const struct blob *blob)
{
    return blob->length > 1 &&
           memchr(blob->data, '\n', blob->length) == blob->data + blob->length - 1;
}

void blob_fini(struct blob *blob)
{
    free(blob->data);
    *blob = (struct blob){0};
}

/* \N{text}: `at` stands on the first digit. Returns where to go on, NULL when malformed. */
static const char *append_repeated(struct blob *blob, const char *at, const char *end)
{
    struct blob unit = {0};
    char *open;
    unsigned long count = strtoul(at, &open, 10);
    const char *close = memchr(at, '}', (size_t)(end - at));
    bool good =
        close && *open == '{' && blob_append_escaped(&unit, open + 1, (size_t)(close - open - 1));

    for (unsigned long i = 0; good && i < count; i++)
        blob_append(blob, unit.data, unit.length);
    blob_fini(&unit);
    return good ? close + 1 : NULL;
}

static const char *append_hex(struct blob *blob, const char *at, const char *end)
{
    char digits[3] = "";

    if (end - at < 2 || !isxdigit((unsigned char)at[0]) || !isxdigit((unsigned char)at[1]))
        return NULL;
    memcpy(digits, at, 2);
    blob_append(blob, &(char){(char)strtoul(digits, NULL, 16)}, 1);
    return at + 2;
}

bool blob_append_escaped(struct blob *blob, const char *text, size_t length)
{
    static const char names[] = "rnt\\\"", meanings[] = "\r\n\t\\\"";
    const char *at = text, *end = text + length;

    while (at && at < end) {
        const char *name;
        if (*at != '\\') {
            blob_append(blob, at++, 1);
        } else if (++at == end) {
            return false;
        } else if (isdigit((unsigned char)*at)) {
            at = append_repeated(blob, at, end);
        } else if (*at == 'x') {
            at = append_hex(blob, at + 1, end);
        } else if ((name = strchr(names, *at))) {
            blob_append(blob, meanings + (name - names), 1);
            at++;
        } else {
            return false;
        }
    }
    return at != NULL;
}

void blob_append_readable(struct blob *blob, const void *data, size_t length)
{
    const unsigned char *at = data;

    for (size_t i = 0; i < length; i++) {
        if (at[i] == '\r')
            blob_append_text(blob, "\\r");
        else if (at[i] == '\n')
            blob_append_text(blob, "\\n");
        else if (at[i] == '\\')
            blob_append_text(blob, "\\\\");
        else if (isprint(at[i]))
            blob_append(blob, at + i, 1);
        else
            blob_append_format(blob, "\\x%02x", at[i]);
    }
}
