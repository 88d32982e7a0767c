/* usage: simulate [--from SEED] [--count N] [--tell]
 *
 * The real caches, ports and links, any number of them, in one thread under virtual time, before a
 * model of Redis: one run for each seed. Says which seed breaks which promise, and fails; the same
 * seed does so again, which is a promise too: some are run twice. */
#include "tests/simulate/scenario.h"

#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TWICE_EVERY 64 /* seeds */

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

static uint64_t seed;
static char obituary[48]; /* what is said where a CHECK fails in the run of this seed */

static void on_abort(int number)
{
    (void)number;
    if (write(STDOUT_FILENO, obituary, strlen(obituary)) < 0)
        _exit(2);
    _exit(1);
}

static void run(bool tells, struct scenario_result *result)
{
    snprintf(obituary, sizeof obituary, "seed %" PRIu64 ": aborted\n", seed);
    state = seed;
    scenario_run(seed, tells, result);
}

/* The same again must come out the same. */
static void run_twice(struct scenario_result *result)
{
    struct scenario_result again;
    run(false, result);
    run(false, &again);
    if (memcmp(result, &again, sizeof again) != 0)
        snprintf(result->trouble, sizeof result->trouble, "comes out differently when run again");
}

static bool parse(int argc, char **argv, uint64_t *from, uint64_t *count, bool *tells)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tell") == 0)
            *tells = true;
        else if (i + 1 < argc && strcmp(argv[i], "--from") == 0)
            *from = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--count") == 0)
            *count = strtoull(argv[++i], NULL, 10);
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    uint64_t from = 1, count = 1;
    bool tells = false;
    struct scenario_result result, sum = {0};

    if (!parse(argc, argv, &from, &count, &tells))
        return fprintf(stderr, "usage: %s [--from SEED] [--count N] [--tell]\n", argv[0]), 2;
    randombytes_set_implementation(&seeded);
    if (sodium_init() < 0)
        return 2;
    signal(SIGABRT, on_abort);
    for (seed = from; seed < from + count; seed++) {
        if (seed % TWICE_EVERY == 0 && !tells)
            run_twice(&result);
        else
            run(tells, &result);
        sum.reads += result.reads;
        sum.verified += result.verified;
        sum.stale += result.stale;
        sum.failed += result.failed;
        if (result.trouble[0] != 0) {
            printf("seed %" PRIu64 ": %s\n", seed, result.trouble);
            return 1;
        }
    }
    printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64 " reads, %" PRIu64 " verified, %" PRIu64
           " stale, %" PRIu64 " failed; every promise held\n",
           count, from, sum.reads, sum.verified, sum.stale, sum.failed);
    return 0;
}
