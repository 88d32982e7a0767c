/* What the tests do when their own set-up fails: no server, no socket, no memory. */
#ifndef TESTS_SUPPORT_TROUBLE_H
#define TESTS_SUPPORT_TROUBLE_H

/* Prints a line to standard error and ends the test program with status 1. Not for what weir does
 * wrong: that is a test's own assertion. */
_Noreturn void trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
