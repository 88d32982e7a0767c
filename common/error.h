/* Why something could not be started, in words for the person who has to mend it: file, line and
 * key where there are such. Used at start-up and when settings are read, never on the way of a
 * request. */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

struct error {
    char text[512]; /* one line, no full stop, ended by a zero */
};

/* Sets the text; always returns false, so that a failing function can end with it. */
_Bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
