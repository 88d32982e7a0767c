/* Owns a listener, up to PAIRS_MAX pairs of sockets and the record of what passed. The proxy's
 * thread alone touches the sockets; the lock guards the record and the wishes of the test. */
#include "redis_proxy.h"

#include "blob.h"
#include "deadline.h"
#include "net.h"
#include "trouble.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PAIRS_MAX 64

struct pair {
    int client, redis;    /* sockets */
    bool is_control;      /* it has subscribed */
    struct blob commands; /* bytes of a command not yet complete */
};

/* What the test wants. */
struct wishes {
    bool hold_data, hold_control, sever_data, sever_control, stop;
    int redis_port; /* where new connections are to lead */
    const char *replacement;
};

struct redis_proxy {
    int listener, port;
    int wake[2]; /* a pipe: a byte makes the thread look at the wishes */
    pthread_t thread;
    struct pair pairs[PAIRS_MAX];
    size_t pair_count;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct wishes wishes;
    unsigned wished, heeded; /* the number of the last wish, and of the last one in force */
    struct blob record;      /* lines, as redis_proxy_copy_record() gives them */
};

/* A word of a RESP array: `at` stands on its '$'. Returns the end, NULL while incomplete. */
static const char *parse_word(const char *at, const char *end, const char **word, size_t *length)
{
    const char *line = memchr(at, '\n', (size_t)(end - at));

    if (!line)
        return NULL;
    *length = strtoul(at + 1, NULL, 10);
    *word = line + 1;
    return (size_t)(end - *word) < *length + 2 ? NULL : *word + *length + 2;
}

static void record_line(struct redis_proxy *proxy, const char *event, size_t event_length,
                        const char *detail, size_t detail_length)
{
    blob_append(&proxy->record, event, event_length);
    blob_append_text(&proxy->record, " ");
    blob_append(&proxy->record, detail, detail_length);
    blob_append_text(&proxy->record, "\n");
    pthread_cond_broadcast(&proxy->changed);
}

static bool is_word(const char *word, size_t length, const char *name)
{
    return length == strlen(name) && strncasecmp(word, name, length) == 0;
}

/* Records the first command of what came and returns its length, 0 while it is incomplete. */
static size_t record_command(struct redis_proxy *proxy, struct pair *pair)
{
    const struct blob *bytes = &pair->commands;
    const char *end = bytes->data + bytes->length;
    const char *at = memchr(bytes->data, '\n', bytes->length), *words[2] = {"", ""};
    size_t lengths[2] = {0, 0};
    unsigned long count = strtoul(bytes->data + 1, NULL, 10);

    if (!at)
        return 0;
    if (bytes->data[0] != '*')
        trouble("weir sent Redis something that is no RESP array");
    at++;
    for (unsigned long i = 0; i < count && at; i++) {
        const char *word;
        size_t length;
        at = at < end ? parse_word(at, end, &word, &length) : NULL;
        if (at && i < 2) {
            words[i] = word;
            lengths[i] = length;
        }
    }
    if (!at)
        return 0;
    pair->is_control |= is_word(words[0], lengths[0], "SUBSCRIBE");
    if (!is_word(words[0], lengths[0], "PING"))
        record_line(proxy, words[0], lengths[0], words[1], lengths[1]);
    return (size_t)(at - bytes->data);
}

/* Of what came at once, the first line of the first reply that is none to a PING. */
static void record_reply(struct redis_proxy *proxy, const char *data, size_t length)
{
    static const char pong[] = "+PONG\r\n";
    const size_t pong_length = sizeof pong - 1;
    const char *end;

    while (length >= pong_length && memcmp(data, pong, pong_length) == 0) {
        data += pong_length;
        length -= pong_length;
    }
    end = memchr(data, '\r', length);
    if (length > 0)
        record_line(proxy, "REPLY", 5, data, end ? (size_t)(end - data) : length);
}

static void drop_pair(struct redis_proxy *proxy, size_t index)
{
    struct pair *pair = &proxy->pairs[index];

    close(pair->client);
    close(pair->redis);
    blob_fini(&pair->commands);
    *pair = proxy->pairs[--proxy->pair_count];
}

static void accept_pair(struct redis_proxy *proxy, int redis_port)
{
    struct pair pair = {.client = net_accept(proxy->listener)};

    if (pair.client < 0)
        return;
    pair.redis = proxy->pair_count < PAIRS_MAX ? net_connect(redis_port) : -1;
    if (pair.redis < 0)
        close(pair.client);
    else
        proxy->pairs[proxy->pair_count++] = pair;
}

