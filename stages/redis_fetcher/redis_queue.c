/* Owns a ring of commands that doubles when it is full. Its bound is the connection's business. */
#include "stages/redis_fetcher/redis_queue.h"

#include "common/check.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

void redis_queue_fini(struct redis_queue *queue)
{
    free(queue->commands);
    memset(queue, 0, sizeof(*queue));
}

static void grow(struct redis_queue *queue)
{
    size_t capacity = queue->capacity ? queue->capacity * 2 : FIRST_CAPACITY;
    struct redis_command *commands = memory_alloc(capacity, sizeof(*commands));

    for (uint64_t number = queue->first; number != queue->next; number++)
        commands[number & (capacity - 1)] = queue->commands[number & (queue->capacity - 1)];
    free(queue->commands);
    queue->commands = commands;
    queue->capacity = capacity;
}

uint64_t redis_queue_push(struct redis_queue *queue, struct redis_command command)
{
    if (redis_queue_size(queue) == queue->capacity)
        grow(queue);
    queue->commands[queue->next & (queue->capacity - 1)] = command;
    queue->bytes += command.size;
    return queue->next++;
}

struct redis_command *redis_queue_at(struct redis_queue *queue, uint64_t number)
{
    CHECK(number - queue->first < redis_queue_size(queue));
    return &queue->commands[number & (queue->capacity - 1)];
}

struct redis_command redis_queue_pop(struct redis_queue *queue)
{
    struct redis_command command = *redis_queue_at(queue, queue->first);

    queue->first++;
    queue->bytes -= command.size;
    return command;
}
