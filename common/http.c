/* A request is looked at from its first byte on, and the first thing wrong decides: the request
 * line as soon as it is whole, then the lines of the head, then, with llhttp, what the fields say,
 * and at last the body. Only llhttp's account of the head is taken; it is given the head alone, so
 * that what it thinks of upgrades, bodies and what follows them does not matter. */
#include "common/http.h"

#include "common/http_chunked.h"
#include "common/http_directive.h"
#include "common/http_line.h"
#include "common/http_request_line.h"

#include <llhttp.h>
#include <stdint.h>
#include <strings.h>

/* Of a request line that has no end yet: the target, and ample room for method and version. */
#define MAX_REQUEST_LINE (HTTP_MAX_TARGET + 256)

/* The fields that decide where a request ends, whether another may follow, and what may answer it.
 */
struct fields {
    enum {
        FIELD_OTHER,
        FIELD_HOST,
        FIELD_LENGTH,
        FIELD_CODING,
        FIELD_EXPECT,
        FIELD_CACHING
    } current;
    unsigned hosts, lengths, codings;
    bool is_host_bad;    /* it holds a byte that neither a host nor a port does */
    bool is_length_good; /* digits only */
    bool is_chunked;     /* the coding is "chunked" and nothing else */
    bool expects_continue;
    bool has_none_match, is_no_cache, is_of_page;
    bool is_complete;
};

static const char broken_line[] = "a line does not end with CR LF";

static bool is_text(const char *at, size_t size, const char *text)
{
    return strlen(text) == size && strncasecmp(at, text, size) == 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t size)
{
    struct fields *fields = parser->data;
    fields->current = FIELD_OTHER;
    if (is_text(at, size, "host")) {
        fields->current = FIELD_HOST;
        fields->hosts++;
    } else if (is_text(at, size, "content-length")) {
        fields->current = FIELD_LENGTH;
        fields->lengths++;
    } else if (is_text(at, size, "transfer-encoding")) {
        fields->current = FIELD_CODING;
        fields->codings++;
    } else if (is_text(at, size, "expect")) {
        fields->current = FIELD_EXPECT;
    } else if (is_text(at, size, "cache-control")) {
        fields->current = FIELD_CACHING;
    } else if (is_text(at, size, "if-none-match")) {
        fields->has_none_match = true;
    } else if (is_text(at, size, "origin") || is_text(at, size, "sec-fetch-site")) {
        fields->is_of_page = true;
    }
    return 0;
}

/* RFC 3986, 3.2.2 and 3.2.3. */
static bool is_host_byte(char byte)
{
    static const char marks[] = {'-', '.', '_', '~', '%', '!', '$', '&', '\'', '(',
                                 ')', '*', '+', ',', ';', '=', ':', '[', ']'};
    return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') ||
           memchr(marks, byte, sizeof(marks));
}

static int on_value(llhttp_t *parser, const char *at, size_t size)
{
    struct fields *fields = parser->data;
    while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t'))
        size--;
    switch (fields->current) {
    case FIELD_LENGTH:
        fields->is_length_good = size > 0;
        for (size_t i = 0; i < size; i++)
            fields->is_length_good &= at[i] >= '0' && at[i] <= '9';
        break;
    case FIELD_CODING:
        fields->is_chunked = is_text(at, size, "chunked");
        break;
    case FIELD_EXPECT:
        fields->expects_continue = is_text(at, size, "100-continue");
        break;
    case FIELD_HOST:
        for (size_t i = 0; i < size; i++)
            fields->is_host_bad |= !is_host_byte(at[i]);
        break;
    case FIELD_CACHING:
        fields->is_no_cache |= http_directive_is_in((struct bytes){at, size}, "no-cache");
        break;
    case FIELD_OTHER:
        break;
    }
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct fields *fields = parser->data;
    fields->is_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
};

static enum http_verdict take_request_line(struct bytes input, struct http_seen *seen,
                                           struct http_request *request)
{
    const char *at = input.data, *line_end;
    if (input.size > 0 && !http_line_is_token(at, at + 1)) /* TLS, say: no line end may ever come */
        return http_refuse(request, HTTP_BAD, 400, "this is not HTTP");
    size_t window = input.size < MAX_REQUEST_LINE ? input.size : MAX_REQUEST_LINE;
    switch (http_line_find(at, at + window, &line_end)) {
    case HTTP_LINE_BROKEN:
        return http_refuse(request, HTTP_BAD, 400, broken_line);
    case HTTP_LINE_PARTIAL:
        if (window < MAX_REQUEST_LINE)
            return HTTP_MORE;
        return http_refuse(request, HTTP_TOO_BIG, 414, "the target is longer than 16 KiB");
    case HTTP_LINE_WHOLE:
        break;
    }
    struct bytes line = {at, (size_t)(line_end - at)};
    enum http_verdict verdict = http_request_line_parse(line, seen->takes_post, request);
    if (verdict == HTTP_READY)
        seen->line = seen->lines = line.size + 2;
    return verdict;
}

