/* The unanswered commands of one connection, first in, first out. Each has a number, so that one in
 * the middle can be found. */
#ifndef WEIR_REDIS_QUEUE_H
#define WEIR_REDIS_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct redis_ask;

enum redis_command_kind {
    COMMAND_AUTH,
    COMMAND_SELECT,
    COMMAND_INFO,
    COMMAND_PING,
    COMMAND_GET,
    COMMAND_GET_PTTL, /* a GET and, right behind it, a PTTL: two replies */
    COMMAND_CLIENT_ID,
    COMMAND_TRACKING,
    COMMAND_SUBSCRIBE
};

struct redis_command {
    enum redis_command_kind kind;
    uint32_t size;         /* bytes, as sent */
    struct redis_ask *ask; /* of a GET; NULL: nobody waits for its reply */
};

/* A zeroed queue is empty. */
struct redis_queue {
    struct redis_command *commands; /* a ring; owned */
    size_t capacity;                /* 0, or a power of two */
    uint64_t first, next;           /* numbers of the oldest and of the next to come */
    size_t bytes;                   /* of all commands */
};

void redis_queue_fini(struct redis_queue *queue);

static inline size_t redis_queue_size(const struct redis_queue *queue)
{
    return (size_t)(queue->next - queue->first);
}

/* Returns its number. */
uint64_t redis_queue_push(struct redis_queue *queue, struct redis_command command);

/* CHECK: it is in the queue. */
struct redis_command *redis_queue_at(struct redis_queue *queue, uint64_t number);

/* Takes out the oldest. CHECK: there is one. */
struct redis_command redis_queue_pop(struct redis_queue *queue);

#endif
