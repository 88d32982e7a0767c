/* A private directory for what a test writes. */
#ifndef TESTS_SUPPORT_TEMP_DIR_H
#define TESTS_SUPPORT_TEMP_DIR_H

/* Makes an empty directory below $TMPDIR or /tmp. The caller owns the path. */
char *temp_dir_create(void);

/* Writes `text` to the file `name` in `directory`. The caller owns the returned path. */
char *temp_dir_write(const char *directory, const char *name, const char *text);

/* Removes the directory with all that is in it, and nulls the pointer. */
void temp_dir_destroy(char **directory);

#endif
