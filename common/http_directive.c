#include "common/http_directive.h"

#include <strings.h>

/* Behind the element that begins at `at`: its comma, or the end. One in quotes ends nothing. */
static const char *skip_element(const char *at, const char *end)
{
    bool is_quoted = false;
    for (; at < end && (is_quoted || *at != ','); at++) {
        if (*at == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && *at == '\\' && at + 1 < end)
            at++;
    }
    return at;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

bool http_directive_is_in(struct bytes value, const char *name)
{
    const size_t size = strlen(name);
    const char *end = value.data + value.size;
    for (const char *at = value.data; at < end;) {
        const char *next = skip_element(at, end), *last = next;
        while (at < last && is_blank(*at))
            at++;
        while (last > at && is_blank(last[-1]))
            last--;
        if ((size_t)(last - at) == size && strncasecmp(at, name, size) == 0)
            return true;
        at = next < end ? next + 1 : end;
    }
    return false;
}
