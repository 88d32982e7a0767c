#include "common/port_again.h"

#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

#define NONE       UINT32_MAX
#define FIRST_ASKS 64

struct again_ask {
    uint64_t token;
    int64_t deadline;   /* mono ns */
    unsigned flags;     /* of enum ask_flag */
    int64_t give_up_at; /* mono ns; while waiting */
    char *key;          /* NULL: not kept */
    uint32_t size;      /* bytes of the key */
    uint32_t next;      /* free, or waiting, behind this one */
    bool was_asked_again;
};

void again_init(struct again *again)
{
    *again = (struct again){
        .first_free = NONE, .first_waiting = NONE, .last_waiting = NONE, .give_up_at = NEVER};
}

void again_fini(struct again *again)
{
    for (uint32_t i = 0; i < again->count; i++)
        free(again->asks[i].key);
    free(again->asks);
    again_init(again);
}

static void add_asks(struct again *again)
{
    const uint32_t count = again->count > 0 ? 2 * again->count : FIRST_ASKS;
    again->asks = memory_resize(again->asks, count, sizeof *again->asks);
    for (uint32_t i = count; i-- > again->count;) {
        again->asks[i] = (struct again_ask){.next = again->first_free};
        again->first_free = i;
    }
    again->count = count;
}

uint32_t again_keep(struct again *again, uint64_t token, const struct ask *kept)
{
    if (again->first_free == NONE)
        add_asks(again);
    const uint32_t index = again->first_free;
    struct again_ask *ask = &again->asks[index];
    again->first_free = ask->next;
    *ask = (struct again_ask){.token = token, .deadline = kept->deadline, .flags = kept->flags};
    if (again->bytes + kept->key.size <= AGAIN_MAX_BYTES) {
        ask->key = memory_alloc(1, kept->key.size + 1);
        ask->size = (uint32_t)kept->key.size;
        memcpy(ask->key, kept->key.data, kept->key.size);
        again->bytes += kept->key.size;
    }
    return index;
}

uint64_t again_forget(struct again *again, uint32_t index)
{
    struct again_ask *ask = &again->asks[index];
    again->bytes -= ask->size;
    free(ask->key);
    ask->key = NULL;
    ask->size = 0;
    ask->next = again->first_free;
    again->first_free = index;
    return ask->token;
}

bool again_wait(struct again *again, uint32_t index, int64_t now)
{
    struct again_ask *ask = &again->asks[index];
    if (ask->was_asked_again || ask->key == NULL || now >= ask->deadline)
        return false;
    ask->give_up_at = clock_earlier(ask->deadline, now + AGAIN_PATIENCE);
    ask->next = NONE;
    if (again->first_waiting == NONE)
        again->first_waiting = index;
    else
        again->asks[again->last_waiting].next = index;
    again->last_waiting = index;
    again->give_up_at = clock_earlier(again->give_up_at, ask->give_up_at);
    return true;
}

/* `before`: who waits in front of it; NONE: nobody. */
static void take_out(struct again *again, uint32_t before, uint32_t index)
{
    const uint32_t behind = again->asks[index].next;
    if (before == NONE)
        again->first_waiting = behind;
    else
        again->asks[before].next = behind;
    if (behind == NONE)
        again->last_waiting = before;
    if (again->first_waiting == NONE)
        again->give_up_at = NEVER;
}

bool again_take(struct again *again, struct again_due *due)
{
    const uint32_t index = again->first_waiting;
    if (index == NONE)
        return false;
    struct again_ask *ask = &again->asks[index];
    take_out(again, NONE, index);
    ask->was_asked_again = true;
    *due = (struct again_due){index, {{ask->key, ask->size}, ask->deadline, ask->flags}};
    return true;
}

bool again_take_overdue(struct again *again, int64_t now, uint32_t *index)
{
    if (now < again->give_up_at)
        return false;
    uint32_t before = NONE;
    again->give_up_at = NEVER;
    for (uint32_t i = again->first_waiting; i != NONE; before = i, i = again->asks[i].next) {
        if (now >= again->asks[i].give_up_at) {
            take_out(again, before, i);
            if (again->first_waiting != NONE)
                again->give_up_at = now; /* there may be more */
            *index = i;
            return true;
        }
        again->give_up_at = clock_earlier(again->give_up_at, again->asks[i].give_up_at);
    }
    return false;
}
