#include "common/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "weir: a bug, please report it: %s:%d: CHECK(%s)\n", file, line, condition);
    abort();
}
