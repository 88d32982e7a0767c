/* usage: simulate [--from SEED] [--count N] [--tell]
 *
 * The real caches, ports and links, any number of them, in one thread under virtual time, before a
 * model of Redis: one run for each seed. Says which seed breaks which promise, and fails; the same
 * seed does so again. */
#include "tests/simulate/scenario.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libsodium's random numbers, from the seed too: session names, keys of hashes, jitter. */
static uint64_t state;

static const char *name_random(void)
{
    return "simulate";
}

static uint32_t draw(void)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 32);
}

static void fill(void *const data, const size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)data)[i] = (unsigned char)draw();
}

static randombytes_implementation seeded = {
    .implementation_name = name_random, .random = draw, .buf = fill};

int main(int argc, char **argv)
{
    uint64_t from = 1, count = 1;
    bool tells = false;
    struct scenario_result result, sum = {0};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tell") == 0)
            tells = true;
        else if (i + 1 < argc && strcmp(argv[i], "--from") == 0)
            from = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--count") == 0)
            count = strtoull(argv[++i], NULL, 10);
        else
            return fprintf(stderr, "usage: %s [--from SEED] [--count N] [--tell]\n", argv[0]), 2;
    }
    randombytes_set_implementation(&seeded);
    if (sodium_init() < 0)
        return 2;
    for (uint64_t seed = from; seed < from + count; seed++) {
        state = seed;
        scenario_run(seed, tells, &result);
        sum.reads += result.reads;
        sum.verified += result.verified;
        sum.stale += result.stale;
        sum.failed += result.failed;
        if (result.trouble[0] != 0) {
            printf("seed %llu: %s\n", (unsigned long long)seed, result.trouble);
            return 1;
        }
    }
    printf("%llu seeds: %llu reads, %llu verified, %llu stale, %llu failed; every promise held\n",
           (unsigned long long)count, (unsigned long long)sum.reads,
           (unsigned long long)sum.verified, (unsigned long long)sum.stale,
           (unsigned long long)sum.failed);
    return 0;
}
