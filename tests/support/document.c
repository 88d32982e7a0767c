#include "document.h"

#include "trouble.h"

#include <stdio.h>

void document_read(const char *path, struct blob *text)
{
    char part[4096];
    FILE *file = fopen(path, "r");

    if (!file)
        trouble("cannot read %s: tests run in the project's folder", path);
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        blob_append(text, part, got);
    fclose(file);
}
