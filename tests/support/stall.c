#include "stall.h"

#include "trouble.h"
#include "writer.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST  300000  /* messages: five minutes */
#define PAUSE 1000000 /* ns */

struct stall {
    redisContext *publisher, *subscriber;
    pthread_t threads[2];
    atomic_bool is_ending;
    size_t published;
    int64_t acknowledged[MOST], heard[MOST]; /* ns; each is one thread's alone until it ended */
};

static redisContext *connect_to(int port)
{
    redisContext *context = redisConnect("127.0.0.1", port);

    if (!context || context->err)
        trouble("no connection to Redis for a bare subscriber");
    return context;
}

static void *publish(void *argument)
{
    struct stall *stall = argument;
    const struct timespec pause = {.tv_nsec = PAUSE};

    while (!atomic_load(&stall->is_ending) && stall->published < MOST) {
        redisReply *reply =
            redisCommand(stall->publisher, "PUBLISH stall %lu", (unsigned long)stall->published);
        if (!reply)
            trouble("Redis has left a bare publisher");
        stall->acknowledged[stall->published++] = writer_clock();
        freeReplyObject(reply);
        nanosleep(&pause, NULL);
    }
    freeReplyObject(redisCommand(stall->publisher, "PUBLISH stall end"));
    return NULL;
}

static void *listen_to(void *argument)
{
    struct stall *stall = argument;
    bool is_over = false;

    while (!is_over) {
        void *reply = NULL;
        if (redisGetReply(stall->subscriber, &reply) != REDIS_OK)
            trouble("Redis has left a bare subscriber");
        const char *text = ((redisReply *)reply)->element[2]->str;
        is_over = strcmp(text, "end") == 0;
        if (!is_over)
            stall->heard[strtoul(text, NULL, 10)] = writer_clock();
        freeReplyObject(reply);
    }
    return NULL;
}

struct stall *stall_start(int port)
{
    struct stall *stall = calloc(1, sizeof *stall);

    if (!stall)
        trouble("no memory for a bare subscriber");
    stall->publisher = connect_to(port);
    stall->subscriber = connect_to(port);
    freeReplyObject(redisCommand(stall->subscriber, "SUBSCRIBE stall"));
    if (pthread_create(&stall->threads[0], NULL, publish, stall) != 0 ||
        pthread_create(&stall->threads[1], NULL, listen_to, stall) != 0)
        trouble("no threads for a bare subscriber");
    return stall;
}

int64_t stall_finish(struct stall **stall)
{
    struct stall *dying = *stall;
    int64_t longest = 0;

    atomic_store(&dying->is_ending, true);
    pthread_join(dying->threads[0], NULL);
    pthread_join(dying->threads[1], NULL);
    for (size_t i = 0; i < dying->published; i++)
        if (dying->heard[i] - dying->acknowledged[i] > longest)
            longest = dying->heard[i] - dying->acknowledged[i];
    redisFree(dying->publisher);
    redisFree(dying->subscriber);
    free(dying);
    *stall = NULL;
    return longest;
}
