/* What the tokens of asks name: each flight that has departed sits on a seat, and its token is the
 * seat's number and which of those that sat there it is. So an answer that comes late finds
 * nothing. All are O(1). */
#ifndef WEIR_CACHE_SEATS_H
#define WEIR_CACHE_SEATS_H

#include <stdint.h>

struct flight;

struct seats {
    struct seat {
        struct flight *flight; /* NULL: free */
        uint32_t generation;
        uint32_t next_free;
    } * all; /* grows as is needed */
    uint32_t count, free;
};

#define NO_SEAT UINT32_MAX

void seats_init(struct seats *seats);
void seats_fini(struct seats *seats);

/* Returns the number of the seat it takes. */
uint32_t seats_take(struct seats *seats, struct flight *flight);
void seats_leave(struct seats *seats, uint32_t number);

uint64_t seats_token(const struct seats *seats, uint32_t number);
/* NULL when that flight has left its seat. */
struct flight *seats_of_token(const struct seats *seats, uint64_t token);

#endif
