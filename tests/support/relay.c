#include "relay.h"

#include "blob.h"
#include "deadline.h"
#include "trouble.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX  65536
#define RECORD_MAX  (64 * 1024 * 1024) /* bytes; what comes later is not recorded */
#define QUEUE_MAX   262144             /* bytes that wait for a wire of limited rate */
#define TURN        64                 /* packets that one end may give in a row */
#define TICK        5                  /* ms: how soon an end is noticed */
#define IP_SIZE     20                 /* bytes, of a header without options */
#define TCP_SIZE    20
#define IP_PROTOCOL 6 /* TCP's number */
#define TCP_SYN     0x02
#define TCP_RST     0x04
#define TCP_ACK     0x10

struct packet {
    struct packet *next;
    int64_t due; /* us */
    size_t length;
    unsigned char bytes[];
};

struct relay {
    int ends[2];
    struct packet *queues[2]; /* towards each end, by due time */
    int64_t free_at[2];       /* us: when the wire towards each end has sent what it was given */
    unsigned random;
    atomic_bool is_ending;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock: */
    struct relay_weather weather;
    bool breaks; /* the connection of the next packet with data */
    struct blob record;
};

/* ---- TCP, as far as a reset needs it (RFC 791, RFC 9293) ---- */

static uint16_t get16(const unsigned char *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const unsigned char *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put16(unsigned char *at, uint32_t value)
{
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

static void put32(unsigned char *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t sum(const unsigned char *at, size_t length, uint32_t sum)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += get16(at + i);
    return sum;
}

static uint32_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

/* The bytes of data in a packet that belongs to an established connection; 0: none. */
static size_t data_of(const unsigned char *packet, size_t length, const unsigned char **tcp)
{
    size_t head = (size_t)(packet[0] & 15) * 4;

    if (length < IP_SIZE + TCP_SIZE || packet[0] >> 4 != 4 || packet[9] != IP_PROTOCOL ||
        length < head + TCP_SIZE)
        return 0;
    *tcp = packet + head;
    size_t behind = head + (size_t)((*tcp)[12] >> 4) * 4;
    return (*tcp)[13] & (TCP_SYN | TCP_RST) || behind > length ? 0 : length - behind;
}

/* A reset from the one whose addresses stand in `from`: 4 bytes of address, 2 of port. */
static void send_reset(int end, const unsigned char *from, const unsigned char *to,
                       uint32_t sequence, uint32_t acknowledged)
{
    unsigned char packet[IP_SIZE + TCP_SIZE] = {0x45}, *tcp = packet + IP_SIZE;

    put16(packet + 2, sizeof packet);
    packet[8] = 64;
    packet[9] = IP_PROTOCOL;
    memcpy(packet + 12, from, 4);
    memcpy(packet + 16, to, 4);
    put16(packet + 10, fold(sum(packet, IP_SIZE, 0)));
    memcpy(tcp, from + 4, 2);
    memcpy(tcp + 2, to + 4, 2);
    put32(tcp + 4, sequence);
    put32(tcp + 8, acknowledged);
    tcp[12] = TCP_SIZE / 4 << 4;
    tcp[13] = TCP_RST | TCP_ACK;
    put16(tcp + 16, fold(sum(packet + 12, 8 + TCP_SIZE, IP_PROTOCOL + TCP_SIZE)));
    if (write(end, packet, sizeof packet) < 0)
        trouble("a device takes no reset: %s", strerror(errno));
}

static void reset_both(struct relay *relay, int giver, const unsigned char *packet,
                       const unsigned char *tcp, size_t data)
{
    unsigned char source[6], target[6];
    uint32_t sequence = get32(tcp + 4), acknowledged = get32(tcp + 8);

    memcpy(source, packet + 12, 4);
    memcpy(source + 4, tcp, 2);
    memcpy(target, packet + 16, 4);
    memcpy(target + 4, tcp + 2, 2);
    send_reset(relay->ends[!giver], source, target, sequence, acknowledged);
    send_reset(relay->ends[giver], target, source, acknowledged, sequence + (uint32_t)data);
}

/* ---- the wire ---- */

static int chance(struct relay *relay, int below)
{
    relay->random = relay->random * 1103515245U + 12345U;
    return below > 0 ? (int)((relay->random >> 8) % (unsigned)below) : 0;
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* When a packet has gone over a wire of limited rate; -1: the queue before it is full. */
static int64_t take_turn(struct relay *relay, int taker, size_t length)
{
    int64_t now = now_us(), *free_at = &relay->free_at[taker];
    int rate = relay->weather.rate;

    if (rate == 0)
        return now;
    *free_at = *free_at > now ? *free_at : now;
    if ((*free_at - now) * rate / 1000 > QUEUE_MAX)
        return -1;
    *free_at += (int64_t)length * 1000 / rate;
    return *free_at;
}

static void enqueue(struct relay *relay, int taker, const void *bytes, size_t length, int64_t due)
{
    struct packet *packet = malloc(sizeof *packet + length), **at = &relay->queues[taker];

    if (!packet)
        trouble("no memory for a packet");
    packet->due = due;
    packet->length = length;
    memcpy(packet->bytes, bytes, length);
    while (*at && (*at)->due <= packet->due)
        at = &(*at)->next;
    packet->next = *at;
    *at = packet;
}

/* A packet that is too early for its device, before the host is up, is lost like any other. */
static void deliver(struct relay *relay, int taker)
{
    struct packet *packet;

    while ((packet = relay->queues[taker]) && packet->due <= now_us()) {
        relay->queues[taker] = packet->next;
        if (write(relay->ends[taker], packet->bytes, packet->length) < 0 && errno != EIO &&
            errno != EAGAIN)
            trouble("a device takes no packet: %s", strerror(errno));
        free(packet);
    }
}

static void pass(struct relay *relay, int giver, const unsigned char *packet, size_t length)
{
    const struct relay_weather *weather = &relay->weather;
    const unsigned char *tcp;

    pthread_mutex_lock(&relay->lock);
    if (relay->record.length + length <= RECORD_MAX)
        blob_append(&relay->record, packet, length);
    size_t data = relay->breaks ? data_of(packet, length, &tcp) : 0;
    if (data > 0) {
        reset_both(relay, giver, packet, tcp, data);
        relay->breaks = false;
        pthread_cond_broadcast(&relay->changed);
    } else if (!weather->is_cut && chance(relay, 100) >= weather->loss) {
        int64_t sent_at = take_turn(relay, !giver, length);
        int late = weather->delay + chance(relay, weather->jitter);
        if (sent_at >= 0)
            enqueue(relay, !giver, packet, length, sent_at + late * INT64_C(1000));
    }
    pthread_mutex_unlock(&relay->lock);
}

static void *run(void *argument)
{
    struct relay *relay = argument;
    unsigned char packet[PACKET_MAX];

    while (!atomic_load(&relay->is_ending)) {
        struct pollfd ends[2] = {{.fd = relay->ends[0], .events = POLLIN},
                                 {.fd = relay->ends[1], .events = POLLIN}};
        int64_t wait = TICK, now = now_us();
        for (int i = 0; i < 2; i++)
            if (relay->queues[i] && (relay->queues[i]->due - now) / 1000 < wait)
                wait = (relay->queues[i]->due - now) / 1000;
        poll(ends, 2, wait > 0 ? (int)wait : 0);
        for (int i = 0; i < 2; i++) {
            ssize_t length = 1;
            for (int turn = 0; turn < TURN && length > 0; turn++)
                if ((length = read(relay->ends[i], packet, sizeof packet)) > 0)
                    pass(relay, i, packet, (size_t)length);
        }
        deliver(relay, 0);
        deliver(relay, 1);
    }
    return NULL;
}

/* ---- for the test ---- */

struct relay *relay_start(int left, int right)
{
    struct relay *relay = calloc(1, sizeof *relay);

    if (!relay)
        trouble("no memory for a relay");
    relay->ends[0] = left;
    relay->ends[1] = right;
    for (int i = 0; i < 2; i++)
        fcntl(relay->ends[i], F_SETFL, O_NONBLOCK);
    pthread_mutex_init(&relay->lock, NULL);
    pthread_cond_init(&relay->changed, NULL);
    if (pthread_create(&relay->thread, NULL, run, relay) != 0)
        trouble("no thread for a relay");
    return relay;
}

void relay_set_weather(struct relay *relay, struct relay_weather weather)
{
    pthread_mutex_lock(&relay->lock);
    relay->weather = weather;
    pthread_mutex_unlock(&relay->lock);
}

bool relay_break_connection(struct relay *relay, int64_t deadline)
{
    struct timespec wall = deadline_wall(deadline);
    bool is_done;

    pthread_mutex_lock(&relay->lock);
    relay->breaks = true;
    while (relay->breaks)
        if (pthread_cond_timedwait(&relay->changed, &relay->lock, &wall) == ETIMEDOUT)
            break;
    is_done = !relay->breaks;
    relay->breaks = false;
    pthread_mutex_unlock(&relay->lock);
    return is_done;
}

bool relay_has_seen(struct relay *relay, const void *data, size_t length)
{
    bool found;

    pthread_mutex_lock(&relay->lock);
    found = relay->record.length > 0 &&
            memmem(relay->record.data, relay->record.length, data, length) != NULL;
    pthread_mutex_unlock(&relay->lock);
    return found;
}

size_t relay_bytes(struct relay *relay)
{
    size_t bytes;

    pthread_mutex_lock(&relay->lock);
    bytes = relay->record.length;
    pthread_mutex_unlock(&relay->lock);
    return bytes;
}

void relay_destroy(struct relay **relay)
{
    struct relay *ended = *relay;

    if (!ended)
        return;
    atomic_store(&ended->is_ending, true);
    pthread_join(ended->thread, NULL);
    for (int i = 0; i < 2; i++) {
        for (struct packet *packet; (packet = ended->queues[i]); free(packet))
            ended->queues[i] = packet->next;
        close(ended->ends[i]);
    }
    blob_fini(&ended->record);
    pthread_mutex_destroy(&ended->lock);
    pthread_cond_destroy(&ended->changed);
    free(ended);
    *relay = NULL;
}
