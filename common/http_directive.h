/* Cache-Control, as a request says it (RFC 9111, 5.2): a list of directives. Pure. */
#ifndef WEIR_HTTP_DIRECTIVE_H
#define WEIR_HTTP_DIRECTIVE_H

#include "common/bytes.h"

#include <stdbool.h>

/* Whether `value`, of one such field, has the directive `name` without an argument; case does not
 * matter. What is malformed is passed over to the next comma. */
bool http_directive_is_in(struct bytes value, const char *name);

#endif
