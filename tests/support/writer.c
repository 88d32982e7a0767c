#include "writer.h"

#include "trouble.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define KEYS_MAX   256
#define FASTEST    1000000 /* ns between two writes of a key */
#define RHYTHMS    11      /* each twice as slow as the one before */
#define PAUSE      200000  /* ns: for so long nothing may be due */
#define PATIENCE_S 30

struct writer {
    struct history *history;
    atomic_int port;
    atomic_bool is_ending;
    pthread_t thread;
    redisContext *context; /* NULL: not connected */
    int64_t due[KEYS_MAX];
};

int64_t writer_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void disconnect(struct writer *writer)
{
    if (writer->context)
        redisFree(writer->context);
    writer->context = NULL;
}

static bool connect_anew(struct writer *writer)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};

    writer->context = redisConnectWithTimeout("127.0.0.1", atomic_load(&writer->port), patience);
    if (!writer->context || writer->context->err)
        disconnect(writer);
    return writer->context != NULL;
}

/* Whether Redis has acknowledged one more. */
static bool take_acknowledgement(struct writer *writer)
{
    void *reply = NULL;
    bool is_good = redisGetReply(writer->context, &reply) == REDIS_OK &&
                   ((redisReply *)reply)->type == REDIS_REPLY_STATUS;

    if (reply)
        freeReplyObject(reply);
    return is_good;
}

/* All that is due, in one go. */
static void write_due(struct writer *writer, int64_t now)
{
    uint32_t keys[KEYS_MAX], versions[KEYS_MAX];
    size_t count = 0;

    for (uint32_t key = 0; key < history_keys(writer->history); key++) {
        if (writer->due[key] > now)
            continue;
        writer->due[key] = now + ((int64_t)FASTEST << key % RHYTHMS);
        keys[count] = key;
        versions[count] = history_write(writer->history, key, now);
        redisAppendCommand(writer->context, "SET k%u k%u:%u", key, key, versions[count]);
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        if (!take_acknowledgement(writer)) {
            disconnect(writer); /* what is left may have been executed, or not */
            return;
        }
        history_acknowledge(writer->history, keys[i], versions[i], writer_clock());
    }
}

static void *run(void *argument)
{
    struct writer *writer = argument;
    const struct timespec pause = {.tv_nsec = PAUSE};

    while (!atomic_load(&writer->is_ending)) {
        if (writer->context || connect_anew(writer))
            write_due(writer, writer_clock());
        nanosleep(&pause, NULL);
    }
    disconnect(writer);
    return NULL;
}

struct writer *writer_start(int port, struct history *history)
{
    struct writer *writer = calloc(1, sizeof *writer);

    if (!writer || history_keys(history) > KEYS_MAX)
        trouble("cannot set up a writer");
    writer->history = history;
    atomic_init(&writer->port, port);
    if (pthread_create(&writer->thread, NULL, run, writer) != 0)
        trouble("no thread for a writer");
    return writer;
}

void writer_move(struct writer *writer, int port)
{
    atomic_store(&writer->port, port);
}

void writer_destroy(struct writer **writer)
{
    if (!*writer)
        return;
    atomic_store(&(*writer)->is_ending, true);
    pthread_join((*writer)->thread, NULL);
    free(*writer);
    *writer = NULL;
}
