#include "common/port_inner.h"

#include "common/check.h"
#include "common/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct ring *port_ring_create(const struct port_owner *owner, const struct port_shard *shards,
                              size_t count)
{
    unsigned char seed[RING_SEED_SIZE];
    const char **names = memory_alloc(count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = shards[i].name;
    ring_seed_of_names(names, count, seed);
    struct ring *ring = ring_create(names, count, owner->ring_seed ? owner->ring_seed : seed);
    free(names);
    return ring;
}

void port_log_event(const struct port_owner *owner, const char *peer, enum link_event event,
                    uint64_t theirs, uint64_t ours, int64_t *logged_at)
{
    static const struct {
        enum log_level level;
        const char *text;
    } events[] = {
        [LINK_OPENED] = {LOG_DEBUG, "link-opened"},
        [LINK_LOST] = {LOG_WARN, "link-lost"},
        [LINK_OTHER_VERSION] = {LOG_ERROR, "version-differs"},
        [LINK_OTHER_RING] = {LOG_WARN, "ring-differs"},
    };
    const int64_t now = clock_read(owner->clock).mono;
    char theirs_text[24], ours_text[24];

    if (event == LINK_OPENED || event == LINK_LOST) {
        log_write(owner->log, events[event].level, owner->name, events[event].text,
                  LOG_TEXT("link", peer));
        return;
    }
    if (*logged_at != 0 && now - *logged_at < SECOND)
        return;
    *logged_at = now;
    if (event == LINK_OTHER_VERSION) {
        snprintf(theirs_text, sizeof theirs_text, "%" PRIu64, theirs);
        snprintf(ours_text, sizeof ours_text, "%d", MESSAGE_VERSION);
    } else {
        snprintf(theirs_text, sizeof theirs_text, "%016" PRIx64, theirs);
        snprintf(ours_text, sizeof ours_text, "%016" PRIx64, ours);
    }
    log_write(owner->log, events[event].level, owner->name, events[event].text,
              LOG_TEXT("link", peer), LOG_TEXT("theirs", theirs_text), LOG_TEXT("ours", ours_text));
}

void port_measure_link(struct metrics *metrics, const char *labels,
                       const struct link_counters *counters)
{
    const struct {
        const char *name, *help;
        uint64_t value;
    } samples[] = {
        {"weir_link_batches_sent_total", "Batches sent.", counters->batches_sent},
        {"weir_link_batches_received_total", "Batches received.", counters->batches_received},
        {"weir_link_records_sent_total", "Records sent in batches.", counters->sent.sum},
        {"weir_link_records_received_total", "Records received in batches.",
         counters->records_received},
        {"weir_link_batches_dropped_total",
         "Batches that were malformed, of another version or session, or beyond credit.",
         counters->batches_dropped},
        {"weir_link_sessions_opened_total", "Sessions opened.", counters->sessions_opened},
        {"weir_link_sessions_lost_total", "Sessions lost.", counters->sessions_lost},
        {"weir_link_late_answers_total", "Answers to asks no longer known.",
         counters->late_answers},
        {"weir_link_other_version_total", "Batches of a peer that speaks another version.",
         counters->other_versions},
        {"weir_link_other_ring_total", "Sessions opened with a peer whose ring is another.",
         counters->other_rings},
        {"weir_link_refused_busy_total", "Asks refused for want of credit.",
         counters->refused_busy},
        {"weir_link_notices_sent_total", "Notices sent: of changed keys, and of loss.",
         counters->notices_sent},
        {"weir_link_notices_received_total", "Notices received.", counters->notices_received},
        {"weir_link_notices_overflowed_total",
         "Notices that were dropped, too much having gathered: the peer is told that it lost some.",
         counters->notices_overflowed},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        metrics_counter(metrics, samples[i].name, samples[i].help, labels, samples[i].value);
    metrics_counts(metrics, "weir_link_batch_records", "Records in each batch sent that held any.",
                   labels, &counters->sent, MESSAGE_MAX_RECORDS);
}
