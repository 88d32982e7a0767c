/* What the two files of a redis_stage share. */
#ifndef TESTS_SUPPORT_REDIS_STAGE_INNER_H
#define TESTS_SUPPORT_REDIS_STAGE_INNER_H

#include "redis_stage.h"

#include "blob.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

#define MAX_ANSWERS     20000
#define MAX_SETTINGS    16
#define MAX_CONNECTIONS 256

struct redis_stage {
    struct serve_port port; /* first: the port is the stage's whole */
    uv_loop_t loop;
    uv_timer_t tick; /* so that a turn waits a moment for the loop, not for ever */
    struct clock clock;
    struct log log;
    int log_ends[2];
    struct blob logged;
    char *directory;
    struct sockaddr_un address;
    int listener;                     /* -1: none */
    int connections[MAX_CONNECTIONS]; /* accepted; open until the end */
    size_t connection_count;
    char url[256];
    struct settings settings;
    struct setting_value values[MAX_SETTINGS];
    void *stage;
    bool is_real;
    struct blob events;
    int64_t wake;                       /* mono */
    struct answer answers[MAX_ANSWERS]; /* by id; status STATUS_COUNT: none yet */
};

/* For loops: a turn, unless the test has waited for `what` for too long. */
void redis_stage_turn_until(struct redis_stage *stage, int64_t deadline, const char *what);

#endif
