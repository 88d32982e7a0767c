#include "common/http_request_line.h"

#include "common/http_line.h"

#include <strings.h>

#define SCHEME      "http://"
#define SCHEME_SIZE (sizeof(SCHEME) - 1)

static enum http_verdict check_version(struct bytes version, struct http_request *request)
{
    const char *v = version.data;
    if (version.size != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' ||
        v[6] != '.' || v[7] < '0' || v[7] > '9')
        return http_refuse(request, HTTP_BAD, 400,
                           "the request line is not of the form GET /key HTTP/1.1");
    if (v[5] != '1' || v[7] > '1')
        return http_refuse(request, HTTP_BAD, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    request->is_old = v[7] == '0';
    return HTTP_READY;
}

static enum http_verdict check_method(struct bytes method, bool takes_post,
                                      struct http_request *request)
{
    request->is_head = bytes_are_equal(method, bytes_of_text("HEAD"));
    request->is_post = takes_post && bytes_are_equal(method, bytes_of_text("POST"));
    if (!request->is_head && !request->is_post && !bytes_are_equal(method, bytes_of_text("GET")))
        return http_refuse(request, HTTP_BAD, 405, "only GET and HEAD are served here");
    return HTTP_READY;
}

/* A path, or an absolute URI, whose scheme and authority say nothing to us. */
static enum http_verdict check_target(struct bytes target, struct http_request *request)
{
    for (size_t i = 0; i < target.size; i++) {
        unsigned char byte = (unsigned char)target.data[i];
        if (byte == '?')
            return http_refuse(request, HTTP_BAD, 400,
                               "a query means nothing here; write %3F for a ? that is part of a "
                               "key");
        if (byte <= ' ' || byte >= 0x7f || byte == '#')
            return http_refuse(request, HTTP_BAD, 400,
                               "the target holds a byte that must be percent-encoded");
    }
    const char *at = target.data, *end = at + target.size;
    if (target.size > SCHEME_SIZE && strncasecmp(at, SCHEME, SCHEME_SIZE) == 0) {
        at += SCHEME_SIZE;
        const char *authority = at;
        while (at < end && *at != '/')
            at++;
        if (at == authority)
            return http_refuse(request, HTTP_BAD, 400, "the target names no host");
        if (at < end)
            at++;
    } else if (*at == '/') {
        at++;
    } else {
        return http_refuse(request, HTTP_BAD, 400,
                           "the target must begin with a slash or with http://");
    }
    request->path = (struct bytes){at, (size_t)(end - at)};
    return HTTP_READY;
}

enum http_verdict http_request_line_parse(struct bytes line, bool takes_post,
                                          struct http_request *request)
{
    const char *end = line.data + line.size;
    const char *method_end = memchr(line.data, ' ', line.size);
    if (!method_end || !http_line_is_token(line.data, method_end))
        return http_refuse(request, HTTP_BAD, 400, "the request line does not begin with a method");
    const char *target = method_end + 1;
    const char *target_end = memchr(target, ' ', (size_t)(end - target));
    if (!target_end || target_end == target)
        return http_refuse(request, HTTP_BAD, 400,
                           "the request line is not of the form GET /key HTTP/1.1");

    enum http_verdict verdict =
        check_version((struct bytes){target_end + 1, (size_t)(end - target_end - 1)}, request);
    if (verdict != HTTP_READY)
        return verdict;
    if (target_end - target > HTTP_MAX_TARGET)
        return http_refuse(request, HTTP_TOO_BIG, 414, "the target is longer than 16 KiB");
    verdict = check_method((struct bytes){line.data, (size_t)(method_end - line.data)}, takes_post,
                           request);
    if (verdict != HTTP_READY)
        return verdict;
    return check_target((struct bytes){target, (size_t)(target_end - target)}, request);
}
