/* Replies of the Redis protocol, appended to a buffer. Pure.
 *
 * What RESP3 says in a type of its own, RESP2 says in the nearest it has: `is_resp3` tells which.
 */
#ifndef WEIR_RESP_REPLY_H
#define WEIR_RESP_REPLY_H

#include "common/buffer.h"

#include <stdbool.h>
#include <stdint.h>

void resp_reply_simple(struct buffer *out, const char *text); /* "+OK" */

/* "-…": begins with a code, as "ERR " or "NOAUTH ". A line break in it becomes a space. */
void resp_reply_error(struct buffer *out, struct bytes text);

void resp_reply_integer(struct buffer *out, int64_t number);
void resp_reply_bulk(struct buffer *out, struct bytes bytes);
void resp_reply_bulk_text(struct buffer *out, const char *text);

/* What stands in front of and behind the bytes of a bulk. */
void resp_reply_bulk_head(struct buffer *out, size_t size);
void resp_reply_bulk_end(struct buffer *out);

void resp_reply_null(struct buffer *out, bool is_resp3);

/* Lines of text for a person. */
void resp_reply_verbatim(struct buffer *out, struct bytes text, bool is_resp3);

/* So many items, or pairs of a key and a value, follow. */
void resp_reply_array(struct buffer *out, size_t items);
void resp_reply_set(struct buffer *out, size_t items, bool is_resp3);
void resp_reply_map(struct buffer *out, size_t pairs, bool is_resp3);

#endif
