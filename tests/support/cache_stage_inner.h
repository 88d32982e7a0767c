/* What the files of the cache stage's support share. */
#ifndef WEIR_TESTS_CACHE_STAGE_INNER_H
#define WEIR_TESTS_CACHE_STAGE_INNER_H

#include "tests/support/cache_stage.h"

#define IDS_MOST      4096
#define FETCHES_MOST  65536
#define SETTINGS_MOST 16
#define NOTICES_MOST  64

struct fetch {
    uint64_t token;
    char *key; /* owned */
    size_t key_size;
    int64_t deadline; /* mono ns */
    unsigned flags;
};

struct announcement {
    struct notice notice; /* its key is owned */
    size_t answers;       /* that had been given before */
};

struct cache_stage {
    struct ask_port asks; /* first, so that the hooks of the port find the rest */
    struct serve_port serves;
    void *stage;
    struct clock clock;
    struct setting_value values[SETTINGS_MOST];
    struct settings settings;
    struct setting_value origin_values[3];
    struct settings origin;
    bool is_open;
    enum status refusal;
    struct fetch *fetches;
    size_t fetch_count;
    struct got {
        bool is_set;
        struct answer answer; /* bytes owned, value shared, trail in `hops` */
        char hops[TRAIL_MOST * TRAIL_HOP];
    } got[IDS_MOST];
    struct announcement announced[NOTICES_MOST];
    size_t announced_count, answer_count;
    int64_t watched;
};

#endif
