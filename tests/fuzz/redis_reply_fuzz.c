/* The reader of Redis's replies, given any bytes, cut anywhere: the first byte of the input says
 * how many bytes it is given at a time. Whole or cut, the replies must be the same. */
#include "common/check.h"
#include "stages/redis_fetcher/redis_reply.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sum over all replies: their kinds, sizes and bytes, in order. */
static uint64_t add_bytes(uint64_t sum, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        sum = (sum ^ (unsigned char)bytes.data[i]) * UINT64_C(1099511628211);
    return (sum ^ bytes.size) * UINT64_C(1099511628211);
}

static uint64_t read_all(const uint8_t *data, size_t size, size_t step)
{
    struct value_account *account = value_account_create(SIZE_MAX);
    struct redis_reader *reader = redis_reply_create_reader(account);
    struct redis_reply reply = {.kind = REPLY_MORE};
    uint64_t sum = 0;

    while (reader && size > 0 && reply.kind != REPLY_BROKEN) {
        size_t room, part = size < step ? size : step;
        char *at = redis_reply_room(reader, &room);
        CHECK(room > 0);
        part = part < room ? part : room;
        memcpy(at, data, part);
        redis_reply_receive(reader, part);
        data += part;
        size -= part;
        while (redis_reply_next(reader, &reply) != REPLY_MORE) {
            CHECK(!reply.value || (reply.kind == REPLY_BULK && reply.text.size == 0));
            sum = add_bytes((sum * 31 + reply.kind) * 31 + (uint64_t)reply.number,
                            reply.value ? reply.value->bytes : reply.text);
            value_release(&reply.value);
            if (reply.kind == REPLY_BROKEN)
                break;
        }
    }
    redis_reply_destroy_reader(&reader);
    value_account_abandon(&account);
    return sum;
}

/* A bulk string of megabytes that never comes: its memory costs the sanitizers more time than all
 * the rest, and the unit tests have it. */
static bool announces_megabytes(const uint8_t *data, size_t size)
{
    size_t digits = 0;

    for (size_t i = 0; i < size; i++) {
        bool is_digit = data[i] >= '0' && data[i] <= '9';
        if (data[i] == '$')
            digits = 1;
        else if (digits > 0 && is_digit)
            digits++;
        else if (digits > 7)
            return true;
        else
            digits = 0;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && !announces_megabytes(data, size))
        CHECK(read_all(data + 1, size - 1, SIZE_MAX) ==
              read_all(data + 1, size - 1, data[0] ? data[0] : 1));
    return 0;
}
