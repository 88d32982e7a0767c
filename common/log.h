/* The log: one line per event to standard error.
 *
 *     2026-11-24T08:15:30.123Z info http.0 listening address=127.0.0.1:8080
 *
 * or as JSON, one object a line. An event is words joined by dashes, and the keys of its fields are
 * words, so that both are found by a search. A value that holds a space, a quote, a control byte or
 * non-ASCII is quoted with C-like escapes, so that a line is always one line. Keys and values of
 * the cache are logged at debug only; passwords never.
 *
 * Any thread may write. A line is at most LOG_LINE_MAX bytes (longer ones are cut) and leaves in
 * one write; where standard error takes no bytes now, the line is dropped and counted, never waited
 * for. */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 2048 /* below PIPE_BUF, so that a write to a pipe is whole or nothing */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log {
    int descriptor;          /* 2 in the program; a pipe in tests */
    bool json;               /* set before the first line, never changed */
    atomic_int level;        /* enum log_level: lines above it are not written */
    atomic_ulong lines_lost; /* dropped because the descriptor took none */
};

struct log_field {
    const char *key;
    const char *text; /* NULL: `number` is meant */
    int64_t number;
};

#define LOG_TEXT(key, text)     ((struct log_field){(key), (text), 0})
#define LOG_NUMBER(key, number) ((struct log_field){(key), NULL, (number)})

/* log_write(log, LOG_INFO, "http.0", "listening", LOG_TEXT("address", address)); at least one
 * field. */
#define log_write(log, level, stage, event, ...)                                                   \
    log_write_fields((log), (level), (stage), (event), (struct log_field[]){__VA_ARGS__},          \
                     sizeof((struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

void log_init(struct log *log, int descriptor, enum log_level level, bool json);

void log_write_fields(struct log *log, enum log_level level, const char *stage, const char *event,
                      const struct log_field *fields, size_t count);

/* "error", "warn", "info" or "debug"; false for any other word. */
bool log_parse_level(const char *word, enum log_level *level);
const char *log_level_name(enum log_level level);

/* From the next line on; by any thread. */
void log_set_level(struct log *log, enum log_level level);

#endif
