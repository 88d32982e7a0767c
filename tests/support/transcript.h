/* Black-box cases in readable text: what Redis holds, what is sent to weir, what comes back, which
 * counters moved. tests/system/transcripts/README.md is the reference of the form. */
#ifndef TESTS_SUPPORT_TRANSCRIPT_H
#define TESTS_SUPPORT_TRANSCRIPT_H

#include "blob.h"
#include "http_client.h"
#include "redis_server.h"
#include "weir_fleet.h"

#include <stdbool.h>
#include <stddef.h>

#define TRANSCRIPT_WORDS_MAX 16 /* of a `redis` or `flags:` line, and headers of one response */

enum transcript_kind {
    TRANSCRIPT_REDIS,        /* words: a command */
    TRANSCRIPT_CONNECT,      /* a new connection */
    TRANSCRIPT_SEND,         /* data: the bytes */
    TRANSCRIPT_RECEIVE,      /* HTTP: words: status line and headers; data: the body.
                                Redis's: data: the reply; words: what it holds as well */
    TRANSCRIPT_HALF_CLOSE,   /* no more will be sent */
    TRANSCRIPT_EXPECT_CLOSE, /* weir closes and sends nothing before */
    TRANSCRIPT_METRIC        /* words: name, label; delta */
};

/* What a response's body, or a reply, is compared with. */
enum transcript_body {
    TRANSCRIPT_EXACT,  /* data */
    TRANSCRIPT_LINE,   /* any one line of text: `<< *` */
    TRANSCRIPT_ANY,    /* anything but nothing: `<< ...` */
    TRANSCRIPT_PREFIX, /* data is how it begins: a reply's `*` at the end */
};

struct transcript_step {
    enum transcript_kind kind;
    int line; /* in the file, from 1 */
    struct blob words[TRANSCRIPT_WORDS_MAX];
    size_t word_count;
    struct blob data;
    enum http_method method; /* which a response answers */
    enum transcript_body body;
    double delta; /* since the transcript began */
};

struct transcript {
    const char *path;
    struct blob needs;                       /* properties of a topology, separated by spaces */
    struct blob flags[TRANSCRIPT_WORDS_MAX]; /* for weir's command line */
    size_t flag_count;
    bool is_resp; /* its client speaks the Redis protocol */
    bool split;   /* to be repeated with its requests cut at every byte, and glued */
    struct transcript_step *steps;
    size_t step_count;
};

/* Reads a file. False with a reason in `error`; transcript_fini() frees in either case. */
bool transcript_parse(const char *path, struct transcript *transcript, struct blob *error);
void transcript_fini(struct transcript *transcript);

/* Plays the transcript on a running fleet and an empty Redis. False with a report, for a person, of
 * the first difference. */
bool transcript_play(const struct transcript *transcript, struct weir_fleet *fleet,
                     struct redis_server *redis, struct blob *report);

#endif
