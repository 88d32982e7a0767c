#include "tests/support/fake_wire.h"

#include "common/check.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

static struct fake_message copy_of(struct bytes frame, struct value *const *values, size_t count,
                                   uint64_t peer)
{
    struct fake_message copy = {.value_count = count, .peer = peer};
    buffer_append(&copy.frame, frame.data, frame.size);
    copy.values = memory_alloc(count + 1, sizeof(struct value *));
    for (size_t i = 0; i < count; i++)
        copy.values[i] = value_share(values[i]);
    return copy;
}

static void insert(struct fake_wire *wire, size_t at, struct fake_message message)
{
    if (wire->count == wire->capacity) {
        wire->capacity = 2 * wire->capacity + 8;
        wire->messages = memory_resize(wire->messages, wire->capacity, sizeof message);
    }
    memmove(wire->messages + at + 1, wire->messages + at, (wire->count - at) * sizeof message);
    wire->messages[at] = message;
    wire->count++;
}

static struct fake_message take_out(struct fake_wire *wire, size_t at)
{
    CHECK(at < wire->count);
    struct fake_message message = wire->messages[at];
    wire->count--;
    memmove(wire->messages + at, wire->messages + at + 1, (wire->count - at) * sizeof message);
    return message;
}

void fake_wire_send(struct fake_wire *wire, struct batch *batch, uint64_t peer)
{
    insert(wire, wire->count,
           copy_of(buffer_bytes(&batch->frame), batch->values, batch->value_count, peer));
    batch_clear(batch);
}

struct fake_message fake_wire_take(struct fake_wire *wire)
{
    return take_out(wire, 0);
}

void fake_wire_repeat(struct fake_wire *wire, size_t at)
{
    const struct fake_message *message = &wire->messages[at];
    insert(wire, at + 1,
           copy_of(buffer_bytes(&message->frame), message->values, message->value_count,
                   message->peer));
}

void fake_wire_lose(struct fake_wire *wire, size_t at)
{
    struct fake_message lost = take_out(wire, at);
    fake_message_fini(&lost);
}

void fake_wire_fini(struct fake_wire *wire)
{
    while (wire->count > 0)
        fake_wire_lose(wire, 0);
    free(wire->messages);
    *wire = (struct fake_wire){0};
}

void fake_message_fini(struct fake_message *message)
{
    buffer_fini(&message->frame);
    for (size_t i = 0; i < message->value_count; i++)
        value_release(&message->values[i]);
    free(message->values);
    *message = (struct fake_message){0};
}
