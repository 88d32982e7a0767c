/* The parser of commands, given any bytes: whether the client has to log in first and how the bytes
 * are cut are in the first byte of the input. Whole or cut, it must find the same commands and the
 * same error, at the same places, and never wait for fewer bytes than it was given. */
#include "common/check.h"
#include "stages/resp_frontend/resp_parser.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t add_bytes(uint64_t sum, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        sum = (sum ^ (unsigned char)bytes.data[i]) * UINT64_C(1099511628211);
    return (sum ^ bytes.size) * UINT64_C(1099511628211);
}

/* A sum over all commands and the error, if there is one; `step` bytes more are seen each time. */
static uint64_t take_all(struct resp_parser *parser, struct bytes input, size_t step,
                         bool is_stranger)
{
    uint64_t sum = 0;
    size_t used = 0, seen = step < input.size ? step : input.size;
    while (used < input.size) {
        const struct bytes part = {input.data + used, seen - used};
        const enum resp_parse parse =
            part.size > 0 ? resp_parser_take(parser, part, is_stranger) : RESP_MORE;
        if (parse == RESP_BAD)
            return add_bytes(sum, bytes_of_text(parser->error));
        if (parse == RESP_READY) {
            CHECK(parser->size > 0 && parser->size <= part.size);
            used += parser->size;
            for (size_t i = 0; i < parser->count; i++)
                sum = add_bytes(sum, parser->arguments[i]);
            sum = add_bytes(sum, (struct bytes){NULL, 0}) ^ used;
            continue;
        }
        CHECK(part.size == 0 || parser->needed > part.size);
        if (seen == input.size)
            break;
        seen += step < input.size - seen ? step : input.size - seen;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct resp_parser parser = {0};
    if (size == 0)
        return 0;
    const struct bytes input = {(const char *)data + 1, size - 1};
    const bool is_stranger = data[0] & 0x80;
    const size_t step = (data[0] & 0x7f) + 1u;
    CHECK(take_all(&parser, input, SIZE_MAX, is_stranger) ==
          take_all(&parser, input, step, is_stranger));
    resp_parser_fini(&parser);
    return 0;
}
