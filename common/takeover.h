/* How one weir takes over from another on the same host: what they say to each other over a Unix
 * socket, and the listening sockets that travel with it (SCM_RIGHTS, unix(7)).
 *
 *     the new one                                          the first
 *         weir-takeover VERSION ─────────────────────────▶
 *         ◀───────────── listener own COUNT  (or: lent COUNT)       for each of its listeners;
 * COUNT ◀──────────────────────────────────────────── end         descriptors come with the line
 *         ready PID ─────────────────────────────────────▶          its front ends are open
 *         ◀─────────────────────────────────────── draining         and nobody new is accepted
 *
 * or, in the place of any line of the first, "refused REASON", and that is the end. Before "ready",
 * either may close: then the first goes on as it was. A line ends with a newline and is at most
 * TAKEOVER_MAX_LINE bytes; numbers are decimal. "lent": the path of that socket, if it has one,
 * belongs to the service manager.
 *
 * What comes in is foreign bytes until it has been parsed; who may send them is decided by the
 * socket's mode and takeover_check_peer. */
#ifndef WEIR_TAKEOVER_H
#define WEIR_TAKEOVER_H

#include "common/buffer.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/listener.h"

#include <stdbool.h>
#include <stdint.h>

#define TAKEOVER_VERSION  1
#define TAKEOVER_MAX_LINE 256           /* bytes, its newline included */
#define TAKEOVER_MOST     2048          /* descriptors; no topology has as many */
#define TAKEOVER_PATIENCE (10 * SECOND) /* for the new one's front ends to open */

enum takeover_word {
    TAKEOVER_HELLO,    /* number: the version */
    TAKEOVER_LISTENER, /* number: of descriptors, LISTENER_MAX_INSTANCES at most */
    TAKEOVER_END,
    TAKEOVER_READY, /* number: the process id */
    TAKEOVER_DRAINING,
    TAKEOVER_REFUSED
};

struct takeover_message {
    enum takeover_word word;
    int64_t number;
    bool is_lent;                   /* LISTENER */
    char reason[TAKEOVER_MAX_LINE]; /* REFUSED: printable ASCII, whatever was sent */
};

enum takeover_read {
    TAKEOVER_READ, /* a message was taken */
    TAKEOVER_MORE, /* there is no whole one yet */
    TAKEOVER_BAD,  /* what came is no message */
    TAKEOVER_GONE  /* the other has closed */
};

/* Takes the first message off `input`: READ with its `size`, MORE or BAD. */
enum takeover_read takeover_parse(struct bytes input, struct takeover_message *message,
                                  size_t *size);

/* One end of the conversation. Neither side ever waits for the other to take what is sent: it is
 * less than a socket's buffer holds. */
struct takeover_channel {
    int descriptor;      /* non-blocking, close-on-exec */
    struct buffer input; /* not taken yet */
    int *received;       /* descriptors, in the order of their arrival; owned */
    size_t received_count;
};

/* Takes the descriptor, of a connected Unix stream socket. */
void takeover_open(struct takeover_channel *channel, int descriptor);

/* Connects to the weir that listens at `path`. Blocks only for local calls. */
bool takeover_connect(struct takeover_channel *channel, const char *path, struct error *error);

/* Whether the other runs as the same user as we, or as root. */
bool takeover_check_peer(const struct takeover_channel *channel, struct error *error);

/* Sends one line, with the descriptors of `listener` where that is not NULL. False: the other has
 * gone, or does not read. */
bool takeover_say(const struct takeover_channel *channel, const struct listener *listener,
                  const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The next message, if it is there. Its descriptors, and no others, have been received by then. */
enum takeover_read takeover_hear(struct takeover_channel *channel,
                                 struct takeover_message *message);

/* The same; waits for at most `patience` (ns). */
enum takeover_read takeover_await(struct takeover_channel *channel,
                                  struct takeover_message *message, int64_t patience);

/* Takes the first of the received descriptors; -1: there is none. */
int takeover_take(struct takeover_channel *channel);

/* Closes it, and the received descriptors that nobody has taken. */
void takeover_close(struct takeover_channel *channel);

#endif
