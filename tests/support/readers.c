/* One thread polls all connections. Each has at most one batch of requests under way. */
#include "readers.h"

#include "blob.h"
#include "net.h"
#include "trouble.h"
#include "writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EAGER       4   /* connections of a front end that ask at once again */
#define PACED       6   /* and that wait before */
#define BATCH       8   /* keys an eager one asks for at a time */
#define PACE        400 /* ms at most that a paced one waits */
#define AGAIN       20  /* ms after a failure, until it is tried again */
#define MOST        64  /* connections */
#define MILLISECOND 1000000

struct reader {
    struct readers_front front;
    bool is_paced;
    int descriptor; /* -1: none */
    uint32_t number;
    int64_t due;   /* of the next batch, or attempt to connect */
    int64_t began; /* the batch under way */
    uint32_t keys[BATCH];
    size_t asked, answered;
    bool has_failed; /* a request of the batch */
    struct blob input;
};

struct readers {
    struct history *history;
    struct reader all[MOST];
    size_t count;
    uint32_t connections; /* opened so far */
    unsigned random;
    atomic_size_t values, marked, hits, failures, lost;
    atomic_bool is_ending;
    pthread_t thread;
};

struct answer {
    size_t size; /* bytes; 0: incomplete */
    const char *value;
    size_t length;
    bool is_known, is_absent, is_verified, is_marked, is_hit;
};

/* ---- answers ---- */

static const char *find(const char *at, const char *end, const char *text)
{
    return memmem(at, (size_t)(end - at), text, strlen(text));
}

static size_t count_of(const char *at, const char *end, const char *text)
{
    size_t count = 0;

    for (; (at = find(at, end, text)); at += strlen(text))
        count++;
    return count;
}

static void read_marks(struct answer *answer, const char *head, const char *end)
{
    const char *status = find(head, end, "\r\nCache-Status: ");
    const char *behind = status ? find(status + 2, end, "\r\n") : NULL;

    if (!behind)
        return;
    answer->is_marked = true;
    answer->is_hit = find(status, behind, "; hit") != NULL;
    answer->is_verified =
        count_of(status, behind, "detail=verified") == count_of(status, behind, ", ") + 1;
}

static struct answer parse_http(const struct blob *input)
{
    struct answer answer = {0};
    const char *head = blob_text(input), *end = head + input->length;
    const char *body = find(head, end, "\r\n\r\n"), *length;

    if (!body)
        return answer;
    body += 2; /* the last line of the head keeps its end */
    length = find(head, body, "\r\nContent-Length: ");
    if (strncmp(head, "HTTP/1.1 ", 9) != 0 || !length)
        trouble("this is no answer: %s", head);
    answer.length = strtoul(length + 18, NULL, 10);
    answer.value = body + 2;
    if ((size_t)(end - answer.value) < answer.length)
        return answer;
    answer.size = (size_t)(answer.value - head) + answer.length;
    answer.is_absent = strncmp(head + 9, "404", 3) == 0;
    answer.is_known = answer.is_absent || strncmp(head + 9, "200", 3) == 0;
    read_marks(&answer, head, body);
    return answer;
}

static struct answer parse_resp(const struct blob *input)
{
    struct answer answer = {.is_verified = true};
    const char *head = blob_text(input), *line = find(head, head + input->length, "\r\n");

    if (!line)
        return answer;
    line += 2;
    answer.is_absent = strncmp(head, "$-1", 3) == 0;
    answer.is_known = head[0] == '$';
    answer.size = (size_t)(line - head);
    if (answer.is_absent || !answer.is_known)
        return answer;
    answer.length = strtoul(head + 1, NULL, 10);
    answer.value = line;
    answer.size += answer.length + 2;
    if (answer.size > input->length)
        answer.size = 0;
    return answer;
}

/* The version in the value of a key; one that nobody writes where it is another's. */
static uint32_t version_in(const struct answer *answer, uint32_t key)
{
    char text[64];
    unsigned is, version;

    if (answer->is_absent)
        return 0;
    snprintf(text, sizeof text, "%.*s", (int)answer->length, answer->value);
    return sscanf(text, "k%u:%u", &is, &version) == 2 && is == key ? version : UINT32_MAX;
}

static void note(struct readers *readers, struct reader *reader, const struct answer *answer)
{
    const uint32_t key = reader->keys[reader->answered];

    atomic_fetch_add(&readers->failures, !answer->is_known);
    reader->has_failed |= !answer->is_known;
    if (!answer->is_known)
        return;
    atomic_fetch_add(&readers->marked, answer->is_marked);
    atomic_fetch_add(&readers->hits, answer->is_hit && answer->is_verified);
    atomic_fetch_add(&readers->values, 1);
    history_read(readers->history, &(struct history_read){.began = reader->began,
                                                          .ended = writer_clock(),
                                                          .key = key,
                                                          .version = version_in(answer, key),
                                                          .connection = reader->number,
                                                          .is_verified = answer->is_verified});
}

/* ---- connections ---- */

