/* Owns nothing: pure. */
#include "stages/redis_fetcher/redis_command.h"

#define MOST_DIGITS 20                /* of a size_t */
#define MOST_HEADER (MOST_DIGITS + 3) /* mark, digits, CR LF */

static char *put_header(char *out, char mark, size_t number)
{
    char digits[MOST_DIGITS];
    size_t count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    *out++ = mark;
    while (count > 0)
        *out++ = digits[--count];
    *out++ = '\r';
    *out++ = '\n';
    return out;
}

size_t redis_command_append(struct buffer *out, const struct bytes *words, size_t count)
{
    size_t room = MOST_HEADER, size;
    char *begin, *end;

    for (size_t i = 0; i < count; i++)
        room += MOST_HEADER + words[i].size + 2;
    begin = buffer_reserve(out, room);
    end = put_header(begin, '*', count);
    for (size_t i = 0; i < count; i++) {
        end = put_header(end, '$', words[i].size);
        if (words[i].size > 0)
            memcpy(end, words[i].data, words[i].size);
        end += words[i].size;
        *end++ = '\r';
        *end++ = '\n';
    }
    size = (size_t)(end - begin);
    out->size += size;
    return size;
}
