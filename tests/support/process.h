/* Child processes whose output is captured. A child never outlives the test program: it is killed
 * when the program exits and, on Linux, also when the program is killed. */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process;

enum process_stream { PROCESS_OUTPUT, PROCESS_ERRORS };

/* Judges all that a stream has said so far. */
typedef bool process_match(const char *text, void *context);

/* Starts `arguments[0]` (looked up in PATH) with an empty standard input. `environment` is a list
 * of NAME=VALUE to set beside what this program has; it may be NULL. Both lists end with NULL. */
struct process *process_start(const char *const *arguments, const char *const *environment);

pid_t process_id(const struct process *process);

/* Waits until `match` accepts what `stream` has said. False when the process ended or the deadline
 * passed without that. `match` runs under the process's lock: it must not call this module. */
bool process_wait_match(struct process *process, enum process_stream stream, process_match *match,
                        void *context, int64_t deadline);

/* The same, for a piece of text. */
bool process_wait_text(struct process *process, enum process_stream stream, const char *text,
                       int64_t deadline);

/* A copy, which the caller frees, of what `stream` has said so far. */
char *process_copy_text(struct process *process, enum process_stream stream);

void process_signal(struct process *process, int signal);

/* Stops the process where it stands, and lets it go on. Once process_freeze() has returned, the
 * process does nothing. */
void process_freeze(struct process *process);
void process_thaw(struct process *process);

/* Waits for the end. Stores the exit code, or 128 plus the number of the signal that ended it.
 * False when the deadline passed first. */
bool process_wait_exit(struct process *process, int64_t deadline, int *code);

/* Kills the process if it still runs, reaps it, and nulls the pointer. */
void process_destroy(struct process **process);

#endif
