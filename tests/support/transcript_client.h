/* The client that a transcript speaks of: one connection to weir, over HTTP or over the Redis
 * protocol. Every call blocks until the deadline of patience at most. */
#ifndef TESTS_SUPPORT_TRANSCRIPT_CLIENT_H
#define TESTS_SUPPORT_TRANSCRIPT_CLIENT_H

#include "tally.h"
#include "transcript.h"

struct transcript_client;

/* In what an answer differs from the one that was expected. Both texts are the receiver's to free,
 * also where they are equal. */
struct transcript_mismatch {
    const char *what;
    struct blob expected, received;
};

/* Connects to 127.0.0.1:`port`; trouble when nobody listens there. What it reads adds to `tally`.
 */
struct transcript_client *transcript_client_open(bool is_resp, int port, struct tally *tally);
void transcript_client_close(struct transcript_client **client);

/* Whatever becomes of it: what weir refuses to take it may have answered already. */
void transcript_client_send(struct transcript_client *client, const void *data, size_t length);

/* Waits until there is something to read, or for so many milliseconds. */
void transcript_client_wait(const struct transcript_client *client, int milliseconds);

/* Tells weir that no more will be sent; answers can still be read. */
void transcript_client_half_close(struct transcript_client *client);

/* Whether weir closes without sending another byte. */
bool transcript_client_wait_close(struct transcript_client *client);

/* Reads one answer and compares it with what a TRANSCRIPT_RECEIVE says. */
bool transcript_client_expect(struct transcript_client *client, const struct transcript_step *step,
                              struct transcript_mismatch *mismatch);

#endif
