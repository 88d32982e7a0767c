/* The first line of a request (RFC 9112, 3). */
#ifndef WEIR_HTTP_REQUEST_LINE_H
#define WEIR_HTTP_REQUEST_LINE_H

#include "common/http.h"

/* Checks a whole line, without its CRLF, and takes path, is_head, is_post and is_old from it. Pure.
 */
enum http_verdict http_request_line_parse(struct bytes line, bool takes_post,
                                          struct http_request *request);

/* Sets why a request is refused; returns `verdict`. */
static inline enum http_verdict http_refuse(struct http_request *request, enum http_verdict verdict,
                                            int status, const char *problem)
{
    request->status = status;
    request->problem = problem;
    return verdict;
}

#endif
