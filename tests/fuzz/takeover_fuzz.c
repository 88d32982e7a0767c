/* The messages of a takeover: whatever comes, the same in one piece and byte by byte. */
#include "common/check.h"
#include "common/takeover.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {(const char *)data, size};
    struct takeover_message message, again;
    size_t used, more;
    enum takeover_read read;
    while ((read = takeover_parse(input, &message, &used)) == TAKEOVER_READ) {
        CHECK(used > 0 && used <= input.size && used <= TAKEOVER_MAX_LINE);
        CHECK(message.number >= 0 && strlen(message.reason) < TAKEOVER_MAX_LINE);
        for (size_t i = 0; i < used; i++)
            CHECK(takeover_parse((struct bytes){input.data, i}, &again, &more) == TAKEOVER_MORE);
        input.data += used;
        input.size -= used;
    }
    CHECK(read == TAKEOVER_BAD || input.size < TAKEOVER_MAX_LINE);
    return 0;
}