static void lose(struct readers *readers, struct reader *reader, int64_t now)
{
    close(reader->descriptor);
    reader->descriptor = -1;
    reader->due = now + AGAIN * MILLISECOND;
    atomic_fetch_add(&readers->lost, 1);
}

static void open_again(struct readers *readers, struct reader *reader, int64_t now)
{
    reader->input.length = 0;
    reader->asked = reader->answered = 0;
    reader->descriptor = net_connect(reader->front.port);
    if (reader->descriptor < 0)
        reader->due = now + AGAIN * MILLISECOND;
    else
        reader->number = readers->connections++;
}

static void ask(struct readers *readers, struct reader *reader)
{
    struct blob batch = {0};

    reader->asked = reader->is_paced ? 1 : BATCH;
    reader->answered = 0;
    reader->has_failed = false;
    for (size_t i = 0; i < reader->asked; i++) {
        char key[16];
        reader->keys[i] = (uint32_t)rand_r(&readers->random) % history_keys(readers->history);
        int length = snprintf(key, sizeof key, "k%u", reader->keys[i]);
        if (reader->front.is_resp)
            blob_append_format(&batch, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", length, key);
        else
            blob_append_format(&batch, "GET /%s HTTP/1.1\r\nHost: weir\r\n\r\n", key);
    }
    reader->began = writer_clock();
    if (send(reader->descriptor, batch.data, batch.length, MSG_NOSIGNAL) != (ssize_t)batch.length)
        lose(readers, reader, reader->began);
    blob_fini(&batch);
}

/* Where requests fail, nobody asks again at once. In ms. */
static int64_t pause_of(struct readers *readers, const struct reader *reader)
{
    if (reader->is_paced)
        return rand_r(&readers->random) % PACE;
    return reader->has_failed ? AGAIN : 0;
}

static void take(struct readers *readers, struct reader *reader)
{
    char data[16384];
    struct answer answer;
    ssize_t count = recv(reader->descriptor, data, sizeof data, MSG_DONTWAIT);

    if (count <= 0) {
        if (count == 0 || errno != EAGAIN)
            lose(readers, reader, writer_clock());
        return;
    }
    blob_append(&reader->input, data, (size_t)count);
    while (
        reader->answered < reader->asked &&
        (answer = reader->front.is_resp ? parse_resp(&reader->input) : parse_http(&reader->input))
                .size > 0) {
        note(readers, reader, &answer);
        blob_consume(&reader->input, answer.size);
        reader->answered++;
    }
    if (reader->answered == reader->asked)
        reader->due = writer_clock() + pause_of(readers, reader) * MILLISECOND;
}

/* ---- the thread ---- */

static void *run(void *argument)
{
    struct readers *readers = argument;
    struct pollfd polled[MOST];

    while (!atomic_load(&readers->is_ending)) {
        int64_t now = writer_clock();
        for (size_t i = 0; i < readers->count; i++) {
            struct reader *reader = &readers->all[i];
            if (reader->descriptor < 0 && reader->due <= now)
                open_again(readers, reader, now);
            if (reader->descriptor >= 0 && reader->answered == reader->asked && reader->due <= now)
                ask(readers, reader);
            polled[i] = (struct pollfd){.fd = reader->descriptor, .events = POLLIN};
        }
        poll(polled, (nfds_t)readers->count, 1);
        for (size_t i = 0; i < readers->count; i++)
            if (polled[i].fd >= 0 && polled[i].revents)
                take(readers, &readers->all[i]);
    }
    return NULL;
}

struct readers *readers_start(const struct readers_front *fronts, size_t count,
                              struct history *history)
{
    struct readers *readers = calloc(1, sizeof *readers);

    if (!readers || count * (EAGER + PACED) > MOST)
        trouble("cannot set up readers");
    readers->history = history;
    readers->random = 1;
    for (size_t i = 0; i < count; i++)
        for (int j = 0; j < EAGER + PACED && fronts[i].port > 0; j++)
            readers->all[readers->count++] =
                (struct reader){.front = fronts[i], .is_paced = j >= EAGER, .descriptor = -1};
    if (pthread_create(&readers->thread, NULL, run, readers) != 0)
        trouble("no thread for readers");
    return readers;
}

struct readers_tally readers_tally(struct readers *readers)
{
    return (struct readers_tally){.values = atomic_load(&readers->values),
                                  .marked = atomic_load(&readers->marked),
                                  .hits = atomic_load(&readers->hits),
                                  .failures = atomic_load(&readers->failures),
                                  .lost = atomic_load(&readers->lost)};
}

void readers_destroy(struct readers **readers)
{
    struct readers *dying = *readers;

    if (!dying)
        return;
    atomic_store(&dying->is_ending, true);
    pthread_join(dying->thread, NULL);
    for (size_t i = 0; i < dying->count; i++) {
        if (dying->all[i].descriptor >= 0)
            close(dying->all[i].descriptor);
        blob_fini(&dying->all[i].input);
    }
    free(dying);
    *readers = NULL;
}
