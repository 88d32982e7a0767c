#include "history.h"

#include "trouble.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct list {
    void *items;
    size_t count, capacity;
};

struct written {
    int64_t sent, acknowledged;
};

struct wipe {
    int64_t begun, ended;
};

struct history {
    uint32_t keys;
    struct list *writes; /* of struct written, by key: version 1 first */
    struct list reads;   /* of struct history_read */
    struct list wipes;   /* of struct wipe */
};

static void *add(struct list *list, size_t size)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 256;
        list->items = realloc(list->items, list->capacity * size);
        if (!list->items)
            trouble("no memory for a history");
    }
    return (char *)list->items + size * list->count++;
}

struct history *history_create(uint32_t keys)
{
    struct history *history = calloc(1, sizeof *history);

    if (!history || !(history->writes = calloc(keys, sizeof *history->writes)))
        trouble("no memory for a history");
    history->keys = keys;
    history_wipe(history, INT64_MIN, INT64_MIN); /* at first there is nothing */
    return history;
}

void history_destroy(struct history **history)
{
    struct history *dying = *history;

    if (!dying)
        return;
    for (uint32_t key = 0; key < dying->keys; key++)
        free(dying->writes[key].items);
    free(dying->writes);
    free(dying->reads.items);
    free(dying->wipes.items);
    free(dying);
    *history = NULL;
}

uint32_t history_keys(const struct history *history)
{
    return history->keys;
}

uint32_t history_write(struct history *history, uint32_t key, int64_t sent)
{
    struct written *write = add(&history->writes[key], sizeof *write);

    *write = (struct written){sent, HISTORY_NEVER};
    return (uint32_t)history->writes[key].count;
}

void history_acknowledge(struct history *history, uint32_t key, uint32_t version, int64_t at)
{
    ((struct written *)history->writes[key].items)[version - 1].acknowledged = at;
}

void history_read(struct history *history, const struct history_read *read)
{
    *(struct history_read *)add(&history->reads, sizeof *read) = *read;
}

void history_wipe(struct history *history, int64_t begun, int64_t ended)
{
    *(struct wipe *)add(&history->wipes, sizeof(struct wipe)) = (struct wipe){begun, ended};
}

/* ---- judging ---- */

/* When the first write behind `version` that went out at `sent` or later was acknowledged. */
static int64_t next_acknowledged(const struct list *writes, uint32_t version, int64_t sent)
{
    const struct written *write = writes->items;

    for (size_t i = version; i < writes->count; i++)
        if (write[i].acknowledged != HISTORY_NEVER && write[i].sent >= sent)
            return write[i].acknowledged;
    return HISTORY_NEVER;
}

/* "No such key" is right again with each wipe, until something is written for certain after it. */
static int64_t absence_outdated_at(const struct history *history, const struct history_read *read)
{
    const struct wipe *wipe = history->wipes.items;
    size_t last = history->wipes.count - 1;

    while (wipe[last].begun > read->ended)
        last--;
    return next_acknowledged(&history->writes[read->key], 0, wipe[last].ended);
}

static int64_t outdated_at(const struct history *history, const struct history_read *read)
{
    const struct list *writes = &history->writes[read->key];
    const struct wipe *wipe = history->wipes.items;

    if (read->version == 0)
        return absence_outdated_at(history, read);
    int64_t at = next_acknowledged(writes, read->version, INT64_MIN);
    int64_t written = ((struct written *)writes->items)[read->version - 1].acknowledged;
    for (size_t i = 0; written != HISTORY_NEVER && i < history->wipes.count; i++)
        if (wipe[i].begun >= written && wipe[i].ended < at)
            at = wipe[i].ended;
    return at;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void find_percentiles(struct history_verdict *verdict, int64_t *ages)
{
    size_t count = verdict->verified;

    if (count == 0)
        return;
    qsort(ages, count, sizeof *ages, compare);
    verdict->median = ages[count / 2];
    verdict->p99 = ages[count - 1 - count / 100];
    verdict->p999 = ages[count - 1 - count / 1000];
    verdict->most = ages[count - 1];
}

static void tell(struct history_verdict *verdict, const struct history_read *read, const char *what,
                 int64_t than)
{
    if (verdict->first[0] == '\0')
        snprintf(verdict->first, sizeof verdict->first,
                 "connection %" PRIu32 ", key %" PRIu32 ", version %" PRIu32 ": %s %" PRId64,
                 read->connection, read->key, read->version, what, than);
}

static void judge_age(struct history_verdict *verdict, const struct history_read *read, int64_t age,
                      int64_t bound)
{
    if (age <= bound)
        return;
    verdict->outdated++;
    tell(verdict, read, "verified, and when the read began outdated for so many us:", age / 1000);
}

static void judge_order(struct history_verdict *verdict, const struct history_read *read,
                        uint32_t *newest)
{
    if (read->version >= *newest) {
        *newest = read->version;
        return;
    }
    if (read->version == 0) /* after a wipe; its age is judged */
        return;
    verdict->backward++;
    tell(verdict, read, "verified, and read before on this connection was version", *newest);
}

static uint32_t count_connections(const struct history *history)
{
    const struct history_read *read = history->reads.items;
    uint32_t count = 1;

    for (size_t i = 0; i < history->reads.count; i++)
        if (read[i].connection >= count)
            count = read[i].connection + 1;
    return count;
}

struct history_verdict history_judge(const struct history *history, int64_t bound)
{
    struct history_verdict verdict = {.reads = history->reads.count};
    const struct history_read *read = history->reads.items;
    uint32_t *newest = calloc((size_t)count_connections(history) * history->keys, sizeof *newest);
    int64_t *ages = calloc(verdict.reads + 1, sizeof *ages);

    if (!newest || !ages)
        trouble("no memory for a verdict");
    for (size_t i = 0; i < verdict.reads; i++, read++) {
        if (read->version > history->writes[read->key].count) {
            verdict.unknown++;
            tell(&verdict, read,
                 "nobody wrote it; there are so many:", (int64_t)history->writes[read->key].count);
            continue;
        }
        if (!read->is_verified)
            continue;
        int64_t at = outdated_at(history, read);
        int64_t age = at < read->began ? read->began - at : 0;
        ages[verdict.verified++] = age;
        judge_age(&verdict, read, age, bound);
        judge_order(&verdict, read, &newest[(size_t)read->connection * history->keys + read->key]);
    }
    find_percentiles(&verdict, ages);
    free(newest);
    free(ages);
    return verdict;
}
