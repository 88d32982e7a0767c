#include "deadline.h"

int64_t deadline_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t deadline_in(int64_t milliseconds)
{
    return deadline_now() + milliseconds;
}

int deadline_left(int64_t deadline)
{
    int64_t left = deadline - deadline_now();

    return left > 0 ? (int)left : 0;
}

struct timespec deadline_wall(int64_t deadline)
{
    struct timespec wall;
    int left = deadline_left(deadline);

    clock_gettime(CLOCK_REALTIME, &wall);
    wall.tv_sec += left / 1000;
    wall.tv_nsec += (long)(left % 1000) * 1000000;
    if (wall.tv_nsec >= 1000000000) {
        wall.tv_sec++;
        wall.tv_nsec -= 1000000000;
    }
    return wall;
}
