/* The project's own texts, as tests read them. */
#ifndef TESTS_SUPPORT_DOCUMENT_H
#define TESTS_SUPPORT_DOCUMENT_H

#include "blob.h"

/* Appends the file, whose path begins at the project's folder; trouble when it cannot be read. */
void document_read(const char *path, struct blob *text);

#endif
