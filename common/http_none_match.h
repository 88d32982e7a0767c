/* If-None-Match (RFC 9110, 13.1.2): which entity tags a request names.
 *
 * A tag of weir's is a number (entity_tag.h), written as 16 hex digits in lower case; of a list,
 * only tags of that form are noted, for no other can be equal to one of them. GET compares weakly,
 * so W/"…" counts as "…". Several fields are one list. What is malformed anywhere is ignored as a
 * whole: the request is answered as if it were not there. Pure. */
#ifndef WEIR_HTTP_NONE_MATCH_H
#define WEIR_HTTP_NONE_MATCH_H

#include "common/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum http_none_match {
    HTTP_MATCH_TAGS, /* those found, which may be none */
    HTTP_MATCH_ANY   /* `*`: whatever there is */
};

/* Of a request's whole head, as http_parse accepted it. TAGS: they are appended to `tags`, a
 * uint64_t each: 8 bytes for every 19 of the head, at most. */
enum http_none_match http_none_match_parse(struct bytes head, struct buffer *tags);

/* Whether `tag` is among `tags`, which need not be aligned. */
bool http_none_match_has(struct bytes tags, uint64_t tag);

/* The text of a tag, quotes included. */
#define HTTP_TAG_SIZE 18                    /* bytes */
char *http_put_tag(char *at, uint64_t tag); /* as those of http_put.h */

#endif
