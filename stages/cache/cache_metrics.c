#include "stages/cache/cache_inner.h"

static void measure_lookups(const struct cache *cache, struct metrics *metrics)
{
    metrics_counter(metrics, "weir_cache_lookups_total", "Asks; each is a hit or a miss.", NULL,
                    cache->counters.lookups);
    metrics_counter(metrics, "weir_cache_hits_total", "Lookups answered from memory.", NULL,
                    cache->counters.hits);
    metrics_counter(metrics, "weir_cache_negative_hits_total",
                    "Hits that said that there is no such key.", NULL,
                    cache->counters.negative_hits);
    metrics_counter(metrics, "weir_cache_unverified_total",
                    "Hits on keys whose changes are announced, without a proof young enough.", NULL,
                    cache->counters.unverified);
    metrics_counter(metrics, "weir_cache_stale_total",
                    "Answers with what was past its time, while it was renewed or for an error.",
                    NULL, cache->counters.stale);
    metrics_counter(metrics, "weir_cache_misses_total",
                    "Lookups that memory could not answer, whatever became of them.", NULL,
                    cache->counters.misses);
    metrics_counter(metrics, "weir_cache_coalesced_total",
                    "Misses that joined one for the same key under way or waiting.", NULL,
                    cache->counters.coalesced);
    metrics_counter(metrics, "weir_cache_refused_total",
                    "Misses refused as busy, because max_waiting others waited.", NULL,
                    cache->counters.refused);
}

static void measure_answers(const struct cache *cache, struct metrics *metrics)
{
    metrics_counter(metrics, "weir_cache_uncached_total",
                    "Values passed on but not stored: above max_value_size, or without room.", NULL,
                    cache->store.uncached);
    metrics_counter(metrics, "weir_cache_dirty_total",
                    "Answers passed on but not stored: the key may have changed meanwhile.", NULL,
                    cache->counters.dirty);
    metrics_counter(metrics, "weir_cache_late_answers_total",
                    "Answers from towards the origin for which there was no fetch any more.", NULL,
                    cache->counters.late_answers);
    metrics_counter(metrics, "weir_cache_invalidations_total",
                    "Notices that a key, or every key, has changed.", NULL,
                    cache->counters.invalidations);
    metrics_gauge(metrics, "weir_cache_epoch",
                  "How often everything held became suspect, or was dropped.", NULL,
                  (int64_t)cache->store.epochs);
    metrics_times(metrics, "weir_cache_fetch_duration_seconds",
                  "From when a fetch was asked for until its answer came.", NULL,
                  &cache->counters.fetch_durations);
    metrics_gauge(metrics, "weir_cache_fetches", "Fetches under way towards the origin.", NULL,
                  (int64_t)flights_fetching(cache->flights));
    metrics_gauge(metrics, "weir_cache_waiting", "Misses waiting without a fetch of their own.",
                  NULL, (int64_t)flights_waiting(cache->flights));
}

static void measure_room(const struct store *store, struct metrics *metrics)
{
    const struct table_counters *values = table_counters(store->values);

    metrics_counter(metrics, "weir_cache_evictions_total",
                    "Living entries removed because their room was needed.", NULL,
                    values->evictions);
    metrics_counter(metrics, "weir_cache_expirations_total",
                    "Entries removed because their life had ended.", NULL, values->expirations);
    metrics_gauge(metrics, "weir_cache_entries", "Entries held.", NULL,
                  (int64_t)table_entries(store->values));
    metrics_gauge(metrics, "weir_cache_capacity_entries", "Entries that may be held.", NULL,
                  (int64_t)store->capacity);
    metrics_gauge(metrics, "weir_cache_negative_entries", "Absent keys remembered.", NULL,
                  store->absent ? (int64_t)table_entries(store->absent) : 0);
    metrics_gauge(metrics, "weir_cache_negative_capacity_entries",
                  "Absent keys that may be remembered.", NULL,
                  store->negative_expiry > 0 ? (int64_t)store->negative_capacity : 0);
    metrics_gauge(metrics, "weir_cache_bytes",
                  "Memory of the tables and their values, those still being sent included.", NULL,
                  (int64_t)store_bytes(store));
    metrics_gauge(metrics, "weir_cache_max_bytes", "Memory that may be taken.", NULL,
                  (int64_t)store->max_bytes);
}

void cache_measure(void *stage, struct moment now, struct metrics *metrics)
{
    const struct cache *cache = stage;
    (void)now;

    measure_lookups(cache, metrics);
    measure_answers(cache, metrics);
    measure_room(&cache->store, metrics);
}
