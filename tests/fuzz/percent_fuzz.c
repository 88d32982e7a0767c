/* The percent-decoder: what it decodes can be encoded again to something that means the same. */
#include "common/check.h"
#include "common/http_percent.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *out = malloc(size + !size);
    size_t decoded;
    CHECK(out);
    if (http_percent_decode((struct bytes){(const char *)data, size}, out, &decoded)) {
        CHECK(decoded <= size && (size - decoded) % 2 == 0);
        char *encoded = malloc(3 * decoded + 1), *again = malloc(3 * decoded + 1);
        size_t count;
        CHECK(encoded && again);
        for (size_t i = 0; i < decoded; i++)
            snprintf(encoded + 3 * i, 4, "%%%02X", (unsigned char)out[i]);
        CHECK(http_percent_decode((struct bytes){encoded, 3 * decoded}, again, &count));
        CHECK(bytes_are_equal((struct bytes){again, count}, (struct bytes){out, decoded}));
        free(encoded);
        free(again);
    }
    free(out);
    return 0;
}