/* Commands are recorded before they are forwarded. False when the pair is at its end. */
static bool pass_commands(struct redis_proxy *proxy, struct pair *pair)
{
    char data[16384];
    size_t taken;
    ssize_t count = net_receive(pair->client, data, sizeof data, deadline_now());

    if (count <= 0)
        return false;
    blob_append(&pair->commands, data, (size_t)count);
    pthread_mutex_lock(&proxy->lock);
    while (pair->commands.length > 0 && (taken = record_command(proxy, pair)) > 0)
        blob_consume(&pair->commands, taken);
    pthread_mutex_unlock(&proxy->lock);
    return net_send(pair->redis, data, (size_t)count, deadline_in(PATIENCE));
}

/* Replies are recorded before they are forwarded, too. */
static bool pass_replies(struct redis_proxy *proxy, const struct pair *pair,
                         const char *replacement)
{
    char data[16384];
    ssize_t count = net_receive(pair->redis, data, sizeof data, deadline_now());

    if (count <= 0)
        return false;
    pthread_mutex_lock(&proxy->lock);
    record_reply(proxy, data, (size_t)count);
    pthread_mutex_unlock(&proxy->lock);
    if (replacement)
        return net_send(pair->client, replacement, strlen(replacement), deadline_in(PATIENCE));
    return net_send(pair->client, data, (size_t)count, deadline_in(PATIENCE));
}

static bool is_held(const struct pair *pair, const struct wishes *wishes)
{
    return pair->is_control ? wishes->hold_control : wishes->hold_data;
}

static bool is_severed(const struct pair *pair, const struct wishes *wishes)
{
    return pair->is_control ? wishes->sever_control : wishes->sever_data;
}

/* Waits for something to do. `polled` holds the wake pipe, the listener, then two for each pair. */
static void wait_turn(struct redis_proxy *proxy, struct pollfd *polled, const struct wishes *wishes)
{
    char byte[64];

    polled[0] = (struct pollfd){.fd = proxy->wake[0], .events = POLLIN};
    polled[1] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    for (size_t i = 0; i < proxy->pair_count; i++) {
        polled[2 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].client, .events = POLLIN};
        polled[3 + 2 * i] = (struct pollfd){
            .fd = is_held(&proxy->pairs[i], wishes) ? -1 : proxy->pairs[i].redis, .events = POLLIN};
    }
    while (poll(polled, 2 + 2 * (nfds_t)proxy->pair_count, -1) < 0)
        if (errno != EINTR)
            trouble("the proxy cannot poll: %s", strerror(errno));
    if (polled[0].revents && read(proxy->wake[0], byte, sizeof byte) < 0)
        trouble("the proxy's pipe broke: %s", strerror(errno));
}

/* Copies the wishes, which are in force from now on. */
static struct wishes heed(struct redis_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    const struct wishes wishes = proxy->wishes;
    proxy->wishes.sever_data = proxy->wishes.sever_control = false;
    proxy->heeded = proxy->wished;
    pthread_cond_broadcast(&proxy->changed);
    pthread_mutex_unlock(&proxy->lock);
    return wishes;
}

static void *run_proxy(void *argument)
{
    struct redis_proxy *proxy = argument;
    struct pollfd polled[2 + 2 * PAIRS_MAX];
    struct wishes wishes = {0};

    while (!wishes.stop) {
        wait_turn(proxy, polled, &wishes);
        wishes = heed(proxy);
        for (size_t i = proxy->pair_count; i-- > 0;) {
            struct pair *pair = &proxy->pairs[i];
            if (is_severed(pair, &wishes) ||
                (polled[2 + 2 * i].revents && !pass_commands(proxy, pair)) ||
                (!is_held(pair, &wishes) && polled[3 + 2 * i].revents &&
                 !pass_replies(proxy, pair, wishes.replacement)))
                drop_pair(proxy, i);
        }
        if (polled[1].revents)
            accept_pair(proxy, wishes.redis_port);
    }
    return NULL;
}

struct redis_proxy *redis_proxy_start(int redis_port)
{
    struct redis_proxy *proxy = calloc(1, sizeof *proxy);

    if (!proxy || pipe(proxy->wake) < 0)
        trouble("cannot set up a proxy: %s", strerror(errno));
    proxy->wishes.redis_port = redis_port;
    proxy->listener = net_listen(&proxy->port);
    pthread_mutex_init(&proxy->lock, NULL);
    pthread_cond_init(&proxy->changed, NULL);
    if (pthread_create(&proxy->thread, NULL, run_proxy, proxy) != 0)
        trouble("no thread for a proxy");
    return proxy;
}

