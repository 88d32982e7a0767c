#include "tests/simulate/world.h"

#include "common/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void world_init(struct world *world, uint64_t seed, bool tells)
{
    *world = (struct world){.random = seed, .now = WORLD_BEGIN, .tells = tells};
    log_init(&world->log, 2, tells ? LOG_DEBUG : LOG_ERROR, false);
}

void world_fini(struct world *world)
{
    free(world->heap);
    world->heap = NULL;
}

/* ---- the heap ---- */

static bool is_before(const struct world_item *a, const struct world_item *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

/* Puts the item where it belongs on the way from the hole at `i` to the top, or to the bottom. */
static void rise(struct world *world, size_t i, const struct world_item *item)
{
    for (; i > 0 && is_before(item, &world->heap[(i - 1) / 2]); i = (i - 1) / 2)
        world->heap[i] = world->heap[(i - 1) / 2];
    world->heap[i] = *item;
}

static void sink(struct world *world, size_t i, const struct world_item *item)
{
    for (size_t child; (child = 2 * i + 1) < world->count; i = child) {
        child +=
            child + 1 < world->count && is_before(&world->heap[child + 1], &world->heap[child]);
        if (is_before(item, &world->heap[child]))
            break;
        world->heap[i] = world->heap[child];
    }
    world->heap[i] = *item;
}

void world_plan(struct world *world, int64_t at, world_event run, void *owner, uint64_t detail)
{
    if (world->count == world->capacity) {
        world->capacity = world->capacity > 0 ? 2 * world->capacity : 256;
        world->heap = memory_resize(world->heap, world->capacity, sizeof *world->heap);
    }
    const struct world_item item = {at > world->now ? at : world->now, world->planned++, run, owner,
                                    detail};
    rise(world, world->count++, &item);
}

static struct world_item take_first(struct world *world)
{
    const struct world_item first = world->heap[0];
    const struct world_item last = world->heap[--world->count];
    if (world->count > 0)
        sink(world, 0, &last);
    return first;
}

void world_run(struct world *world, int64_t until)
{
    while (world->count > 0 && world->heap[0].at <= until && world->trouble[0] == 0) {
        struct world_item item = take_first(world);
        world->now = item.at;
        item.run(item.owner, item.detail);
    }
    if (world->trouble[0] == 0)
        world->now = until;
}

struct moment world_moment(const struct world *world)
{
    return (struct moment){
        .mono = world->now, .boot = world->now + WORLD_BEGIN, .wall = world->now + 2 * WORLD_BEGIN};
}

/* ---- chance ---- */

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t world_draw(struct world *world)
{
    uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t world_between(struct world *world, int64_t low, int64_t high)
{
    return low + (int64_t)(world_draw(world) % (uint64_t)(high - low + 1));
}

bool world_chance(struct world *world, unsigned percent)
{
    return world_draw(world) % 100 < percent;
}

/* ---- what is said ---- */

void world_complain(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (world->trouble[0] != 0)
        return;
    size_t size = (size_t)snprintf(world->trouble, sizeof world->trouble,
                                   "at %.6f s: ", (double)(world->now - WORLD_BEGIN) / SECOND);
    va_start(arguments, format);
    vsnprintf(world->trouble + size, sizeof world->trouble - size, format, arguments);
    va_end(arguments);
}

void world_tell(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (!world->tells)
        return;
    fprintf(stderr, "%10.6f ", (double)(world->now - WORLD_BEGIN) / SECOND);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}
