#include "trouble.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void trouble(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("test set-up failed: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}
