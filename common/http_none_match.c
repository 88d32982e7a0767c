#include "common/http_none_match.h"

#include "common/http_put.h"

#include <strings.h>

#define DIGITS 16

struct found {
    struct buffer *tags;
    size_t elements; /* of the list, of any form */
    bool has_star;   /* one of them is `*` */
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* RFC 9110, 8.8.3: etagc, for which there are no escapes. */
static bool is_tag_byte(char byte)
{
    unsigned char code = (unsigned char)byte;
    return code == 0x21 || (code >= 0x23 && code != 0x7f);
}

/* What stands between the quotes, if it has the form of weir's tags. */
static void note_tag(struct buffer *tags, const char *at, size_t size)
{
    uint64_t tag = 0;
    if (size != DIGITS)
        return;
    for (size_t i = 0; i < DIGITS; i++) {
        if (at[i] >= '0' && at[i] <= '9')
            tag = tag << 4 | (uint64_t)(at[i] - '0');
        else if (at[i] >= 'a' && at[i] <= 'f')
            tag = tag << 4 | (uint64_t)(at[i] - 'a' + 10);
        else
            return;
    }
    buffer_append(tags, &tag, sizeof(tag));
}

/* One entity tag; NULL where there is none. */
static const char *take_tag(struct buffer *tags, const char *at, const char *end)
{
    if (end - at >= 2 && at[0] == 'W' && at[1] == '/')
        at += 2;
    if (at == end || *at != '"')
        return NULL;
    const char *first = ++at;
    while (at < end && is_tag_byte(*at))
        at++;
    if (at == end || *at != '"')
        return NULL;
    note_tag(tags, first, (size_t)(at - first));
    return at + 1;
}

/* One field's part of the list, whose elements may be empty (RFC 9110, 5.6.1.2); false where it is
 * malformed. */
static bool take_list(struct found *found, const char *at, const char *end)
{
    bool needs_comma = false;
    for (;;) {
        for (; at < end && (is_blank(*at) || *at == ','); at++)
            needs_comma = needs_comma && *at != ',';
        if (at == end)
            return true;
        if (needs_comma)
            return false;
        found->elements++;
        needs_comma = true;
        if (*at == '*') {
            found->has_star = true;
            at++;
        } else if (!(at = take_tag(found->tags, at, end))) {
            return false;
        }
    }
}

/* The value of the field, if the line is one of those. */
static bool is_of_field(const char *at, const char *end, struct bytes *value)
{
    static const char name[] = "If-None-Match:";
    const size_t size = sizeof(name) - 1;
    if ((size_t)(end - at) < size || strncasecmp(at, name, size) != 0)
        return false;
    *value = (struct bytes){at + size, (size_t)(end - at) - size};
    return true;
}

enum http_none_match http_none_match_parse(struct bytes head, struct buffer *tags)
{
    struct found found = {.tags = tags};
    const size_t before = tags->size;
    const char *line_end, *end = head.data + head.size;
    bool is_fine = true;
    for (const char *at = head.data; is_fine && at < end; at = line_end + 1) {
        line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end)
            break;
        struct bytes value;
        const char *text_end = line_end > at && line_end[-1] == '\r' ? line_end - 1 : line_end;
        if (is_of_field(at, text_end, &value))
            is_fine = take_list(&found, value.data, value.data + value.size);
    }
    if (is_fine && found.has_star && found.elements == 1)
        return HTTP_MATCH_ANY;
    if (!is_fine || found.has_star)
        tags->size = before;
    return HTTP_MATCH_TAGS;
}

bool http_none_match_has(struct bytes tags, uint64_t tag)
{
    for (size_t at = 0; at + sizeof(tag) <= tags.size; at += sizeof(tag))
        if (memcmp(tags.data + at, &tag, sizeof(tag)) == 0)
            return true;
    return false;
}

char *http_put_tag(char *at, uint64_t tag)
{
    *at++ = '"';
    at = http_put_hex(at, tag);
    *at++ = '"';
    return at;
}
