/* The entity tag of a value: what tells its bytes from any others (RFC 9110, 8.8.3: a strong
 * validator). The first 8 bytes of their BLAKE2b hash, so that every cache, process and host gives
 * the same bytes the same tag. Computed once, where a value enters weir.
 *
 * sodium_init has been called. */
#ifndef WEIR_ENTITY_TAG_H
#define WEIR_ENTITY_TAG_H

#include "common/bytes.h"

#include <stdint.h>

/* About 1 ns a byte: for small values. */
uint64_t entity_tag_of(struct bytes bytes);

/* The same for bytes that come piece by piece, so that a large value makes no long pause. */
struct entity_tag;

struct entity_tag *entity_tag_create(void);
void entity_tag_destroy(struct entity_tag **tag); /* NULL inside is allowed */

void entity_tag_begin(struct entity_tag *tag); /* anew; what was added before is forgotten */
void entity_tag_add(struct entity_tag *tag, struct bytes bytes);
uint64_t entity_tag_end(struct entity_tag *tag); /* of all since entity_tag_begin */

#endif
