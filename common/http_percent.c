#include "common/http_percent.h"

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

bool http_percent_decode(struct bytes encoded, char *out, size_t *size)
{
    char *next = out;
    for (size_t i = 0; i < encoded.size; i++) {
        char byte = encoded.data[i];
        if (byte == '%') {
            if (encoded.size - i < 3)
                return false;
            int high = digit_value(encoded.data[i + 1]);
            int low = digit_value(encoded.data[i + 2]);
            if (high < 0 || low < 0)
                return false;
            byte = (char)(high * 16 + low);
            i += 2;
        }
        *next++ = byte;
    }
    *size = (size_t)(next - out);
    return true;
}
