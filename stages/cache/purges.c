#include "stages/cache/purges.h"

/* The number in a flight's token is below this: it is a seat's, of which there are max_fetches. */
#define FIRST_NUMBER (UINT32_MAX - PURGES_MOST)

static void answer(struct serve_port *serves, const struct return_address *to, enum status status)
{
    port_answer(serves, to, &(struct answer){.status = status});
}

static struct purge *find_free(struct purges *purges)
{
    for (size_t i = 0; i < PURGES_MOST; i++)
        if (purges->all[i].missing == 0)
            return &purges->all[i];
    return NULL;
}

static void ask_shard(struct purge *purge, struct ask_port *asks, size_t shard, uint64_t token,
                      const struct ask *ask)
{
    enum status status = port_ask_shard(asks, shard, token, ask);

    if (status == STATUS_VALUE)
        purge->missing++;
    else
        purge->status = status;
}

void purges_start(struct purges *purges, struct ask_port *asks, struct serve_port *serves,
                  const struct return_address *from, const struct ask *ask)
{
    struct purge *purge = find_free(purges);

    if (!purge) {
        answer(serves, from, STATUS_BUSY);
        return;
    }
    const uint32_t generation = purge->generation + 1;
    const uint64_t token =
        (uint64_t)generation << 32 | (FIRST_NUMBER + (uint32_t)(purge - purges->all));
    *purge = (struct purge){.from = *from, .status = STATUS_NONE, .generation = generation};
    if ((ask->flags & ASK_PURGE_ALL) == 0)
        ask_shard(purge, asks, PORT_BY_KEY, token, ask);
    else
        for (size_t i = 0; i < asks->shards; i++)
            ask_shard(purge, asks, i, token, ask);
    if (purge->missing == 0)
        answer(serves, from, purge->status);
}

void purges_lose(struct purges *purges)
{
    for (size_t i = 0; i < PURGES_MOST; i++)
        if (purges->all[i].missing > 0)
            purges->all[i].status = STATUS_AWAY;
}

bool purges_take(struct purges *purges, struct serve_port *serves, uint64_t token,
                 enum status status)
{
    const uint32_t number = (uint32_t)token, generation = (uint32_t)(token >> 32);

    if (number < FIRST_NUMBER || number == UINT32_MAX)
        return false;
    struct purge *purge = &purges->all[number - FIRST_NUMBER];
    if (purge->generation != generation || purge->missing == 0)
        return true;
    if (status != STATUS_NONE && purge->status == STATUS_NONE)
        purge->status = status;
    if (--purge->missing == 0)
        answer(serves, &purge->from, purge->status);
    return true;
}