/* Finds the empty line that ends the head, and checks the lines on the way. */
static enum http_verdict take_field_lines(struct bytes input, struct http_seen *seen,
                                          struct http_request *request)
{
    bool is_cut = input.size >= HTTP_MAX_HEAD;
    const char *end = input.data + (is_cut ? HTTP_MAX_HEAD : input.size), *line_end;
    for (;;) {
        const char *at = input.data + seen->lines;
        enum http_line line = http_line_find(at, end, &line_end);
        if (line == HTTP_LINE_BROKEN)
            return http_refuse(request, HTTP_BAD, 400, broken_line);
        if (line == HTTP_LINE_PARTIAL && is_cut)
            return http_refuse(request, HTTP_TOO_BIG, 431,
                               "the header fields are larger than 32 KiB");
        if (line == HTTP_LINE_PARTIAL)
            return HTTP_MORE;
        if (line_end == at)
            return HTTP_READY;
        if (!http_line_is_field(at, line_end))
            return http_refuse(request, HTTP_BAD, 400,
                               "a header line is not of the form Name: value");
        seen->has_blanks |= line_end[-1] == '\t' || line_end[-1] == ' ';
        seen->lines = (size_t)(line_end + 2 - input.data);
    }
}

/* The lines of the head: READY when its end, an empty line, is there behind `seen->lines`. */
static enum http_verdict check_lines(struct bytes input, struct http_seen *seen,
                                     struct http_request *request)
{
    bool is_new = seen->line == 0;
    enum http_verdict verdict = is_new ? take_request_line(input, seen, request) : HTTP_READY;
    if (verdict == HTTP_READY)
        verdict = take_field_lines(input, seen, request);
    if (verdict != HTTP_MORE && !is_new) /* what it asks, which was not kept */
        http_request_line_parse((struct bytes){input.data, seen->line - 2}, seen->takes_post,
                                request);
    return verdict;
}

/* Copies a head, with spaces for the tabs behind its values: they are as good (RFC 9110, 5.6.3),
 * but llhttp does not take them behind a length, a coding or a "close". */
static void copy_head(char *copy, struct bytes head)
{
    bool is_behind = false; /* nothing but white space stands between here and the line's end */
    for (size_t at = head.size; at-- > 0;) {
        char byte = head.data[at];
        is_behind = byte == '\r' || (is_behind && (byte == ' ' || byte == '\t'));
        if (is_behind && byte == '\t')
            byte = ' ';
        copy[at] = byte;
    }
}

/* Why the fields leave open where the request ends (RFC 9112, 6); NULL when they do not. */
static const char *find_doubt(const struct fields *fields, const struct http_request *request)
{
    if (fields->lengths > 0 && fields->codings > 0)
        return "there is a Content-Length beside Transfer-Encoding";
    if (fields->lengths > 1 || (fields->lengths == 1 && !fields->is_length_good))
        return "the Content-Length is malformed or repeated";
    if (fields->codings > 1)
        return "the Transfer-Encoding is repeated";
    if (fields->codings == 1 && request->is_old)
        return "there is no Transfer-Encoding in HTTP/1.0";
    return NULL;
}

/* llhttp has given up: what it has seen by then mostly says why. */
static enum http_verdict refuse_fields(const struct fields *fields, struct http_request *request)
{
    const char *problem = find_doubt(fields, request);
    if (!problem && fields->current == FIELD_LENGTH)
        problem = "the Content-Length is malformed or repeated";
    if (!problem && fields->current == FIELD_CODING)
        problem = "the Transfer-Encoding is malformed";
    if (!problem)
        problem = "the target or a header holds a byte that must not be there";
    return http_refuse(request, HTTP_BAD, 400, problem);
}

