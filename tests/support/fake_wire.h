/* One direction of a link without a transport: batches wait here, in order, until a test delivers
 * them, loses them, or delivers them twice. */
#ifndef WEIR_TESTS_FAKE_WIRE_H
#define WEIR_TESTS_FAKE_WIRE_H

#include "common/message.h"

struct fake_message {
    struct buffer frame;
    struct value **values; /* one reference each */
    size_t value_count;
    uint64_t peer; /* free for the test */
};

/* A zeroed wire is empty. */
struct fake_wire {
    struct fake_message *messages; /* oldest first */
    size_t count, capacity;
};

/* Puts a copy of the batch (its values shared) behind the others, and clears it. */
void fake_wire_send(struct fake_wire *wire, struct batch *batch, uint64_t peer);

/* The oldest message, now the caller's. CHECK: there is one. */
struct fake_message fake_wire_take(struct fake_wire *wire);

/* Puts one more copy of message `at` right behind it. */
void fake_wire_repeat(struct fake_wire *wire, size_t at);

void fake_wire_lose(struct fake_wire *wire, size_t at);
void fake_wire_fini(struct fake_wire *wire);
void fake_message_fini(struct fake_message *message);

#endif
