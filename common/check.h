/* CHECK: a bug of our own ends the process, in every build.
 *
 * Never for what a client, a peer, Redis, a file or the system did: those are handled cases. */
#ifndef WEIR_CHECK_H
#define WEIR_CHECK_H

/* Prints the condition and its place to standard error and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

#endif
