/* The real weir binary, running. Its path is $WEIR_BINARY, else build/weir; its port numbers are
 * learned from its log, for it listens on port 0. */
#ifndef TESTS_SUPPORT_WEIR_PROCESS_H
#define TESTS_SUPPORT_WEIR_PROCESS_H

#include "blob.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct weir_process;

/* How to start it. With `topology` NULL a file is written: the stages http, cache, redis and admin,
 * (and resp, where its settings are given) with the settings below added to theirs in YAML's flow
 * form ("capacity: 3, expiry: 1s"), placed as $WEIR_PLACEMENT says: one-reactor (also when unset)
 * or thread-per-stage. */
struct weir_settings {
    const char *url;      /* NULL: the caller's own Redis */
    const char *topology; /* path of a file, used as it stands */
    const char *process;  /* which of the file's; NULL: it is the only one */
    const char *http;     /* NULL: a timeout that a busy machine never reaches */
    const char *cache;
    const char *resp;               /* NULL: no such stage; "": as for http */
    bool has_resp;                  /* there is one for another reason */
    const char *drain_timeout;      /* NULL: the default */
    const char *log_level;          /* NULL: likewise */
    const char *redis;              /* NULL: likewise */
    const char *descriptors;        /* how many it may have open; NULL: as many as we */
    const char *const *flags;       /* ends with NULL; NULL for none */
    const char *const *environment; /* NAME=VALUE, ends with NULL; NULL for none */
};

const char *weir_process_binary(void);

/* Starts weir for the Redis at `url`, unless the settings name another, and returns once it
 * listens (where `process` is set: once its admin does); trouble when it does not. */
struct weir_process *weir_process_start(const char *url, const struct weir_settings *settings);

/* Writes the topology that it was started with anew, with other settings or as another text. It is
 * not told. */
void weir_process_rewrite(const struct weir_process *weir, const struct weir_settings *settings);
void weir_process_rewrite_text(const struct weir_process *weir, const char *text);

/* Runs weir with `flags` (which end with NULL) until it ends by itself; appends all that it says to
 * `output` and returns its exit code. Trouble when it does not end. */
int weir_process_run(const char *const *flags, const char *const *environment, struct blob *output);

/* Waits until its admin says that all its stages can do their work. */
bool weir_process_wait_ready(struct weir_process *weir, int64_t deadline);

pid_t weir_process_id(const struct weir_process *weir);
/* 0: it has no front end. */
int weir_process_http_port(const struct weir_process *weir);
int weir_process_admin_port(const struct weir_process *weir);
int weir_process_resp_port(const struct weir_process *weir);

/* A copy, which the caller frees, of what it has logged. */
char *weir_process_copy_log(struct weir_process *weir);

/* Waits until it has logged `text`. */
bool weir_process_wait_log(struct weir_process *weir, const char *text, int64_t deadline);

void weir_process_signal(struct weir_process *weir, int signal);

/* Waits for its end; -1 when the deadline passed, else the exit code (128 + signal). */
int weir_process_wait_exit(struct weir_process *weir, int64_t deadline);

/* Sends SIGTERM and waits: 0 when it drained and ended as it should. */
int weir_process_stop(struct weir_process *weir);

void weir_process_destroy(struct weir_process **weir);

#endif
