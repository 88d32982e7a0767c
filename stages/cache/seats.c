#include "stages/cache/seats.h"

#include "common/memory.h"

#include <stdlib.h>

void seats_init(struct seats *seats)
{
    *seats = (struct seats){.free = NO_SEAT};
}

void seats_fini(struct seats *seats)
{
    free(seats->all);
    seats_init(seats);
}

static void grow(struct seats *seats)
{
    uint32_t count = seats->count ? 2 * seats->count : 16;

    seats->all = memory_resize(seats->all, count, sizeof *seats->all);
    for (uint32_t number = seats->count; number < count; number++)
        seats->all[number] = (struct seat){.next_free = number + 1};
    seats->all[count - 1].next_free = NO_SEAT;
    seats->free = seats->count;
    seats->count = count;
}

uint32_t seats_take(struct seats *seats, struct flight *flight)
{
    if (seats->free == NO_SEAT)
        grow(seats);
    uint32_t number = seats->free;
    seats->free = seats->all[number].next_free;
    seats->all[number].flight = flight;
    return number;
}

void seats_leave(struct seats *seats, uint32_t number)
{
    struct seat *seat = &seats->all[number];

    *seat = (struct seat){.generation = seat->generation + 1, .next_free = seats->free};
    seats->free = number;
}

uint64_t seats_token(const struct seats *seats, uint32_t number)
{
    return (uint64_t)seats->all[number].generation << 32 | number;
}

struct flight *seats_of_token(const struct seats *seats, uint64_t token)
{
    uint32_t number = (uint32_t)token, generation = (uint32_t)(token >> 32);

    if (number >= seats->count || seats->all[number].generation != generation)
        return NULL;
    return seats->all[number].flight;
}
