/* The request parser: it stays within its input, and what it says follows from the bytes alone,
 * however they arrive. If-None-Match, in what it accepts and in anything else: a list means the
 * same in one field as in two, and the tags found in it are as many as could be written there. */
#include "common/check.h"
#include "common/http.h"
#include "common/http_none_match.h"
#include "common/http_put.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy in a block of exactly its size, so that a sanitizer sees a read beyond it. */
static struct bytes copy_of(struct bytes bytes)
{
    char *copy = malloc(bytes.size + !bytes.size);
    CHECK(copy);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return (struct bytes){copy, bytes.size};
}

static enum http_none_match match(struct bytes head, struct buffer *tags)
{
    struct bytes copy = copy_of(head);
    enum http_none_match verdict = http_none_match_parse(copy, tags);
    free((char *)copy.data);
    CHECK(tags->size % sizeof(uint64_t) == 0);
    CHECK(tags->size / sizeof(uint64_t) <= head.size / HTTP_TAG_SIZE);
    CHECK(verdict == HTTP_MATCH_TAGS || tags->size == 0);
    return verdict;
}

/* What was found, written as a list again, is found again. */
static void check_again(const struct buffer *tags)
{
    struct buffer head = {0}, again = {0};
    buffer_append_text(&head, "If-None-Match:");
    for (size_t at = 0; at < tags->size; at += sizeof(uint64_t)) {
        char text[HTTP_TAG_SIZE];
        uint64_t tag;
        memcpy(&tag, tags->data + at, sizeof(tag));
        CHECK(http_none_match_has(buffer_bytes(tags), tag));
        http_put_tag(text, tag);
        buffer_append(&head, text, sizeof(text));
        buffer_append_text(&head, ",");
    }
    buffer_append_text(&head, "\r\n");
    CHECK(match(buffer_bytes(&head), &again) == HTTP_MATCH_TAGS);
    CHECK(bytes_are_equal(buffer_bytes(&again), buffer_bytes(tags)));
    buffer_fini(&head);
    buffer_fini(&again);
}

/* The input as the value of a field, and as those of two, divided at a comma that stands in no
 * quotes (RFC 9110, 5.3). */
static void check_list(struct bytes input)
{
    struct buffer one = {0}, two = {0}, tags = {0}, same = {0};
    bool is_quoted = false, is_divided = false;
    buffer_append_text(&one, "If-None-Match:");
    buffer_append_text(&two, "If-None-Match:");
    for (size_t i = 0; i < input.size; i++) {
        char byte = input.data[i];
        if (byte == '\r' || byte == '\n')
            continue; /* no value holds them */
        is_quoted ^= byte == '"';
        buffer_append(&one, &byte, 1);
        if (byte == ',' && !is_quoted && !is_divided) {
            buffer_append_text(&two, "\r\nif-none-match: ");
            is_divided = true;
        } else {
            buffer_append(&two, &byte, 1);
        }
    }
    buffer_append_text(&one, "\r\n\r\n");
    buffer_append_text(&two, "\r\n\r\n");
    enum http_none_match verdict = match(buffer_bytes(&one), &tags);
    CHECK(match(buffer_bytes(&two), &same) == verdict);
    CHECK(bytes_are_equal(buffer_bytes(&tags), buffer_bytes(&same)));
    check_again(&tags);
    buffer_fini(&one);
    buffer_fini(&two);
    buffer_fini(&tags);
    buffer_fini(&same);
}

static void check_ready(struct bytes input, const struct http_request *request)
{
    const char *path = request->path.data, *head = request->head.data;
    struct buffer tags = {0};
    CHECK(request->size > 0 && request->size <= input.size);
    CHECK(path >= input.data && path + request->path.size <= input.data + request->size);
    CHECK(request->path.size <= HTTP_MAX_TARGET);
    CHECK(!request->path.size || !memchr(path, '?', request->path.size));
    CHECK(head >= input.data && head + request->head.size <= input.data + request->size);
    enum http_none_match verdict = match(request->head, &tags);
    CHECK(request->has_none_match || (verdict == HTTP_MATCH_TAGS && tags.size == 0));
    buffer_fini(&tags);
}

/* Of every beginning, in a block of exactly its size. */
static void check_beginning(struct bytes input, size_t size, struct http_seen *seen,
                            enum http_verdict whole, const struct http_request *request)
{
    struct http_request part, again;
    struct bytes copy = copy_of((struct bytes){input.data, size});
    enum http_verdict verdict = http_parse(copy, &(struct http_seen){0}, &part);
    CHECK(http_parse(copy, seen, &again) == verdict);
    free((char *)copy.data);
    if (verdict == HTTP_MORE)
        return;
    CHECK(again.status == part.status && again.size == part.size);
    CHECK(again.path.size == part.path.size && again.is_head == part.is_head);
    CHECK(again.keeps_alive == part.keeps_alive);
    CHECK(verdict == whole && part.status == request->status && part.size == request->size);
    CHECK(part.keeps_alive == request->keeps_alive && part.is_head == request->is_head);
    CHECK(part.has_none_match == request->has_none_match);
    CHECK(part.is_no_cache == request->is_no_cache);
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
    check_list(input);
    return 0;
}
