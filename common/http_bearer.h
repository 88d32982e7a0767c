/* The token of a request: "Authorization: Bearer TOKEN" (RFC 6750, 2.1). Pure. */
#ifndef WEIR_HTTP_BEARER_H
#define WEIR_HTTP_BEARER_H

#include "common/bytes.h"

/* Takes a request's head as http_parse has found it to be in order (http.h). Empty where there is
 * no such field, more than one, or one of another scheme. Points into the head. */
struct bytes http_bearer_parse(struct bytes head);

#endif
