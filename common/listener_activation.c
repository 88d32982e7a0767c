#include "common/listener_activation.h"

#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST   3    /* SD_LISTEN_FDS_START */
#define AT_MOST 4096 /* sockets */

static bool is_for_us(const char *pid)
{
    int64_t number;
    return pid && text_parse_count(pid, &number) && number == (int64_t)getpid();
}

/* Cuts the next name off a list with colons between; "" at its end. */
static const char *next_name(char **names)
{
    const char *name = *names ? strsep(names, ":") : NULL;
    return name ? name : "";
}

static bool add_all(struct listener_handed *handed, const char *count_text, char *names,
                    struct error *error)
{
    int64_t count;
    if (!text_parse_count(count_text, &count) || count > AT_MOST)
        return error_set(error, "LISTEN_FDS: must be a number of descriptors");
    for (int i = 0; i < (int)count; i++) {
        char origin[128];
        const char *name = next_name(&names);
        snprintf(origin, sizeof origin, "LISTEN_FDS: descriptor %d%s%.64s", FIRST + i,
                 name[0] != '\0' ? ", " : "", name);
        if (!listener_handed_add(handed, FIRST + i, true, origin, error))
            return false;
    }
    return true;
}

bool listener_activation_take(struct listener_handed *handed, struct error *error)
{
    const char *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    char *copy = names ? strdup(names) : NULL;
    const bool is_fine = !count || !is_for_us(getenv("LISTEN_PID")) || strcmp(count, "0") == 0 ||
                         add_all(handed, count, copy, error);
    free(copy);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_PIDFDID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return is_fine;
}