int redis_proxy_port(const struct redis_proxy *proxy)
{
    return proxy->port;
}

/* To be called with the lock held, after a wish was noted. Returns once it is in force. */
static void await_wish(struct redis_proxy *proxy)
{
    unsigned wish = ++proxy->wished;

    if (write(proxy->wake[1], "!", 1) < 0)
        trouble("the proxy's pipe broke: %s", strerror(errno));
    while (proxy->heeded < wish)
        pthread_cond_wait(&proxy->changed, &proxy->lock);
}

/* `other` may be the same as `one`. */
static void wish(struct redis_proxy *proxy, bool *one, bool *other, bool value)
{
    pthread_mutex_lock(&proxy->lock);
    *one = *other = value;
    await_wish(proxy);
    pthread_mutex_unlock(&proxy->lock);
}

void redis_proxy_hold(struct redis_proxy *proxy, bool hold)
{
    wish(proxy, &proxy->wishes.hold_data, &proxy->wishes.hold_control, hold);
}

void redis_proxy_hold_data(struct redis_proxy *proxy, bool hold)
{
    wish(proxy, &proxy->wishes.hold_data, &proxy->wishes.hold_data, hold);
}

void redis_proxy_hold_control(struct redis_proxy *proxy, bool hold)
{
    wish(proxy, &proxy->wishes.hold_control, &proxy->wishes.hold_control, hold);
}

void redis_proxy_sever(struct redis_proxy *proxy)
{
    wish(proxy, &proxy->wishes.sever_data, &proxy->wishes.sever_control, true);
}

void redis_proxy_sever_data(struct redis_proxy *proxy)
{
    wish(proxy, &proxy->wishes.sever_data, &proxy->wishes.sever_data, true);
}

void redis_proxy_replace(struct redis_proxy *proxy, const char *text)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->wishes.replacement = text;
    await_wish(proxy);
    pthread_mutex_unlock(&proxy->lock);
}

void redis_proxy_redirect(struct redis_proxy *proxy, int redis_port)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->wishes.redis_port = redis_port;
    await_wish(proxy);
    pthread_mutex_unlock(&proxy->lock);
}

/* To be called with the lock held. */
static size_t count_lines(const struct redis_proxy *proxy, const char *command)
{
    size_t count = 0, length = strlen(command);

    for (const char *line = blob_text(&proxy->record); *line; line = strchr(line, '\n') + 1)
        count += strncmp(line, command, length) == 0 && line[length] == ' ';
    return count;
}

size_t redis_proxy_count(struct redis_proxy *proxy, const char *command)
{
    size_t count;

    pthread_mutex_lock(&proxy->lock);
    count = count_lines(proxy, command);
    pthread_mutex_unlock(&proxy->lock);
    return count;
}

bool redis_proxy_wait_count(struct redis_proxy *proxy, const char *command, size_t count,
                            int64_t deadline)
{
    struct timespec wall = deadline_wall(deadline);
    bool reached;

    pthread_mutex_lock(&proxy->lock);
    while (!(reached = count_lines(proxy, command) >= count))
        if (pthread_cond_timedwait(&proxy->changed, &proxy->lock, &wall) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&proxy->lock);
    return reached;
}

char *redis_proxy_copy_record(struct redis_proxy *proxy)
{
    char *copy;

    pthread_mutex_lock(&proxy->lock);
    copy = strdup(blob_text(&proxy->record));
    pthread_mutex_unlock(&proxy->lock);
    if (!copy)
        trouble("no memory for the record of commands");
    return copy;
}

void redis_proxy_forget(struct redis_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    blob_fini(&proxy->record);
    pthread_mutex_unlock(&proxy->lock);
}

void redis_proxy_destroy(struct redis_proxy **proxy)
{
    struct redis_proxy *dying = *proxy;

    if (!dying)
        return;
    pthread_mutex_lock(&dying->lock);
    dying->wishes.stop = true;
    await_wish(dying);
    pthread_mutex_unlock(&dying->lock);
    pthread_join(dying->thread, NULL);
    while (dying->pair_count > 0)
        drop_pair(dying, dying->pair_count - 1);
    blob_fini(&dying->record);
    close(dying->listener);
    close(dying->wake[0]);
    close(dying->wake[1]);
    pthread_mutex_destroy(&dying->lock);
    pthread_cond_destroy(&dying->changed);
    free(dying);
    *proxy = NULL;
}
