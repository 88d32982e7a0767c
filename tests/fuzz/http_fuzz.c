/* The request parser: it stays within its input, and what it says follows from the bytes alone,
 * however they arrive. */
#include "common/check.h"
#include "common/http.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ready(struct bytes input, const struct http_request *request)
{
    const char *path = request->path.data;
    CHECK(request->size > 0 && request->size <= input.size);
    CHECK(path >= input.data && path + request->path.size <= input.data + request->size);
    CHECK(request->path.size <= HTTP_MAX_TARGET);
    CHECK(!request->path.size || !memchr(path, '?', request->path.size));
}

/* Of every beginning, in a block of exactly its size. */
static void check_beginning(struct bytes input, size_t size, struct http_seen *seen,
                            enum http_verdict whole, const struct http_request *request)
{
    struct http_request part, again;
    char *copy = malloc(size + !size);
    CHECK(copy);
    memcpy(copy, input.data, size);
    struct bytes beginning = {copy, size};
    enum http_verdict verdict = http_parse(beginning, &(struct http_seen){0}, &part);
    CHECK(http_parse(beginning, seen, &again) == verdict);
    free(copy);
    if (verdict == HTTP_MORE)
        return;
    CHECK(again.status == part.status && again.size == part.size);
    CHECK(again.path.size == part.path.size && again.is_head == part.is_head);
    CHECK(again.keeps_alive == part.keeps_alive);
    CHECK(verdict == whole && part.status == request->status && part.size == request->size);
    CHECK(part.keeps_alive == request->keeps_alive && part.is_head == request->is_head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {(const char *)data, size};
    struct http_request request;
    struct http_seen seen = {0};
    enum http_verdict whole = http_parse(input, &(struct http_seen){0}, &request);
    if (whole == HTTP_READY)
        check_ready(input, &request);
    else if (whole != HTTP_MORE)
        CHECK(request.status >= 400 && request.status <= 505 && request.problem);
    size_t step = 1 + size / 512;
    for (size_t part = 0; part < size; part += step)
        check_beginning(input, part, &seen, whole, &request);
    return 0;
}
