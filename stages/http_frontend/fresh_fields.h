/* What an HTTP answer says about how old and how fresh it is, as header lines:
 *
 *     Age            RFC 9111, 5.1
 *     Cache-Control  RFC 9111, 5.2.2.1: max-age, which is what Age says and what remains beyond it
 *     ETag           RFC 9110, 8.8.3: strong, from the bytes of the value
 *     Cache-Status   RFC 9211: what each cache made of it, the one nearest the origin first
 *
 * docs/http.md has them in prose. Pure. */
#ifndef WEIR_FRESH_FIELDS_H
#define WEIR_FRESH_FIELDS_H

#include "common/message.h"
#include "common/trail.h"

#define FRESH_FIELDS_NAME_ROOM 80                       /* bytes: "weir." and a stage's name */
#define FRESH_FIELDS_ROOM      (128 + TRAIL_MOST * 160) /* bytes: all lines at their longest */

/* The caches on the way from the origin, that nearest it first, as Cache-Status calls them. */
struct fresh_fields {
    struct freshness_name {
        char text[FRESH_FIELDS_NAME_ROOM];
        size_t size;
    } names[TRAIL_MOST];
    size_t count;
};

void fresh_fields_init(struct fresh_fields *chain, const char *const *caches, size_t count);

/* The lines for a VALUE or a NONE, each with its CRLF; they lie in `room`. What is not known is
 * left out: an answer that passed no cache has no age, and one without a tag has no ETag. A NONE
 * that no cache has kept has none of them. */
struct bytes fresh_fields_format(const struct fresh_fields *chain, const struct answer *answer,
                                 char room[FRESH_FIELDS_ROOM]);

#endif