/* What the fields say about the request, in so far as it can be relied on (RFC 9112, 3.2 and 6). */
static enum http_verdict check_fields(const struct fields *fields, struct http_request *request)
{
    if (fields->hosts > 1 || (fields->hosts == 0 && !request->is_old))
        return http_refuse(request, HTTP_BAD, 400, "exactly one Host header is needed");
    if (fields->is_host_bad)
        return http_refuse(request, HTTP_BAD, 400, "the Host header does not name a host");
    const char *doubt = find_doubt(fields, request);
    if (doubt)
        return http_refuse(request, HTTP_BAD, 400, doubt);
    if (fields->codings == 1 && !fields->is_chunked)
        return http_refuse(request, HTTP_BAD, 501,
                           "no Transfer-Encoding but chunked is understood");
    return HTTP_READY;
}

/* How many of the bytes behind the head are body. */
static enum http_verdict measure_body(const struct fields *fields, uint64_t length,
                                      struct bytes rest, struct http_seen *seen, size_t *size,
                                      struct http_request *request)
{
    static const char *const too_big = "a body is ignored, and this one is too large";
    if (length > HTTP_MAX_BODY)
        return http_refuse(request, HTTP_TOO_BIG, 413, too_big);
    bool has_body = length > 0 || fields->codings > 0;
    if (has_body && fields->expects_continue) {
        /* The final status comes instead of a 100, and the body need not come at all. */
        request->keeps_alive = false;
        *size = 0;
        return HTTP_READY;
    }
    if (fields->codings > 0) {
        enum http_verdict verdict = http_chunked_measure(rest, HTTP_MAX_BODY, &seen->chunked, size);
        seen->has_chunks = true;
        if (verdict == HTTP_BAD)
            return http_refuse(request, HTTP_BAD, 400, "the chunked body is malformed");
        if (verdict == HTTP_TOO_BIG)
            return http_refuse(request, HTTP_TOO_BIG, 413, too_big);
        return verdict;
    }
    *size = (size_t)length;
    seen->needed = seen->lines + 2 + (size_t)length;
    return length <= rest.size ? HTTP_READY : HTTP_MORE;
}

/* Whether the chunked body behind a head that is in order has an end yet, or something wrong. */
static bool is_chunked_decided(struct bytes input, struct http_seen *seen)
{
    size_t head_size = seen->lines + 2, size;
    struct bytes rest = {input.data + head_size, input.size - head_size};
    return http_chunked_measure(rest, HTTP_MAX_BODY, &seen->chunked, &size) != HTTP_MORE;
}

static enum http_verdict parse_head_and_body(struct bytes input, struct http_seen *seen,
                                             struct http_request *request)
{
    size_t head_size = seen->lines + 2, body_size;
    struct bytes head = {input.data, head_size},
                 rest = {input.data + head_size, input.size - head_size};
    struct fields fields = {0};
    llhttp_t parser;
    char copy[HTTP_MAX_HEAD];
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &fields;
    if (seen->has_blanks) {
        copy_head(copy, head);
        head.data = copy;
    }
    if (llhttp_execute(&parser, head.data, head.size) != HPE_PAUSED || !fields.is_complete)
        return refuse_fields(&fields, request);
    enum http_verdict verdict = check_fields(&fields, request);
    if (verdict != HTTP_READY)
        return verdict;

    request->keeps_alive = llhttp_should_keep_alive(&parser);
    uint64_t length = fields.lengths > 0 ? parser.content_length : 0;
    verdict = measure_body(&fields, length, rest, seen, &body_size, request);
    if (verdict == HTTP_READY)
        request->size = head_size + body_size;
    request->head = (struct bytes){input.data, head_size};
    request->has_none_match = fields.has_none_match;
    request->is_no_cache = fields.is_no_cache;
    request->is_of_page = fields.is_of_page;
    return verdict;
}

enum http_verdict http_parse(struct bytes input, struct http_seen *seen,
                             struct http_request *request)
{
    *request = (struct http_request){0};
    if (input.size == 0)
        return HTTP_MORE;
    /* An empty line too much behind the request before is forgiven (RFC 9112, 2.2). */
    size_t skipped = 0;
    if (input.data[0] == '\r') {
        if (input.size == 1)
            return HTTP_MORE;
        if (input.data[1] == '\n')
            skipped = 2;
    }
    input = (struct bytes){input.data + skipped, input.size - skipped};

    if (input.size < seen->needed || (seen->has_chunks && !is_chunked_decided(input, seen)))
        return HTTP_MORE;
    enum http_verdict verdict = check_lines(input, seen, request);
    if (verdict == HTTP_READY)
        verdict = parse_head_and_body(input, seen, request);
    if (verdict == HTTP_READY)
        request->size += skipped;
    return verdict;
}
