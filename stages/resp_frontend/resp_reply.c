/* See resp_reply.h. Numbers are formatted by hand: every reply begins with one. */
#include "stages/resp_frontend/resp_reply.h"

#define MAX_HEAD (sizeof "$-9223372036854775808\r\n" - 1)

/* Writes "<kind><number>\r\n" to `at`, which has room for MAX_HEAD, and returns its size. */
static size_t put_head(char *at, char kind, int64_t number)
{
    char digits[20];
    size_t count = 0, size = 0;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        digits[count++] = (char)('0' + rest % 10);
    while (rest /= 10);
    at[size++] = kind;
    if (number < 0)
        at[size++] = '-';
    while (count > 0)
        at[size++] = digits[--count];
    at[size++] = '\r';
    at[size++] = '\n';
    return size;
}

static void append_head(struct buffer *out, char kind, int64_t number)
{
    out->size += put_head(buffer_reserve(out, MAX_HEAD), kind, number);
}

void resp_reply_simple(struct buffer *out, const char *text)
{
    buffer_append(out, "+", 1);
    buffer_append_text(out, text);
    buffer_append(out, "\r\n", 2);
}

void resp_reply_error(struct buffer *out, struct bytes text)
{
    buffer_append(out, "-", 1);
    size_t start = out->size;
    buffer_append(out, text.data, text.size);
    for (size_t i = start; i < out->size; i++)
        if (out->data[i] == '\r' || out->data[i] == '\n')
            out->data[i] = ' ';
    buffer_append(out, "\r\n", 2);
}

void resp_reply_integer(struct buffer *out, int64_t number)
{
    append_head(out, ':', number);
}

void resp_reply_bulk(struct buffer *out, struct bytes bytes)
{
    char *start = buffer_reserve(out, MAX_HEAD + bytes.size + 2);
    char *at = start + put_head(start, '$', (int64_t)bytes.size);
    if (bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
    at += bytes.size;
    *at++ = '\r';
    *at++ = '\n';
    out->size += (size_t)(at - start);
}

void resp_reply_bulk_text(struct buffer *out, const char *text)
{
    resp_reply_bulk(out, bytes_of_text(text));
}

void resp_reply_bulk_head(struct buffer *out, size_t size)
{
    append_head(out, '$', (int64_t)size);
}

void resp_reply_bulk_end(struct buffer *out)
{
    buffer_append(out, "\r\n", 2);
}

void resp_reply_null(struct buffer *out, bool is_resp3)
{
    buffer_append_text(out, is_resp3 ? "_\r\n" : "$-1\r\n");
}

void resp_reply_verbatim(struct buffer *out, struct bytes text, bool is_resp3)
{
    static const char format[] = "txt:";
    const size_t size = sizeof format - 1;
    if (!is_resp3) {
        resp_reply_bulk(out, text);
        return;
    }
    append_head(out, '=', (int64_t)(size + text.size));
    buffer_append(out, format, size);
    buffer_append(out, text.data, text.size);
    buffer_append(out, "\r\n", 2);
}

void resp_reply_array(struct buffer *out, size_t items)
{
    append_head(out, '*', (int64_t)items);
}

void resp_reply_set(struct buffer *out, size_t items, bool is_resp3)
{
    append_head(out, is_resp3 ? '~' : '*', (int64_t)items);
}

void resp_reply_map(struct buffer *out, size_t pairs, bool is_resp3)
{
    append_head(out, is_resp3 ? '%' : '*', (int64_t)(is_resp3 ? pairs : 2 * pairs));
}
