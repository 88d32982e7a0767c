#include "temp_dir.h"

#include "blob.h"
#include "trouble.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *temp_dir_create(void)
{
    struct blob path = {0};
    const char *parent = getenv("TMPDIR");

    blob_append_format(&path, "%s/weir-test-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(path.data))
        trouble("no temporary directory %s: %s", path.data, strerror(errno));
    return path.data;
}

char *temp_dir_write(const char *directory, const char *name, const char *text)
{
    struct blob path = {0};
    FILE *file;

    blob_append_format(&path, "%s/%s", directory, name);
    file = fopen(path.data, "w");
    if (!file || fputs(text, file) == EOF || fclose(file) != 0)
        trouble("cannot write %s: %s", path.data, strerror(errno));
    return path.data;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    remove(path);
    return 0;
}

void temp_dir_destroy(char **directory)
{
    if (!*directory)
        return;
    nftw(*directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(*directory);
    *directory = NULL;
}
