/* Gathers: questions with several parts, and the answers to all of them. Many at a time.
 *
 *     gather_start ── part, part, … ──▶ port
 *     on_done ◀── when the last has come ── gather_take ◀── answer, answer, …
 *
 * At most GATHER_WINDOW parts of one are asked at a time. A part that fails ends the asking, and
 * the gather is done when what was asked has been answered; the port answers everything in time, so
 * every gather ends, also one whose request was given up. Lives in its stage's thread. */
#ifndef WEIR_RESP_GATHER_H
#define WEIR_RESP_GATHER_H

#include "common/stage.h"

#define GATHER_WINDOW 64

/* A gather's tokens have this bit set; nobody else's do. */
#define GATHER_TOKEN (UINT64_C(1) << 63)

struct gather_part {
    enum status status;
    size_t at, size;     /* bytes of the value, and where they are in `bytes` */
    struct value *value; /* where they are instead; one reference */
};

struct gather_question {
    uint64_t token;    /* of whom it is gathered for */
    struct bytes keys; /* gather_append_key for each; copied */
    size_t count;      /* of keys, at least one */
    int64_t deadline;  /* mono ns */
    bool wants_values; /* else only whether there are any, and their sizes */
    size_t max_bytes;  /* of all values together */
    int64_t note[2];   /* the asker's own */
};

struct gather {
    uint32_t index; /* in its pool */
    struct gather *next_free;
    struct gather_question question;
    struct ask_port *port;
    bool is_survey;      /* `keys` is one key, and all shards of the port are asked for it */
    struct buffer keys;  /* those of the question */
    size_t next_key;     /* where in `keys` the next part is, from `asked` on */
    size_t asked;        /* parts */
    size_t missing;      /* answers to those */
    enum status failure; /* VALUE: none so far */
    bool is_too_large;   /* max_bytes; then its values are not complete */
    struct buffer bytes; /* the small values */
    size_t held;         /* bytes of all values kept */
    struct gather_part *parts;
    size_t part_capacity;
};

/* A gather is done: its parts are complete, unless it failed or was too large. It is given back
 * when this returns. */
typedef void gather_on_done(void *owner, struct gather *gather);

struct gathers {
    gather_on_done *on_done; /* set before use, as `owner` and `most` */
    void *owner;
    size_t most; /* at a time */
    struct gather **all, *free;
    size_t count;
};

void gathers_fini(struct gathers *gathers);

/* Appends a key to the encoding that a question is written in. */
void gather_append_key(struct buffer *keys, struct bytes key);

/* Asks for each key through the port, or for the one key each shard of it. VALUE: on_done will
 * follow, never during this call; any other status is the answer. */
enum status gather_start(struct gathers *gathers, struct ask_port *port,
                         const struct gather_question *question);
enum status gather_start_survey(struct gathers *gathers, struct ask_port *port,
                                const struct gather_question *question);

/* Takes an answer whose token has GATHER_TOKEN set. */
void gather_take(struct gathers *gathers, int64_t now, uint64_t token, const struct answer *answer);

/* The value of a part; in nobody's hands but the gather's. */
struct bytes gather_value(const struct gather *gather, size_t part);

#endif
