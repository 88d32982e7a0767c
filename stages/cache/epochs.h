/* Which entries were stored before notices may have been missed, and which before every key
 * changed.
 *
 * Each such event ends an epoch, and an entry notes the epoch in which it was stored. One of an
 * earlier epoch is suspect; one of an epoch before `floor` is gone: at once, by comparison, however
 * many there are, and their memory is swept up by and by.
 *
 *           swept          floor                 now
 *     none left | gone       | suspect             | stored from here on
 *
 * An entry has room for EPOCH_BITS of the number, so no entry may become older than EPOCHS - 1.
 * Those that are half as old are gone; and if they have not been swept up when the numbers end,
 * they must be then. An epoch in which nothing was stored is used again: it takes a store for each.
 */
#ifndef WEIR_CACHE_EPOCHS_H
#define WEIR_CACHE_EPOCHS_H

#include <stdbool.h>
#include <stdint.h>

#define EPOCH_BITS 11
#define EPOCHS     (UINT32_C(1) << EPOCH_BITS)

struct epochs {
    uint32_t now;   /* differences count, the number itself may wrap */
    uint32_t floor; /* entries of earlier ones are gone */
    uint32_t swept; /* no entry of an earlier one is left */
    bool is_used;   /* something has been stored in this one */
};

/* How many epochs ago. `epoch` as an entry notes it. */
static inline uint32_t epochs_since(const struct epochs *epochs, uint32_t epoch)
{
    return (epochs->now - epoch) % EPOCHS;
}

static inline bool epochs_is_suspect(const struct epochs *epochs, uint32_t epoch)
{
    return epochs_since(epochs, epoch) > 0;
}

static inline bool epochs_is_gone(const struct epochs *epochs, uint32_t epoch)
{
    return epochs_since(epochs, epoch) > epochs->now - epochs->floor;
}

/* Whether all that is gone must be swept up before the next epoch can begin. */
static inline bool epochs_are_used_up(const struct epochs *epochs)
{
    return epochs->now - epochs->swept == EPOCHS - 1;
}

/* All entries so far are suspect. */
static inline void epochs_begin(struct epochs *epochs)
{
    if (!epochs->is_used)
        return;
    epochs->is_used = false;
    epochs->now++;
    if (epochs->now - epochs->floor == EPOCHS / 2)
        epochs->floor = epochs->now;
}

/* All entries so far are gone. */
static inline void epochs_drop(struct epochs *epochs)
{
    epochs_begin(epochs);
    epochs->floor = epochs->now;
}

/* Nothing that is gone is left. */
static inline void epochs_have_been_swept(struct epochs *epochs)
{
    epochs->swept = epochs->floor;
}

#endif
