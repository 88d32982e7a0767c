#include "common/clock.h"

#include <time.h>

/* Linux stops CLOCK_MONOTONIC in suspension and has CLOCK_BOOTTIME; macOS counts suspension in
 * CLOCK_MONOTONIC and has CLOCK_UPTIME_RAW without it. */
#if defined(CLOCK_BOOTTIME)
#define MONO_CLOCK CLOCK_MONOTONIC
#define BOOT_CLOCK CLOCK_BOOTTIME
#elif defined(__APPLE__)
#define MONO_CLOCK CLOCK_UPTIME_RAW
#define BOOT_CLOCK CLOCK_MONOTONIC
#else
#define MONO_CLOCK CLOCK_MONOTONIC
#define BOOT_CLOCK CLOCK_MONOTONIC
#endif

static int64_t nanoseconds(clockid_t id)
{
    struct timespec time;
    clock_gettime(id, &time); /* cannot fail for a clock that exists */
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

struct moment clock_now(void)
{
    return (struct moment){nanoseconds(MONO_CLOCK), nanoseconds(BOOT_CLOCK),
                           nanoseconds(CLOCK_REALTIME)};
}

int64_t clock_now_mono(void)
{
    return nanoseconds(MONO_CLOCK);
}

void clock_catch_up(struct clock *clock)
{
    if (clock->state != CLOCK_CURRENT)
        return;
    const int64_t passed = nanoseconds(BOOT_CLOCK) - clock->now.boot;
    if (passed > MILLISECOND) { /* suspended perhaps, which the others do not count */
        clock->state = CLOCK_OLD;
        return;
    }
    clock->now.mono += passed;
    clock->now.boot += passed;
    clock->now.wall += passed;
}

uint32_t clock_remaining_ms(int64_t now, int64_t deadline)
{
    if (deadline <= now)
        return 0;
    if (deadline - now > (int64_t)UINT32_MAX * MILLISECOND)
        return UINT32_MAX;
    return (uint32_t)((deadline - now + MILLISECOND - 1) / MILLISECOND);
}
