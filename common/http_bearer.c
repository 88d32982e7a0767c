#include "common/http_bearer.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool skip(struct bytes *text, const char *word)
{
    const size_t size = strlen(word);
    if (text->size < size || strncasecmp(text->data, word, size) != 0)
        return false;
    *text = (struct bytes){text->data + size, text->size - size};
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct bytes trim(struct bytes text)
{
    while (text.size > 0 && is_blank(text.data[0]))
        text = (struct bytes){text.data + 1, text.size - 1};
    while (text.size > 0 &&
           (is_blank(text.data[text.size - 1]) || text.data[text.size - 1] == '\r'))
        text.size--;
    return text;
}

static struct bytes token_of(struct bytes value)
{
    value = trim(value);
    if (!skip(&value, "Bearer") || value.size == 0 || !is_blank(value.data[0]))
        return (struct bytes){0};
    return trim(value);
}

struct bytes http_bearer_parse(struct bytes head)
{
    struct bytes token = {0};
    unsigned fields = 0;
    while (head.size > 0) {
        const char *end = memchr(head.data, '\n', head.size);
        const size_t size = end ? (size_t)(end - head.data) : head.size;
        struct bytes line = {head.data, size};
        if (skip(&line, "Authorization:")) {
            token = token_of(line);
            fields++;
        }
        const size_t taken = end ? size + 1 : size;
        head = (struct bytes){head.data + taken, head.size - taken};
    }
    return fields == 1 ? token : (struct bytes){0};
}
